package payload

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/record"
)

// TestFullDisk fills a real file system under the spool.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	s, err := OpenSpool(disk)
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Create(record.NewID(time.Now()), record.RequestSide, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, taken := noise(100_000), int64(0)
	for err == nil {
		var n int
		n, err = f.Write(p)
		taken += int64(n)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the write gave %v", err)
	}
	if got := f.Payload(); got.Length != taken || got.Length != f.Size() || taken > 4<<20 {
		t.Errorf("%d bytes were taken, the payload is %v", taken, got)
	}
	if _, err := f.Write(p[:1]); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the next write gave %v", err)
	}
	if err := f.Sync(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the sync gave %v", err)
	}

	// A manifest that finds no room is not lost: it is written when there is.
	x := record.NewID(time.Now())
	if err := s.Stage(x, record.RequestSide, nil); err == nil {
		t.Log("an empty file still has room")
	}
	u := uploader(t, s, folder{t.TempDir()}, 0)
	u.Add(x, &Manifest{ID: x.String(), Objects: []Object{{Name: record.RequestSide, SHA256: sum(nil)}}}, nil)
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	run(t, u, func() bool { return u.Stats().Uploads == 1 })
}
