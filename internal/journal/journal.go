package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options says where the journal is and how it writes.
type Options struct {
	Dir          string       // the folder; made if it isn't there
	Gateway      string       // the gateway's name, ≤ 32 bytes, in each segment's header
	SegmentBytes int64        // size of a segment and of the reserve; 0 = 64 MiB
	FS           FS           // nil = the operating system's
	Logger       *slog.Logger // nil = none

	syncBytes int64 // unsynced bytes that set off an fdatasync
	holdBytes int64 // unsynced bytes that hold writers back
}

const (
	defaultSegment = 64 << 20
	minSegment     = 4 << 10
	syncBytes      = 8 << 20
	holdBytes      = 32 << 20
	lazyBytes      = 16 << 20
	lazyEvery      = 100 * time.Millisecond
	// What no commit follows is synced at the tick after the one that wrote it:
	// readers see only what is durable, and a lone exchange's delivery note must
	// not come later than they wait for it.
	syncEvery    = 80 * time.Millisecond
	retryEvery   = 500 * time.Millisecond
	lockPatience = 500 * time.Millisecond // a reader may hold the lock shared for an instant
)

func (o *Options) complete() error {
	if o.Dir == "" {
		return errors.New("journal: no folder given")
	}
	if len(o.Gateway) > maxGateway {
		return fmt.Errorf("journal: the gateway's name is longer than %d bytes", maxGateway)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegment
	}
	if o.SegmentBytes < minSegment {
		return fmt.Errorf("journal: segments of %d bytes are too small, at least %d", o.SegmentBytes, minSegment)
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.syncBytes == 0 {
		o.syncBytes = syncBytes
	}
	if o.holdBytes == 0 {
		o.holdBytes = holdBytes
	}
	return nil
}

// Journal writes one epoch. Its methods may be called concurrently.
type Journal struct {
	o      Options
	fs     FS
	log    *slog.Logger
	lock   io.Closer
	head   header // of this epoch's segments; id.num, first and created vary
	pub    publisher
	refuse atomic.Pointer[refusal]

	wake   chan struct{} // the syncer has something to do
	refill chan struct{} // the keeper has something to do
	stop   chan struct{}
	done   sync.WaitGroup

	// mu guards what follows. Whoever holds the token (syncing) alone may sync
	// the current segment and change synced, also while mu is released: the
	// kernel reports a failed writeback to one fdatasync only, so two of them
	// must never run on one file.
	mu       sync.Mutex
	room     sync.Cond // broadcast when the token, room, a standby or an error may be there
	seq      uint64    // last assigned
	arena    arena     // frames after synced
	written  int64     // stream position up to which cur has been written
	synced   mark      // durable up to here
	dirty    time.Time // when the oldest frame after synced came
	cur      *segment
	standby  *segment
	making   uint64 // number of the segment being made, 0 = none
	spareErr error  // why there is no standby
	gen      uint64 // counts changes of cur, attempts included
	batch    *batch // commits that wait for the next cycle
	syncing  bool
	handed   bool // the token is the syncer's, who may not know it yet
	wanted   int  // waiting for the token, rollers apart
	rollers  int  // waiting for the token in order to roll
	draining int  // moving lazy frames into the stream
	broken   error
	closed   bool
	retired  []retired
	stats    counters

	lazyMu sync.Mutex
	lazy   []byte // encoded frames without sequence numbers
	spare  []byte // the other buffer of lazy
}

// mark is a point between two frames.
type mark struct {
	seq uint64
	pos int64 // in the stream
}

// batch is the commits that one fdatasync acknowledges.
type batch struct {
	n    int
	done sync.WaitGroup
	err  error
}

func newBatch() *batch {
	b := new(batch)
	b.done.Add(1)
	return b
}

type refusal struct{ err error }

// segment is a segment file open for writing.
type segment struct {
	num  uint64
	file File
	base int64 // stream position of its first frame
}

// offset is where the stream position stands in the file.
func (s *segment) offset(pos int64) int64 { return headerLen + pos - s.base }

// retired is a segment that gets no more frames. What it holds behind keep is
// repeated in the next one.
type retired struct {
	*segment
	keep int64
}

// Ready is nil when new exchanges may start, else the reason to refuse them:
// an error that is ErrFull or ErrFailing, or ErrClosed. It costs an atomic load.
func (j *Journal) Ready() error {
	if r := j.refuse.Load(); r != nil {
		return r.err
	}
	return nil
}

// updateReady is called with mu held after broken, spareErr or closed changed.
func (j *Journal) updateReady() {
	err := j.broken
	if err == nil {
		err = j.spareErr
	}
	if j.closed {
		err = ErrClosed
	}
	if err == nil {
		j.refuse.Store(nil)
		return
	}
	j.refuse.Store(&refusal{err})
}

// Open locks the folder, recovers what an earlier process left, and begins a
// new epoch. It returns an error that is ErrLocked when another process has
// the folder, ErrFull or ErrFailing when there is no room or the disk refuses.
func Open(o Options) (*Journal, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, classify("making the journal's folder", err)
	}
	lock, err := takeLock(o.FS, filepath.Join(o.Dir, lockName))
	if err != nil {
		return nil, err
	}
	j := &Journal{
		o: o, fs: o.FS, log: o.Logger.With("component", "journal"), lock: lock,
		wake: make(chan struct{}, 1), refill: make(chan struct{}, 1), stop: make(chan struct{}),
		batch: newBatch(),
	}
	j.room.L = &j.mu
	if err := j.begin(); err != nil {
		j.closeFiles()
		return nil, err
	}
	j.done.Go(j.syncLoop)
	j.done.Go(j.keepLoop)
	j.done.Go(j.tickLoop)
	return j, nil
}

func takeLock(fsys FS, name string) (io.Closer, error) {
	deadline := time.Now().Add(lockPatience)
	for {
		l, err := fsys.Lock(name, false)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, ErrLocked) {
			return nil, classify("locking the journal", err)
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		time.Sleep(lockPatience / 20)
	}
}

// Close makes everything durable, ends the epoch and releases the folder. The
// folder is released even when it returns an error; what was acknowledged is
// then recovered by the next Open as after a kill.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.drainLazy()
	for j.draining > 0 {
		j.room.Wait()
	}
	j.closed = true
	j.updateReady()
	j.acquire()
	if j.broken != nil && j.standby != nil {
		j.restore()
	}
	err := j.cycle()
	j.release()
	j.room.Broadcast()
	j.mu.Unlock()
	close(j.stop)
	j.done.Wait()
	if err == nil {
		err = j.endEpoch()
	}
	return errors.Join(err, j.closeFiles())
}

// endEpoch cuts off what was allocated and tells readers that the epoch is
// complete. Nothing else runs any more.
func (j *Journal) endEpoch() error {
	end := j.cur.offset(j.arena.end)
	if err := j.cur.file.Truncate(end); err != nil {
		return classify("cutting the last segment", err)
	}
	if err := j.cur.file.Sync(); err != nil {
		return classify("syncing the last segment", err)
	}
	j.keepRetired()
	d := j.position()
	d.closed = true
	if err := j.pub.publish(d); err != nil {
		return classify("publishing the epoch's end", err)
	}
	return classify("publishing the epoch's end", j.pub.file.Sync())
}

func (j *Journal) closeFiles() error {
	var errs []error
	for _, r := range j.retired {
		r.file.Close()
	}
	if j.standby != nil {
		errs = append(errs, j.discard(j.standby))
	}
	if j.cur != nil {
		errs = append(errs, j.cur.file.Close())
	}
	if j.pub.file != nil {
		errs = append(errs, j.pub.file.Close())
	}
	return errors.Join(append(errs, j.lock.Close())...)
}
