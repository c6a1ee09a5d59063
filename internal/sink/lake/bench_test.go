//go:build unix

package lake

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/record"
	"weir/internal/sink"
)

// words makes n bytes of text that compress as prose does.
func words(r *rand.Rand, n int) string {
	vocabulary := strings.Fields(`the of and to in that gateway model request token stream answer is was for it with
		as his on be at by had not are but from or have an they which one you were her all she there would their
		function returns error context deployment usage prompt completion message content role system user tool`)
	var b strings.Builder
	for b.Len() < n {
		w := vocabulary[r.IntN(len(vocabulary))]
		if r.IntN(4) == 0 {
			w = fmt.Sprintf("%s%x", w, r.IntN(1<<16))
		}
		b.WriteString(w + " ")
	}
	return b.String()[:n]
}

// benchRow is a row of about 6 KB of bodies, as many again of what is read out
// of them.
func benchRow(r *rand.Rand, seq uint64) *record.Row {
	row := exchange(seq)
	row.ID = record.NewID(row.Begin.Time)
	prompt, answer := words(r, 3000), words(r, 2000)
	row.RequestMessages = `[{"role":"user","content":"` + prompt + `"}]`
	row.RequestBody = `{"model":"gpt-4o","messages":` + row.RequestMessages + `}`
	row.ResponseMessages = `[{"role":"assistant","content":"` + answer + `"}]`
	row.BackendResponseBody = `{"id":"chatcmpl-x","model":"gpt-4o-2024-08-06","choices":` + row.ResponseMessages + `,"usage":{"prompt_tokens":3}}`
	row.Prompt, row.Completion = prompt, answer
	row.RequestHeaders = `{"Content-Type":"application/json","User-Agent":"openai-python/1.50","Accept":"*/*","X-Request":"` + words(r, 40) + `"}`
	row.ResponseHeaders, row.BackendResponseHeaders = row.RequestHeaders, row.RequestHeaders
	return row
}

func benchRows(n int) []*record.Row {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]*record.Row, n)
	for i := range rows {
		rows[i] = benchRow(r, uint64(i+1))
	}
	return rows
}

// processor adds up the processor time of this process between start and stop:
// on a shared machine the clock says less.
type processor struct{ from, sum time.Duration }

func used() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (p *processor) start() { p.from = used() }
func (p *processor) stop()  { p.sum += used() - p.from }

func (p *processor) report(b *testing.B, rows int) {
	b.ReportMetric(float64(p.sum.Nanoseconds())/1e3/float64(rows), "cpu-µs/row")
}

// BenchmarkWrite is what one row costs until it can be queried.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{20, 200, 2000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			rows := benchRows(20_000)
			seq, l := 0, (*Lake)(nil)
			var cpu processor
			for b.Loop() {
				if l == nil || seq+size > len(rows) {
					b.StopTimer()
					if l != nil {
						l.Close()
					}
					o := never(b.TempDir())
					o.MaxFreshBytes, o.MemoryLimit = 1<<40, 8<<30
					l, seq = open(b, o), 0
					b.StartTimer()
				}
				cpu.start()
				if err := l.Write(b.Context(), sink.Batch{Rows: rows[seq : seq+size], Watermark: pos(uint64(seq + size))}); err != nil {
					b.Fatal(err)
				}
				cpu.stop()
				seq += size
			}
			cpu.report(b, b.N*size)
		})
	}
}

// BenchmarkSeal is what one row costs on its way to a file.
func BenchmarkSeal(b *testing.B) {
	const n = 5000
	rows := benchRows(n)
	var bytes int64
	var cpu processor
	for b.Loop() {
		b.StopTimer()
		o := never(b.TempDir())
		o.MaxFreshBytes = 1 << 40
		l := open(b, o)
		if err := l.Write(b.Context(), sink.Batch{Rows: rows, Watermark: pos(n)}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		cpu.start()
		seal(b, l)
		cpu.stop()
		bytes = l.Stats().FileBytes
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
	cpu.report(b, b.N*n)
	b.ReportMetric(float64(bytes)/n, "B/row")
}

// BenchmarkMerge is what one row costs when 20 files become one.
func BenchmarkMerge(b *testing.B) {
	const files, each = 20, 500
	rows := benchRows(files * each)
	var cpu processor
	for b.Loop() {
		b.StopTimer()
		o := never(b.TempDir())
		o.MergeFiles = files - 1
		l := open(b, o)
		for i := range files {
			if err := l.Write(b.Context(), sink.Batch{Rows: rows[i*each : (i+1)*each], Watermark: pos(uint64((i + 1) * each))}); err != nil {
				b.Fatal(err)
			}
			if err := l.Seal(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		cpu.start()
		if err := l.Merge(b.Context()); err != nil {
			b.Fatal(err)
		}
		cpu.stop()
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
	cpu.report(b, b.N*files*each)
}
