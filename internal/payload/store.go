package payload

import (
	"context"
	"io"
	"net/url"
	"path/filepath"
)

// Store keeps objects by key. Keys are path-like: letters, digits, dots, dashes
// and slashes.
type Store interface {
	// Put stores what body gives, in place of what was there; it is durable on
	// return. o is what it is said to be; nothing is checked against it.
	Put(ctx context.Context, key string, o Object, body io.Reader) error
	// Open gives an object from an offset on.
	Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error)
	// Length of an object in bytes; fs.ErrNotExist when there is none, as Open.
	Length(ctx context.Context, key string) (int64, error)
	Close() error
}

// linker is a Store that can take a file of this machine without copying it.
type linker interface {
	Link(key, file string) error
}

// OpenStore opens the store that c names, or the folder dir when it names none.
// It asks nothing of a store that is elsewhere, which need not be there yet.
func OpenStore(ctx context.Context, c Config, dir string) (Store, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "azblob":
		return openAzure(ctx, c, u)
	case "s3":
		return openS3(ctx, c, u)
	case "file":
		dir = filepath.FromSlash(u.Path)
	}
	return folder{dir}, nil
}

// Away gives a store that answers everything with err: for one that could not be
// opened, where what is not in it can be had nevertheless.
func Away(err error) Store { return away{err} }

type away struct{ err error }

func (a away) Put(context.Context, string, Object, io.Reader) error       { return a.err }
func (a away) Open(context.Context, string, int64) (io.ReadCloser, error) { return nil, a.err }
func (a away) Length(context.Context, string) (int64, error)              { return 0, a.err }
func (away) Close() error                                                 { return nil }
