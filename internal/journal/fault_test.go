package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// workload writes some frames of every kind and waits for the background to
// do its part. Errors are the model's.
func workload(j *Journal, m *model, n int) {
	for i := range n {
		m.write(j, []string{"append", "commit", "lazy", "append", "commit"}[i%5])
		if i%20 == 19 {
			time.Sleep(1500 * time.Millisecond)
		}
	}
}

// TestEveryFault injects each kind of error at each file operation of a
// workload: nothing acknowledged may be lost, doubled or reordered, the
// journal must be ready again when the fault is over, and recover after a kill.
func TestEveryFault(t *testing.T) {
	const frames = 60
	count := func(decide func(n int, op, name string) error, body func(e *errorFS)) int {
		n := 0
		e := &errorFS{mem: newMemFS()}
		e.decide = func(op, name string) error {
			n++
			return decide(n, op, name)
		}
		body(e)
		return n
	}
	options := func(e FS) Options { return Options{Dir: memDir, FS: e, SegmentBytes: minSegment} }
	var points int
	synctest.Test(t, func(t *testing.T) {
		points = count(func(int, string, string) error { return nil }, func(e *errorFS) {
			j := mustOpen(t, options(e))
			workload(j, newModel(), frames)
			mustClose(t, j)
		})
	})
	faults := []struct {
		name string
		last int // operations that fail from the point on
		err  error
	}{
		{"no space once", 1, syscall.ENOSPC},
		{"no space for a while", 12, syscall.ENOSPC},
		{"failing once", 1, syscall.EIO},
		{"failing for a while", 12, syscall.EIO},
		{"half a write", 1, partial{.5, syscall.EIO}},
		{"a whole write, and yet an error", 3, partial{1, syscall.EIO}},
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	outcomes := map[string]int{}
	for _, fault := range faults {
		for point := 1; point <= points; point += step {
			what := fmt.Sprintf("%s at operation %d of %d", fault.name, point, points)
			synctest.Test(t, func(t *testing.T) {
				var healed atomic.Bool
				count(func(n int, op, name string) error {
					if !healed.Load() && n >= point && n < point+fault.last && op != "close" {
						return fault.err
					}
					return nil
				}, func(e *errorFS) {
					outcomes[faultRun(t, what, e, options(e), &healed, frames)]++
				})
			})
		}
	}
	t.Logf("%d operations, %d faults each: %v", points, len(faults), outcomes)
}

func faultRun(t *testing.T, what string, e *errorFS, o Options, healed *atomic.Bool, frames int) string {
	m := newModel()
	outcome := "carried on"
	j, err := Open(o)
	if err != nil {
		outcome = "start refused"
		healed.Store(true)
		if j, err = Open(o); err != nil {
			t.Fatalf("%s: Open after it was over: %v", what, err)
		}
	}
	live, err := Follow(ReaderOptions{Dir: memDir, FS: e.mem})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	workload(j, m, frames)
	seen := readAll(t, live)
	healed.Store(true)
	time.Sleep(3 * retryEvery)
	synctest.Wait()
	if err := j.Ready(); err != nil {
		t.Fatalf("%s: not ready again: %v", what, err)
	}
	m.mu.Lock()
	for _, p := range m.told {
		if p.failed {
			outcome = "some writes refused"
		}
	}
	m.mu.Unlock()
	killed := e.mem.afterKill()
	judge(t, what+", killed", m, killed, seen)
	if err := m.write(j, "commit"); err != nil {
		t.Fatalf("%s: Commit after it was over: %v", what, err)
	}
	if err := j.Close(); err != nil {
		t.Fatalf("%s: Close after it was over: %v", what, err)
	}
	seen = append(seen, readAll(t, live)...)
	judge(t, what, m, e.mem, seen)
	return outcome
}

// judge checks the journal on a file system, before and after recovery, and
// that a reader who followed it all the time had seen a part of just that.
func judge(t *testing.T, what string, m *model, mem *memFS, seen []Frame) {
	t.Helper()
	for _, recovered := range []bool{false, true} {
		if recovered {
			j, err := Open(Options{Dir: memDir, FS: mem, SegmentBytes: minSegment})
			if err != nil {
				t.Fatalf("%s: recovery: %v", what, err)
			}
			mustClose(t, j)
		}
		got := readFS(t, mem, ReaderOptions{Orphaned: true})
		if err := m.check(got, false); err != nil {
			t.Fatalf("%s, recovered %v: %v\n%s", what, recovered, err, story(got))
		}
		if s, g := story(seen), story(got); len(s) > len(g) || g[:len(s)] != s {
			t.Fatalf("%s, recovered %v: a follower saw\n%s\nand now there is\n%s", what, recovered, s, g)
		}
	}
}

// Many writers, faults that come and go: group commits must not be
// acknowledged by the wrong fdatasync.
func TestFaultsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &errorFS{mem: newMemFS()}
		var healed atomic.Bool
		n := 0
		e.decide = func(op, name string) error {
			n++
			if !healed.Load() && (op == "sync" || op == "write") && name != durableName && n%23 == 0 {
				return syscall.EIO
			}
			return nil
		}
		j := mustOpen(t, Options{Dir: memDir, FS: e, SegmentBytes: 8 << 10})
		m := newModel()
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 150 {
					if m.write(j, []string{"append", "commit", "commit", "lazy"}[(i+w)%4]) != nil {
						time.Sleep(retryEvery)
					}
				}
			})
		}
		wg.Wait()
		st := j.Stats()
		healed.Store(true)
		time.Sleep(3 * retryEvery)
		mustClose(t, j)
		got := readFS(t, e.mem, ReaderOptions{})
		if err := m.check(got, false); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d failovers, %d of %d frames", st.Failovers, len(got)-1, m.next)
		if st.Failovers < 10 {
			t.Error("hardly a fault was met")
		}
	})
}

// A frame that was refused, and yet stands in the file whole, must not take the
// place of the one that got its number afterwards.
func TestRefusedFrameIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &errorFS{mem: newMemFS()}
		var failing atomic.Bool
		e.decide = func(op, name string) error {
			switch {
			case op == "truncate":
				return syscall.EIO // or the refused frame would soon be gone
			case failing.Load() && op == "write":
				return partial{1, syscall.EIO}
			}
			return nil
		}
		j := mustOpen(t, Options{Dir: memDir, FS: e})
		mustCommit(t, j, 1)
		failing.Store(true)
		if _, err := j.Append(testFrame(2, Begin)); !errors.Is(err, ErrFailing) {
			t.Fatalf("Append: %v", err)
		}
		failing.Store(false)
		time.Sleep(3 * retryEvery)
		mustCommit(t, j, 3)
		if f, err := e.mem.Open(segmentID{1, 1}.path(memDir), false); err != nil || !bytes.Contains(f.(*memFile).data, []byte("meta of 2")) {
			t.Fatalf("the refused frame isn't in the file, the test shows nothing (%v)", err)
		}
		wantStory(t, readFS(t, e.mem, ReaderOptions{}), "1, 3")
		wantStory(t, readFS(t, e.mem.afterKill(), ReaderOptions{Orphaned: true}), "1, 3, end 1/2")
		j.Close() // cannot cut the segment
	})
}

// syncGateFS holds each sync of the first segment until told.
type syncGateFS struct {
	FS
	gate chan struct{}
}

func (g syncGateFS) Create(name string) (File, error) {
	f, err := g.FS.Create(name)
	if name == (segmentID{1, 1}).path(memDir) {
		return syncGateFile{f, g.gate}, err
	}
	return f, err
}

type syncGateFile struct {
	File
	gate chan struct{}
}

func (f syncGateFile) Sync() error {
	<-f.gate
	return f.File.Sync()
}

// An fdatasync that was under way when its segment failed acknowledges nothing:
// the segment's end is void by then.
func TestSyncOvertakenByFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &errorFS{mem: newMemFS()}
		var failing atomic.Bool
		e.decide = func(op, name string) error {
			if op == "write" && name == (segmentID{1, 1}).String() && failing.Load() {
				return syscall.EIO
			}
			return nil
		}
		gate := make(chan struct{}, 4)
		gate <- struct{}{} // allocation
		gate <- struct{}{} // Open
		j := mustOpen(t, Options{Dir: memDir, FS: syncGateFS{e, gate}})
		done := make(chan error)
		go func() { _, err := j.Commit(testFrame(1, End)); done <- err }()
		synctest.Wait() // in its fdatasync
		failing.Store(true)
		if _, err := j.Append(testFrame(2, Begin)); err != nil {
			t.Fatal(err)
		}
		gate <- struct{}{}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		lost := e.mem.afterPowerLoss(rand.New(rand.NewPCG(1, 1)))
		if got := readFS(t, lost, ReaderOptions{Orphaned: true}); len(got) == 0 || frameNumber(got[0]) != 1 {
			t.Fatalf("after the acknowledgement and a power loss there is %q", story(got))
		}
		e.mem.mu.Lock() // the next standby may just be made
		synced := bytes.Contains(e.mem.live[segmentID{1, 2}.path(memDir)].stable, []byte("meta of 1"))
		e.mem.mu.Unlock()
		if !synced {
			t.Error("acknowledged before the segment that counts was synced")
		}
		close(gate)
		mustClose(t, j)
	})
}

// A kill at any moment of a failover: what was appended before is in the one
// segment or in the other.
func TestKilledDuringFailover(t *testing.T) {
	for at := 1; at <= 6; at++ {
		synctest.Test(t, func(t *testing.T) {
			e := &errorFS{mem: newMemFS()}
			var armed atomic.Bool
			var after *memFS
			n := 0
			e.decide = func(op, name string) error {
				if !armed.Load() || after != nil {
					return nil
				}
				if n++; n == at {
					after = e.mem.afterKill()
				}
				if n < at && op == "sync" && name == (segmentID{1, 1}).String() {
					return syscall.EIO
				}
				return nil
			}
			j := mustOpen(t, Options{Dir: memDir, FS: e})
			m := newModel()
			for range 3 {
				m.write(j, "commit")
				m.write(j, "append")
			}
			acked := newModel()
			for n, p := range m.told {
				acked.told[n] = p
			}
			acked.told[7] = promise{kind: "commit"} // under way
			armed.Store(true)
			m.write(j, "commit")
			armed.Store(false)
			mustClose(t, j)
			if after == nil {
				t.Fatalf("only %d operations", n)
			}
			if err := acked.check(readFS(t, after, ReaderOptions{Orphaned: true}), false); err != nil {
				t.Errorf("killed at operation %d: %v", at, err)
			}
		})
	}
}

// A commit that comes while an fdatasync is under way waits for the next one.
func TestCommitDuringSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		gate := make(chan struct{}, 4)
		gate <- struct{}{} // allocation
		gate <- struct{}{} // Open
		j := mustOpen(t, Options{Dir: memDir, FS: syncGateFS{m, gate}})
		if _, err := j.Append(testFrame(1, Begin)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait() // in the fdatasync of what nobody committed
		done := make(chan error, 1)
		go func() { _, err := j.Commit(testFrame(2, End)); done <- err }()
		synctest.Wait()
		gate <- struct{}{}
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("acknowledged by an fdatasync that began before: %v", err)
		default:
		}
		gate <- struct{}{}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		close(gate)
		mustClose(t, j)
	})
}
