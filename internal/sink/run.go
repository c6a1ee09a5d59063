package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"weir/internal/journal"
	"weir/internal/record"
)

// Config says what a [Runner] follows, and where it writes.
type Config struct {
	// Journal is the journal's folder. It need not exist yet.
	Journal string
	// Orphaned reads the end of a journal that no gateway has open: see
	// journal.ReaderOptions.
	Orphaned bool
	Store    Store
	// Read reads an exchange into a row. One that panics loses what it was to
	// read out of the bodies, not the record.
	Read func(*record.Exchange) *record.Row
	// Interval is how long a row waits at most for others to be written with;
	// 100 ms when zero.
	Interval time.Duration
	// MaxRows and MaxBytes bound a batch; 2,000 and 32 MiB when zero.
	MaxRows  int
	MaxBytes int
	// Latency, when set, is told how long after its end an exchange was in the
	// store.
	Latency func(time.Duration)
	Logger  *slog.Logger // slog.Default when nil
}

const (
	pollMin  = 5 * time.Millisecond
	pollMax  = 25 * time.Millisecond
	retryMin = 100 * time.Millisecond
	retryMax = 5 * time.Second
)

// Runner moves records from a journal to a store.
type Runner struct {
	cfg  Config
	log  *slog.Logger
	fold *Fold

	batch   Batch
	bytes   int
	since   time.Time // when the batch's first row came
	written Pos       // the watermark of the last batch

	mu    sync.Mutex
	stats Stats
}

// Stats is how far a Runner is.
type Stats struct {
	Counts
	Position  Pos       // of the last frame that was read
	FrameTime time.Time // when it was written
	Watermark Pos       // of the last batch
	CaughtUp  time.Time // when there was last no further frame
	Batches   int64
	Rows      int64
	Panics    int64 // of Read
	Failures  int64 // of the store's Write and of reading the journal
}

// NewRunner makes a Runner.
func NewRunner(c Config) (*Runner, error) {
	if c.Journal == "" || c.Store == nil || c.Read == nil {
		return nil, errors.New("sink: a journal, a store and a reader of exchanges are needed")
	}
	if c.Interval <= 0 {
		c.Interval = 100 * time.Millisecond
	}
	if c.MaxRows <= 0 {
		c.MaxRows = 2000
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 32 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Runner{cfg: c, log: c.Logger.With("component", "sink")}, nil
}

// Run follows the journal until ctx ends. What fails is tried again.
func (r *Runner) Run(ctx context.Context) error { return r.run(ctx, false) }

// CatchUp is Run that returns when all that the journal had is in the store; it
// gives the first error of the store or the journal.
func (r *Runner) CatchUp(ctx context.Context) error { return r.run(ctx, true) }

func (r *Runner) run(ctx context.Context, once bool) error {
	cursor := r.cfg.Store.Cursor()
	r.fold, r.batch, r.bytes, r.written = NewFold(cursor, r.log), Batch{}, 0, cursor.Done
	reader, err := journal.Follow(journal.ReaderOptions{Dir: r.cfg.Journal, From: cursor.From, Orphaned: r.cfg.Orphaned})
	if err != nil {
		return fmt.Errorf("follow the journal: %w", err)
	}
	defer reader.Close()
	r.begins(cursor)
	r.log.Info("following the journal", "from", cursor.From.String(), "cursor", cursor.Done.String())
	poll, retry := pollMin, retryMin
	for {
		frame, err := reader.TryNext()
		switch {
		case err == nil:
			poll, retry = pollMin, retryMin
			r.fold.Add(&frame)
			r.saw(&frame)
		case errors.Is(err, journal.ErrCaughtUp):
			now := time.Now()
			if once {
				now = now.Add(24 * time.Hour) // nothing more is awaited
			}
			r.fold.Expire(now)
			r.idle()
		default:
			err = fmt.Errorf("read the journal: %w", err)
			if once {
				return err
			}
			r.failed(err, retry)
			if !sleep(ctx, retry) {
				return ctx.Err()
			}
			retry = min(2*retry, retryMax)
			continue
		}
		r.collect()
		caughtUp := err != nil
		if r.due(caughtUp && once) {
			if err := r.flush(ctx, once); err != nil {
				return err
			}
		}
		switch {
		case caughtUp && once:
			return nil
		case caughtUp:
			if !sleep(ctx, poll) {
				return ctx.Err()
			}
			poll = min(2*poll, pollMax)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// collect reads what was emitted into the batch.
func (r *Runner) collect() {
	exchanges, watermark := r.fold.Take()
	r.batch.Watermark = watermark
	if r.since.IsZero() && (len(exchanges) > 0 || watermark != r.written) {
		r.since = time.Now()
	}
	for _, x := range exchanges {
		row := r.read(x)
		r.batch.Rows = append(r.batch.Rows, row)
		r.bytes += Size(row)
	}
}

// due reports whether the batch is to be written.
func (r *Runner) due(now bool) bool {
	if len(r.batch.Rows) == 0 && r.batch.Watermark == r.written {
		return false
	}
	return now || len(r.batch.Rows) >= r.cfg.MaxRows || r.bytes >= r.cfg.MaxBytes || time.Since(r.since) >= r.cfg.Interval
}

// flush writes the batch, again and again until it is taken.
func (r *Runner) flush(ctx context.Context, once bool) error {
	r.batch.From = r.fold.From()
	for retry := retryMin; ; retry = min(2*retry, retryMax) {
		err := r.cfg.Store.Write(ctx, r.batch)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err = fmt.Errorf("write to the store: %w", err)
		if once {
			return err
		}
		r.failed(err, retry)
		if !sleep(ctx, retry) {
			return ctx.Err()
		}
	}
	now := time.Now()
	if r.cfg.Latency != nil {
		for _, row := range r.batch.Rows {
			if !row.End.Time.IsZero() {
				r.cfg.Latency(now.Sub(row.End.Time))
			}
		}
	}
	r.mu.Lock()
	r.stats.Watermark = r.batch.Watermark
	r.stats.Batches++
	r.stats.Rows += int64(len(r.batch.Rows))
	r.mu.Unlock()
	r.written = r.batch.Watermark
	r.batch, r.bytes, r.since = Batch{Watermark: r.written}, 0, time.Time{}
	return nil
}

// read has the exchange read, and keeps the record when that panics.
func (r *Runner) read(x *record.Exchange) (row *record.Row) {
	defer func() {
		if p := recover(); p != nil {
			r.mu.Lock()
			r.stats.Panics++
			r.mu.Unlock()
			// The value may quote content, so only its type is told.
			r.log.Error("reading an exchange failed; its bodies are kept as they are",
				"position", Pos{Epoch: x.Epoch, Seq: x.Seq}.String(), "panic", fmt.Sprintf("%T", p))
			row = bare(x)
		}
	}()
	row = r.cfg.Read(x)
	if row == nil {
		row = bare(x)
	}
	row.ID, row.Epoch, row.Seq = x.ID, x.Epoch, x.Seq
	return row
}

// bare is a row with nothing read out of the bodies.
func bare(x *record.Exchange) *record.Row {
	row := &record.Row{
		ID: x.ID, Epoch: x.Epoch, Seq: x.Seq, Begin: x.Begin, Outcome: record.Interrupted, EndTime: x.LastFrame,
		RequestBody: string(x.RequestBody), BackendResponseBody: string(x.ResponseBody),
	}
	if x.End != nil {
		row.End, row.Outcome, row.EndTime = *x.End, x.End.Outcome, x.End.Time
	}
	if x.Delivered != nil {
		row.Delivered = *x.Delivered
	}
	row.TotalTime = row.EndTime.Sub(x.Begin.Time)
	return row
}

// begins notes what the store has already: nothing may come that would tell it.
func (r *Runner) begins(c Cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Position, r.stats.Watermark = c.From, c.Done
}

func (r *Runner) saw(f *journal.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Position, r.stats.Counts = f.Pos, r.fold.Counts()
	if f.Time != 0 {
		r.stats.FrameTime = at(f.Time)
	}
}

func (r *Runner) idle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.CaughtUp, r.stats.Counts = time.Now(), r.fold.Counts()
}

func (r *Runner) failed(err error, retry time.Duration) {
	r.mu.Lock()
	r.stats.Failures++
	r.mu.Unlock()
	r.log.Error("moving records failed; it is tried again", "error", err, "retry", retry.String())
}

// Stats says how far the runner is. It may be called beside Run.
func (r *Runner) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

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
