package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
)

const (
	durableName  = "durable"
	lockName     = "lock"
	durableMagic = "weir-dur"
	durableSlot  = 64
	durableGap   = 512 // one sector each, so that a torn one leaves the other
)

// durable is how far the journal has been made durable.
type durable struct {
	generation uint64
	epoch      uint64
	segment    uint64
	offset     int64 // of the end of the last frame in the segment
	seq        uint64
	closed     bool // the epoch ended in good order
}

func (d *durable) encode(b *[durableSlot]byte) {
	*b = [durableSlot]byte{}
	copy(b[:], durableMagic)
	binary.LittleEndian.PutUint64(b[8:], d.generation)
	binary.LittleEndian.PutUint64(b[16:], d.epoch)
	binary.LittleEndian.PutUint64(b[24:], d.segment)
	binary.LittleEndian.PutUint64(b[32:], uint64(d.offset))
	binary.LittleEndian.PutUint64(b[40:], d.seq)
	if d.closed {
		b[48] = 1
	}
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
}

func decodeDurable(b []byte) (d durable, ok bool) {
	if len(b) < durableSlot || string(b[:8]) != durableMagic ||
		crc32.Checksum(b[:60], castagnoli) != binary.LittleEndian.Uint32(b[60:]) {
		return d, false
	}
	return durable{
		generation: binary.LittleEndian.Uint64(b[8:]),
		epoch:      binary.LittleEndian.Uint64(b[16:]),
		segment:    binary.LittleEndian.Uint64(b[24:]),
		offset:     int64(binary.LittleEndian.Uint64(b[32:])),
		seq:        binary.LittleEndian.Uint64(b[40:]),
		closed:     b[48] == 1,
	}, true
}

// readDurable returns the newest valid slot, the zero value when there is none.
func readDurable(f io.ReaderAt) (durable, error) {
	var b [durableGap + durableSlot]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return durable{}, err
	}
	d, _ := decodeDurable(b[:min(n, durableSlot)])
	if n > durableGap {
		if e, ok := decodeDurable(b[durableGap:n]); ok && e.generation > d.generation {
			d = e
		}
	}
	return d, nil
}

// readDurableFile is readDurable on the folder's file; the zero value when
// there is none.
func readDurableFile(fsys FS, dir string) (durable, error) {
	f, err := fsys.Open(filepath.Join(dir, durableName), false)
	if errors.Is(err, fs.ErrNotExist) {
		return durable{}, nil
	}
	if err != nil {
		return durable{}, err
	}
	d, err := readDurable(f)
	f.Close()
	return d, err
}

// publisher writes the durable file. Its user serialises the calls.
type publisher struct {
	file File
	gen  uint64
	slot [durableSlot]byte
}

func (p *publisher) publish(d durable) error {
	d.generation = p.gen + 1
	d.encode(&p.slot)
	if _, err := p.file.WriteAt(p.slot[:], int64(d.generation%2)*durableGap); err != nil {
		return err
	}
	p.gen++
	return nil
}
