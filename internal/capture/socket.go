package capture

import (
	"bytes"
	"encoding/binary"
)

const (
	maxPiece   = 32 << 10 // of a message, in one step
	maxHeader  = 14       // 2, 8 of length, 4 of mask (RFC 6455, 5.2)
	maxControl = 125      // bytes of a control frame's payload (RFC 6455, 5.5)
	maxSeam    = 64       // twice the longest type that ends an answer, in quotes

	opText   = 1
	opBinary = 2
	opClose  = 8
	lastOp   = 10

	controlBit   = 0x08
	reservedBits = 0x70
	finBit       = 0x80
	maskBit      = 0x80
)

// Tap reads the frames of one direction of a WebSocket (RFC 6455) as their bytes
// pass, and says what in them belongs on the record. It changes nothing, keeps
// no payload but a close frame's, and believes no length: a message of any size
// passes in pieces.
//
// What breaks the protocol in a way that leaves unclear what it says (reserved
// bits or opcodes, a length above 2^63, a control frame that is long or in
// fragments, fragments that do not follow one another, a mask where there may be
// none or none where there must be one) ends the reading: from that frame on
// every byte is content as it came, and the endpoint decides what becomes of it.
type Tap struct {
	fromClient bool
	ends       [][]byte // quoted types of the messages that end an answer

	head [maxHeader]byte
	have int // of head
	op   byte
	fin  bool
	left uint64 // of the frame's payload
	at   uint64 // how much of it has passed, for the mask
	key  [4]byte

	raw    bool // the protocol was broken
	open   bool // a message has begun
	binary bool // and is one of bytes
	ending bool // and ends an answer

	seam    [maxSeam]byte // the last of the message so far
	seamLen int

	control    [maxControl]byte
	controlLen int
}

// NewTap reads what comes from a client, or from a server whose messages with a
// type in terminal (at most 30 bytes) end an answer.
func NewTap(fromClient bool, terminal []string) *Tap {
	t := &Tap{fromClient: fromClient}
	if fromClient {
		return t
	}
	for _, s := range terminal {
		t.ends = append(t.ends, []byte(`"`+s+`"`))
	}
	return t
}

// Step is what some bytes of a direction are.
type Step struct {
	// N is how many bytes they are.
	N int
	// First says that a frame begins with them.
	First bool
	// Piece says that Data is content: of a message, or of a close frame where
	// Close is set. It is valid until the next step. More says that its message
	// goes on.
	Piece, Binary, More, Close bool
	Data                       []byte
	// Key is the mask of Data, its first byte first; see [Unmask].
	Key [4]byte
	// Hold says that with these bytes an answer ends, or may: they must not pass
	// before it is on stable storage.
	Hold bool
}

// Next reads the first bytes of p, which is not empty.
func (t *Tap) Next(p []byte) Step {
	switch {
	case t.raw:
		return t.asItCame(p)
	case t.left == 0:
		return t.header(p)
	case t.op&controlBit != 0:
		return t.controlPayload(p)
	}
	return t.payload(p)
}

// Between says that the bytes read so far end with a frame's last.
func (t *Tap) Between() bool { return !t.raw && t.left == 0 && t.have == 0 }

// asItCame gives bytes that cannot be read. Of an answer any may be the end.
func (t *Tap) asItCame(p []byte) Step {
	n := min(len(p), maxPiece)
	return Step{N: n, Piece: true, Binary: true, More: true, Data: p[:n], Hold: !t.fromClient}
}

func (t *Tap) header(p []byte) Step {
	s := Step{First: t.have == 0}
	for {
		need := t.need()
		n := copy(t.head[t.have:need], p[s.N:])
		t.have += n
		s.N += n
		if t.have < need {
			return s
		}
		if t.have >= 2 && need == t.need() {
			break
		}
	}
	if !t.begin() {
		t.raw = true
		raw := t.asItCame(t.head[:t.have])
		raw.N, raw.First = s.N, s.First
		return raw
	}
	t.have = 0
	switch {
	case t.left > 0:
	case t.op&controlBit != 0:
		t.endControl(&s)
	case t.fin:
		t.endPiece(&s, nil)
	}
	return s
}

// need is how long the header is, as far as that is known.
func (t *Tap) need() int {
	if t.have < 2 || t.broken() {
		return 2
	}
	n := 2
	switch t.head[1] &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if t.head[1]&maskBit != 0 {
		n += 4
	}
	return n
}

// broken says whether a header's first two bytes break the protocol.
func (t *Tap) broken() bool {
	op, long := t.head[0]&0x0f, t.head[1]&^maskBit > maxControl
	switch {
	case t.head[0]&reservedBits != 0, (t.head[1]&maskBit != 0) != t.fromClient:
		return true
	case op&controlBit != 0:
		return op > lastOp || long || t.head[0]&finBit == 0
	case op == 0:
		return !t.open
	}
	return op > opBinary || t.open
}

// begin reads a whole header; false when it breaks the protocol.
func (t *Tap) begin() bool {
	if t.broken() {
		return false
	}
	rest := t.head[2:t.have]
	switch n := t.head[1] &^ maskBit; n {
	case 126:
		t.left, rest = uint64(binary.BigEndian.Uint16(rest)), rest[2:]
	case 127:
		t.left, rest = binary.BigEndian.Uint64(rest), rest[8:]
		if t.left > 1<<63-1 {
			return false
		}
	default:
		t.left = uint64(n)
	}
	t.key = [4]byte{}
	copy(t.key[:], rest)
	t.op, t.fin, t.at = t.head[0]&0x0f, t.head[0]&finBit != 0, 0
	if t.op == opText || t.op == opBinary {
		t.open, t.binary, t.ending, t.seamLen = true, t.op == opBinary, false, 0
	}
	return true
}

// pass takes the next bytes of the frame's payload.
func (t *Tap) pass(p []byte, limit int) (data []byte, key [4]byte) {
	data = p[:min(uint64(len(p)), t.left, uint64(limit))]
	for i := range key {
		key[i] = t.key[(t.at+uint64(i))%4]
	}
	t.at += uint64(len(data))
	t.left -= uint64(len(data))
	return data, key
}

func (t *Tap) payload(p []byte) Step {
	var s Step
	var data []byte
	data, s.Key = t.pass(p, maxPiece)
	s.N = len(data)
	if len(t.ends) > 0 && !t.ending {
		t.look(data)
	}
	t.endPiece(&s, data)
	return s
}

// endPiece makes s a piece of the open message.
func (t *Tap) endPiece(s *Step, data []byte) {
	last := t.fin && t.left == 0
	s.Piece, s.Data, s.Binary, s.More = true, data, t.binary, !last
	if last {
		s.Hold, t.open = t.ending, false
	}
}

// look finds the types that end an answer, in quotes: inside a JSON text no
// string can hold them, because its own quotes are escaped. One may be spread
// over pieces.
func (t *Tap) look(data []byte) {
	const keep = maxSeam / 2
	t.seamLen += copy(t.seam[t.seamLen:], data)
	seam := t.seam[:t.seamLen]
	for _, end := range t.ends {
		if bytes.Contains(data, end) || bytes.Contains(seam, end) {
			t.ending = true
			return
		}
	}
	if len(data) >= keep {
		seam = data
	}
	t.seamLen = copy(t.seam[:], seam[max(0, len(seam)-keep):])
}

func (t *Tap) controlPayload(p []byte) Step {
	data, key := t.pass(p, maxControl)
	if t.op == opClose {
		to := t.control[t.controlLen:]
		Unmask(to[:copy(to, data)], key)
		t.controlLen += len(data)
	}
	s := Step{N: len(data)}
	if t.left == 0 {
		t.endControl(&s)
	}
	return s
}

// endControl makes s the end of a control frame.
func (t *Tap) endControl(s *Step) {
	if t.op != opClose {
		return
	}
	s.Piece, s.Close, s.Data, s.Hold = true, true, t.control[:t.controlLen], !t.fromClient
	t.controlLen = 0
}

// Unmask undoes a client's masking of data, in place (RFC 6455, 5.3).
func Unmask(data []byte, key [4]byte) {
	if key == [4]byte{} {
		return
	}
	k := uint64(binary.NativeEndian.Uint32(key[:]))
	k |= k << 32
	for len(data) >= 8 {
		binary.NativeEndian.PutUint64(data, binary.NativeEndian.Uint64(data)^k)
		data = data[8:]
	}
	for i := range data {
		data[i] ^= key[i&3]
	}
}
