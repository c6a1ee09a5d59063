package journal

import (
	"errors"
	"fmt"
	"io"
)

// SegmentInfo is what Scan finds in one segment file.
type SegmentInfo struct {
	Name    string
	Epoch   uint64
	Segment uint64
	Gateway string
	Created int64 // Unix nanoseconds
	Standby bool  // allocated, not in use
	First   uint64
	Last    uint64 // 0 if there is no frame
	Frames  int    // valid ones
	Bytes   int64  // of valid frames
	Size    int64  // of the file
	Damage  []Gap  // the file's own: what other segments repeat or void isn't told here
}

// Scan walks all segments of a folder, valid or not, each by itself. In a
// segment that is being written, the end may look torn and is not reported.
func Scan(fsys FS, dir string) ([]SegmentInfo, error) {
	if fsys == nil {
		fsys = osFS{}
	}
	ids, err := listSegments(fsys, dir)
	if err != nil {
		return nil, err
	}
	infos := make([]SegmentInfo, 0, len(ids))
	for _, id := range ids {
		info, err := scanSegment(fsys, dir, id, ids)
		if err != nil {
			return nil, fmt.Errorf("scanning %v: %w", id, err)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func scanSegment(fsys FS, dir string, id segmentID, ids []segmentID) (SegmentInfo, error) {
	info := SegmentInfo{Name: id.String(), Epoch: id.epoch, Segment: id.num}
	f, err := fsys.Open(id.path(dir), false)
	if err != nil {
		return info, err
	}
	defer f.Close()
	if info.Size, err = f.Size(); err != nil {
		return info, err
	}
	h, err := readHeader(f, id)
	switch {
	case errors.Is(err, errStandby):
		info.Standby = true
		return info, nil
	case errors.Is(err, errHeaderVersion):
		info.damage(1, 0, Unknown, 0)
		return info, nil
	case errors.Is(err, errHeader):
		info.damage(1, 0, Damaged, 0)
		if h.marker, err = guessMarker(fsys, dir, id, ids, f); err != nil {
			return info, err
		}
	case err != nil:
		return info, err
	}
	info.Gateway, info.Created, info.First = h.gateway, h.created, h.first
	return info, info.frames(f, h)
}

func (i *SegmentInfo) frames(f File, h header) error {
	sc := newScanner(f, h.marker, headerLen)
	var frame Frame
	next := h.first
	for {
		raw, skipped, err := sc.next(i.Size, max(next, 1)-1)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		seq := frameSeq(raw)
		if next == 0 {
			next, i.First = seq, seq
		}
		if skipped > 0 || seq != next {
			i.damage(next, seq-1, Damaged, sc.off-int64(len(raw))-skipped)
		}
		if err := decode(raw, &frame); errors.Is(err, errUnknown) {
			i.damage(seq, seq, Unknown, sc.off-int64(len(raw)))
		} else if err != nil {
			i.damage(seq, seq, Damaged, sc.off-int64(len(raw)))
		}
		i.Frames++
		i.Bytes += int64(len(raw))
		i.Last, next = seq, seq+1
	}
}

func (i *SegmentInfo) damage(from, to uint64, why Reason, off int64) {
	i.Damage = append(i.Damage, Gap{
		From: Pos{i.Epoch, from}, To: Pos{i.Epoch, to}, Reason: why, File: i.Name, Offset: off,
	})
}
