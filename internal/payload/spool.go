package payload

import (
	"fmt"
	"hash"
	"os"
	"path/filepath"

	"weir/internal/record"
)

// Spool is the folder in which large bodies stand until the payload store has
// them. The gateway's process writes it, the store's process empties it.
type Spool struct{ dir string }

// OpenSpool opens the spool in dir, which is made when it is not there.
func OpenSpool(dir string) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	return &Spool{dir}, nil
}

// ReadSpool gives the spool in dir for reading; it need not be there yet.
func ReadSpool(dir string) *Spool { return &Spool{dir} }

// Create begins the file of one side of an exchange: [record.RequestSide] or
// [record.AnswerSide]. The body's first head bytes stand elsewhere, in the
// journal's frames: the file begins with a hole of that length. h is a SHA-256
// that has taken those bytes; it is the file's from now on. Without it the file
// knows no digest, and the store computes it: hashing a body on its way costs the
// gateway as much as passing it on.
func (s *Spool) Create(id record.ID, side string, head int64, h hash.Hash) (*File, error) {
	f, err := os.OpenFile(s.path(id, side), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin a file of the spool: %w", err)
	}
	if head > 0 {
		if err := f.Truncate(head); err != nil {
			f.Close()
			os.Remove(f.Name())
			return nil, fmt.Errorf("begin a file of the spool: %w", err)
		}
	}
	out := &File{f: f, dir: s.dir, head: head, hash: h, flushed: head}
	out.size.Store(head)
	return out, nil
}

// Usage is the length of all files of the spool together, in bytes. It reads the
// folder: it is for metrics and for limits that are looked at now and then.
func (s *Spool) Usage() int64 {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0
	}
	var sum int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // else it was removed just now
			sum += info.Size()
		}
	}
	return sum
}

func (s *Spool) path(id record.ID, side string) string {
	return filepath.Join(s.dir, id.String()+"."+side)
}
