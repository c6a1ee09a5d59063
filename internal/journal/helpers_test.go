package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const memDir = "/journal"

// testFrame is a frame whose whole content follows from its number.
func testFrame(n uint64, kind Kind) *Frame {
	f := &Frame{Kind: kind, Time: int64(n) + 1, Meta: fmt.Appendf(nil, "meta of %d", n)}
	binary.BigEndian.PutUint64(f.ID[8:], n)
	for i := range n % 3 {
		body := bytes.Repeat([]byte{byte('a' + n%26)}, int(n*37%700))
		f.Blocks = append(f.Blocks, Block{Kind: uint8(i + 1), KeyID: uint32(n % 2), Data: body})
	}
	return f
}

func frameNumber(f Frame) uint64 { return binary.BigEndian.Uint64(f.ID[8:]) }

// checkFrame fails unless f is the test frame that its id names.
func checkFrame(t *testing.T, f Frame) {
	t.Helper()
	want := *testFrame(frameNumber(f), f.Kind)
	want.Pos = f.Pos
	if w, g := normal(want), normal(f); !reflect.DeepEqual(w, g) {
		t.Fatalf("frame %v is not what was written (-want +got):\n%s", f.Pos, cmp.Diff(w, g))
	}
}

func normal(f Frame) Frame {
	f.Meta = append([]byte{}, f.Meta...)
	blocks := []Block{}
	for _, b := range f.Blocks {
		b.Data = append([]byte{}, b.Data...)
		blocks = append(blocks, b)
	}
	f.Blocks = blocks
	return f
}

// readAll returns copies of what a reader gets until it has caught up.
func readAll(t *testing.T, r *Reader) []Frame {
	t.Helper()
	var got []Frame
	for {
		f, err := r.TryNext()
		if errors.Is(err, ErrCaughtUp) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, normal(f))
	}
}

func readFS(t *testing.T, fsys FS, o ReaderOptions) []Frame {
	t.Helper()
	o.Dir, o.FS = memDir, fsys
	r, err := Follow(o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return readAll(t, r)
}

func mustOpen(t *testing.T, o Options) *Journal {
	t.Helper()
	if o.FS != nil && o.SegmentBytes == 0 {
		o.SegmentBytes = 16 << 10 // memory isn't free either
	}
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func mustCommit(t *testing.T, j *Journal, numbers ...uint64) {
	t.Helper()
	for _, n := range numbers {
		if _, err := j.Commit(testFrame(n, End)); err != nil {
			t.Fatal(err)
		}
	}
}

func mustClose(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// story tells what a reader got in one line, for comparison: numbers of frames,
// "end 1/7" for epochs, "lost 1/3-1/4 damaged" for gaps.
func story(frames []Frame) string {
	var b bytes.Buffer
	for _, f := range frames {
		switch f.Kind {
		case EpochEnd:
			fmt.Fprintf(&b, "end %v, ", f.Pos)
		case Missing:
			fmt.Fprintf(&b, "lost %v-%v %v, ", f.Gap.From, f.Gap.To, f.Gap.Reason)
		default:
			fmt.Fprintf(&b, "%d, ", frameNumber(f))
		}
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte(", ")))
}

func wantStory(t *testing.T, got []Frame, want string) {
	t.Helper()
	if s := story(got); s != want {
		t.Fatalf("read\n\t%s\nwant\n\t%s", s, want)
	}
}
