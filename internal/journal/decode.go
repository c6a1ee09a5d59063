package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// errUnknown marks a frame that is whole but of a version or kind that this
// program doesn't know.
var errUnknown = errors.New("unknown frame")

// frameLen is the length that the frame head b claims, 0 if it cannot be one.
func frameLen(b []byte) int {
	n := binary.LittleEndian.Uint32(b[8:])
	if n < prefixLen || n > MaxFrame {
		return 0
	}
	return int(n)
}

func frameSeq(b []byte) uint64 { return binary.LittleEndian.Uint64(b[16:]) }

// intact reports whether b, exactly one frame long, has the CRC it claims.
func intact(b []byte) bool {
	c := headCRC(crc32.Checksum(b[prefixLen:], castagnoli), b)
	return c == binary.LittleEndian.Uint32(b[4:])
}

// decode parses b, exactly one intact frame, into f, whose slices then point
// into b. f.Blocks is reused. Pos.Epoch is the caller's.
func decode(b []byte, f *Frame) error {
	if len(b) < prefixLen {
		return fmt.Errorf("frame of %d bytes", len(b))
	}
	f.Kind, f.Pos.Seq, f.Gap = Kind(b[12]), frameSeq(b), nil
	f.Time = int64(binary.LittleEndian.Uint64(b[24:]))
	f.Blocks = f.Blocks[:0]
	if b[13] != frameVersion {
		return fmt.Errorf("%w: version %d", errUnknown, b[13])
	}
	if !f.Kind.stored() {
		return fmt.Errorf("%w: kind %d", errUnknown, b[12])
	}
	if len(b) < frameHead {
		return fmt.Errorf("frame of %d bytes", len(b))
	}
	copy(f.ID[:], b[prefixLen:])
	meta := int(binary.LittleEndian.Uint32(b[48:]))
	blocks := int(binary.LittleEndian.Uint16(b[52:]))
	rest := b[frameHead:]
	if meta > len(rest) {
		return fmt.Errorf("meta of %d bytes in %d", meta, len(rest))
	}
	f.Meta, rest = rest[:meta:meta], rest[meta:]
	for i := range blocks {
		if len(rest) < blockHead {
			return fmt.Errorf("block %d of %d is cut off", i, blocks)
		}
		k := Block{Kind: rest[0], Flags: rest[1], KeyID: binary.LittleEndian.Uint32(rest[4:])}
		n := int(binary.LittleEndian.Uint32(rest[8:]))
		rest = rest[blockHead:]
		if n > len(rest) {
			return fmt.Errorf("block %d of %d bytes in %d", i, n, len(rest))
		}
		k.Data, rest = rest[:n:n], rest[n:]
		f.Blocks = append(f.Blocks, k)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes behind the last block", len(rest))
	}
	return nil
}
