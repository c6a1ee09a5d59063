package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
)

const (
	windowBytes = 256 << 10
	sectorBytes = 4 << 10
	readTries   = 3 // failing reads of one place before it counts as damage
)

// scanner finds the valid frames of one segment file, in order, whatever else
// stands between them.
type scanner struct {
	file   io.ReaderAt
	marker [4]byte
	off    int64  // where the next frame is looked for
	buf    []byte // window of the file from base on
	base   int64
	fails  int
}

func newScanner(f io.ReaderAt, marker uint32, off int64) *scanner {
	s := &scanner{file: f, off: off}
	binary.LittleEndian.PutUint32(s.marker[:], marker)
	return s
}

// next returns the next valid frame that ends before limit, and how many bytes
// it passed over because no valid frame begins there; io.EOF when there is
// none. Behind damage a frame counts only if its number is higher than after.
// The bytes are valid until the next call. After another error, which is the
// disk's, the call may be repeated.
func (s *scanner) next(limit int64, after uint64) (raw []byte, skipped int64, err error) {
	if s.marker == [4]byte{} {
		return nil, 0, io.EOF
	}
	start := s.off
	for {
		raw, err := s.frameAt(s.off, limit)
		if err != nil {
			s.off = start
			return nil, 0, err
		}
		if raw != nil && (s.off == start || plausible(frameSeq(raw), after, limit-start)) {
			skipped = s.off - start
			s.off += int64(len(raw))
			return raw, skipped, nil
		}
		at, err := s.find(s.off+1, limit)
		if err != nil {
			s.off = start
			return nil, 0, err
		}
		s.off = at
	}
}

// plausible: bytes of size can't hold more frames than that.
func plausible(seq, after uint64, size int64) bool {
	return seq > after && seq-after <= uint64(size)/prefixLen+1
}

// frameAt returns the valid frame at off, nil when there is none, io.EOF when
// nothing more fits before limit.
func (s *scanner) frameAt(off, limit int64) ([]byte, error) {
	b, err := s.peek(off, prefixLen, limit)
	if err != nil {
		return nil, err
	}
	if len(b) < prefixLen {
		return nil, io.EOF
	}
	n := frameLen(b)
	if [4]byte(b) != s.marker || n == 0 || off+int64(n) > limit {
		return nil, nil
	}
	if b, err = s.peek(off, n, limit); err != nil {
		return nil, err
	}
	if len(b) < n || !intact(b) {
		return nil, nil
	}
	return b, nil
}

// find returns the next place at or behind off where the marker stands.
func (s *scanner) find(off, limit int64) (int64, error) {
	for {
		b, err := s.peek(off, prefixLen, limit)
		if err != nil {
			return 0, err
		}
		if len(b) < prefixLen {
			return 0, io.EOF
		}
		have := s.buf[off-s.base:]
		if i := bytes.Index(have, s.marker[:]); i >= 0 {
			return off + int64(i), nil
		}
		off += int64(len(have) - len(s.marker) + 1)
	}
}

// peek returns n bytes at off, fewer at limit or at the file's end. It reads
// nothing at or behind limit: there a writer may be at work.
func (s *scanner) peek(off int64, n int, limit int64) ([]byte, error) {
	n = int(min(int64(n), max(0, limit-off)))
	if at := off - s.base; at >= 0 && at+int64(n) <= int64(len(s.buf)) {
		return s.buf[at : at+int64(n)], nil
	}
	want := max(n, int(min(windowBytes, limit-off)))
	if cap(s.buf) < want || cap(s.buf) > 4*windowBytes && want <= windowBytes {
		// A power of two, lest a reader at the writer's heels grows it each time.
		s.buf = make([]byte, 0, max(sectorBytes, 1<<bits.Len(uint(want-1))))
	}
	size := int(min(int64(cap(s.buf)), limit-off))
	got, err := s.read(s.buf[:size], off)
	s.buf, s.base = s.buf[:got], off
	if err != nil {
		s.buf = s.buf[:0]
		return nil, err
	}
	return s.buf[:min(n, got)], nil
}

// read fills p from off. A place that can't be read is an error some times, so
// that a passing fault costs nothing, and zeros from then on.
func (s *scanner) read(p []byte, off int64) (int, error) {
	n, err := s.file.ReadAt(p, off)
	if err == nil || err == io.EOF {
		s.fails = 0
		return n, nil
	}
	if s.fails++; s.fails < readTries {
		return 0, classify("reading a segment", err)
	}
	s.fails = 0
	for at := 0; at < len(p); {
		end := min(len(p), at+sectorBytes-int((off+int64(at))%sectorBytes))
		n, err := s.file.ReadAt(p[at:end], off+int64(at))
		if err == io.EOF {
			return at + n, nil
		}
		if err != nil {
			clear(p[at:end])
		}
		at = end
	}
	return len(p), nil
}
