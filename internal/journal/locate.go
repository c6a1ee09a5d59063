package journal

import (
	"errors"
	"io"
	"io/fs"
)

func (r *Reader) list() error {
	ids, err := listSegments(r.fs, r.o.Dir)
	if err == nil {
		r.ids = ids
	}
	return err
}

// openHeader opens a segment and reads its header. The file is nil when the
// segment isn't part of the log: a standby, or removed.
func (r *Reader) openHeader(id segmentID) (File, header, error) {
	f, err := r.fs.Open(id.path(r.o.Dir), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, header{}, nil
	}
	if err != nil {
		return nil, header{}, classify("opening a segment", err)
	}
	h, err := readHeader(f, id)
	switch {
	case err == nil, errors.Is(err, errHeaderVersion):
		return f, h, err
	case errors.Is(err, errStandby):
		return nil, h, f.Close()
	case !errors.Is(err, errHeader):
		f.Close()
		return nil, h, classify("opening a segment", err)
	}
	if id.compare(segmentID{r.d.epoch, r.d.segment}) <= 0 {
		return f, h, err
	}
	first, firstErr := r.firstFrame(id, f)
	if firstErr == nil && first > 0 {
		return f, h, err
	}
	f.Close() // its header was being written
	return nil, h, firstErr
}

// after finds the segment behind id: its first sequence number if it is of the
// same epoch, else what its header says of the epoch before. A zero next means
// there is none.
func (r *Reader) after(id segmentID) (next segmentID, first uint64, prev Pos, err error) {
	for _, n := range r.ids {
		if n.compare(id) <= 0 {
			continue
		}
		f, h, err := r.openHeader(n)
		if f == nil && err == nil {
			continue
		}
		if f == nil {
			return next, 0, prev, err
		}
		first, prev = h.first, Pos{h.prevEpoch, h.prevSeq}
		err = nil
		if first == 0 && n.epoch == id.epoch {
			first, err = r.firstFrame(n, f)
		}
		f.Close()
		if err != nil {
			return next, 0, prev, err
		}
		if first == 0 {
			continue // nothing in it can be read
		}
		return n, first, prev, nil
	}
	return segmentID{}, 0, Pos{}, nil
}

// firstFrame is the number of the first valid frame of a segment whose header
// is damaged, 0 when there is none.
func (r *Reader) firstFrame(id segmentID, f File) (uint64, error) {
	size, err := f.Size()
	if err != nil {
		return 0, classify("reading a segment's size", err)
	}
	marker, err := guessMarker(r.fs, r.o.Dir, id, r.ids, f)
	if err != nil {
		return 0, classify("reading a segment", err)
	}
	raw, _, err := newScanner(f, marker, headerLen).next(size, 0)
	if err == io.EOF {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return frameSeq(raw), nil
}

// openNext opens the segment to read next. It returns false when there is none
// yet.
func (r *Reader) openNext() (bool, error) {
	if err := r.refresh(); err != nil {
		return false, err
	}
	orphaned, err := r.orphaned()
	if err != nil {
		return false, err
	}
	if err := r.list(); err != nil {
		return false, err
	}
	known := segmentID{r.d.epoch, r.d.segment}
	if n := len(r.ids); orphaned && n > 0 && r.ids[n-1].compare(known) > 0 {
		known = r.ids[n-1]
	}
	if known.epoch > 0 && known.epoch < r.epoch {
		return false, ErrAhead
	}
	for len(r.ids) > 0 && r.ids[len(r.ids)-1].compare(known) > 0 {
		r.ids = r.ids[:len(r.ids)-1]
	}
	if r.epoch == 0 || r.ended {
		return r.enterEpoch()
	}
	opened, err := r.openInEpoch()
	if opened || err != nil {
		return opened, err
	}
	if r.d.epoch > r.epoch || r.d.epoch == r.epoch && r.d.closed || orphaned && r.past > 0 {
		r.endEpoch()
		return true, nil
	}
	return false, nil
}

// enterEpoch begins with the first epoch there is behind the current one.
func (r *Reader) enterEpoch() (bool, error) {
	for _, id := range r.ids {
		if id.epoch <= r.epoch {
			continue
		}
		fresh := r.epoch == 0
		if !fresh && id.epoch > r.epoch+1 {
			g := &Gap{From: Pos{r.epoch + 1, 1}, To: Pos{id.epoch, 0}, Reason: Removed}
			r.queue = append(r.queue, Frame{Kind: Missing, Pos: g.To, Gap: g})
		}
		r.epoch, r.seq, r.past, r.ended = id.epoch, 0, 0, false
		if fresh {
			// What was removed before anybody read is nobody's gap.
			return r.openFirst(id)
		}
		return true, nil
	}
	return false, nil
}

func (r *Reader) openFirst(id segmentID) (bool, error) {
	f, h, err := r.openHeader(id)
	if f == nil {
		return false, err
	}
	if h.first > 0 {
		r.seq = h.first - 1
	}
	return true, f.Close()
}

// openInEpoch opens the next segment of the current epoch: the one behind the
// last one read, at first the one that holds the frame wanted.
func (r *Reader) openInEpoch() (bool, error) {
	var (
		best segmentID
		file File
		head header
		bad  error
	)
	for _, id := range r.ids {
		if id.epoch != r.epoch || id.num <= r.past {
			continue
		}
		if r.past > 0 && file != nil {
			break
		}
		f, h, err := r.openHeader(id)
		if f == nil && err == nil {
			continue
		}
		if f == nil {
			closeFile(file)
			return false, err
		}
		if file != nil && (err != nil || h.first > r.seq+1) {
			f.Close()
			if err != nil {
				continue
			}
			break
		}
		closeFile(file)
		best, file, head, bad = id, f, h, err
	}
	if file == nil {
		return false, nil
	}
	return true, r.start(best, file, head, bad)
}

func closeFile(f File) {
	if f != nil {
		f.Close()
	}
}

// start makes the opened segment the current one. Its header may be damaged.
func (r *Reader) start(id segmentID, f File, h header, bad error) error {
	if errors.Is(bad, errHeader) {
		var err error
		if h.marker, err = guessMarker(r.fs, r.o.Dir, id, r.ids, f); err != nil {
			f.Close()
			return classify("reading a segment", err)
		}
	}
	r.past = id.num
	r.seg = &readSegment{id: id, file: f, sc: newScanner(f, h.marker, headerLen)}
	switch {
	case errors.Is(bad, errHeaderVersion):
		r.missing(r.seq, Unknown, 0)
	case bad != nil:
		r.missing(r.seq, Damaged, 0)
	case h.first > r.seq+1:
		r.missing(h.first-1, Removed, headerLen)
	}
	return nil
}
