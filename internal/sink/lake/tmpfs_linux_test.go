package lake

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/sink"
)

// TestFullDisk fills a real file system under the store, then gives it room.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	dir := filepath.Join(disk, "store")
	l := open(t, never(dir))
	next, failed := uint64(1), 0
	for failed < 3 {
		write(t, l, next, next+19)
		next += 20
		once(t, l, int(next-1))
		err := l.Seal(t.Context())
		if err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		if err != nil {
			failed++
			once(t, l, int(next-1))
		}
		if next > 100_000 {
			t.Fatal("the disk never filled")
		}
	}
	before := l.Cursor()
	l.Close()

	// A start on a full disk works, and so does a seal as soon as there is room.
	l = open(t, never(dir))
	if got := l.Cursor(); got != before {
		t.Fatalf("the cursor is %v, was %v", got, before)
	}
	write(t, l, before.Done.Seq+1, next-1)
	if err := l.Seal(t.Context()); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("a seal on a full disk: %v", err)
	}
	once(t, l, int(next-1))
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	seal(t, l)
	once(t, l, int(next-1))
	l.Close()
	l = open(t, never(dir))
	once(t, l, int(next-1))
}

// TestFullDiskRecovery: the store gets over it without being asked.
func TestFullDiskRecovery(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	o := never(filepath.Join(disk, "store"))
	o.SealRows = 20
	l := open(t, o)
	next := uint64(1)
	for l.Stats().SealErrors == 0 {
		write(t, l, next, next+19)
		next += 20
		time.Sleep(5 * time.Millisecond)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(30 * time.Second); l.Cursor().Done.Seq < next-1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("it did not recover: %+v", l.Stats())
		}
	}
	once(t, l, int(next-1))
	if err := l.Write(t.Context(), sink.Batch{}); err != nil {
		t.Fatal(err)
	}
}
