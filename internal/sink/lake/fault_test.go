package lake

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/internal/record"
	"weir/internal/sink"
)

// faultFS is the operating system's file system with a fault in it.
type faultFS struct {
	osFS
	mu   sync.Mutex
	ops  int            // so far
	fail func(int) bool // whether the n-th operation fails, from 0
	log  []string
}

var errFault = fmt.Errorf("injected: %w", syscall.ENOSPC)

func (f *faultFS) op(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.ops
	f.ops++
	f.log = append(f.log, name)
	if f.fail != nil && f.fail(n) {
		return errFault
	}
	return nil
}

func (f *faultFS) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

func (f *faultFS) set(fail func(int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *faultFS) MkdirAll(dir string) error {
	return errors.Join(f.op("mkdir"), f.osFS.MkdirAll(dir))
}

func (f *faultFS) Create(name string) (File, error) {
	if err := f.op("create"); err != nil {
		return nil, err
	}
	file, err := f.osFS.Create(name)
	return &faultFile{file, f}, err
}

func (f *faultFS) Rename(from, to string) error {
	if err := f.op("rename"); err != nil {
		return err
	}
	return f.osFS.Rename(from, to)
}

func (f *faultFS) Remove(name string) error {
	if err := f.op("remove"); err != nil {
		return err
	}
	return f.osFS.Remove(name)
}

func (f *faultFS) SyncDir(dir string) error {
	if err := f.op("syncdir"); err != nil {
		return err
	}
	return f.osFS.SyncDir(dir)
}

type faultFile struct {
	File
	fs *faultFS
}

func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.fs.op("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultFile) Sync() error {
	if err := f.fs.op("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Close() error {
	return errors.Join(f.fs.op("close"), f.File.Close())
}

// life is one process that seals and merges, and goes on behind errors. With
// steady, a step that failed passes when it is tried again.
func life(t *testing.T, o Options, steady bool) {
	t.Helper()
	o.MergeFiles = 1
	l, err := Open(t.Context(), o)
	if err != nil {
		return
	}
	defer l.Close()
	for next := uint64(1); next < total; next += 5 {
		write(t, l, next, next+4)
		for _, step := range []func() error{
			func() error { return l.Seal(t.Context()) },
			func() error { return l.Merge(t.Context()) },
		} {
			err := step()
			if err == nil {
				continue
			}
			once(t, l, int(next+4))
			if !steady {
				continue
			}
			if err := step(); err != nil {
				t.Fatalf("the second try failed too: %v", err)
			}
		}
	}
	once(t, l, total)
}

// total is how many exchanges a life stores.
const total = 15

// healthy checks what a process left behind: the next one finds all that is
// sealed, gets the rest from the journal, and leaves no rubbish.
func healthy(t *testing.T, dir string) {
	t.Helper()
	l := open(t, never(dir))
	next := l.Cursor().Done.Seq + 1
	if next <= total {
		write(t, l, next, total)
	}
	seal(t, l)
	once(t, l, total)
	l.Close()
	for _, n := range names(t, dir) {
		if !strings.HasSuffix(n, extension) {
			t.Errorf("%s was left behind", n)
		}
	}
}

// everyOperation runs test with a fault in the n-th operation on files, for
// each n until no operation is left to fail.
func everyOperation(t *testing.T, least int, fail func(i, n int) bool, test func(dir string, fs *faultFS)) {
	for n := 0; ; n++ {
		dir := filepath.Join(t.TempDir(), "store")
		fs := &faultFS{fail: func(i int) bool { return fail(i, n) }}
		test(dir, fs)
		healthy(t, dir)
		switch {
		case fs.count() > n:
			if t.Failed() {
				t.Fatalf("with a fault in operation %d: %s", n, fs.log[n])
			}
		case n < least:
			t.Fatalf("only %d operations were tried", n)
		default:
			return
		}
	}
}

// TestOneFault: each operation on files fails once, with a full disk's error;
// the step is tried again and nothing is lost, doubled or hidden meanwhile.
func TestOneFault(t *testing.T) {
	once := func(i, n int) bool { return i == n }
	everyOperation(t, 25, once, func(dir string, fs *faultFS) {
		o := never(dir)
		o.FS = fs
		life(t, o, true)
	})
}

// TestKill: the process ends at each operation on files; what it did before
// stays, what comes after does not happen. The next process finds each record
// once.
func TestKill(t *testing.T) {
	fromThen := func(i, n int) bool { return i >= n }
	everyOperation(t, 25, fromThen, func(dir string, fs *faultFS) {
		o := never(dir)
		o.FS = fs
		life(t, o, false)
	})
}

// TestKillWhileMending: the start that puts a folder in order ends in it.
func TestKillWhileMending(t *testing.T) {
	made := t.TempDir()
	l := open(t, never(made))
	sealed(t, l, 3, 5)
	small := names(t, made)
	l.Close()
	fromThen := func(i, n int) bool { return i >= n }
	everyOperation(t, 3, fromThen, func(dir string, fs *faultFS) {
		if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
		l := open(t, never(dir))
		mergeFrom(l, 1)
		if err := l.Merge(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.Close()
		for _, n := range small[:2] { // merged, and not removed yet
			b, err := os.ReadFile(filepath.Join(made, n))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, n), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, small[2]+temporary), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		o := never(dir)
		o.FS = fs
		if l, err := Open(t.Context(), o); err == nil {
			once(t, l, 15)
			l.Close()
		}
	})
}

// TestRandomLife does everything at random, faults and kills included, and
// compares what queries see with what was fed at every step.
func TestRandomLife(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	dir := filepath.Join(t.TempDir(), "store")
	fs := &faultFS{}
	o := never(dir)
	o.FS, o.MergeFiles = fs, 2
	l := open(t, o)
	next, held := uint64(1), uint64(0)
	for step := range 250 {
		switch r.IntN(10) {
		case 0: // a kill, perhaps in the middle of something
			if r.IntN(2) == 0 {
				from := fs.count() + r.IntN(8)
				fs.set(func(i int) bool { return i >= from })
				l.Seal(t.Context())
				l.Merge(t.Context())
			}
			l.Close()
			fs.set(nil)
			if r.IntN(4) == 0 {
				damage(t, r, dir)
			}
			l = open(t, o)
			next, held = l.Cursor().Done.Seq+1, 0
			// Where a file was damaged, those behind it are there nevertheless.
			if err := l.Write(t.Context(), sink.Batch{Watermark: pos(next - 1), From: l.Cursor().From}); err != nil {
				t.Fatal(err)
			}
			top := next - 1
			for _, f := range l.own.files {
				top = max(top, f.to.Seq)
			}
			if next <= top {
				write(t, l, next, top)
				next = top + 1
			}
		case 1, 2:
			l.Seal(t.Context())
		case 3:
			l.Merge(t.Context())
		case 4:
			from := fs.count() + r.IntN(10)
			fs.set(func(i int) bool { return i >= from && i < from+3 })
		default:
			var rows []*record.Row
			n := uint64(r.IntN(20))
			for s := next; s < next+n; s++ {
				rows = append(rows, exchange(s))
			}
			next += n
			if held > 0 {
				rows, held = append(rows, exchange(held)), 0
			} else if n > 1 {
				held = rows[0].Seq
				rows = rows[1:]
			}
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			mark := next - 1
			if held > 0 {
				mark = held - 1
			}
			if err := l.Write(t.Context(), sink.Batch{Rows: rows, Watermark: pos(mark), From: pos(mark)}); err != nil {
				t.Fatal(err)
			}
		}
		want := int(next - 1)
		if held > 0 {
			want--
		}
		got := ask(t, l, `SELECT count(*), count(DISTINCT "CorrelationId") FROM "WeirExchanges"`)[0]
		if got != fmt.Sprintf("%d|%d", want, want) {
			t.Fatalf("step %d: count|distinct is %s, want %d (held %d, files %v)", step, got, want, held, names(t, dir))
		}
	}
}

// damage spoils one file.
func damage(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	var files []string
	for _, n := range names(t, dir) {
		if strings.HasSuffix(n, extension) {
			files = append(files, n)
		}
	}
	if len(files) == 0 {
		return
	}
	spoil(t, filepath.Join(dir, files[r.IntN(len(files))]), r.IntN(3))
}

func spoil(t *testing.T, path string, how int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case 0:
		b = b[:len(b)/2]
	case 1:
		b = nil
	default:
		b[len(b)-6] ^= 0xff // the footer's length
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFile: it is set aside by name, and its range is filled again
// without touching the files behind it.
func TestDamagedFile(t *testing.T) {
	for lost := range 3 {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, never(dir))
			for i := range uint64(3) {
				write(t, l, 1+5*i, 5+5*i)
				seal(t, l)
			}
			l.Close()
			before := names(t, dir)
			spoil(t, filepath.Join(dir, before[lost]), lost)

			l = open(t, never(dir))
			if s := l.Stats(); s.Damaged != 1 || s.Files != 2 {
				t.Fatalf("stats: %+v", s)
			}
			if got := l.Cursor().Done; got.Seq != uint64(5*lost) {
				t.Fatalf("the cursor is %v", got)
			}
			if !slices.Contains(names(t, dir), before[lost]+damaged) {
				t.Errorf("files: %v", names(t, dir))
			}
			write(t, l, uint64(5*lost+1), 20)
			once(t, l, 20)
			seal(t, l)
			once(t, l, 20)
			if c := l.Cursor().Done; c != pos(20) {
				t.Errorf("the cursor is %v", c)
			}
			l.Close()
			l = open(t, never(dir))
			once(t, l, 20)
		})
	}
}

// TestForeignFiles: what is not the store's stays as it is.
func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	foreign := []string{"notes.parquet", "other_00000000-00000000000000000000_00000001-00000000000000000005.parquet", "readme.txt"}
	for _, n := range foreign {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, never(dir))
	write(t, l, 1, 3)
	seal(t, l)
	once(t, l, 3)
	if got := names(t, dir); len(got) != 4 || !slices.Contains(got, foreign[0]) || !slices.Contains(got, foreign[1]) {
		t.Errorf("files: %v", got)
	}
}

// TestFull: at the bound Write waits while sealing fails, and goes on when it
// works again.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	fs := &faultFS{}
	o := never(dir)
	o.FS, o.SealRows, o.MaxFreshBytes = fs, 4, int64(10*sink.Size(exchange(1)))
	l := open(t, o)
	fs.set(func(int) bool { return true })
	done := make(chan uint64)
	go func() {
		defer close(done)
		for s := uint64(1); s <= 40; s += 4 {
			if err := l.Write(t.Context(), sink.Batch{Rows: rowsOf(s, s+3), Watermark: pos(s + 3), From: pos(s + 3)}); err != nil {
				t.Error(err)
				return
			}
			done <- s + 3
		}
	}()
	written := uint64(0)
	for l.Stats().FreshBytes < o.MaxFreshBytes {
		written = <-done
	}
	for before := l.Stats().SealErrors; l.Stats().SealErrors < before+2; {
		select {
		case written = <-done:
		case <-time.After(10 * time.Millisecond):
		}
	}
	if written < 8 || written > 16 {
		t.Errorf("%d rows were taken before the bound of about 10", written)
	}
	once(t, l, int(written))
	fs.set(nil)
	for s := range done {
		written = s
	}
	if written != 40 {
		t.Fatalf("%d rows were taken in the end", written)
	}
	once(t, l, 40)
	if err := l.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = open(t, never(dir))
	once(t, l, 40)
}

// TestFullOfWhatCannotBeSealed: rows behind the watermark pass the bound, for
// what would let them be sealed comes behind them.
func TestFullOfWhatCannotBeSealed(t *testing.T) {
	o := never(t.TempDir())
	o.MaxFreshBytes = 1
	l := open(t, o)
	for s := uint64(2); s <= 5; s++ {
		if err := l.Write(t.Context(), sink.Batch{Rows: rowsOf(s, s)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Write(t.Context(), sink.Batch{Rows: rowsOf(1, 1), Watermark: pos(5)}); err != nil {
		t.Fatal(err)
	}
	once(t, l, 5)
}

func TestLocked(t *testing.T) {
	o := never(t.TempDir())
	l := open(t, o)
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrLocked) {
		t.Errorf("a second process opened the store: %v", err)
	}
	l.Close()
	open(t, o)
}
