package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/parquet-go/parquet-go"

	"weir/internal/record"
	"weir/internal/sink"
)

// Errors of the store.
var (
	// ErrLocked: another process writes this folder.
	ErrLocked = errors.New("the store's folder is in use by another process")
	// ErrFull: a read-only store was given more fresh rows than it may hold.
	ErrFull = errors.New("more rows are not sealed yet than a read-only store may hold in memory")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// Lake is an open store. Its methods may be called concurrently.
type Lake struct {
	opt    Options
	log    *slog.Logger
	cols   []column
	schema *parquet.Schema
	engine *engine
	lock   io.Closer
	stats  counters
	// versions ties what queries see in the files to what they see in memory.
	versions versions

	sealing sync.Mutex // held while one seal runs
	merging sync.Mutex // held while one merge runs

	mu        sync.Mutex // guards what follows, and engine
	files     fileSet
	rows      []row // fresh; only ever added to, or replaced
	bytes     int64 // of rows
	since     time.Time
	target    *target  // of the seal that runs or failed; nil when there is none
	watermark sink.Pos // of the last batch, with from
	from      sink.Pos
	changed   chan struct{} // closed, and made anew, when the files changed

	poke  chan struct{} // wakes the sealer
	tidy  chan struct{} // wakes the merger
	stop  context.CancelFunc
	done  sync.WaitGroup
	ended context.Context
}

var _ sink.Store = (*Lake)(nil)

// Open opens the store in o.Dir, makes it when it is not there, and mends what
// an earlier process left behind.
func Open(ctx context.Context, o Options) (*Lake, error) {
	o = o.withDefaults()
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the store's folder: %w", err)
	}
	o.Dir = dir
	cols := storedColumns()
	l := &Lake{
		opt: o, log: o.Logger, cols: cols, schema: parquetSchema(cols),
		changed: make(chan struct{}), poke: make(chan struct{}, 1), tidy: make(chan struct{}, 1),
	}
	l.versions.remove = l.removeMerged
	l.ended, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := l.open(ctx); err != nil {
		l.Close()
		return nil, err
	}
	if !o.ReadOnly {
		l.done.Go(func() { l.sealer(l.ended) })
		l.done.Go(func() { l.merger(l.ended) })
	}
	return l, nil
}

func (l *Lake) open(ctx context.Context) error {
	if err := l.takeFolder(); err != nil {
		return err
	}
	files, err := l.listFiles()
	if err != nil {
		return err
	}
	labels := slices.Sorted(maps.Values(l.opt.Labels))
	if err := checkLabels(labels); err != nil {
		return err
	}
	fresh, err := l.freshRows()
	if err != nil {
		return fmt.Errorf("describe the fresh rows: %w", err)
	}
	setUp := []string{"CREATE SCHEMA lake", wideView(l.cols, l.opt.Dir, l.versions.next(files), files)}
	for _, t := range record.Tables() {
		setUp = append(setUp, tableView(t, labels))
	}
	if l.opt.Prelude != "" {
		setUp = append(setUp, l.opt.Prelude)
	}
	if l.engine, err = openEngine(ctx, l.opt, fresh, setUp); err != nil {
		return err
	}
	l.versions.publish(nil)
	l.files = files
	c := files.cursor()
	l.watermark, l.from = c.Done, c.From
	l.log.Info("store opened", "files", len(files), "cursor", c.Done.String(), "readonly", l.opt.ReadOnly)
	return nil
}

// takeFolder makes the folder this process's own.
func (l *Lake) takeFolder() error {
	if l.opt.ReadOnly {
		return nil
	}
	if err := l.opt.FS.MkdirAll(l.opt.Dir); err != nil {
		return fmt.Errorf("make the store's folder: %w", err)
	}
	held, err := lock(filepath.Join(l.opt.Dir, lockName))
	if err != nil {
		return fmt.Errorf("take the store's folder: %w", err)
	}
	l.lock = held
	if err := os.RemoveAll(filepath.Join(l.opt.Dir, spillName)); err != nil {
		return fmt.Errorf("clear what queries spilled: %w", err)
	}
	return nil
}

func checkLabels(labels []string) error {
	has := map[string]bool{}
	for _, c := range record.Columns() {
		has[c.Name] = true
	}
	for _, l := range labels {
		if has[l] {
			return fmt.Errorf("label column %q is there already in %s: choose another name", l, exchangesTable)
		}
		has[l] = true
	}
	return nil
}

// Cursor says how far the files go. Rows behind it may be in memory.
func (l *Lake) Cursor() sink.Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files.cursor()
}

// Close stops the store. Fresh rows go: the journal has them.
func (l *Lake) Close() error {
	l.stop()
	l.done.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	if l.engine != nil {
		errs = append(errs, l.engine.close())
		l.engine = nil
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
		l.lock = nil
	}
	return errors.Join(errs...)
}

// signal wakes whoever waits on c, or has yet to look.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits for d, and reports whether it was not cut short.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
