package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir, Gateway: "gw-1"})
	writes := []func(*Frame) (Pos, error){j.Append, j.Commit}
	kinds := []Kind{Begin, Part, End, Delivered}
	const n = 50
	for i := range uint64(n) {
		f := testFrame(i, kinds[i%4])
		pos, err := writes[i%2](f)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Pos{1, i + 1}); pos != want || f.Pos != want {
			t.Fatalf("frame %d at %v and %v, want %v", i, pos, f.Pos, want)
		}
	}
	mustClose(t, j)
	r, err := Follow(ReaderOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := readAll(t, r)
	if len(got) != n+1 || got[n].Kind != EpochEnd || got[n].Pos != (Pos{1, n}) {
		t.Fatalf("read %s", story(got))
	}
	for i, f := range got[:n] {
		if frameNumber(f) != uint64(i) || f.Kind != kinds[i%4] {
			t.Fatalf("frame %d is %v of %v", i, f.Kind, frameNumber(f))
		}
		checkFrame(t, f)
	}
	infos, err := Scan(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) != 1 || infos[0].Frames != n || infos[0].Gateway != "gw-1" || len(infos[0].Damage) > 0 ||
		infos[0].Size != headerLen+infos[0].Bytes {
		t.Fatalf("scan: %+v", infos)
	}
}

func TestGroupCommit(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir, SegmentBytes: 256 << 10})
	const writers, each = 24, 40
	var wg sync.WaitGroup
	for w := range uint64(writers) {
		wg.Go(func() {
			last := Pos{}
			for i := range uint64(each) {
				f := testFrame(w*each+i, End)
				var pos Pos
				var err error
				switch i % 5 {
				case 0:
					pos, err = j.Append(f)
				case 1:
					j.Lazy(f)
					continue
				default:
					pos, err = j.Commit(f)
				}
				if err != nil || pos.Compare(last) <= 0 {
					t.Errorf("writer %d: %v after %v, %v", w, pos, last, err)
					return
				}
				last = pos
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Follow(ReaderOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	seen := map[uint64]bool{}
	for seq := uint64(1); seq <= writers*each; seq++ {
		f, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.Pos != (Pos{1, seq}) || seen[frameNumber(f)] {
			t.Fatalf("got %v %v at %d", f.Kind, f.Pos, seq)
		}
		seen[frameNumber(f)] = true
		checkFrame(t, f)
	}
	wg.Wait()
	if st := j.Stats(); st.Segments < 2 || st.Syncs == 0 || st.Seq != writers*each || st.Durable != st.Seq {
		t.Errorf("stats %+v", st)
	}
	mustClose(t, j)
	if f, err := r.Next(ctx); err != nil || f.Kind != EpochEnd || f.Pos != (Pos{1, writers * each}) {
		t.Fatalf("%v %v %v", f.Kind, f.Pos, err)
	}
}

func TestLazy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := mustOpen(t, Options{Dir: memDir, FS: m})
		j.Lazy(testFrame(1, Delivered))
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		if st := j.Stats(); st.Lazies != 1 || st.LazyBytes != 0 {
			t.Errorf("not written within 250 ms: %+v", st)
		}
		j.Lazy(testFrame(2, Delivered))
		mustCommit(t, j, 3)
		wantStory(t, readFS(t, m, ReaderOptions{}), "1, 2, 3")
		if _, err := j.Append(testFrame(4, Begin)); err != nil {
			t.Fatal(err)
		}
		wantStory(t, readFS(t, m, ReaderOptions{}), "1, 2, 3")
		time.Sleep(1100 * time.Millisecond)
		wantStory(t, readFS(t, m, ReaderOptions{}), "1, 2, 3, 4")
		j.Lazy(testFrame(5, Delivered))
		mustClose(t, j)
		wantStory(t, readFS(t, m, ReaderOptions{}), "1, 2, 3, 4, 5, end 1/5")
	})
}

func TestLazyIsBounded(t *testing.T) {
	m := newMemFS()
	stall := make(chan struct{})
	var stalled sync.Once
	reached := make(chan struct{})
	e := &errorFS{mem: m, decide: func(op, name string) error { return nil }}
	j := mustOpen(t, Options{Dir: memDir, FS: stallFS{e, func() { stalled.Do(func() { close(reached) }); <-stall }}})
	done := make(chan error)
	go func() { _, err := j.Append(testFrame(1, Begin)); done <- err }()
	<-reached
	big := testFrame(2, Delivered)
	big.Meta = make([]byte, 1<<20)
	for range 20 {
		j.Lazy(big) // must not wait for the stalled write
	}
	close(stall)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := j.Stats().LazyDropped; n < 4 || n > 5 {
		t.Errorf("dropped %d of 20 MiB", n)
	}
	mustClose(t, j)
}

// stallFS calls wait before each write of a segment's frames.
type stallFS struct {
	FS
	wait func()
}

func (s stallFS) Create(name string) (File, error) {
	f, err := s.FS.Create(name)
	return stallFile{f, s.wait}, err
}

type stallFile struct {
	File
	wait func()
}

func (f stallFile) WriteAt(p []byte, off int64) (int, error) {
	if off == headerLen {
		f.wait()
	}
	return f.File.WriteAt(p, off)
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second Open: %v", err)
	}
	mustClose(t, j)
	if _, err := j.Append(testFrame(1, Begin)); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	if _, err := j.Commit(testFrame(1, Begin)); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit after Close: %v", err)
	}
	if err := j.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("Ready after Close: %v", err)
	}
	if err := j.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("Close after Close: %v", err)
	}
	mustClose(t, mustOpen(t, Options{Dir: dir}))
}

func TestInvalid(t *testing.T) {
	for _, o := range []Options{{}, {Dir: memDir, Gateway: strings.Repeat("g", 33)}, {Dir: memDir, SegmentBytes: 100}} {
		o.FS = newMemFS()
		if j, err := Open(o); err == nil {
			j.Close()
			t.Errorf("Open(%+v) succeeded", o)
		}
	}
	j := mustOpen(t, Options{Dir: memDir, FS: newMemFS()})
	defer j.Close()
	for name, f := range map[string]*Frame{
		"kind":   {Kind: EpochEnd},
		"zero":   {},
		"meta":   {Kind: End, Meta: make([]byte, MaxFrame)},
		"blocks": {Kind: End, Blocks: make([]Block, MaxBlocks+1)},
	} {
		if _, err := j.Append(f); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustCommit(t, j, 1)
}

func TestEpochs(t *testing.T) {
	m := newMemFS()
	for e := range uint64(3) {
		j := mustOpen(t, Options{Dir: memDir, FS: m})
		mustCommit(t, j, 10*e+1, 10*e+2)
		mustClose(t, j)
	}
	const all = "1, 2, end 1/2, 11, 12, end 2/2, 21, 22, end 3/2"
	wantStory(t, readFS(t, m, ReaderOptions{}), all)
	parts := strings.Split(all, ", ")
	for i, from := range []Pos{{}, {1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 1}, {3, 2}} {
		skip := i + max(0, int(from.Epoch)-1)
		if from.Seq == 2 {
			skip = 3*int(from.Epoch) - 1
		} else if from.Seq == 1 {
			skip = 3*int(from.Epoch) - 2
		}
		wantStory(t, readFS(t, m, ReaderOptions{From: from}), strings.Join(parts[skip:], ", "))
	}
	r, err := Follow(ReaderOptions{Dir: memDir, FS: m, From: Pos{4, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.TryNext(); !errors.Is(err, ErrAhead) {
		t.Errorf("a position from the future: %v", err)
	}
}

func TestSegmentsRoll(t *testing.T) {
	m := newMemFS()
	j := mustOpen(t, Options{Dir: memDir, FS: m, SegmentBytes: minSegment})
	var numbers []uint64
	for n := range uint64(80) {
		numbers = append(numbers, n)
	}
	mustCommit(t, j, numbers...)
	big := testFrame(1000, End)
	big.Meta = make([]byte, 3*minSegment)
	if _, err := j.Commit(big); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, j, 81)
	mustClose(t, j)
	got := readFS(t, m, ReaderOptions{})
	if len(got) != 83 {
		t.Fatalf("read %s", story(got))
	}
	infos, err := Scan(m, memDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) < 5 {
		t.Fatalf("%d segments", len(infos))
	}
	next := uint64(1)
	for _, s := range infos {
		if s.First != next || s.Standby || len(s.Damage) > 0 || s.Size != headerLen+s.Bytes {
			t.Errorf("%+v, want first %d", s, next)
		}
		next = s.Last + 1
	}
	// From every position, the rest.
	for i := range got[:81] {
		rest := readFS(t, m, ReaderOptions{From: got[i].Pos})
		wantStory(t, rest, story(got[i+1:]))
	}
}

// A full disk: in-flight exchanges end in the reserve, new ones are refused,
// and both come back without a restart.
func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		var full atomic.Bool
		e := &errorFS{mem: m}
		e.decide = func(op, _ string) error {
			if full.Load() && (op == "allocate" || op == "create") {
				return syscall.ENOSPC
			}
			return nil
		}
		j := mustOpen(t, Options{Dir: memDir, FS: e, SegmentBytes: 64 << 10})
		full.Store(true)
		f := testFrame(1, End)
		f.Meta = make([]byte, 4<<10-frameHead-24)
		n, refused := 0, 0
		for {
			g := *f
			if _, err := j.Commit(&g); err != nil {
				if !errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
				break
			}
			n++
			synctest.Wait()
			if err := j.Ready(); err != nil {
				if !errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
				refused++
			}
		}
		if n < 30 || refused < 15 {
			t.Errorf("%d frames fitted, %d of them while new ones were refused", n, refused)
		}
		full.Store(false)
		time.Sleep(2 * retryEvery)
		synctest.Wait()
		if err := j.Ready(); err != nil {
			t.Fatalf("not ready again: %v", err)
		}
		if _, err := j.Commit(f); err != nil {
			t.Fatal(err)
		}
		mustClose(t, j)
		if got := readFS(t, m, ReaderOptions{}); len(got) != n+2 {
			t.Errorf("read %d, want %d", len(got)-1, n+1)
		}
	})
}

func TestHeldBack(t *testing.T) {
	m := newMemFS()
	j := mustOpen(t, Options{Dir: memDir, FS: m, syncBytes: 2 << 10, holdBytes: 8 << 10, SegmentBytes: 16 << 10})
	var wg sync.WaitGroup
	for w := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(100) {
				if _, err := j.Append(testFrame(w*100+i, Part)); err != nil {
					t.Error(err)
				}
				if n := j.Stats().UnsyncedBytes; n > 8<<10 {
					t.Errorf("%d bytes unsynced", n)
				}
			}
		})
	}
	wg.Wait()
	mustClose(t, j)
	got := readFS(t, m, ReaderOptions{})
	seen := map[uint64]bool{}
	for _, f := range got[:len(got)-1] {
		seen[frameNumber(f)] = true
		checkFrame(t, f)
	}
	if len(seen) != 800 || len(got) != 801 {
		t.Errorf("%d different of %d frames", len(seen), len(got)-1)
	}
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		r, err := Follow(ReaderOptions{Dir: memDir, FS: m})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan error)
		go func() {
			for {
				f, err := r.Next(ctx)
				if err != nil {
					done <- err
					return
				}
				got = append(got, fmt.Sprint(f.Kind, f.Pos))
			}
		}()
		time.Sleep(time.Second)
		j := mustOpen(t, Options{Dir: memDir, FS: m})
		mustCommit(t, j, 1)
		time.Sleep(pollMax + time.Millisecond)
		synctest.Wait()
		if len(got) != 1 {
			t.Errorf("read %v", got)
		}
		mustClose(t, j)
		time.Sleep(pollMax + time.Millisecond)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if want := []string{"end 1/1", "epoch-end 1/1"}; !slices.Equal(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
		r.Close()
	})
}
