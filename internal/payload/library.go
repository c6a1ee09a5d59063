package payload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"weir/internal/record"
)

// Library finds bodies wherever they are by now. The spool is asked first: it is
// here, and it has what a payload store that is away has not got yet.
type Library struct {
	Spool *Spool
	Store Store
	Split Split
}

// Content is a body that is found. It is read as often as wanted, from any
// offset, until it is closed.
type Content struct {
	Object
	io.ReadSeeker
	io.Closer
}

// Load gives a body as [Spool.Load] does, without the end of a long one.
func (c *Content) Load() ([]byte, error) {
	n := c.Length
	if n > wholeLimit {
		n = headLimit
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(c, body); err != nil {
		return nil, fmt.Errorf("load a payload: %w", err)
	}
	return body, nil
}

// Open finds an object of an exchange: "request", "answer" or "file-0" and so on.
// fs.ErrNotExist says that the exchange has no such payload.
func (l *Library) Open(ctx context.Context, id record.ID, name string) (*Content, error) {
	m, err := l.Spool.Manifest(id)
	if errors.Is(err, fs.ErrNotExist) {
		if m, err = l.index(ctx, id); err != nil {
			return nil, err
		}
		return l.stored(ctx, id, m, name)
	}
	if err != nil {
		return nil, err
	}
	o, ok := m.Find(name)
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case m.Uploaded && isFile(name):
		return l.stored(ctx, id, m, name)
	case isFile(name):
		c, err := l.cut(id, m, o)
		if errors.Is(err, fs.ErrNotExist) {
			return l.stored(ctx, id, m, name)
		}
		return c, err
	}
	f, err := l.Spool.Open(id, name)
	if errors.Is(err, fs.ErrNotExist) { // it was brought away just now
		return l.stored(ctx, id, m, name)
	}
	if err != nil {
		return nil, err
	}
	return &Content{o, f, f}, nil
}

// Manifest says what an exchange has; fs.ErrNotExist when it has nothing.
func (l *Library) Manifest(ctx context.Context, id record.ID) (*Manifest, error) {
	m, err := l.Spool.Manifest(id)
	if errors.Is(err, fs.ErrNotExist) {
		return l.index(ctx, id)
	}
	return m, err
}

// index reads the manifest that stands in the payload store.
func (l *Library) index(ctx context.Context, id record.ID) (*Manifest, error) {
	return stored(ctx, l.Store, id)
}

func stored(ctx context.Context, s Store, id record.ID) (*Manifest, error) {
	r, err := s.Open(ctx, key(id, manifestName), 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readManifest(r)
}

func (l *Library) stored(ctx context.Context, id record.ID, m *Manifest, name string) (*Content, error) {
	o, ok := m.Find(name)
	if !ok {
		return nil, fs.ErrNotExist
	}
	r := &remote{ctx: ctx, store: l.Store, key: key(id, name), length: o.Length}
	return &Content{o, r, r}, nil
}

// cut copies a file of a multipart request out of the spool, for a reader that
// comes before the upload: the copy has no name, and ends with its reader.
func (l *Library) cut(id record.ID, m *Manifest, o Object) (*Content, error) {
	request, _ := m.Find(record.RequestSide)
	body, err := l.Spool.Open(id, record.RequestSide)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	out, err := os.CreateTemp(l.Spool.dir, "cut-*")
	if err != nil {
		return nil, fmt.Errorf("copy a file out of a request: %w", err)
	}
	os.Remove(out.Name()) // where an open file keeps its name, Close does it
	done := errors.New("found")
	err = l.Split(request.Type, body, func(i int, content io.Reader) error {
		if FileName(i) != o.Name {
			return nil
		}
		if _, err := io.Copy(out, content); err != nil {
			return err
		}
		return done
	})
	c := &unnamed{out}
	if !errors.Is(err, done) {
		c.Close()
		return nil, fmt.Errorf("copy a file out of a request: %w", err)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		c.Close()
		return nil, err
	}
	return &Content{o, out, c}, nil
}

type unnamed struct{ f *os.File }

func (u *unnamed) Close() error {
	err := u.f.Close()
	os.Remove(u.f.Name())
	return err
}

// remote reads an object of a store from where it is asked to.
type remote struct {
	ctx    context.Context // of the request that reads: an io.Reader takes none
	store  Store
	key    string
	length int64
	at     int64
	r      io.ReadCloser
}

func (r *remote) Read(p []byte) (int, error) {
	if r.at >= r.length {
		return 0, io.EOF
	}
	if r.r == nil {
		var err error
		if r.r, err = r.store.Open(r.ctx, r.key, r.at); err != nil {
			return 0, err
		}
	}
	n, err := r.r.Read(p)
	r.at += int64(n)
	if err == io.EOF && r.at < r.length {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *remote) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.length
	}
	if offset < 0 {
		return 0, errors.New("payload: seek before the beginning")
	}
	if offset != r.at {
		r.Close()
		r.at = offset
	}
	return offset, nil
}

func (r *remote) Close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.r = nil
	return err
}
