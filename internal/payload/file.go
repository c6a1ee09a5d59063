package payload

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"sync/atomic"

	"weir/internal/record"
)

// File is a body on its way into the spool. One goroutine writes and syncs;
// ReadAt and Size may run beside it.
type File struct {
	f       *os.File
	dir     string
	head    int64
	hash    hash.Hash    // nil when no digest can be known
	size    atomic.Int64 // head included; what lies before it can be read
	flushed int64        // so far the kernel was told to write
	named   bool         // the folder's entry is durable
	err     error        // the first that a write or sync met; the file is done with then
}

// flushEvery is how much is left to the page cache before the kernel is told to
// write it, so that the sync at a body's end has little left to wait for.
const flushEvery = 8 << 20

// errHole is the answer to a read of what the journal has.
var errHole = errors.New("payload: the beginning of this body is in the journal, not in the spool")

// Write appends p. After an error (a full disk) the file takes nothing more.
func (f *File) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	at := f.size.Load()
	n, err := f.f.WriteAt(p, at)
	if f.hash != nil {
		f.hash.Write(p[:n])
	}
	at += int64(n)
	f.size.Store(at)
	if err != nil {
		f.err = fmt.Errorf("write to the spool: %w", err)
		return n, f.err
	}
	if at-f.flushed >= flushEvery {
		startWriteback(f.f, f.flushed, at-f.flushed)
		f.flushed = at
	}
	return n, nil
}

// ReadAt reads what was written, as io.ReaderAt says: io.EOF at the present end.
// The head is not here and cannot be read.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < f.head {
		return 0, errHole
	}
	return f.f.ReadAt(p, off)
}

// Size is the body's length so far, its head included.
func (f *File) Size() int64 { return f.size.Load() }

// Sync returns once the file and its name are on stable storage. After an error
// it is never tried again: the kernel may have dropped the pages.
func (f *File) Sync() error {
	if f.err != nil {
		return f.err
	}
	err := syncData(f.f)
	if err == nil && !f.named {
		if err = syncDir(f.dir); err == nil {
			f.named = true
		}
	}
	if err != nil {
		f.err = fmt.Errorf("sync the spool: %w", err)
	}
	return f.err
}

// Payload gives the body's length and digest so far. It is for the goroutine
// that writes.
func (f *File) Payload() record.Payload {
	p := record.Payload{Length: f.size.Load()}
	if f.hash != nil {
		p.SHA256 = hex.EncodeToString(f.hash.Sum(nil))
	}
	return p
}

// Close gives the file up; it stays in the spool. It may be called again.
func (f *File) Close() error {
	if err := f.f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close a file of the spool: %w", err)
	}
	return nil
}

// Remove closes the file and takes it out of the spool: for a body whose
// exchange does not get on the record.
func (f *File) Remove() error {
	f.Close()
	if err := os.Remove(f.f.Name()); err != nil {
		return fmt.Errorf("remove a file of the spool: %w", err)
	}
	return nil
}
