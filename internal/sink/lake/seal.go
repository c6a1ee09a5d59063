package lake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"weir/internal/sink"
)

const (
	ageCheck = time.Second // how often the age of fresh rows is looked at
	retryMin = 250 * time.Millisecond
	retryMax = 15 * time.Second
)

// target is what a seal is about. One that failed is tried again as it was, so
// that it ends in a file of the same name.
type target struct {
	span
	resume sink.Pos
}

// sealer seals when it is due. A failure is tried again until it passes.
func (l *Lake) sealer(ctx context.Context) {
	tick := time.NewTicker(ageCheck)
	defer tick.Stop()
	retry := retryMin
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.poke:
		}
		err := l.sealAll(ctx)
		if err == nil {
			retry = retryMin
			continue
		}
		if ctx.Err() != nil {
			return
		}
		l.log.Error("sealing failed; rows stay in memory and it is tried again", "error", err, "retry", retry.String())
		if !sleep(ctx, retry) {
			return
		}
		retry = min(2*retry, retryMax)
		signal(l.poke)
	}
}

// Seal moves what is in memory, up to the last batch's watermark, to a file.
func (p *Part) Seal(ctx context.Context) error {
	l := p.lake
	l.sealing.Lock()
	defer l.sealing.Unlock()
	for {
		more, err := p.sealOnce(ctx)
		if err != nil {
			l.stats.sealErrors.Add(1)
			return fmt.Errorf("seal rows: %w", err)
		}
		if !more {
			return nil
		}
	}
}

func (p *Part) sealOnce(ctx context.Context) (bool, error) {
	l := p.lake
	rows, t, err := p.aim()
	if t == nil || err != nil {
		return false, err
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.time, b.time), a.pos.Compare(b.pos))
	})
	f := &file{span: t.span, name: fileName(p.gateway, t.span), resume: t.resume, rows: int64(len(rows))}
	if len(rows) > 0 {
		f.first, f.last = time.UnixMicro(rows[0].time), time.UnixMicro(rows[len(rows)-1].time)
	}
	start := time.Now()
	if err := l.writeFile(ctx, f, sealLevel, func(w *fileWriter) error { return w.rows(ctx, rows) }); err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return false, ErrClosed
	}
	if err := l.showPart(ctx, p, p.files.replace(f), nil); err != nil {
		return false, err
	}
	p.target = nil
	l.stats.lastSeal.Store(l.opt.Now().UnixNano())
	l.stats.seals.Add(1)
	l.log.Debug("sealed", "file", f.name, "rows", f.rows, "bytes", f.bytes, "time", time.Since(start).String())
	signal(l.tidy)
	return true, nil
}

// aim gives the rows to seal and the range that they make; nil when there is
// nothing to seal.
func (p *Part) aim() ([]row, *target, error) {
	l := p.lake
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return nil, nil, ErrClosed
	}
	if l.opt.ReadOnly {
		return nil, nil, nil
	}
	if p.target == nil {
		cursor := p.files.cursor()
		t := &target{span{cursor.Done, p.watermark}, p.from}
		closesGap := false
		if end, ok := p.files.gapEnd(); ok && end.Compare(t.to) <= 0 {
			// A file was lost, those behind it were not: fill the gap, no more.
			t.to, t.resume, closesGap = end, cursor.From, true
		}
		if t.to.Compare(t.from) <= 0 || !closesGap && !p.sealable(t.to) {
			return nil, nil, nil
		}
		p.target = t
	}
	var rows []row
	for _, r := range p.rows {
		if r.pos.Compare(p.target.to) <= 0 {
			rows = append(rows, r)
		}
	}
	return rows, p.target, nil
}
