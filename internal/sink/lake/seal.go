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
		l.mu.Lock()
		due := l.due() || l.target != nil
		l.mu.Unlock()
		if !due {
			continue
		}
		err := l.Seal(ctx)
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
func (l *Lake) Seal(ctx context.Context) error {
	l.sealing.Lock()
	defer l.sealing.Unlock()
	for {
		more, err := l.sealOnce(ctx)
		if err != nil {
			l.stats.sealErrors.Add(1)
			return fmt.Errorf("seal rows: %w", err)
		}
		if !more {
			return nil
		}
	}
}

func (l *Lake) sealOnce(ctx context.Context) (bool, error) {
	rows, t, err := l.aim()
	if t == nil || err != nil {
		return false, err
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.time, b.time), a.pos.Compare(b.pos))
	})
	f := &file{span: t.span, name: fileName(l.opt.Gateway, t.span), resume: t.resume, rows: int64(len(rows))}
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
	if err := l.show(ctx, l.files.replace(f), nil); err != nil {
		return false, err
	}
	l.target = nil
	l.stats.lastSeal.Store(l.opt.Now().UnixNano())
	l.stats.seals.Add(1)
	l.log.Debug("sealed", "file", f.name, "rows", f.rows, "bytes", f.bytes, "time", time.Since(start).String())
	signal(l.tidy)
	return true, nil
}

// aim gives the rows to seal and the range that they make; nil when there is
// nothing to seal.
func (l *Lake) aim() ([]row, *target, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return nil, nil, ErrClosed
	}
	if l.opt.ReadOnly {
		return nil, nil, nil
	}
	if l.target == nil {
		cursor := l.files.cursor()
		t := &target{span{cursor.Done, l.watermark}, l.from}
		closesGap := false
		if end, ok := l.files.gapEnd(); ok && end.Compare(t.to) <= 0 {
			// A file was lost, those behind it were not: fill the gap, no more.
			t.to, t.resume, closesGap = end, cursor.From, true
		}
		if t.to.Compare(t.from) <= 0 || !closesGap && !l.sealable(t.to) {
			return nil, nil, nil
		}
		l.target = t
	}
	var rows []row
	for _, r := range l.rows {
		if r.pos.Compare(l.target.to) <= 0 {
			rows = append(rows, r)
		}
	}
	return rows, l.target, nil
}
