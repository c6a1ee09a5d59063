package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

// memFS is a file system in memory that knows what would survive a power loss:
// content that was synced, and names whose folder was.
type memFS struct {
	mu    sync.Mutex
	live  map[string]*memFile
	disk  map[string]*memFile // names as of the last SyncDir
	locks map[string]int      // -1 exclusive, n shared
}

// memFile is an inode. dirty holds the pages that a sync would save; a failed
// sync cleans them without saving, as Linux does.
type memFile struct {
	fs     *memFS
	data   []byte
	stable []byte
	dirty  map[int]bool
	resize bool // the size isn't saved
}

const memPage = 512

func newMemFS() *memFS {
	return &memFS{live: map[string]*memFile{}, disk: map[string]*memFile{}, locks: map[string]int{}}
}

func (m *memFS) clone(f *memFile) *memFile {
	return &memFile{fs: m, data: bytes.Clone(f.data), stable: bytes.Clone(f.stable), dirty: maps.Clone(f.dirty), resize: f.resize}
}

// afterKill is the file system as the next process finds it.
func (m *memFS) afterKill() *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := newMemFS()
	seen := map[*memFile]*memFile{}
	for _, pair := range []struct{ from, to map[string]*memFile }{{m.live, n.live}, {m.disk, n.disk}} {
		for name, f := range pair.from {
			if seen[f] == nil {
				seen[f] = n.clone(f)
			}
			pair.to[name] = seen[f]
		}
	}
	return n
}

// afterPowerLoss is the file system after the machine lost power: of what
// wasn't synced, a random part is there.
func (m *memFS) afterPowerLoss(rnd *rand.Rand) *memFS {
	k := m.afterKill()
	n := newMemFS()
	names := slices.Sorted(maps.Keys(k.live))
	for name := range k.disk {
		if k.live[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		f := k.disk[name]
		if f != k.live[name] && rnd.IntN(2) == 0 {
			f = k.live[name]
		}
		if f == nil {
			continue
		}
		f = n.clone(f)
		if f.resize && rnd.IntN(2) == 0 {
			grown := make([]byte, len(f.data))
			copy(grown, f.stable)
			f.stable = grown
		}
		for _, p := range slices.Sorted(maps.Keys(f.dirty)) {
			if from := p * memPage; rnd.IntN(2) == 0 && from < len(f.stable) && from < len(f.data) {
				copy(f.stable[from:min(len(f.stable), from+memPage)], f.data[from:])
			}
		}
		f.data, f.dirty, f.resize = bytes.Clone(f.stable), map[int]bool{}, false
		n.live[name], n.disk[name] = f, f
	}
	return n
}

func notExist(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := &memFile{fs: m, dirty: map[int]bool{}}
	m.live[name] = f
	return f, nil
}

func (m *memFS) Open(name string, _ bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.live[name]
	if f == nil {
		return nil, notExist("open", name)
	}
	return f, nil
}

func (m *memFS) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.live {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live[name] == nil {
		return notExist("remove", name)
	}
	delete(m.live, name)
	return nil
}

func (m *memFS) SyncDir(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disk = maps.Clone(m.live)
	return nil
}

func (m *memFS) Lock(name string, shared bool) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.locks[name]
	if n < 0 || n > 0 && !shared {
		return nil, ErrLocked
	}
	step := -1
	if shared {
		step = 1
	}
	m.locks[name] += step
	return closeFunc(func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.locks[name] -= step
		return nil
	}), nil
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if need := off + int64(len(p)); need > int64(len(f.data)) {
		f.setSize(need)
	}
	copy(f.data[off:], p)
	for i := off / memPage; i*memPage < off+int64(len(p)); i++ {
		f.dirty[int(i)] = true
	}
	return len(p), nil
}

func (f *memFile) setSize(size int64) {
	if n := int64(len(f.data)); size > n {
		f.data = append(f.data, make([]byte, size-n)...)
	} else {
		f.data = f.data[:size:size]
	}
	f.resize = true
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.resize {
		sized := make([]byte, len(f.data))
		copy(sized, f.stable)
		f.stable, f.resize = sized, false
	}
	for p := range f.dirty {
		if from := p * memPage; from < len(f.data) {
			copy(f.stable[from:], f.data[from:min(len(f.data), from+memPage)])
		}
	}
	clear(f.dirty)
	return nil
}

// failSync is what a failed writeback leaves: nothing saved, nothing dirty.
func (f *memFile) failSync() {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	clear(f.dirty)
}

func (f *memFile) Truncate(size int64) error { return f.Allocate(size) }

func (f *memFile) Allocate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.setSize(size)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memFile) Close() error { return nil }

// errorFS puts a decision before every operation of a memFS: nil lets it pass.
// Operations come one at a time, so that a decision may look at the whole.
type errorFS struct {
	mem    *memFS
	mu     sync.Mutex
	decide func(op, name string) error
}

var errKilled = errors.New("killed")

// partial asks for a write that reaches the file in part, or wholly, and fails.
type partial struct {
	part float64
	err  error
}

func (p partial) Error() string { return fmt.Sprintf("write of %.0f%%: %v", 100*p.part, p.err) }
func (p partial) Unwrap() error { return p.err }

func do[T any](e *errorFS, op, name string, f func() (T, error)) (T, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.decide(op, name); err != nil {
		var none T
		return none, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return f()
}

func run(e *errorFS, op, name string, f func() error) error {
	_, err := do(e, op, name, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (e *errorFS) MkdirAll(dir string) error {
	return run(e, "mkdir", dir, func() error { return e.mem.MkdirAll(dir) })
}

func (e *errorFS) file(op, name string, f func() (File, error)) (File, error) {
	return do(e, op, name, func() (File, error) {
		g, err := f()
		if err != nil {
			return nil, err
		}
		return &errorFile{e: e, name: filepath.Base(name), f: g.(*memFile)}, nil
	})
}

func (e *errorFS) Create(name string) (File, error) {
	return e.file("create", name, func() (File, error) { return e.mem.Create(name) })
}

func (e *errorFS) Open(name string, write bool) (File, error) {
	return e.file("open", name, func() (File, error) { return e.mem.Open(name, write) })
}

func (e *errorFS) List(dir string) ([]string, error) {
	return do(e, "list", dir, func() ([]string, error) { return e.mem.List(dir) })
}

func (e *errorFS) Remove(name string) error {
	return run(e, "remove", name, func() error { return e.mem.Remove(name) })
}

func (e *errorFS) SyncDir(dir string) error {
	return run(e, "syncdir", dir, func() error { return e.mem.SyncDir(dir) })
}

func (e *errorFS) Lock(name string, shared bool) (io.Closer, error) {
	return do(e, "lock", name, func() (io.Closer, error) { return e.mem.Lock(name, shared) })
}

type errorFile struct {
	e    *errorFS
	name string
	f    *memFile
}

func (f *errorFile) ReadAt(p []byte, off int64) (int, error) {
	return do(f.e, "read", f.name, func() (int, error) { return f.f.ReadAt(p, off) })
}

func (f *errorFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := do(f.e, "write", f.name, func() (int, error) { return f.f.WriteAt(p, off) })
	if part := (partial{}); errors.As(err, &part) {
		n, _ = f.f.WriteAt(p[:int(part.part*float64(len(p)))], off)
	}
	if kill := (partialKill{}); errors.As(err, &kill) {
		if g := kill.after.live[filepath.Join(memDir, f.name)]; g != nil {
			g.WriteAt(p[:int(kill.part*float64(len(p)))], off)
		}
	}
	return n, err
}

func (f *errorFile) Sync() error {
	err := run(f.e, "sync", f.name, f.f.Sync)
	if err != nil && !errors.Is(err, errKilled) {
		f.f.failSync()
	}
	return err
}

func (f *errorFile) Truncate(size int64) error {
	return run(f.e, "truncate", f.name, func() error { return f.f.Truncate(size) })
}

func (f *errorFile) Allocate(size int64) error {
	return run(f.e, "allocate", f.name, func() error { return f.f.Allocate(size) })
}

func (f *errorFile) Size() (int64, error) { return do(f.e, "size", f.name, f.f.Size) }

func (f *errorFile) Close() error { return run(f.e, "close", f.name, f.f.Close) }
