//go:build unix

package journal

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// cpuTime is the processor time of this process so far, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchmarkWriters(b *testing.B, writers, size int, write func(*Journal, *Frame) (Pos, error)) {
	j, err := Open(Options{Dir: b.TempDir(), Gateway: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	body := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	runtime.GC()
	cpu := cpuTime(b)
	b.ResetTimer()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			f := Frame{Kind: End, Blocks: []Block{{Kind: 1, Data: body}}}
			for next.Add(1) <= int64(b.N) {
				f.Time = 0
				if _, err := write(j, &f); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N)/1000, "cpu-µs/op")
	st := j.Stats()
	b.ReportMetric(float64(b.N)/float64(max(st.Syncs, 1)), "frames/sync")
}

func BenchmarkCommit(b *testing.B) {
	for _, bc := range []struct {
		name          string
		writers, size int
	}{
		{"writers=1/4KiB", 1, 4 << 10},
		{"writers=64/4KiB", 64, 4 << 10},
		{"writers=64/16KiB", 64, 16 << 10},
	} {
		b.Run(bc.name, func(b *testing.B) {
			benchmarkWriters(b, bc.writers, bc.size, (*Journal).Commit)
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, bc := range []struct {
		name          string
		writers, size int
	}{
		{"writers=1/4KiB", 1, 4 << 10},
		{"writers=64/4KiB", 64, 4 << 10},
	} {
		b.Run(bc.name, func(b *testing.B) {
			benchmarkWriters(b, bc.writers, bc.size, (*Journal).Append)
		})
	}
}

func BenchmarkFollow(b *testing.B) {
	dir := b.TempDir()
	j, err := Open(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	f := Frame{Kind: End, Blocks: []Block{{Kind: 1, Data: make([]byte, 4<<10)}}}
	for range b.N {
		if _, err := j.Append(&f); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	r, err := Follow(ReaderOptions{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.SetBytes(4 << 10)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if g, err := r.TryNext(); err != nil || g.Kind != End {
			b.Fatal(g.Kind, err)
		}
	}
}
