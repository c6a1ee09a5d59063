package payload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"mime/multipart"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/record"
)

// split finds the files of a form.
func split(contentType string, body io.Reader, file func(int, io.Reader) error) error {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	parts := multipart.NewReader(body, params["boundary"])
	for i := 0; ; {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if p.FileName() == "" {
			continue
		}
		if err := file(i, p); err != nil {
			return err
		}
		i++
	}
}

// exchange is a multipart upload of two files whose answer is large.
type exchange struct {
	id       record.ID
	manifest *Manifest
	head     []byte            // of the answer
	want     map[string][]byte // by name
}

// newExchange makes an exchange as the gateway and the reader leave it.
func newExchange(t testing.TB, s *Spool, seed int) exchange {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("purpose", "fine-tune")
	files := [][]byte{append(noise(200_000+seed), "\r\n--"...), {}}
	for i, f := range files {
		p, _ := w.CreateFormFile("file", fmt.Sprintf("%d.jsonl", i))
		p.Write(f)
	}
	w.Close()
	x := exchange{id: record.NewID(time.Now()), want: map[string][]byte{
		"request": form.Bytes(), "answer": noise(300_000), "file-0": files[0], "file-1": files[1]}}
	f, err := s.Create(x.id, record.RequestSide, 0, sha256.New())
	if err != nil {
		t.Fatal(err)
	}
	f.Write(form.Bytes())
	request := f.Payload()
	f.Close()
	if f, err = s.Create(x.id, record.AnswerSide, 100_000, nil); err != nil {
		t.Fatal(err)
	}
	f.Write(x.want["answer"][100_000:])
	f.Close()
	x.head = x.want["answer"][:100_000]
	object := func(name, mediaType string) Object {
		return Object{Name: name, Length: int64(len(x.want[name])), SHA256: sum(x.want[name]), Type: mediaType}
	}
	x.manifest = &Manifest{ID: x.id.String(), Epoch: 1, Seq: uint64(seed + 1), Objects: []Object{
		{Name: "request", Length: request.Length, SHA256: request.SHA256, Type: w.FormDataContentType()},
		object("answer", "video/mp4"), object("file-0", ""), object("file-1", "")}}
	return x
}

// whole says that a folder store has exactly the exchange's objects.
func (x exchange) whole(t testing.TB, dir string) {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(dir, filepath.Dir(filepath.FromSlash(key(x.id, "x")))), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		names = append(names, d.Name())
		got, err := os.ReadFile(p)
		if want, ok := x.want[d.Name()]; ok && !bytes.Equal(got, want) {
			t.Errorf("%s has other bytes", d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if want := []string{"answer", "file-0", "file-1", "manifest.json", "request"}; !slices.Equal(names, want) {
		t.Errorf("the payload store has %v, want %v", names, want)
	}
}

func (x exchange) gone(t testing.TB, s *Spool) {
	t.Helper()
	if all, err := s.list(); err != nil || len(all) != 0 {
		t.Errorf("the spool still has %v, %v", all, err)
	}
}

func uploader(t testing.TB, s *Spool, store Store, sealed uint64) *Uploader {
	t.Helper()
	u, err := NewUploader(Options{Spool: s, Store: store, Split: split, Logger: slog.New(slog.DiscardHandler),
		Sealed: func() (uint64, uint64) { return 1, sealed }})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// run runs u until done says so.
func run(t testing.TB, u *Uploader, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	var wg sync.WaitGroup
	wg.Go(func() { u.Run(ctx) })
	for !done() {
		if ctx.Err() != nil {
			t.Fatalf("it did not come to it: %+v", u.Stats())
		}
		time.Sleep(2 * time.Millisecond)
	}
	cancel()
	wg.Wait()
}

func TestUpload(t *testing.T) {
	s, dir := spool(t), t.TempDir()
	x := newExchange(t, s, 0)
	u := uploader(t, s, folder{dir}, 0)
	u.Add(x.id, x.manifest, x.head)
	u.Add(x.id, x.manifest, x.head) // the journal was read again
	run(t, u, func() bool { return u.Stats().Uploads == 1 && u.Stats().Pending == 0 })
	x.whole(t, dir)
	if !s.Has(x.id, record.RequestSide) {
		t.Fatal("the body left the spool before its row was sealed")
	}
	u = uploader(t, s, folder{dir}, 1)
	run(t, u, func() bool { return !u.Known(x.id) })
	if u.Stats().Uploads != 0 {
		t.Error("it was uploaded again")
	}
	x.whole(t, dir)
	x.gone(t, s)
}

// dying is a store whose process is killed at its n-th call: that one and all
// that follow fail, what it did by then stays.
type dying struct {
	Store
	left int
}

var errKilled = errors.New("killed")

func (d *dying) alive() bool { d.left--; return d.left >= 0 }

func (d *dying) Put(ctx context.Context, k string, o Object, body io.Reader) error {
	if !d.alive() {
		return errKilled
	}
	err := d.Store.Put(ctx, k, o, body)
	if !d.alive() {
		return errKilled // it is there, and nobody knows
	}
	return err
}

func (d *dying) Open(ctx context.Context, k string, off int64) (io.ReadCloser, error) {
	if !d.alive() {
		return nil, errKilled
	}
	return d.Store.Open(ctx, k, off)
}

func (d *dying) Length(ctx context.Context, k string) (int64, error) {
	if !d.alive() {
		return 0, errKilled
	}
	return d.Store.Length(ctx, k)
}

// linking is dying over a folder, whose links it takes.
type linking struct {
	*dying
	folder folder
}

func (l linking) Link(k, file string) error {
	if !l.alive() {
		return errKilled
	}
	return l.folder.Link(k, file)
}

// TestCrashes ends the upload at every one of its steps, and begins it anew.
func TestCrashes(t *testing.T) {
	for _, links := range []bool{false, true} {
		for n := 0; ; n++ {
			s, dir := spool(t), t.TempDir()
			x := newExchange(t, s, n)
			d := &dying{folder{dir}, n}
			var store Store = d
			if links {
				store = linking{d, folder{dir}}
			}
			u := uploader(t, s, store, 0)
			u.Add(x.id, x.manifest, x.head)
			err := u.upload(t.Context(), u.take(time.Now()))
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			after := uploader(t, s, folder{dir}, uint64(n+1))
			run(t, after, func() bool { return !after.Known(x.id) })
			x.whole(t, dir)
			x.gone(t, s)
			if err == nil {
				if n < 12 {
					t.Fatalf("only %d steps", n)
				}
				break
			}
		}
	}
}

// TestCrashesBetween makes what a crash outside the payload store leaves.
func TestCrashesBetween(t *testing.T) {
	for name, c := range map[string]func(t *testing.T, s *Spool, u *Uploader, x exchange){
		"manifest half written": func(t *testing.T, s *Spool, _ *Uploader, x exchange) {
			os.WriteFile(s.path(x.id, manifestSide)+".partial", []byte(`{"id":`), 0o600)
		},
		"manifest written": func(t *testing.T, s *Spool, _ *Uploader, x exchange) {
			if err := errors.Join(s.fill(x.id, x.head), s.writeManifest(x.id, x.manifest)); err != nil {
				t.Fatal(err)
			}
		},
		"answer filled": func(t *testing.T, s *Spool, _ *Uploader, x exchange) {
			if err := s.fill(x.id, x.head); err != nil {
				t.Fatal(err)
			}
		},
		"uploaded, not noted": func(t *testing.T, s *Spool, u *Uploader, x exchange) {
			u.Add(x.id, x.manifest, x.head)
			if err := u.upload(t.Context(), u.take(time.Now())); err != nil {
				t.Fatal(err)
			}
			if err := s.writeManifest(x.id, x.manifest); err != nil {
				t.Fatal(err)
			}
		},
		"removed by half": func(t *testing.T, s *Spool, u *Uploader, x exchange) {
			u.Add(x.id, x.manifest, x.head)
			if err := u.upload(t.Context(), u.take(time.Now())); err != nil {
				t.Fatal(err)
			}
			os.Remove(s.path(x.id, record.RequestSide))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := spool(t), t.TempDir()
			x := newExchange(t, s, 0)
			c(t, s, uploader(t, s, folder{dir}, 0), x)
			// The store's process starts again, and reads the exchange again.
			u := uploader(t, s, folder{dir}, 1)
			u.Add(x.id, x.manifest, x.head)
			run(t, u, func() bool { return !u.Known(x.id) })
			x.whole(t, dir)
			os.Remove(s.path(x.id, manifestSide) + ".partial")
			x.gone(t, s)
		})
	}
}

// TestStoreAway: a store that is away is tried again, ever more seldom, and holds
// up nobody.
func TestStoreAway(t *testing.T) {
	dir, payloads := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := ReadSpool(dir)
		d := &gate{Store: folder{payloads}}
		u := uploader(t, s, d, 100)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { u.Run(ctx) })
		var all []exchange
		for i := range 5 {
			x := newExchange(t, s, i)
			start := time.Now()
			u.Add(x.id, x.manifest, x.head)
			if time.Since(start) != 0 {
				t.Fatal("it was waited for")
			}
			all = append(all, x)
		}
		time.Sleep(10 * time.Minute)
		got := u.Stats()
		if got.Pending != 5 || got.Failures < 10 || got.Failures > 100 {
			t.Errorf("after ten minutes %+v", got)
		}
		d.open(true)
		time.Sleep(3 * time.Minute)
		if got := u.Stats(); got.Pending != 0 || got.Uploads != 5 {
			t.Errorf("after it came back %+v", got)
		}
		for _, x := range all {
			x.whole(t, payloads)
		}
		all[0].gone(t, s)
		cancel()
		wg.Wait()
	})
}

type gate struct {
	Store
	mu  sync.Mutex
	yes bool
}

func (g *gate) open(yes bool) { g.mu.Lock(); defer g.mu.Unlock(); g.yes = yes }

func (g *gate) ok() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.yes {
		return errors.New("connection refused")
	}
	return nil
}

func (g *gate) Put(ctx context.Context, k string, o Object, body io.Reader) error {
	if err := g.ok(); err != nil {
		return err
	}
	return g.Store.Put(ctx, k, o, body)
}

func (g *gate) Length(ctx context.Context, k string) (int64, error) {
	if err := g.ok(); err != nil {
		return 0, err
	}
	return g.Store.Length(ctx, k)
}

// TestDamage: a body that is not what the record says never counts as uploaded.
func TestDamage(t *testing.T) {
	s, dir := spool(t), t.TempDir()
	x := newExchange(t, s, 0)
	f, err := os.OpenFile(s.path(x.id, record.AnswerSide), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("X"), 150_000)
	f.Close()
	u := uploader(t, s, folder{dir}, 1)
	u.Add(x.id, x.manifest, x.head)
	run(t, u, func() bool { return u.Stats().Failures >= 1 })
	if u.Stats().Uploads != 0 || !s.Has(x.id, record.AnswerSide) {
		t.Error("a damaged body passed for the record's")
	}
}

// TestLibrary finds bodies at every stage: before, after, and when they have left
// the spool.
func TestLibrary(t *testing.T) {
	s, dir := spool(t), t.TempDir()
	x := newExchange(t, s, 0)
	l := &Library{Spool: s, Store: folder{dir}, Split: split}
	if _, err := l.Open(t.Context(), x.id, "request"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("what may still be written to was opened: %v", err)
	}
	check := func() {
		t.Helper()
		for name, want := range x.want {
			c, err := l.Open(t.Context(), x.id, name)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
			half := int64(len(want) / 2)
			if n, err := c.Seek(half, io.SeekStart); n != half || err != nil {
				t.Fatal(n, err)
			}
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want[half:]) {
				t.Errorf("the second half of %s: %d bytes, %v", name, len(got), err)
			}
			if n, err := c.Seek(0, io.SeekEnd); n != int64(len(want)) || err != nil || c.Length != n || c.SHA256 != sum(want) {
				t.Errorf("%s: %d, %v, %+v", name, n, err, c.Object)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := l.Open(t.Context(), x.id, "file-2"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
	}
	u := uploader(t, s, folder{dir}, 0)
	u.Add(x.id, x.manifest, x.head)
	check()
	if left, _ := filepath.Glob(filepath.Join(s.dir, "cut-*")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
	if err := u.upload(t.Context(), u.take(time.Now())); err != nil {
		t.Fatal(err)
	}
	check()
	if err := s.remove(x.id); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestLoad: a body of an exchange is loaded whole up to a limit, and with the
// beginning and the end of a longer one.
func TestLoad(t *testing.T) {
	s, id := spool(t), record.NewID(time.Now())
	head := noise(1000)
	f, err := s.Create(id, record.AnswerSide, 1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("the rest"))
	body, tail, err := s.Load(id, record.AnswerSide, head)
	if err != nil || tail != nil || !bytes.Equal(body, append(slices.Clone(head), "the rest"...)) {
		t.Fatalf("%d bytes, %d, %v", len(body), len(tail), err)
	}
	want := record.Payload{Length: 1008, SHA256: sum(body)}
	if got, err := s.Digest(id, record.AnswerSide, head); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	for f.Size() <= wholeLimit {
		f.Write(noise(1 << 20))
	}
	f.Write([]byte("end"))
	body, tail, err = s.Load(id, record.AnswerSide, head)
	if err != nil || len(body) != headLimit || len(tail) != tailLimit || !bytes.HasPrefix(body, head) || !bytes.HasSuffix(tail, []byte("end")) {
		t.Fatalf("%d bytes, %d, %v", len(body), len(tail), err)
	}
}
