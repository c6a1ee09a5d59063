package record

import (
	"encoding/binary"
	"math"
	"time"
)

// Message is one message of a WebSocket, or a piece of one. The content of an
// exchange that became a WebSocket is its messages in the order in which they
// passed, both directions, each
//
//	since the exchange began uvarint, microseconds
//	flags   one byte: 1 from the client, 2 binary, 4 the message goes on in
//	        the next entry of its direction, 8 a close frame's payload
//	length  uvarint, then so many bytes
type Message struct {
	At         time.Duration // since the exchange began
	FromClient bool
	Binary     bool
	More       bool // the message goes on in the next entry of its direction
	Close      bool // Data is a close frame's: code (big endian) and reason
	Data       []byte
}

const (
	messageFromClient = 1 << iota
	messageBinary
	messageMore
	messageClose
)

// Append appends m to buf.
func (m *Message) Append(buf []byte) []byte {
	flags := byte(0)
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{m.FromClient, messageFromClient}, {m.Binary, messageBinary}, {m.More, messageMore}, {m.Close, messageClose}} {
		if f.set {
			flags |= f.bit
		}
	}
	buf = binary.AppendUvarint(buf, uint64(max(0, m.At.Microseconds())))
	buf = append(buf, flags)
	buf = binary.AppendUvarint(buf, uint64(len(m.Data)))
	return append(buf, m.Data...)
}

// ParseMessage reads the first message of b and gives what stands behind it. ok
// is false at the end, and where b ends inside a message: Data then is what there
// is of it, if there is any.
func ParseMessage(b []byte) (m Message, rest []byte, ok bool) {
	at, n := binary.Uvarint(b)
	if n <= 0 || n == len(b) {
		return Message{}, nil, false
	}
	flags := b[n]
	b = b[n+1:]
	m = Message{
		At: time.Duration(min(at, math.MaxInt64/1000)) * time.Microsecond, FromClient: flags&messageFromClient != 0,
		Binary: flags&messageBinary != 0, More: flags&messageMore != 0, Close: flags&messageClose != 0,
	}
	l, n := binary.Uvarint(b)
	if n <= 0 {
		return m, nil, false
	}
	b = b[n:]
	if l > uint64(len(b)) {
		m.Data = b
		return m, nil, false
	}
	m.Data = b[:l]
	return m, b[l:], true
}
