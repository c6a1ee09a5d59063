package journal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// crashed is a journal of n committed frames whose writer was killed, and how
// far its last segment goes.
func crashed(t *testing.T, n uint64) (m *memFS, name string, end int64) {
	t.Helper()
	live := newMemFS()
	j := mustOpen(t, Options{Dir: memDir, FS: live})
	for i := range n {
		mustCommit(t, j, i+1)
	}
	j.mu.Lock()
	name, end = segmentID{1, j.cur.num}.path(memDir), j.cur.offset(j.arena.end)
	j.mu.Unlock()
	m = live.afterKill()
	mustClose(t, j)
	return m, name, end
}

func numbers(from, to uint64) string {
	var s []string
	for n := from; n <= to; n++ {
		s = append(s, fmt.Sprint(n))
	}
	return strings.Join(s, ", ")
}

// A write that was under way leaves any part of its last frame.
func TestTornTail(t *testing.T) {
	m, name, end := crashed(t, 4)
	infos, err := Scan(m, memDir)
	if err != nil || infos[0].Frames != 4 {
		t.Fatal(infos, err)
	}
	var last int64 // where the frame to be torn begins
	{
		f := m.live[name]
		sc := newScanner(f, mustHeader(t, f, name).marker, headerLen)
		for range 3 {
			if _, _, err := sc.next(end, 0); err != nil {
				t.Fatal(err)
			}
		}
		last = sc.off
	}
	// The torn frame was never durable.
	durable, _ := readDurable(m.live[memDir+"/durable"])
	durable.seq, durable.offset = 3, last
	pub := publisher{file: m.live[memDir+"/durable"], gen: durable.generation}
	if err := pub.publish(durable); err != nil {
		t.Fatal(err)
	}
	for cut := last; cut < end; cut++ {
		for _, tail := range []string{"zeros", "end of file"} {
			k := m.afterKill()
			f := k.live[name]
			clear(f.data[cut:])
			if tail == "end of file" {
				f.data = f.data[:cut]
			}
			what := fmt.Sprintf("torn at %d of [%d, %d), then %s", cut, last, end, tail)
			intact := uint64(3)
			if int64(len(f.data)) >= end && slices.Equal(f.data[last:end], m.live[name].data[last:end]) {
				intact = 4 // what was cut off were zeros
			}
			got := readFS(t, k, ReaderOptions{Orphaned: true})
			if s := story(got); s != fmt.Sprintf("%s, end 1/%d", numbers(1, intact), intact) {
				t.Fatalf("%s: orphaned reader got %s", what, s)
			}
			wantStory(t, readFS(t, k, ReaderOptions{}), "1, 2, 3")
			j := mustOpen(t, Options{Dir: memDir, FS: k})
			mustCommit(t, j, 9)
			mustClose(t, j)
			got = readFS(t, k, ReaderOptions{})
			if s := story(got); s != fmt.Sprintf("%s, end 1/%d, 9, end 2/1", numbers(1, intact), intact) {
				t.Fatalf("%s: after recovery %s", what, s)
			}
		}
	}
}

func mustHeader(t *testing.T, f File, name string) header {
	t.Helper()
	id, ok := parseSegmentID(name[len(memDir)+1:])
	if !ok {
		t.Fatalf("%s isn't a segment", name)
	}
	h, err := readHeader(f, id)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What was appended, not committed, before a kill is kept.
func TestUnsyncedSurvivesKill(t *testing.T) {
	live := newMemFS()
	j := mustOpen(t, Options{Dir: memDir, FS: live})
	mustCommit(t, j, 1)
	for n := range uint64(3) {
		if _, err := j.Append(testFrame(n+2, Part)); err != nil {
			t.Fatal(err)
		}
	}
	m := live.afterKill()
	mustClose(t, j)
	wantStory(t, readFS(t, m, ReaderOptions{}), "1")
	wantStory(t, readFS(t, m, ReaderOptions{Orphaned: true}), "1, 2, 3, 4, end 1/4")
	j = mustOpen(t, Options{Dir: memDir, FS: m})
	defer mustClose(t, j)
	wantStory(t, readFS(t, m, ReaderOptions{}), "1, 2, 3, 4, end 1/4")
	wantStory(t, readFS(t, m, ReaderOptions{Orphaned: true}), "1, 2, 3, 4, end 1/4")
}

// A flipped bit anywhere costs at most the frame that it is in; what is lost
// is reported; everything else is read.
func TestBitFlip(t *testing.T) {
	const frames = 5
	killed, name, end := crashed(t, frames)
	closed := killed.afterKill()
	mustClose(t, mustOpen(t, Options{Dir: memDir, FS: closed}))
	for what, m := range map[string]*memFS{"closed": closed, "killed": killed} {
		outcomes := map[string]int{}
		for off := range end {
			k := m.afterKill()
			k.live[name].data[off] ^= 1 << (off % 8)
			for _, recovered := range []bool{false, true} {
				if recovered {
					mustClose(t, mustOpen(t, Options{Dir: memDir, FS: k}))
				}
				got := readFS(t, k, ReaderOptions{Orphaned: true})
				outcomes[checkFlip(t, got, frames, fmt.Sprintf("%s, flip at %d of %d, recovered %v", what, off, end, recovered))]++
			}
		}
		t.Logf("%s: %v", what, outcomes)
		if outcomes["header"] != 2*headerLen || outcomes["frame"] != int(2*(end-headerLen)) {
			t.Errorf("%s: %v", what, outcomes)
		}
	}
}

func checkFlip(t *testing.T, got []Frame, frames uint64, what string) string {
	t.Helper()
	reported := 0
	outcome := "nothing"
	next := uint64(1)
	for _, f := range got {
		if f.Pos.Epoch > 1 {
			break
		}
		switch f.Kind {
		case EpochEnd:
			if f.Pos.Seq != frames {
				t.Fatalf("%s: %s", what, story(got))
			}
		case Missing:
			reported++
			outcome = "header"
			if f.Gap.To.Seq >= f.Gap.From.Seq {
				outcome = "frame"
				if f.Gap.From.Seq != next || f.Gap.To != f.Gap.From || f.Gap.Reason == Removed || f.Gap.File == "" {
					t.Fatalf("%s: %s", what, story(got))
				}
				next++
			}
		default:
			if f.Pos.Seq != next {
				t.Fatalf("%s: %s", what, story(got))
			}
			checkFrame(t, f)
			next++
		}
	}
	if reported != 1 || next != frames+1 {
		t.Fatalf("%s: %s", what, story(got))
	}
	return outcome
}

// A reader that is in the segment when the damage happens goes on behind it.
func TestDamageWhileFollowing(t *testing.T) {
	m := newMemFS()
	j := mustOpen(t, Options{Dir: memDir, FS: m})
	mustCommit(t, j, 1, 2)
	r, err := Follow(ReaderOptions{Dir: memDir, FS: m})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantStory(t, readAll(t, r), "1, 2")
	name := segmentID{1, 1}.path(memDir)
	damage := func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.live[name].data[j.cur.offset(j.arena.end)-1] ^= 1
	}
	mustCommit(t, j, 3)
	damage()
	wantStory(t, readAll(t, r), "lost 1/3-1/3 damaged")
	mustCommit(t, j, 4)
	damage()
	mustCommit(t, j, 5, 6)
	wantStory(t, readAll(t, r), "lost 1/4-1/4 damaged, 5, 6")
	mustClose(t, j)
	wantStory(t, readAll(t, r), "end 1/6")
}

func TestRemovedAndForeignFiles(t *testing.T) {
	m := newMemFS()
	for e := range uint64(4) {
		j := mustOpen(t, Options{Dir: memDir, FS: m, SegmentBytes: minSegment})
		for n := range uint64(40) {
			mustCommit(t, j, 100*e+n)
		}
		mustClose(t, j)
	}
	for _, name := range []string{"README", "x.wj", "1-1.wj", "00000002-000000.wj", "00000001-000001.wj.bak"} {
		if _, err := m.Create(memDir + "/" + name); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := Scan(m, memDir)
	if err != nil {
		t.Fatal(err)
	}
	whole := readFS(t, m, ReaderOptions{})
	if len(whole) != 4*41 {
		t.Fatalf("read %s", story(whole))
	}
	// Epoch 1 from its second segment on, no epoch 2, epoch 3 without its
	// second segment, the last epoch without its end.
	var first, gapFrom, gapTo, last SegmentInfo
	for i, s := range infos {
		switch {
		case s.Epoch == 1 && s.Segment == 1, s.Epoch == 2, s.Epoch == 3 && s.Segment == 2,
			s.Epoch == 4 && i == len(infos)-1:
			if err := m.Remove(memDir + "/" + s.Name); err != nil {
				t.Fatal(err)
			}
		case s.Epoch == 1 && s.Segment == 2:
			first = s
		case s.Epoch == 3 && s.Segment == 1:
			gapFrom = s
		case s.Epoch == 3 && s.Segment == 3:
			gapTo = s
		case s.Epoch == 4:
			last = s
		}
	}
	want := fmt.Sprintf("%s, end 1/40, lost 2/1-3/0 removed, %s, lost 3/%d-3/%d removed, %s, end 3/40, %s, lost 4/%d-4/40 damaged, end 4/40",
		numbers(first.First-1, 39), numbers(200, 200+gapFrom.Last-1), gapFrom.Last+1, gapTo.First-1,
		numbers(200+gapTo.First-1, 239), numbers(300, 300+last.Last-1), last.Last+1)
	wantStory(t, readFS(t, m, ReaderOptions{}), want)
	wantStory(t, readFS(t, m, ReaderOptions{From: Pos{1, 2}}), fmt.Sprintf("lost 1/3-1/%d removed, %s", first.First-1, want))
	wantStory(t, readFS(t, m, ReaderOptions{From: Pos{2, 7}}), "end 2/7, "+want[strings.Index(want, "200"):])
}
