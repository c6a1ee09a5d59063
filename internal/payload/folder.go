package payload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// folder is a Store in a folder. It is our own, since gocloud's fileblob gives no
// durability (no fsync of file or folder), and copies what a link can share.
type folder struct{ dir string }

func (s folder) path(key string) string { return filepath.Join(s.dir, filepath.FromSlash(key)) }

// Put writes a file aside and renames it.
func (s folder) Put(ctx context.Context, key string, _ Object, body io.Reader) error {
	return s.place(key, func(aside string) error {
		f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err = io.Copy(f, during{ctx, body}); err == nil {
			err = syncData(f)
		}
		return errors.Join(err, ctx.Err(), f.Close())
	})
}

// during is a reader that ends with its context.
type during struct {
	ctx context.Context // an io.Reader takes none
	io.Reader
}

func (d during) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.Reader.Read(p)
}

// Link makes file the object, which costs no copy; on another file system it
// fails.
func (s folder) Link(key, file string) error {
	return s.place(key, func(aside string) error {
		if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Link(file, aside)
	})
}

// place has a file made aside and brings it to its place for good.
func (s folder) place(key string, make func(aside string) error) error {
	to := s.path(key)
	if err := makeDirs(filepath.Dir(to)); err != nil {
		return fmt.Errorf("make the payload's folder: %w", err)
	}
	aside := to + ".partial"
	if err := make(aside); err != nil {
		return fmt.Errorf("store a payload: %w", err)
	}
	if err := os.Rename(aside, to); err != nil {
		return fmt.Errorf("store a payload: %w", err)
	}
	// Where aside and to were links of one file already, a rename leaves both.
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store a payload: %w", err)
	}
	if err := syncDir(filepath.Dir(to)); err != nil {
		return fmt.Errorf("store a payload: %w", err)
	}
	return nil
}

func (s folder) Open(_ context.Context, key string, offset int64) (io.ReadCloser, error) {
	f, err := os.Open(s.path(key))
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (s folder) Length(_ context.Context, key string) (int64, error) {
	info, err := os.Stat(s.path(key))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (folder) Close() error { return nil }

// makeDirs makes a folder and those above it, each durably named by its parent.
func makeDirs(dir string) error {
	err := os.Mkdir(dir, 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := makeDirs(filepath.Dir(dir)); err != nil {
			return err
		}
		return makeDirs(dir)
	case err != nil:
		return err
	}
	return syncDir(filepath.Dir(dir))
}
