package journal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"sync"
)

// Kind says what a frame tells about its exchange.
type Kind uint8

// The kinds that are stored.
const (
	Begin     Kind = 1 + iota // the request; written before it is forwarded
	Part                      // a piece of a long or slow answer
	End                       // the exchange's end; committed before the client gets it
	Delivered                 // bytes and time to the client, hang-up; written lazily
)

// The kinds that only readers return; they are not in any file.
const (
	EpochEnd Kind = 0xF0 + iota // the epoch of Pos is complete; Pos.Seq was its last frame
	Missing                     // frames are lost or unreadable; see Frame.Gap
)

func (k Kind) String() string {
	switch k {
	case Begin:
		return "begin"
	case Part:
		return "part"
	case End:
		return "end"
	case Delivered:
		return "delivered"
	case EpochEnd:
		return "epoch-end"
	case Missing:
		return "missing"
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

func (k Kind) stored() bool { return k >= Begin && k <= Delivered }

// Pos is where a frame stands in a gateway's journal. The zero Pos is before
// every frame.
type Pos struct {
	Epoch uint64
	Seq   uint64 // from 1 in each epoch, without gaps
}

// Compare orders positions as the frames were written.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.Epoch, q.Epoch), cmp.Compare(p.Seq, q.Seq))
}

func (p Pos) String() string { return fmt.Sprintf("%d/%d", p.Epoch, p.Seq) }

// Flags of a block.
const (
	// BlockReference marks data that names an object of the payload store
	// instead of holding the content itself.
	BlockReference uint8 = 1 << iota
)

// Block is one piece of content: a body, or a reference to it.
type Block struct {
	Kind  uint8  // its meaning belongs to the caller
	Flags uint8  // BlockReference
	KeyID uint32 // the data key that seals Data; 0 = not sealed
	Data  []byte
}

// Frame is one entry of the journal.
type Frame struct {
	Pos    Pos      // set by Append and Commit
	Kind   Kind     //
	Time   int64    // Unix nanoseconds; set by Append, Commit and Lazy if 0
	ID     [16]byte // the exchange
	Meta   []byte   // never sealed
	Blocks []Block  //
	Gap    *Gap     // of kind Missing only, by readers
}

// Sizes of the format.
const (
	// MaxFrame bounds the encoded length of a frame, in bytes.
	MaxFrame = 64 << 20
	// MaxBlocks bounds the number of blocks of a frame.
	MaxBlocks = math.MaxUint16

	frameVersion = 1
	prefixLen    = 32 // the same in every version
	frameHead    = 56
	blockHead    = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodedLen is the number of bytes that f takes, or an error if it may not be
// written.
func (f *Frame) encodedLen() (int, error) {
	if !f.Kind.stored() {
		return 0, fmt.Errorf("%w: %v frames aren't stored", ErrInvalid, f.Kind)
	}
	if len(f.Blocks) > MaxBlocks {
		return 0, fmt.Errorf("%w: %d blocks, at most %d", ErrInvalid, len(f.Blocks), MaxBlocks)
	}
	n := frameHead + len(f.Meta)
	for i := range f.Blocks {
		if len(f.Blocks[i].Data) > MaxFrame || n > MaxFrame {
			break
		}
		n += blockHead + len(f.Blocks[i].Data)
	}
	if n > MaxFrame {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrInvalid, MaxFrame)
	}
	return n, nil
}

// scratch holds the small pieces of a frame while their CRC is computed; on the
// stack they would escape into the CRC's assembly.
type scratch struct {
	fixed [frameHead - prefixLen]byte
	block [blockHead]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// bodyCRC is the CRC's part that doesn't depend on the sequence number: bytes
// 32 to the end of the encoded frame.
func (f *Frame) bodyCRC() uint32 {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	f.putFixed(s.fixed[:])
	c := crc32.Update(0, castagnoli, s.fixed[:])
	c = crc32.Update(c, castagnoli, f.Meta)
	for i := range f.Blocks {
		f.Blocks[i].putHead(s.block[:])
		c = crc32.Update(c, castagnoli, s.block[:])
		c = crc32.Update(c, castagnoli, f.Blocks[i].Data)
	}
	return c
}

// putFixed writes bytes 32 to 55 of the encoded frame.
func (f *Frame) putFixed(b []byte) {
	copy(b, f.ID[:])
	binary.LittleEndian.PutUint32(b[16:], uint32(len(f.Meta)))
	binary.LittleEndian.PutUint16(b[20:], uint16(len(f.Blocks)))
	b[22], b[23] = 0, 0
}

func (k *Block) putHead(b []byte) {
	b[0], b[1], b[2], b[3] = k.Kind, k.Flags, 0, 0
	binary.LittleEndian.PutUint32(b[4:], k.KeyID)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(k.Data)))
}

// encode writes f into b, which has exactly its encoded length. The sequence
// number and the final CRC are left to seal.
func (f *Frame) encode(b []byte, marker, body uint32) {
	binary.LittleEndian.PutUint32(b[0:], marker)
	binary.LittleEndian.PutUint32(b[4:], body)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)))
	b[12], b[13], b[14], b[15] = byte(f.Kind), frameVersion, 0, 0
	binary.LittleEndian.PutUint64(b[24:], uint64(f.Time))
	f.putFixed(b[prefixLen:frameHead])
	n := frameHead + copy(b[frameHead:], f.Meta)
	for i := range f.Blocks {
		f.Blocks[i].putHead(b[n : n+blockHead])
		n += blockHead
		n += copy(b[n:], f.Blocks[i].Data)
	}
}

// seal gives the encoded frame b its sequence number. The CRC field holds the
// body's CRC before and the frame's CRC after.
func seal(b []byte, seq uint64) {
	binary.LittleEndian.PutUint64(b[16:], seq)
	binary.LittleEndian.PutUint32(b[4:], headCRC(binary.LittleEndian.Uint32(b[4:]), b))
}

func headCRC(body uint32, b []byte) uint32 {
	c := crc32.Update(body, castagnoli, b[0:4])
	return crc32.Update(c, castagnoli, b[8:prefixLen])
}
