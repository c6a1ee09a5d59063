package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// begin recovers the last epoch and opens the next.
func (j *Journal) begin() error {
	last, err := readDurableFile(j.fs, j.o.Dir)
	if err != nil {
		return classify("reading the durable position", err)
	}
	prev, err := j.recoverLast(last)
	if err != nil {
		return err
	}
	if last.epoch > prev.Epoch {
		prev = Pos{Epoch: last.epoch, Seq: last.seq}
	}
	j.head = header{
		id: segmentID{epoch: prev.Epoch + 1}, marker: newMarker(), gateway: j.o.Gateway,
		prevEpoch: prev.Epoch, prevSeq: prev.Seq,
	}
	s, err := j.create(1)
	if err != nil {
		return err
	}
	if err := j.switchTo(s); err != nil {
		j.drop(s)
		return err
	}
	if err := s.file.Sync(); err != nil {
		return classify("syncing the first segment", err)
	}
	if err := j.openDurable(last.generation); err != nil {
		return err
	}
	j.keepStandby()
	return nil
}

// openDurable publishes the new epoch. From here on readers take the epochs
// before for complete.
func (j *Journal) openDurable(generation uint64) error {
	name := filepath.Join(j.o.Dir, durableName)
	f, err := j.fs.Open(name, true)
	if err != nil {
		f, err = j.fs.Create(name)
	}
	if err != nil {
		return classify("opening the durable position", err)
	}
	j.pub = publisher{file: f, gen: generation}
	if err := j.pub.publish(j.position()); err != nil {
		return classify("publishing the epoch", err)
	}
	if err := f.Sync(); err != nil {
		return classify("publishing the epoch", err)
	}
	return classify("publishing the epoch", j.fs.SyncDir(j.o.Dir))
}

func newMarker() uint32 {
	var b [4]byte
	for binary.LittleEndian.Uint32(b[:]) == 0 {
		rand.Read(b[:])
	}
	return binary.LittleEndian.Uint32(b[:])
}

// recoverLast ends the last epoch: standbys are removed, the torn tail is cut
// off, and what survived is made durable. It returns the epoch's last position.
func (j *Journal) recoverLast(last durable) (Pos, error) {
	ids, err := listSegments(j.fs, j.o.Dir)
	if err != nil {
		return Pos{}, classify("recovering", err)
	}
	for i := len(ids) - 1; i >= 0; i-- {
		id := ids[i]
		seq, err := j.recoverSegment(ids[:i+1], last)
		if errors.Is(err, errStandby) {
			if err := j.fs.Remove(id.path(j.o.Dir)); err != nil {
				return Pos{}, classify("removing a standby segment", err)
			}
			continue
		}
		if err != nil {
			return Pos{}, classify(fmt.Sprintf("recovering segment %v", id), err)
		}
		if last.epoch == id.epoch && last.seq > seq {
			j.log.Error("frames that were durable are missing from the journal's end",
				"epoch", id.epoch, "found", seq, "expected", last.seq)
			seq = last.seq
		}
		return Pos{Epoch: id.epoch, Seq: seq}, nil
	}
	return Pos{}, nil
}

// recoverSegment cuts the last of ids behind its last valid frame and returns
// that frame's sequence number.
func (j *Journal) recoverSegment(ids []segmentID, last durable) (uint64, error) {
	id := ids[len(ids)-1]
	f, err := j.fs.Open(id.path(j.o.Dir), true)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h, err := readHeader(f, id)
	if err != nil && !errors.Is(err, errHeader) {
		return 0, err
	}
	if err != nil {
		j.log.Error("a segment's header is damaged", "segment", id.String())
		if h.marker, err = guessMarker(j.fs, j.o.Dir, id, ids, f); err != nil {
			return 0, err
		}
	}
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	seq := uint64(0)
	if h.first > 0 {
		seq = h.first - 1
	}
	end := int64(headerLen)
	sc := newScanner(f, h.marker, headerLen)
	for {
		raw, _, err := sc.next(size, seq)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		seq, end = frameSeq(raw), sc.off
	}
	if last.epoch == id.epoch && last.segment == id.num {
		end = max(end, last.offset) // damaged, but it was durable: evidence stays
	}
	if h.first == 0 && end == headerLen && id.compare(segmentID{last.epoch, last.segment}) > 0 {
		return 0, errStandby // its header was being written, nobody has seen it
	}
	if end < size {
		start := time.Now()
		if err := f.Truncate(end); err != nil {
			return 0, err
		}
		j.log.Info("recovered the journal", "segment", id.String(), "last", seq, "cut", size-end, "took", time.Since(start))
	}
	from := int64(0)
	if last.epoch == id.epoch && last.segment == id.num {
		from = min(last.offset, end)
	}
	if err := rewrite(f, from, end); err != nil {
		return 0, err
	}
	return seq, f.Sync()
}

// rewrite writes what stands in f once more. An fdatasync that failed for the
// process before may have left pages that are in memory, not on the disk, and
// yet clean: only pages written again are sure to be synced.
func rewrite(f File, from, to int64) error {
	b := make([]byte, min(to-from, windowBytes))
	for from < to {
		p := b[:min(int64(len(b)), to-from)]
		n, err := f.ReadAt(p, from)
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 {
			return nil
		}
		if _, err := f.WriteAt(p[:n], from); err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// guessMarker finds the marker of a segment whose header is damaged: it is one
// for the whole epoch, else what stands where the first frame is. 0 is none.
func guessMarker(fsys FS, dir string, id segmentID, ids []segmentID, f File) (uint32, error) {
	for _, o := range ids {
		if o.epoch != id.epoch || o == id {
			continue
		}
		g, err := fsys.Open(o.path(dir), false)
		if err != nil {
			continue
		}
		h, err := readHeader(g, o)
		g.Close()
		if err == nil {
			return h.marker, nil
		}
	}
	var b [4]byte
	if _, err := f.ReadAt(b[:], headerLen); err != nil && err != io.EOF {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b[:]), nil
}
