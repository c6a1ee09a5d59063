package payload

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"weir/internal/record"
)

// Split finds the files of a multipart request of that media type and calls file
// for each, in order from 0. An error of file ends it.
type Split func(contentType string, body io.Reader, file func(i int, content io.Reader) error) error

// Options are what an [Uploader] needs.
type Options struct {
	Spool *Spool
	Store Store
	Split Split
	// Sealed says how far the rows are sealed: up to a position in the journal.
	Sealed func() (epoch, seq uint64)
	// Seal, when set, is asked to seal what there is when much of the spool only
	// waits for it.
	Seal   func(context.Context) error
	Logger *slog.Logger // slog.Default when nil
}

const (
	workers   = 2 // uploads at once
	tick      = time.Second
	retryMin  = time.Second
	retryMost = time.Minute
	keepBytes = 1 << 30 // uploaded, and in the spool until their rows are sealed
	sealEvery = 10 * time.Second
	orphanAge = time.Hour
)

// Uploader brings the spool's bodies to the payload store.
type Uploader struct {
	o   Options
	log *slog.Logger

	wake chan struct{}

	mu      sync.Mutex
	jobs    map[record.ID]*job
	waiting []*job // to be uploaded
	kept    []*job // uploaded; removed when sealed
	active  int
	resume  time.Time     // when the store failed: not before
	pause   time.Duration // of the last failure
	stats   Stats
}

// Stats is what an Uploader did.
type Stats struct {
	Uploads  int64 // exchanges whose bodies were uploaded and read back
	Failures int64 // of uploads; each is tried again
	Pending  int64 // exchanges that wait for it, now
}

// job is an exchange whose bodies are to be brought away.
type job struct {
	id         record.ID
	epoch, seq uint64
	manifest   *Manifest // while the spool could not take it, else nil; with
	head       []byte    // what is to be filled in
	next       time.Time
	pause      time.Duration
	bytes      int64
}

// NewUploader takes up what an earlier one left.
func NewUploader(o Options) (*Uploader, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	u := &Uploader{o: o, log: o.Logger.With("component", "payload"), wake: make(chan struct{}, 1), jobs: map[record.ID]*job{}}
	all, err := o.Spool.list()
	if err != nil {
		return nil, err
	}
	for _, id := range slices.SortedFunc(maps.Keys(all), func(a, b record.ID) int { return slices.Compare(a[:], b[:]) }) {
		if !all[id].manifest {
			continue
		}
		m, err := o.Spool.Manifest(id)
		if err != nil {
			u.log.Error("a manifest of the spool cannot be read; its bodies stay in the spool", "exchange", id.String(), "error", err)
			continue
		}
		u.enqueue(&job{id: id}, m)
	}
	return u, nil
}

// enqueue takes up the job of m.
func (u *Uploader) enqueue(j *job, m *Manifest) {
	j.epoch, j.seq = m.Epoch, m.Seq
	for _, o := range m.Objects {
		if !isFile(o.Name) {
			j.bytes += o.Length
		}
	}
	u.jobs[j.id] = j
	if m.Uploaded {
		u.kept = append(u.kept, j)
	} else {
		u.waiting = append(u.waiting, j)
	}
}

// Known says whether the bodies of an exchange were given to Add before.
func (u *Uploader) Known(id record.ID) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.jobs[id] != nil
}

// Add has the bodies of an exchange brought to the payload store. What m names
// stands in the spool, but for the beginning of the answer, which is answerHead.
// That is filled in and m is written down first. Where it fails (a full disk), it
// is tried again with the upload, and only a crash before that would leave the
// bodies in the spool.
func (u *Uploader) Add(id record.ID, m *Manifest, answerHead []byte) {
	if u.Known(id) {
		return
	}
	j := &job{id: id, manifest: m, head: answerHead}
	if err := u.save(j); err != nil {
		u.log.Error("the spool does not take a manifest; it is tried again", "exchange", id.String(), "error", err)
	}
	u.mu.Lock()
	u.enqueue(j, m)
	u.mu.Unlock()
	u.poke()
}

// save makes the spool say all that the job is.
func (u *Uploader) save(j *job) error {
	if len(j.head) > 0 {
		if err := u.o.Spool.fill(j.id, j.head); err != nil {
			return err
		}
	}
	if err := u.o.Spool.writeManifest(j.id, j.manifest); err != nil {
		return err
	}
	j.head, j.manifest = nil, nil
	return nil
}

func (u *Uploader) poke() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// Stats says what was done so far.
func (u *Uploader) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.stats
	s.Pending = int64(len(u.waiting) + u.active)
	return s
}

// Run uploads until ctx ends. What was not done by then the next one takes up.
func (u *Uploader) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	t := time.NewTicker(tick)
	defer t.Stop()
	var sealed time.Time
	for {
		for j := u.take(time.Now()); j != nil; j = u.take(time.Now()) {
			wg.Go(func() { u.work(ctx, j) })
		}
		u.sweep()
		if u.o.Seal != nil && u.keeps() > keepBytes && time.Since(sealed) > sealEvery {
			sealed = time.Now()
			if err := u.o.Seal(ctx); err != nil && ctx.Err() == nil {
				u.log.Warn("the store could not be sealed to empty the spool", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-u.wake:
		}
	}
}

// take gives the next job that is due, if a worker is free for it: one that was
// never tried before those that failed.
func (u *Uploader) take(now time.Time) *job {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.active >= workers || now.Before(u.resume) {
		return nil
	}
	i := slices.IndexFunc(u.waiting, func(j *job) bool { return j.pause == 0 })
	if i < 0 {
		i = slices.IndexFunc(u.waiting, func(j *job) bool { return !now.Before(j.next) })
	}
	if i < 0 {
		return nil
	}
	j := u.waiting[i]
	u.waiting = slices.Delete(u.waiting, i, i+1)
	u.active++
	return j
}

func (u *Uploader) work(ctx context.Context, j *job) {
	err := u.upload(ctx, j)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.active--
	switch {
	case err == nil:
		j.pause, j.next = 0, time.Time{}
		u.kept = append(u.kept, j)
		u.stats.Uploads++
		u.pause, u.resume = 0, time.Time{}
	case ctx.Err() != nil:
		u.waiting = append(u.waiting, j)
		return
	default:
		u.stats.Failures++
		j.failed(time.Now())
		if away := new(storeError); errors.As(err, &away) {
			u.pause = longer(u.pause)
			u.resume = time.Now().Add(u.pause)
		}
		u.waiting = append(u.waiting, j)
		u.log.Error("bodies could not be brought to the payload store; it is tried again", "exchange", j.id.String(), "error", err, "retry", j.pause.String(), "waiting", len(u.waiting))
	}
	u.poke()
}

// failed puts a job off.
func (j *job) failed(now time.Time) {
	j.pause = longer(j.pause)
	j.next = now.Add(j.pause)
}

func longer(pause time.Duration) time.Duration { return min(max(2*pause, retryMin), retryMost) }

// storeError marks an error as the payload store's own: while it lasts, no job
// need be tried. Any other concerns one job.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// sweep takes out of the spool what is uploaded and whose rows are sealed.
func (u *Uploader) sweep() {
	epoch, seq := u.o.Sealed()
	now := time.Now()
	var due []*job
	u.mu.Lock()
	for _, j := range u.kept {
		if cmp.Or(cmp.Compare(j.epoch, epoch), cmp.Compare(j.seq, seq)) <= 0 && !now.Before(j.next) {
			due = append(due, j)
		}
	}
	u.mu.Unlock()
	// Nobody waits for the disk: a job that is kept is only touched here.
	gone := map[*job]bool{}
	for _, j := range due {
		if err := u.o.Spool.remove(j.id); err != nil {
			j.failed(now)
			u.log.Warn("the spool cannot be emptied; it is tried again", "exchange", j.id.String(), "error", err, "retry", j.pause.String())
			continue
		}
		gone[j] = true
	}
	if len(gone) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = slices.DeleteFunc(u.kept, func(j *job) bool { return gone[j] })
	for j := range gone {
		delete(u.jobs, j.id)
	}
}

// keeps is how many bytes stand in the spool only because their rows are not
// sealed. What is linked into the payload store takes no room of its own.
func (u *Uploader) keeps() int64 {
	if _, shared := u.o.Store.(linker); shared {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var sum int64
	for _, j := range u.kept {
		sum += j.bytes
	}
	return sum
}

// Orphans tells in the log what the spool has and no record named: to be called
// once the store has caught up with the journal. It is kept.
func (u *Uploader) Orphans(now time.Time) error {
	all, err := u.o.Spool.list()
	if err != nil {
		return err
	}
	for id, x := range all {
		if !x.manifest && !u.Known(id) && now.Sub(x.changed) > orphanAge {
			u.log.Warn("the spool has a body that no record has named yet; it is kept", "exchange", id.String(), "bytes", x.bytes, "changed", x.changed)
		}
	}
	return nil
}

var errDamaged = errors.New("it is not what the record says: its digest differs")
