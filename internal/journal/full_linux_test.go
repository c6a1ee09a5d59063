package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A file system that is really full.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	j := mustOpen(t, Options{Dir: filepath.Join(dir, "journal"), SegmentBytes: 128 << 10})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 720<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	f := testFrame(1, End)
	f.Meta = make([]byte, 8<<10)
	acked, reserve := 0, 0
	for first := j.Stats().Segment; j.Stats().Segment == first; acked++ {
		g := *f
		if _, err := j.Commit(&g); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "refusing", func() bool { return errors.Is(j.Ready(), ErrFull) })
	for ; ; reserve++ {
		g := *f
		if _, err := j.Commit(&g); errors.Is(err, ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if reserve < 10 {
		t.Errorf("%d frames fitted into the reserve", reserve)
	}
	acked += reserve
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "ready again", func() bool { return j.Ready() == nil })
	if _, err := j.Commit(f); err != nil {
		t.Fatal(err)
	}
	mustClose(t, j)
	r, err := Follow(ReaderOptions{Dir: filepath.Join(dir, "journal")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := readAll(t, r); len(got) != acked+2 {
		t.Errorf("read %d frames, want %d", len(got)-1, acked+1)
	}
	t.Logf("%d frames, %d of them in the reserve", acked+1, reserve)
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(retryEvery / 10) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after a minute", what)
		}
	}
}
