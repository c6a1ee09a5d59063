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
func (p *Part) Write(ctx context.Context, b sink.Batch) error {
	l := p.lake
	rows := make([]row, len(b.Rows))
	for i, r := range b.Rows {
		rows[i] = l.encode(r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := p.awaitRoom(ctx); err != nil {
		return fmt.Errorf("add rows to the store: %w", err)
	}
	for _, r := range rows {
		if p.files.holds(r.pos) {
			l.stats.passed.Add(1)
			continue
		}
		if len(p.rows) == 0 {
			p.since = l.opt.Now()
		}
		p.rows = append(p.rows, r)
		p.bytes += r.bytes
		l.stats.written.Add(1)
	}
	p.watermark, p.from = b.Watermark, b.From
	if p.due() {
		signal(l.poke)
	}
	return nil
}

// awaitRoom waits, the store's mu held, while memory is at its bound and sealing can make
// it less. Where it cannot, because an exchange that is still awaited holds the
// watermark back, waiting would never end.
func (p *Part) awaitRoom(ctx context.Context) error {
	l := p.lake
	for {
		if l.engine == nil {
			return ErrClosed
		}
		if !l.full(p) {
			return nil
		}
		if l.opt.ReadOnly {
			return ErrFull
		}
		if !p.sealable(p.watermark) {
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
func (p *Part) sealable(to sink.Pos) bool {
	for _, r := range p.rows {
		if r.pos.Compare(to) <= 0 {
			return true
		}
	}
	return false
}

// due reports whether the fresh rows are to be sealed.
func (p *Part) due() bool {
	o := &p.lake.opt
	return len(p.rows) > 0 && (len(p.rows) >= o.SealRows || p.bytes >= o.SealBytes ||
		p.bytes >= p.lake.room() || o.Now().Sub(p.since) >= o.SealAge)
}
