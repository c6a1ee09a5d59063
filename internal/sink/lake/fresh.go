package lake

import (
	"context"
	"fmt"

	"weir/internal/record"
	"weir/internal/sink"
)

// row is a row as it is kept until it is sealed: the values of all columns, nil
// for NULL. It never changes, so queries read it without a copy.
type row struct {
	pos    sink.Pos
	time   int64 // TimeGenerated in Unix microseconds
	bytes  int64
	values []any
}

// encode reads the columns out of r.
func (l *Lake) encode(r *record.Row) row {
	out := row{
		pos: sink.Pos{Epoch: r.Epoch, Seq: r.Seq}, time: r.Begin.Time.UnixMicro(),
		bytes: int64(sink.Size(r)), values: make([]any, len(l.cols)),
	}
	for i := range l.cols {
		c := &l.cols[i]
		v := c.get(r)
		if s, ok := v.(string); ok {
			switch {
			case s == "" && c.optional:
				v = nil
			case c.typ == record.Dynamic:
				if clean := jsonText(s); clean != s {
					v = clean
				}
			default:
				if clean := text(s); clean != s {
					v = clean
				}
			}
		}
		out.values[i] = v
	}
	return out
}

// Write adds rows to those in memory, where queries see them at once. At the
// memory's bound it waits until rows have been sealed.
func (l *Lake) Write(ctx context.Context, b sink.Batch) error {
	rows := make([]row, len(b.Rows))
	for i, r := range b.Rows {
		rows[i] = l.encode(r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.awaitRoom(ctx); err != nil {
		return fmt.Errorf("add rows to the store: %w", err)
	}
	for _, r := range rows {
		if l.files.holds(r.pos) {
			l.stats.passed.Add(1)
			continue
		}
		if len(l.rows) == 0 {
			l.since = l.opt.Now()
		}
		l.rows = append(l.rows, r)
		l.bytes += r.bytes
		l.stats.written.Add(1)
	}
	l.watermark, l.from = b.Watermark, b.From
	if l.due() {
		signal(l.poke)
	}
	return nil
}

// awaitRoom waits, l.mu held, while memory is at its bound and sealing can make
// it less. Where it cannot, because an exchange that is still awaited holds the
// watermark back, waiting would never end.
func (l *Lake) awaitRoom(ctx context.Context) error {
	for {
		if l.engine == nil {
			return ErrClosed
		}
		if l.bytes < l.opt.MaxFreshBytes {
			return nil
		}
		if l.opt.ReadOnly {
			return ErrFull
		}
		if !l.sealable(l.watermark) {
			return nil
		}
		signal(l.poke)
		changed := l.changed
		l.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		case <-l.ended.Done():
			err = ErrClosed
		}
		l.mu.Lock()
		if err != nil {
			return err
		}
	}
}

// sealable reports whether a fresh row stands at or before to.
func (l *Lake) sealable(to sink.Pos) bool {
	for _, r := range l.rows {
		if r.pos.Compare(to) <= 0 {
			return true
		}
	}
	return false
}

// due reports whether the fresh rows are to be sealed.
func (l *Lake) due() bool {
	return len(l.rows) > 0 && (len(l.rows) >= l.opt.SealRows || l.bytes >= l.opt.SealBytes ||
		l.bytes >= l.opt.MaxFreshBytes || l.opt.Now().Sub(l.since) >= l.opt.SealAge)
}

// show has queries see files, and the fresh rows that are not in them, in one
// step; l.mu is held. The files gone are removed when no query reads them.
func (l *Lake) show(ctx context.Context, files fileSet, gone []string) error {
	version := l.versions.next(files)
	if err := l.engine.exec(ctx, wideView(l.cols, l.opt.Dir, version, files)); err != nil {
		return fmt.Errorf("show the store's files: %w", err)
	}
	l.versions.publish(gone)
	var rest []row
	var bytes int64
	for _, r := range l.rows {
		if !files.holds(r.pos) {
			rest = append(rest, r)
			bytes += r.bytes
		}
	}
	if len(rest) < len(l.rows) {
		l.rows, l.bytes, l.since = rest, bytes, l.opt.Now()
	}
	l.files = files
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}
