package record

// Payload is a body that is too large to stand in the journal and the store's
// rows: it went to the spool while it streamed, and from there to the payload
// store, where it is found by the exchange's id and its side.
type Payload struct {
	Length int64  // bytes
	SHA256 string // of all of them, in hexadecimal; "" when the gateway ended first
}

// The sides of an exchange, as payloads name them.
const (
	RequestSide = "request"
	AnswerSide  = "answer"
)

func (e *encoder) payload(tag uint64, p *Payload) {
	if p == nil {
		return
	}
	e.item(tag, func(in *encoder) {
		in.num(1, p.Length)
		in.text(2, p.SHA256)
	})
}

func parsePayload(b []byte) (*Payload, error) {
	p := &Payload{}
	err := fields(b, func(tag uint64, v []byte) error {
		switch tag {
		case 1:
			p.Length = num(v)
		case 2:
			p.SHA256 = string(v)
		}
		return nil
	})
	return p, err
}
