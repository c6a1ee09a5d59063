package lake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

const (
	mergeCheck = time.Minute // how often it is asked whether a day has finished
)

// merger merges small files when a seal has added one, and when a day is over.
func (l *Lake) merger(ctx context.Context) {
	tick := time.NewTicker(mergeCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.tidy:
		}
		if err := l.Merge(ctx); err != nil && ctx.Err() == nil {
			l.stats.mergeErrors.Add(1)
			l.log.Error("merging files failed; it is tried again", "error", err)
			if !sleep(ctx, retryMax) {
				return
			}
		}
	}
}

// Merge merges what is due: the small files of finished days, and more than
// MergeFiles small files in a row.
func (l *Lake) Merge(ctx context.Context) error {
	if l.opt.ReadOnly {
		return nil
	}
	l.merging.Lock()
	defer l.merging.Unlock()
	for {
		p, run := l.nextMerge()
		if run == nil {
			return nil
		}
		if err := p.mergeRun(ctx, run); err != nil {
			return fmt.Errorf("merge %d files from %s on: %w", len(run), run[0].name, err)
		}
	}
}

// nextMerge finds a part with a run of files to merge.
func (l *Lake) nextMerge() (*Part, fileSet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.parts {
		if run := l.mergeable(p.files); run != nil {
			return p, run
		}
	}
	return nil, nil
}

func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// mergeable finds the first run of files to merge: their ranges join, they end
// on one day, have the columns of today and are not larger than a merged file.
func (l *Lake) mergeable(files fileSet) fileSet {
	today := day(l.opt.Now())
	var run fileSet
	var bytes int64
	due := func() bool {
		return len(run) > l.opt.MergeFiles || len(run) > 1 && day(run[0].last).Before(today)
	}
	for _, f := range files {
		joins := len(run) > 0 && run[len(run)-1].to == f.from && day(run[0].last).Equal(day(f.last)) &&
			bytes+f.bytes <= l.opt.MergeBytes
		if !joins {
			if due() {
				return run
			}
			run, bytes = nil, 0
		}
		if !l.current(f) || f.bytes >= l.opt.MergeBytes/2 {
			if due() {
				return run
			}
			run, bytes = nil, 0
			continue
		}
		run, bytes = append(run, f), bytes+f.bytes
	}
	if due() {
		return run
	}
	return nil
}

// current reports whether f has exactly the columns that are written now.
func (l *Lake) current(f *file) bool {
	for _, c := range l.cols {
		if !f.columns[c.name] {
			return false
		}
	}
	return len(f.columns) == len(l.cols)
}

// mergeRun writes the rows of run to one file and shows it instead of them.
// They are removed when no query reads them any more.
func (p *Part) mergeRun(ctx context.Context, run fileSet) error {
	l := p.lake
	last := run[len(run)-1]
	s := span{run[0].from, last.to}
	out := &file{span: s, name: fileName(p.gateway, s), resume: last.resume, first: last.first, last: last.last}
	for _, f := range run {
		out.rows += f.rows
		if f.first.Before(out.first) {
			out.first = f.first
		}
		if f.last.After(out.last) {
			out.last = f.last
		}
	}
	start := time.Now()
	if err := l.writeFile(ctx, out, mergeLevel, func(w *fileWriter) error { return l.mergeRows(ctx, w, run) }); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return ErrClosed
	}
	var names []string
	for _, f := range run {
		names = append(names, f.name)
	}
	if err := l.showPart(ctx, p, p.files.replace(out), names); err != nil {
		return err
	}
	l.stats.merges.Add(1)
	l.log.Info("merged files", "files", len(run), "into", out.name, "rows", out.rows, "bytes", out.bytes, "time", time.Since(start).String())
	return nil
}

// removeMerged removes a file whose rows stand in another; what stays behind
// after a failure is removed by the next start.
func (l *Lake) removeMerged(name string) {
	if err := l.opt.FS.Remove(filepath.Join(l.opt.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		l.log.Warn("a merged file could not be removed", "file", name, "error", err)
	}
}

// mergeRows copies the rows of run by time. Files follow each other in time
// but for a little, so that few are open at once: a file is opened when its
// first row is due.
func (l *Lake) mergeRows(ctx context.Context, w *fileWriter, run fileSet) error {
	waiting := slices.Clone(run)
	slices.SortStableFunc(waiting, func(a, b *file) int { return a.first.Compare(b.first) })
	var open []*source
	defer func() {
		for _, s := range open {
			s.close()
		}
	}()
	var copied, want int64
	for _, f := range run {
		want += f.rows
	}
	for len(open) > 0 || len(waiting) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		for len(waiting) > 0 && (len(open) == 0 || waiting[0].first.UnixMicro() <= open[0].head()) {
			s, err := l.openSource(waiting[0].name)
			if err != nil {
				return err
			}
			waiting = waiting[1:]
			if s != nil {
				open = insert(open, s)
			}
		}
		if len(open) == 0 {
			continue
		}
		first := open[0]
		n := first.until(limit(open, waiting))
		if err := w.copyRows(first.have[:n]); err != nil {
			return err
		}
		copied += int64(n)
		more, err := first.skip(n)
		if err != nil {
			return err
		}
		open = open[1:]
		if more {
			open = insert(open, first)
		} else {
			first.close()
		}
	}
	if copied != want {
		return fmt.Errorf("read %d rows where the files' footers promise %d", copied, want)
	}
	return w.w.Flush()
}

// limit is up to which time the first source's rows come before all others'.
func limit(open []*source, waiting fileSet) int64 {
	const never = 1<<63 - 1
	l := int64(never)
	if len(open) > 1 {
		l = open[1].head()
	}
	if len(waiting) > 0 {
		l = min(l, waiting[0].first.UnixMicro())
	}
	return l
}

func insert(open []*source, s *source) []*source {
	i, _ := slices.BinarySearchFunc(open, s, func(a, b *source) int {
		if a.head() <= b.head() {
			return -1
		}
		return 1
	})
	return slices.Insert(open, i, s)
}

// copyRows adds rows as they were read, and ends a row group when it is full.
func (w *fileWriter) copyRows(rows []parquet.Row) error {
	if _, err := w.w.WriteRows(rows); err != nil {
		return err
	}
	w.rowsN += int64(len(rows))
	for _, r := range rows {
		for _, v := range r {
			if v.Kind() == parquet.ByteArray {
				w.bytes += int64(len(v.ByteArray()))
			}
		}
	}
	if w.rowsN < groupRows*2 && w.bytes < groupBytes*2 {
		return nil
	}
	w.rowsN, w.bytes = 0, 0
	return w.w.Flush()
}
