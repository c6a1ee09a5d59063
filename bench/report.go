package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is one measurement: its values, and the baseline's of the same rounds.
type row struct {
	what, who string
	values    []float64
	base      []float64
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func last(v []float64) float64 { return v[len(v)-1] }

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// print writes the table in Markdown, and after it the lines that benchstat
// reads.
func print(w io.Writer, rows []row) {
	fmt.Fprintln(w, "| measurement | of | median | least … most | × proxy |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|")
	for _, r := range rows {
		ratio := ""
		if r.base != nil {
			var rs []float64
			for i := range r.values {
				rs = append(rs, r.values[i]/r.base[i])
			}
			ratio = fmt.Sprintf("%.2f", median(rs))
		}
		fmt.Fprintf(w, "| %s | %s | %.1f | %.1f … %.1f | %s |\n", r.what, r.who, median(r.values), slices.Min(r.values), slices.Max(r.values), ratio)
	}
	fmt.Fprintln(w, "\n```")
	for _, r := range rows {
		name := strings.NewReplacer(" ", "-", ",", "", ":", "", "µ", "u").Replace(r.what + "/" + r.who)
		for _, v := range r.values {
			fmt.Fprintf(w, "Benchmark%s 1 %.2f value\n", name, v)
		}
	}
	fmt.Fprintln(w, "```")
}

// machine describes what the figures were taken on, and how fast its disk
// makes a small write durable.
func machine(dir string) string {
	cpu := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.TrimSpace(strings.TrimLeft(v, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d × %s, %s, 4 KB write + fsync p50 %s", time.Now().Format("2006-01-02"), runtime.NumCPU(), cpu, runtime.Version(), fsyncTime(dir))
}

func fsyncTime(dir string) string {
	f, err := os.CreateTemp(dir, "fsync")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	var times []float64
	buf := make([]byte, 4096)
	for range 200 {
		start := time.Now()
		if _, err := f.Write(buf); err != nil || f.Sync() != nil {
			return "unknown"
		}
		times = append(times, us(time.Since(start)))
	}
	return fmt.Sprintf("%.0f µs", median(times))
}

// memory measures resident memory with many slow streams open at once.
func (b *bench) memory(streams int) ([]row, error) {
	l := load{conns: streams, stream: true, delay: 40 * time.Millisecond}
	name := fmt.Sprintf("%d concurrent streams: resident MiB", streams)
	p, err := startSelf(nil, "-role", "proxy", "-target", b.upstream.addr)
	if err != nil {
		return nil, err
	}
	base, err := peak("http://"+p.addr, p.cmd.Process.Pid, l)
	p.stop()
	if err != nil {
		return nil, err
	}
	g, err := b.startGateway(nil)
	if err != nil {
		return nil, err
	}
	defer g.stop()
	ours, err := peak(g.url, g.pid(), l)
	if err != nil {
		return nil, err
	}
	if _, err := b.settle(context.Background(), g, int64(ours.calls)); err != nil {
		return nil, err
	}
	child, err := childOf(g.pid())
	if err != nil {
		return nil, err
	}
	store, err := resident(child)
	if err != nil {
		return nil, err
	}
	return []row{{name, "proxy", []float64{base.mib}, nil}, {name, "gateway", []float64{ours.mib}, []float64{base.mib}}, {name, "store, beside it", []float64{store}, nil}}, nil
}

type peaked struct {
	mib   float64
	calls int
}

// peak gives the most memory seen while every connection holds a stream.
func peak(base string, pid int, l load) (peaked, error) {
	c := client(l.conns)
	defer c.CloseIdleConnections()
	type ended struct {
		times []time.Duration
		err   error
	}
	done := make(chan ended, 1)
	go func() {
		times, err := drive(c, base, l, 3*time.Second)
		done <- ended{times, err}
	}()
	var out peaked
	for {
		select {
		case e := <-done:
			out.calls = len(e.times)
			return out, e.err
		case <-time.After(100 * time.Millisecond):
		}
		m, err := resident(pid)
		if err != nil {
			return out, err
		}
		out.mib = max(out.mib, m)
	}
}

// losses is the count of records that the log does not have once.
func (b *bench) losses() row {
	return row{"records lost or doubled", fmt.Sprintf("of %d calls", b.made), []float64{float64(b.made - b.recorded)}, nil}
}
