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
	ErrLocked = sink.ErrLocked
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

	own *Part // of Options.Gateway

	mu      sync.Mutex    // guards what follows, engine, and what parts have
	parts   []*Part       // own first; only ever added to
	changed chan struct{} // closed, and made anew, when the files changed

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
	if err := l.openParts(); err != nil {
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
	all := l.shown()
	files := slices.Concat(all...)
	setUp := []string{"CREATE SCHEMA lake", wideView(l.cols, l.opt.Dir, l.versions.next(all), files)}
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
	l.log.Info("store opened", "gateways", len(l.parts), "files", len(files), "cursor", l.own.files.cursor().Done.String(), "readonly", l.opt.ReadOnly)
	return nil
}

// openParts finds the files of the gateways that are known.
func (l *Lake) openParts() error {
	gateways := []string{l.opt.Gateway}
	for _, g := range l.opt.Others {
		if !slices.Contains(gateways, g) {
			gateways = append(gateways, g)
		}
	}
	found, err := l.listFiles(gateways)
	if err != nil {
		return err
	}
	for _, g := range gateways {
		l.parts = append(l.parts, newPart(l, g, found[g]))
	}
	l.own = l.parts[0]
	l.own.fed = true
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
	held, err := sink.Lock(filepath.Join(l.opt.Dir, lockName))
	if err != nil {
		return fmt.Errorf("take the store's folder: %w", err)
	}
	l.lock = held
	if err := os.RemoveAll(filepath.Join(l.opt.Dir, spillName)); err != nil {
		return fmt.Errorf("clear what queries spilled: %w", err)
	}
	return l.clearUnfinished()
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
