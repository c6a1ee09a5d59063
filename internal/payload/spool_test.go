package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"weir/internal/record"
)

func spool(t testing.TB) *Spool {
	t.Helper()
	s, err := OpenSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noise is n bytes that no compression and no hole can stand in for.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func TestFile(t *testing.T) {
	s, id, body := spool(t), record.NewID(time.Now()), noise(3<<20)
	const head = 1<<20 + 17
	h := sha256.New()
	h.Write(body[:head])
	f, err := s.Create(id, record.AnswerSide, head, h)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size() != head {
		t.Errorf("the size is %d at first", f.Size())
	}
	for rest := body[head:]; len(rest) > 0; {
		n := min(len(rest), 40_000)
		if _, err := f.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if got, want := f.Payload(), (record.Payload{Length: 3 << 20, SHA256: sum(body)}); got != want {
		t.Errorf("the payload is %v, want %v", got, want)
	}
	if s.Usage() != 3<<20 {
		t.Errorf("the spool has %d bytes", s.Usage())
	}
	if _, err := f.ReadAt(make([]byte, 10), 5); err == nil {
		t.Error("the hole can be read")
	}
	if _, err := s.Create(id, record.AnswerSide, 0, nil); err == nil {
		t.Error("one file was begun twice")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	if s.Usage() != 0 {
		t.Errorf("the spool has %d bytes after all", s.Usage())
	}
}

// TestReadBesideWrite forwards a body that is still coming in, thrice.
func TestReadBesideWrite(t *testing.T) {
	f, err := spool(t).Create(record.NewID(time.Now()), record.RequestSide, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	body := noise(8 << 20)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			got := make([]byte, 0, len(body))
			for ended := false; ; {
				end := f.Size()
				n, err := f.ReadAt(got[len(got):end], int64(len(got)))
				if got = got[:len(got)+n]; err != nil && err != io.EOF {
					t.Error(err)
					return
				}
				if ended && len(got) == len(body) {
					break
				}
				select {
				case <-done:
					ended = true
				default:
				}
			}
			if !bytes.Equal(got, body) {
				t.Error("a reader saw something else")
			}
		})
	}
	for i := 0; i < len(body); i += 32 << 10 {
		if _, err := f.Write(body[i : i+32<<10]); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
}

func TestWriteAllocates(t *testing.T) {
	f, err := spool(t).Create(record.NewID(time.Now()), record.RequestSide, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := noise(32 << 10)
	if n := testing.AllocsPerRun(600, func() { f.Write(p) }); n != 0 {
		t.Errorf("a write allocates %v times", n)
	}
}

// TestSickDisk: what fails stays failed, and says so.
func TestSickDisk(t *testing.T) {
	f, err := spool(t).Create(record.NewID(time.Now()), record.RequestSide, 0, sha256.New())
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("whole"))
	f.f.Close()
	if _, err := f.Write([]byte("more")); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("the write gave %v", err)
	}
	if err := f.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("the sync gave %v", err)
	}
	if got := f.Payload(); got.Length != 5 || got.SHA256 != sum([]byte("whole")) {
		t.Errorf("the payload is %v", got)
	}
}

// BenchmarkFile brings 1 GiB to stable storage, 32 KiB a write.
func BenchmarkFile(b *testing.B) {
	s, p := spool(b), noise(32<<10)
	b.SetBytes(1 << 30)
	for b.Loop() {
		f, err := s.Create(record.NewID(time.Now()), record.RequestSide, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		for range 1 << 30 / len(p) {
			if _, err := f.Write(p); err != nil {
				b.Fatal(err)
			}
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds()*1000, "sync-ms")
		f.Remove()
	}
}
