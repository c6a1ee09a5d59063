package transcript

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"weir/internal/record"
)

// What bounds the memory that condensing takes: a message, and all that is kept.
const (
	maxMessage   = 8 << 20
	maxCondensed = 64 << 20
)

// told is the types of events that Read reads something out of.
var told = map[string]bool{
	"session.update": true, "transcription_session.update": true, "conversation.item.create": true, "response.create": true,
	"session.created": true, "session.updated": true, "transcription_session.created": true, "transcription_session.updated": true,
	"conversation.item.input_audio_transcription.completed": true, "response.done": true, "error": true,
}

// Condense makes, of the messages of a WebSocket that are too many to be loaded,
// those that the row is made of: a conversation is mostly audio, of which it says
// nothing. What it gives is for [record.Exchange].ResponseBody, with Condensed
// set. A message that is torn is left out, and so is one that is larger than any.
// Where even what is left is too much, the rest of it is dropped, and a close
// stands for it, by which Read knows: no other close is kept. The error is body's.
func Condense(body io.Reader) ([]byte, error) { return condense(body, maxCondensed) }

func condense(body io.Reader, most int) ([]byte, error) {
	src := &bodySource{r: body} // which tells its errors from what is torn
	in := bufio.NewReaderSize(src, 64<<10)
	var out []byte
	var sides [2]begun
	for {
		m, whole, err := nextMessage(in)
		if src.err != nil {
			return out, fmt.Errorf("read a socket's messages: %w", src.err)
		}
		if err != nil {
			return out, nil
		}
		side := &sides[0]
		if m.FromClient {
			side = &sides[1]
		}
		side.add(m, whole)
		if m.More {
			continue
		}
		if side.worthy() {
			if len(out)+len(side.Data) > most {
				return (&record.Message{Close: true}).Append(out), nil
			}
			side.More = false
			out = side.Append(out)
		}
		*side = begun{}
	}
}

// begun is what there is of a message that goes on.
type begun struct {
	record.Message
	open  bool
	large bool // larger than any; it has no data
}

// add adds a message, or a piece of one; whole says that its data is there.
func (b *begun) add(m record.Message, whole bool) {
	if b.open {
		b.Data = append(b.Data, m.Data...)
	} else {
		b.Message, b.open = m, true
	}
	if b.large = b.large || !whole || len(b.Data) > maxMessage; b.large {
		b.Data = nil
	}
}

// nextMessage reads a message as [record.ParseMessage] does. Of one that is too
// large the data is passed over, and whole is false.
func nextMessage(in *bufio.Reader) (m record.Message, whole bool, err error) {
	at, err := binary.ReadUvarint(in)
	if err != nil {
		return m, false, err
	}
	flags, err := in.ReadByte()
	if err != nil {
		return m, false, err
	}
	length, err := binary.ReadUvarint(in)
	if err != nil {
		return m, false, err
	}
	head := binary.AppendUvarint(append(binary.AppendUvarint(nil, at), flags), 0)
	m, _, _ = record.ParseMessage(head)
	if length > maxMessage {
		_, err := io.CopyN(io.Discard, in, int64(min(length, 1<<62)))
		return m, false, err
	}
	m.Data = make([]byte, length)
	_, err = io.ReadFull(in, m.Data)
	return m, true, err
}

// worthy reports whether the message says something.
func (b *begun) worthy() bool {
	if b.large || b.Binary || b.Close {
		return false
	}
	event, _ := object(strings.ToValidUTF8(string(b.Data), "\uFFFD"))
	kind := text(first(event, "type"))
	return told[kind] || spoken[kind]
}
