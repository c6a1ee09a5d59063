package journal

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	crashFor  = flag.Duration("crash-for", 0, "how long TestCrashes looks for trouble; 0 = a fixed number of seeds")
	crashSeed = flag.Uint64("crash-seed", 0, "run TestCrashes with this seed only")
)

// TestCrashes lets writers, faults, kills and power losses meet at random, and
// compares what is read with what the writers were told.
func TestCrashes(t *testing.T) {
	if *crashSeed != 0 {
		crashOnce(t, *crashSeed)
		return
	}
	seeds := uint64(300)
	if testing.Short() {
		seeds = 50
	}
	start := time.Now()
	seed := uint64(1)
	for ; seed <= seeds || time.Since(start) < *crashFor; seed++ {
		crashOnce(t, seed)
		if t.Failed() {
			t.Fatalf("again with -crash-seed=%d", seed)
		}
	}
	t.Logf("%d seeds", seed-1)
}

// crashRun is one seed's state across lives of the writing process.
type crashRun struct {
	t    *testing.T
	rnd  *rand.Rand
	m    *model
	mem  *memFS
	seen []Frame // by a follower that is restarted with the writer
	what string
	lost bool // power, at least once
}

func crashOnce(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		c := &crashRun{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), m: newModel(), mem: newMemFS()}
		for range 1 + c.rnd.IntN(5) {
			c.life()
			c.judge(c.mem.afterKill())
			if t.Failed() {
				break
			}
		}
	})
}

// life is one process: it opens the journal, writes, meets faults, and ends by
// a kill, a power loss or a Close.
func (c *crashRun) life() {
	rnd := rand.New(rand.NewPCG(c.rnd.Uint64(), 2)) // for decide, under its lock
	killAt := 1 + c.rnd.IntN(500)
	power := c.rnd.IntN(2) == 0
	faulty := c.rnd.IntN(2) == 0
	writers, each := 1+c.rnd.IntN(4), c.rnd.IntN(60)
	c.what += fmt.Sprintf("[kill at %d, power loss %v, faults %v, %d×%d] ", killAt, power, faulty, writers, each)

	e := &errorFS{mem: c.mem}
	var after *memFS
	n, burst := 0, 0
	var fault error
	e.decide = func(op, name string) error {
		n++
		switch {
		case after != nil:
			return errKilled
		case n == killAt && power:
			after = c.mem.afterPowerLoss(rnd)
			return errKilled
		case n == killAt:
			after = c.mem.afterKill()
			if op == "write" && rnd.IntN(2) == 0 {
				// Killed in the middle of it: the part is in the next life's files too.
				return partialKill{after, rnd.Float64()}
			}
			return errKilled
		case !faulty || op == "close":
			return nil
		}
		if burst == 0 && rnd.IntN(40) == 0 {
			burst = 1 + rnd.IntN(6)
			fault = []error{syscall.EIO, syscall.ENOSPC, partial{rnd.Float64(), syscall.EIO}, partial{1, syscall.ENOSPC}}[rnd.IntN(4)]
		}
		if burst > 0 {
			burst--
			return fault
		}
		return nil
	}
	if j, err := Open(Options{Dir: memDir, FS: e, SegmentBytes: minSegment, syncBytes: 2 << 10, holdBytes: 8 << 10}); err == nil {
		c.write(j, writers, each)
		j.Close()
	}
	c.follow()
	if after != nil {
		c.mem = after
		if power {
			c.lost = true
			c.m.afterPowerLoss(c.m.lastCommitted())
		}
		return
	}
	c.mem = c.mem.afterKill()
}

// partialKill makes the write reach the next life's file in part.
type partialKill struct {
	after *memFS
	part  float64
}

func (partialKill) Error() string { return errKilled.Error() }
func (partialKill) Unwrap() error { return errKilled }

func (c *crashRun) write(j *Journal, writers, each int) {
	var wg sync.WaitGroup
	for range writers {
		r := rand.New(rand.NewPCG(c.rnd.Uint64(), 3))
		wg.Go(func() {
			for range each {
				c.m.write(j, []string{"append", "append", "commit", "commit", "lazy"}[r.IntN(5)])
				if r.IntN(20) == 0 {
					time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
}

// follow is what a reader in another process had got before the end.
func (c *crashRun) follow() {
	from := Pos{}
	if n := len(c.seen); n > 0 {
		from = c.seen[n-1].Pos
	}
	for _, f := range readFS(c.t, c.mem, ReaderOptions{From: from}) {
		if counts(f) {
			c.seen = append(c.seen, f)
		}
	}
}

// counts leaves out what a restarted reader may be told again or not at all:
// the ends of epochs, and damage that cost no frame, as in the header of a
// segment that failed when it was begun.
func counts(f Frame) bool {
	return f.Kind != EpochEnd && (f.Kind != Missing || f.Gap.To.Compare(f.Gap.From) >= 0)
}

// judge recovers a copy of what there is now and compares it with the model.
func (c *crashRun) judge(mem *memFS) {
	for _, recovered := range []bool{false, true} {
		if recovered {
			mustClose(c.t, mustOpen(c.t, Options{Dir: memDir, FS: mem, SegmentBytes: minSegment}))
		}
		var got []Frame
		for _, f := range readFS(c.t, mem, ReaderOptions{Orphaned: true}) {
			if counts(f) {
				got = append(got, f)
			}
		}
		if err := c.m.check(got, c.lost); err != nil {
			c.t.Errorf("%s, recovered %v: %v\n%s", c.what, recovered, err, story(got))
			return
		}
		if s, g := story(c.seen), story(got); len(s) > len(g) || g[:len(s)] != s {
			c.t.Errorf("%s, recovered %v: a follower saw\n%s\nand now there is\n%s", c.what, recovered, s, g)
			return
		}
	}
}
