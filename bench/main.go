// Command bench measures what the gateway costs beside a bare
// httputil.ReverseProxy: same machine, same mock upstream, same run, in turn.
//
// What always holds: the upstream, the proxy, the gateway and its store are
// processes of their own, and what is reported is each one's CPU time as the
// system accounts for it, divided by the calls made; rounds of the proxy and
// the gateway alternate, and the medians and their ratios are printed. Every
// call made through the gateway is counted in the log afterwards: a record
// lost fails the run.
//
//	go run ./bench            the whole table, about four minutes
//	go run ./bench -rounds 2 -seconds 2   a quick look
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	role := flag.String("role", "", "internal: upstream or proxy")
	target := flag.String("target", "", "internal: the proxy's upstream")
	rounds := flag.Int("rounds", 6, "rounds of each measurement")
	seconds := flag.Int("seconds", 4, "length of a round")
	streams := flag.Int("streams", 500, "concurrent streams and sockets of the memory measurements")
	upload := flag.Int("upload", 1024, "MiB of the large upload")
	only := flag.String("only", "", "measure only calls, memory, uploads or sockets")
	flag.Parse()
	var err error
	switch *role {
	case "upstream":
		err = serveUpstream()
	case "proxy":
		err = serveProxy(*target)
	default:
		err = run(*rounds, time.Duration(*seconds)*time.Second, *streams, *upload, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what one run works with.
type bench struct {
	dir      string
	weir     string
	upstream *process
	rounds   int
	length   time.Duration
	made     int64 // calls made through gateways
	recorded int64 // of them, found in the log
}

func run(rounds int, length time.Duration, streams, upload int, only string) error {
	dir, err := os.MkdirTemp("", "weir-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, weir: filepath.Join(dir, "weir"), rounds: rounds, length: length}
	build := exec.Command("go", "build", "-o", b.weir, "./cmd/weir")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build weir (run this in the project's folder): %w", err)
	}
	if b.upstream, err = startSelf(nil, "-role", "upstream"); err != nil {
		return err
	}
	defer b.upstream.stop()
	fmt.Println(machine(dir))
	fmt.Println()
	rows := []row{}
	for _, part := range []struct {
		name    string
		measure func() ([]row, error)
	}{
		{"calls", b.calls},
		{"memory", func() ([]row, error) { return b.memory(streams) }},
		{"uploads", func() ([]row, error) { return b.uploads(upload) }},
		{"sockets", func() ([]row, error) { return b.sockets(streams) }},
	} {
		if only != "" && only != part.name {
			continue
		}
		more, err := part.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		rows = append(rows, more...)
	}
	print(os.Stdout, append(rows, b.losses()))
	return nil
}

// calls measures chat calls, plain and streamed.
func (b *bench) calls() ([]row, error) {
	var rows []row
	for _, m := range []struct {
		name string
		load load
		one  bool // GOMAXPROCS=1
		div  int  // what one call counts for
	}{
		{"plain, saturated, one processor: CPU-µs a request", load{conns: 32}, true, 1},
		{"stream of 100 chunks, each arriving alone, one processor: CPU-µs a chunk", load{conns: 24, stream: true, delay: time.Millisecond}, true, 100},
		{"stream of 100 chunks, as fast as they come, one processor: CPU-µs a chunk", load{conns: 16, stream: true}, true, 100},
		{"plain, 1,000 calls a second: CPU-µs a request", load{conns: 32, rate: 1000}, false, 1},
	} {
		rs, err := b.compare(m.name, m.load, m.one, m.div)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, rs...)
	}
	return rows, nil
}

// process is a server that said its address on its first line of output.
type process struct {
	cmd  *exec.Cmd
	addr string
}

func startSelf(env []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		return nil, fmt.Errorf("%v did not say its address: %w", args, err)
	}
	return &process{cmd, strings.TrimSpace(line)}, nil
}

func (p *process) stop() {
	p.cmd.Process.Kill()
	p.cmd.Wait() // its end is what was asked for
}

// compare measures the proxy and the gateway in turn.
func (b *bench) compare(name string, l load, one bool, div int) ([]row, error) {
	var env []string
	if one {
		env = []string{"GOMAXPROCS=1"}
	}
	var base, ours, store, addP50, addP99 []float64
	for range b.rounds {
		p, err := startSelf(env, "-role", "proxy", "-target", b.upstream.addr)
		if err != nil {
			return nil, err
		}
		r, err := measure("http://"+p.addr, p.cmd.Process.Pid, l, b.length)
		p.stop()
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		g, err := b.startGateway(env)
		if err != nil {
			return nil, err
		}
		s, err := measure(g.url, g.pid(), l, b.length)
		if err == nil {
			s.store, err = b.settle(context.Background(), g, s.calls)
		}
		g.stop()
		if err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
		calls := func(r result) float64 { return float64(r.calls) * float64(div) }
		base = append(base, us(r.cpu)/calls(r))
		ours = append(ours, us(s.cpu)/calls(s))
		store = append(store, us(s.store)/calls(s))
		addP50 = append(addP50, us(s.p50-r.p50))
		addP99 = append(addP99, us(s.p99-r.p99))
		fmt.Fprintf(os.Stderr, "  %s: proxy %.1f, gateway %.1f, store %.1f (%d and %d calls)\n", name, last(base), last(ours), last(store), r.calls, s.calls)
	}
	rows := []row{{name, "proxy", base, nil}, {name, "gateway", ours, base}, {name, "store, beside it", store, base}}
	if l.rate > 0 {
		what, _, _ := strings.Cut(name, ": ")
		rows = append(rows, row{what + ": added time, µs", "p50", addP50, nil}, row{what + ": added time, µs", "p99", addP99, nil})
	}
	return rows, nil
}
