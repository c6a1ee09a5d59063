package payload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// upload brings everything of one exchange to the payload store. Whatever it was
// interrupted at before, it ends with the same objects under the same keys.
func (u *Uploader) upload(ctx context.Context, j *job) error {
	if j.manifest != nil {
		if err := u.save(j); err != nil {
			return err
		}
	}
	m, err := u.o.Spool.Manifest(j.id)
	if err != nil {
		return err
	}
	files := false
	for _, o := range m.Objects {
		if isFile(o.Name) {
			files = true
		} else if err := u.body(ctx, j, o); err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	if files {
		if err := u.files(ctx, j, m); err != nil {
			return err
		}
	}
	if err := u.index(ctx, j, *m); err != nil {
		return err
	}
	m.Uploaded = true
	return u.o.Spool.writeManifest(j.id, m)
}

// body brings a whole file of the spool.
func (u *Uploader) body(ctx context.Context, j *job, o Object) error {
	k := key(j.id, o.Name)
	if u.has(ctx, k, o) {
		return nil
	}
	f, err := os.OpenFile(u.o.Spool.path(j.id, o.Name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if l, ok := u.o.Store.(linker); ok {
		// What was filled in must be durable before the journal may forget it.
		if err := syncData(f); err != nil {
			return err
		}
		if l.Link(k, f.Name()) == nil {
			return u.verify(ctx, k, o)
		}
	}
	return u.put(ctx, k, o, f)
}

// put stores an object and reads it back.
func (u *Uploader) put(ctx context.Context, k string, o Object, body io.Reader) error {
	h, source := sha256.New(), &source{during: during{ctx, body}}
	if err := u.o.Store.Put(ctx, k, o, io.TeeReader(source, h)); err != nil {
		if source.err != nil {
			return err
		}
		return &storeError{err}
	}
	if hex.EncodeToString(h.Sum(nil)) != o.SHA256 {
		return fmt.Errorf("the spool's file: %w", errDamaged)
	}
	return u.verify(ctx, k, o)
}

// source keeps what a body's own reader says: the store is not to blame for it.
type source struct {
	during
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.during.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// files cuts a multipart request's files out of its body.
func (u *Uploader) files(ctx context.Context, j *job, m *Manifest) error {
	missing := map[string]bool{}
	for _, o := range m.Objects {
		if isFile(o.Name) && !u.has(ctx, key(j.id, o.Name), o) {
			missing[o.Name] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	request, ok := m.Find("request")
	if !ok {
		return errors.New("a manifest names files without their request")
	}
	f, err := os.Open(u.o.Spool.path(j.id, request.Name))
	if err != nil {
		return err
	}
	defer f.Close()
	var failed error
	err = u.o.Split(request.Type, f, func(i int, content io.Reader) error {
		if !missing[FileName(i)] {
			return nil // it is there, or the request broke off inside it
		}
		o, _ := m.Find(FileName(i))
		failed = u.put(ctx, key(j.id, o.Name), o, content)
		delete(missing, o.Name)
		return failed
	})
	if failed != nil {
		return failed
	}
	if len(missing) == 0 {
		return nil
	}
	lost := fmt.Errorf("%d files of a multipart request could not be found again", len(missing))
	if err != nil {
		return fmt.Errorf("%w: %w", lost, err)
	}
	return lost
}

// index stores the manifest beside what it names. What an earlier one names
// besides stays named: the exchange was read again, when not all of it was in
// the spool any more.
func (u *Uploader) index(ctx context.Context, j *job, m Manifest) error {
	before, err := stored(ctx, u.o.Store, j.id)
	var torn *json.SyntaxError
	switch {
	case err == nil:
		m.Objects = slices.Clone(m.Objects)
		m.Merge(before)
	case errors.As(err, &torn):
		u.log.Warn("the manifest in the payload store cannot be read and is written anew", "exchange", j.id.String(), "error", err)
	case !errors.Is(err, fs.ErrNotExist):
		return &storeError{err}
	}
	m.Uploaded = false
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	o := Object{Name: manifestName, Length: int64(len(text)), SHA256: hex.EncodeToString(sum[:]), Type: "application/json"}
	return u.put(ctx, key(j.id, manifestName), o, bytes.NewReader(text))
}

// has says whether the store has an object already, whole.
func (u *Uploader) has(ctx context.Context, k string, o Object) bool {
	n, err := u.o.Store.Length(ctx, k)
	return err == nil && n == o.Length && u.verify(ctx, k, o) == nil
}

// verify reads an object back and holds it against the record.
func (u *Uploader) verify(ctx context.Context, k string, o Object) error {
	r, err := u.o.Store.Open(ctx, k, 0)
	if err != nil {
		return &storeError{err}
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, during{ctx, r})
	if err != nil {
		return &storeError{err}
	}
	if n != o.Length || hex.EncodeToString(h.Sum(nil)) != o.SHA256 {
		return fmt.Errorf("read back from the payload store: %w", errDamaged)
	}
	return nil
}
