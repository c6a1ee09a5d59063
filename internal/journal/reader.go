package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"time"
)

// ReaderOptions says what to follow.
type ReaderOptions struct {
	Dir string
	// From is the last position the reader has had: the first frame returned
	// is the first one after it. The zero Pos reads all that is there.
	From Pos
	FS   FS // nil = the operating system's
	// Orphaned says what to do with the end of a journal that no process has
	// open, after a kill: false waits for its gateway, which recovers it; true
	// reads all that is valid, also behind the durable position, and takes the
	// epoch for complete.
	Orphaned bool
}

// Reader follows a journal, in its own process or the writer's. It only reads.
// It isn't for concurrent use.
type Reader struct {
	o     ReaderOptions
	fs    FS
	d     durable // as read last
	ids   []segmentID
	epoch uint64
	seq   uint64 // last one returned, or reported missing
	ended bool   // EpochEnd of epoch has been queued
	seg   *readSegment
	past  uint64 // number of the segment of epoch that was read last, 0 = none yet
	queue []Frame
	frame Frame // its Blocks are reused
}

// readSegment is the segment being read.
type readSegment struct {
	id    segmentID
	file  File
	sc    *scanner
	final bool   // it gets no more frames, and these are known:
	size  int64  // where it ends
	below uint64 // frames with this number or a higher one are void
	last  uint64 // the last frame that must be there, 0 = not known
	why   Reason // why it isn't, in that case
}

const (
	pollMin = time.Millisecond
	pollMax = 20 * time.Millisecond
)

// Follow starts a reader. The folder need not exist yet.
func Follow(o ReaderOptions) (*Reader, error) {
	if o.Dir == "" {
		return nil, errors.New("journal: no folder given")
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	return &Reader{o: o, fs: o.FS, epoch: o.From.Epoch, seq: o.From.Seq}, nil
}

// Close frees the reader's file.
func (r *Reader) Close() error {
	if r.seg == nil {
		return nil
	}
	err := r.seg.file.Close()
	r.seg = nil
	return err
}

// Next returns the next durable frame, or a virtual one of kind EpochEnd or
// Missing, and waits until there is one. Its slices are valid until the next
// call. EpochEnd comes once for each epoch, after its last frame. Errors other
// than ctx's and ErrAhead are the disk's; the call may be repeated.
func (r *Reader) Next(ctx context.Context) (Frame, error) {
	poll := pollMin
	var timer *time.Timer
	for {
		f, err := r.TryNext()
		if !errors.Is(err, ErrCaughtUp) {
			return f, err
		}
		if timer == nil {
			timer = time.NewTimer(poll)
			defer timer.Stop()
		} else {
			poll = min(2*poll, pollMax)
			timer.Reset(poll)
		}
		select {
		case <-ctx.Done():
			return Frame{}, ctx.Err()
		case <-timer.C:
		}
	}
}

// TryNext is Next that returns ErrCaughtUp instead of waiting.
func (r *Reader) TryNext() (Frame, error) {
	for {
		if len(r.queue) > 0 {
			f := r.queue[0]
			r.queue = r.queue[:copy(r.queue, r.queue[1:])]
			return f, nil
		}
		var progress bool
		var err error
		if r.seg == nil {
			progress, err = r.openNext()
		} else {
			progress, err = r.step()
		}
		if err != nil {
			return Frame{}, err
		}
		if !progress {
			return Frame{}, ErrCaughtUp
		}
	}
}

// step reads one frame of the current segment, or ends the segment. It returns
// false when nothing more is durable.
func (r *Reader) step() (bool, error) {
	s := r.seg
	limit, below := s.size, s.below
	if !s.final {
		limit, below = r.liveLimit(), math.MaxUint64
	}
	if s.sc.off >= limit {
		return r.atLimit()
	}
	start := s.sc.off
	raw, _, err := s.sc.next(limit, r.seq)
	if err == io.EOF {
		if s.final {
			return true, r.endSegment(start)
		}
		// All of it is durable, so what isn't valid is damaged.
		if r.d.seq > r.seq {
			r.missing(r.d.seq, Damaged, start)
		}
		s.sc.off = limit
		return true, nil
	}
	if err != nil {
		return false, err
	}
	seq := frameSeq(raw)
	switch {
	case seq <= r.seq:
		return true, nil // read before, in this segment or the one it repeats
	case seq >= below:
		return true, r.endSegment(start)
	case seq > r.seq+1:
		s.sc.off -= int64(len(raw)) // the frame comes with the next step
		r.missing(seq-1, Damaged, start)
		return true, nil
	}
	r.seq = seq
	return true, r.deliver(raw, s.sc.off-int64(len(raw)))
}

// deliver queues the frame, or reports that it can't be understood.
func (r *Reader) deliver(raw []byte, off int64) error {
	f := Frame{Blocks: r.frame.Blocks}
	if err := decode(raw, &f); err != nil {
		reason := Damaged
		if errors.Is(err, errUnknown) {
			reason = Unknown
		}
		r.seq--
		r.missing(r.seq+1, reason, off)
		return nil
	}
	f.Pos.Epoch = r.epoch
	r.frame = f
	r.queue = append(r.queue, f)
	return nil
}

// missing reports the frames from the expected one up to to.
func (r *Reader) missing(to uint64, why Reason, off int64) {
	g := &Gap{From: Pos{r.epoch, r.seq + 1}, To: Pos{r.epoch, to}, Reason: why, Offset: off}
	if r.seg != nil {
		g.File = r.seg.id.String()
	}
	r.queue = append(r.queue, Frame{Kind: Missing, Pos: g.To, Gap: g})
	r.seq = max(r.seq, to)
}

// liveLimit is up to where the current, unfinished segment may be read.
func (r *Reader) liveLimit() int64 {
	if r.d.epoch == r.epoch && r.d.segment == r.seg.id.num {
		return r.d.offset
	}
	return 0
}

// atLimit looks whether more has become durable.
func (r *Reader) atLimit() (bool, error) {
	s := r.seg
	if s.final {
		return true, r.endSegment(s.sc.off)
	}
	before := r.d
	if err := r.refresh(); err != nil {
		return false, err
	}
	done := r.d.epoch > r.epoch || r.d.epoch == r.epoch && (r.d.segment > s.id.num || r.d.closed)
	if !done && r.d != before {
		return true, nil
	}
	if !done {
		orphaned, err := r.orphaned()
		if err != nil || !orphaned {
			return false, err
		}
	}
	return true, r.finish()
}

func (r *Reader) refresh() error {
	d, err := readDurableFile(r.fs, r.o.Dir)
	if err != nil {
		return classify("reading the durable position", err)
	}
	if d.generation > 0 {
		r.d = d
	}
	return nil
}

// orphaned reports whether no process writes and the reader may take what
// stands there for all there is.
func (r *Reader) orphaned() (bool, error) {
	if !r.o.Orphaned {
		return false, nil
	}
	l, err := r.fs.Lock(filepath.Join(r.o.Dir, lockName), true)
	switch {
	case errors.Is(err, ErrLocked):
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, classify("asking whether the journal is in use", err)
	}
	l.Close()
	// A process may have worked and ended between the last look and the lock.
	return true, r.refresh()
}

// finish notes how far the current segment counts, now that it gets no more
// frames.
func (r *Reader) finish() error {
	s := r.seg
	if err := r.list(); err != nil {
		return err
	}
	size, err := s.file.Size()
	if err != nil {
		return classify("reading a segment's size", err)
	}
	next, first, prev, err := r.after(s.id)
	if err != nil {
		return err
	}
	s.final, s.size, s.below, s.why = true, size, math.MaxUint64, Damaged
	switch {
	case next.epoch == r.epoch:
		s.below, s.last = first, first-1
		if next.num > s.id.num+1 {
			s.why = Removed
		}
	default:
		if prev.Epoch == r.epoch {
			s.last = prev.Seq
		}
		if r.d.epoch == r.epoch {
			s.last = max(s.last, r.d.seq)
		}
	}
	return nil
}

// endSegment leaves the current segment, whose frames have all been read.
func (r *Reader) endSegment(off int64) error {
	s := r.seg
	if s.last > r.seq {
		r.missing(s.last, s.why, off)
	}
	if s.below == math.MaxUint64 {
		r.endEpoch()
	}
	r.seg, r.past = nil, s.id.num
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("closing a segment: %w", err)
	}
	return nil
}

func (r *Reader) endEpoch() {
	r.ended = true
	r.queue = append(r.queue, Frame{Kind: EpochEnd, Pos: Pos{r.epoch, r.seq}})
}
