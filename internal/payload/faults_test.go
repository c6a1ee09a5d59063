package payload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob/memblob"

	"weir/internal/record"
)

// TestRemoveKeepsUnlisted: a side that the manifest does not list was not
// uploaded, and stays.
func TestRemoveKeepsUnlisted(t *testing.T) {
	s := spool(t)
	x := newExchange(t, s, 0)
	x.manifest.Objects = x.manifest.Objects[1:2]
	if err := errors.Join(s.writeManifest(x.id, x.manifest), s.remove(x.id)); err != nil {
		t.Fatal(err)
	}
	if !s.Has(x.id, record.RequestSide) || s.Has(x.id, record.AnswerSide) || s.Taken(x.id) {
		t.Error("the request is gone, or the answer is not")
	}
}

// TestBucketObject: no content coding on the object, and no media type that the
// drivers refuse.
func TestBucketObject(t *testing.T) {
	b := memblob.OpenBucket(nil)
	s := bucket{b}
	defer s.Close()
	for _, c := range []struct{ said, want string }{{"video/mp4", "video/mp4"}, {"nonsense; =", anyType}, {"", anyType}} {
		if err := s.Put(t.Context(), "k", Object{Type: c.said, Coding: "gzip"}, strings.NewReader("body")); err != nil {
			t.Errorf("%q: %v", c.said, err)
			continue
		}
		a, err := b.Attributes(t.Context(), "k")
		if err != nil || a.ContentType != c.want || a.ContentEncoding != "" {
			t.Errorf("%q: %+v, %v", c.said, a, err)
		}
	}
}

// TestPoison: a job that fails for its own sake holds up no other, and no new one
// waits for it.
func TestPoison(t *testing.T) {
	dir, payloads := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := ReadSpool(dir)
		u := uploader(t, s, folder{payloads}, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { u.Run(ctx); close(done) }()
		for i := range 3 {
			x := newExchange(t, s, i)
			os.Remove(s.path(x.id, record.RequestSide))
			u.Add(x.id, x.manifest, x.head)
		}
		time.Sleep(5 * time.Minute)
		good := newExchange(t, s, 9)
		u.Add(good.id, good.manifest, good.head)
		synctest.Wait()
		if got := u.Stats(); got.Uploads != 1 || got.Pending != 3 || got.Failures < 9 {
			t.Errorf("%+v", got)
		}
		cancel()
		<-done
	})
}

// TestTakeOrder: jobs never tried come before those that failed and are due.
func TestTakeOrder(t *testing.T) {
	old, fresh := &job{pause: time.Second}, &job{}
	u := &Uploader{waiting: []*job{old, fresh}}
	if u.take(time.Now()) != fresh || u.take(time.Now()) != old {
		t.Error("the one that failed came first")
	}
}

// TestNoSignature: what is wrong with the store's URL is told without the URL.
func TestNoSignature(t *testing.T) {
	_, err := OpenStore(t.Context(), Config{URL: "azblob://c", KeyID: "account", SASToken: "sv=1&sig=SECRET\x7f"}, "")
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("it is told as %v", err)
	}
	for _, c := range []Config{
		{URL: "azblob://c", KeyID: "my account", SASToken: "x"},
		{URL: "azblob://c?storage_account=My", SASToken: "x"},
		{URL: "azblob://c?domain=a/b", KeyID: "account", SASToken: "x"},
	} {
		if ps := c.Check(); len(ps) != 1 || ps[0].Hint == "" {
			t.Errorf("%+v: %v", c, ps)
		}
	}
	ok := Config{URL: "azblob://c?domain=[::1]:10000", KeyID: "devstoreaccount1", Key: "x"}
	if ps := ok.Check(); len(ps) > 0 {
		t.Error(ps)
	}
}

// TestIndexKeeps: an exchange that is read again when not all of it is in the
// spool does not make the payload store forget the rest.
func TestIndexKeeps(t *testing.T) {
	s, store := spool(t), folder{t.TempDir()}
	x := newExchange(t, s, 0)
	answer := x.manifest.Objects[1]
	before, _ := json.Marshal(Manifest{ID: x.id.String(), Objects: []Object{answer}})
	if err := store.Put(t.Context(), key(x.id, manifestName), Object{}, bytes.NewReader(before)); err != nil {
		t.Fatal(err)
	}
	x.manifest.Objects = append(x.manifest.Objects[:1:1], x.manifest.Objects[2:]...)
	u := uploader(t, s, store, 0)
	u.Add(x.id, x.manifest, nil)
	if err := u.upload(t.Context(), u.take(time.Now())); err != nil {
		t.Fatal(err)
	}
	m, err := stored(t.Context(), store, x.id)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := m.Find("answer"); !ok || got != answer || len(m.Objects) != 4 {
		t.Errorf("the payload store has %+v", m.Objects)
	}
}

// TestFilesLost says plainly when a form's files are not found again.
func TestFilesLost(t *testing.T) {
	s := spool(t)
	x := newExchange(t, s, 0)
	u := uploader(t, s, folder{t.TempDir()}, 0)
	u.o.Split = func(string, io.Reader, func(int, io.Reader) error) error { return nil }
	u.Add(x.id, x.manifest, x.head)
	if err := u.upload(t.Context(), u.take(time.Now())); err == nil || strings.Contains(err.Error(), "%!") {
		t.Error(err)
	}
}

// TestSweepBacksOff: what cannot be removed is tried ever more seldom, and blocks
// nobody meanwhile.
func TestSweepBacksOff(t *testing.T) {
	s := spool(t)
	x := newExchange(t, s, 0)
	u := uploader(t, s, folder{t.TempDir()}, 9)
	u.Add(x.id, x.manifest, x.head)
	j := u.take(time.Now())
	u.work(t.Context(), j)
	os.Remove(s.path(x.id, record.RequestSide))
	os.MkdirAll(s.path(x.id, record.RequestSide)+"/full", 0o700)
	u.sweep()
	if !u.Known(x.id) || j.pause != retryMin || !j.next.After(time.Now()) {
		t.Errorf("after a failure: %v, %v", j.pause, j.next)
	}
	os.RemoveAll(s.path(x.id, record.RequestSide))
	if u.sweep(); !u.Known(x.id) {
		t.Error("it was not put off")
	}
	j.next = time.Time{}
	if u.sweep(); u.Known(x.id) || s.Taken(x.id) {
		t.Error("it is still there")
	}
}

// TestDoubt: a file that is not as long as the record says, and a hole that the
// frames do not fill, are told.
func TestDoubt(t *testing.T) {
	s, id := spool(t), record.NewID(time.Now())
	f, err := s.Create(id, record.AnswerSide, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("the rest"))
	f.Sync()
	f.Close()
	for _, c := range []struct {
		head, length int64
		want         string
	}{{1 << 20, 1<<20 + 8, ""}, {1 << 20, 1 << 20, "the record says"}, {1 << 19, 1<<20 + 8, "zeros"}} {
		err := s.Doubt(id, record.AnswerSide, c.head, &record.Payload{Length: c.length})
		if c.want == "zeros" && dataBegin(open(t, s, id), 0) == 0 {
			continue // the file system has no holes to tell of
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func open(t *testing.T, s *Spool, id record.ID) *os.File {
	f, err := s.Open(id, record.AnswerSide)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestStalled: a transfer that stands still is given up, and says so; one whose
// context ends stops between reads.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, w := watch(t.Context())
		time.Sleep(stallAfter - time.Second)
		w.moved()
		time.Sleep(stallAfter - time.Second)
		if ctx.Err() != nil {
			t.Fatal("it moved")
		}
		time.Sleep(2 * time.Second)
		if err := w.why(ctx, ctx.Err()); err != errStalled {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := strings.NewReader("body")
	if err := (folder{t.TempDir()}).Put(ctx, "k", Object{}, body); !errors.Is(err, context.Canceled) || body.Len() != 4 {
		t.Errorf("%d bytes were left, %v", body.Len(), err)
	}
}
