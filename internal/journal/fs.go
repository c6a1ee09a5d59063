package journal

import "io"

// FS is what the journal needs of a file system; tests put failing ones here.
// Names are full paths. Errors wrap the errno.
type FS interface {
	MkdirAll(dir string) error
	// Create makes a file for reading and writing; what was there is gone.
	Create(name string) (File, error)
	// Open opens an existing file, for reading only unless write is set.
	Open(name string, write bool) (File, error)
	// List returns the names (not paths) of a folder's files.
	List(dir string) ([]string, error)
	Remove(name string) error
	// SyncDir makes creations and removals in dir durable.
	SyncDir(dir string) error
	// Lock takes a lock that ends with the process, without waiting: exclusive,
	// or shared for a reader who asks whether anybody writes. The error wraps
	// ErrLocked when it is taken.
	Lock(name string, shared bool) (io.Closer, error)
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the content durable (fdatasync).
	Sync() error
	// Truncate cuts the file to size bytes.
	Truncate(size int64) error
	// Allocate reserves size bytes on the disk, reading as zeros.
	Allocate(size int64) error
	Size() (int64, error)
}
