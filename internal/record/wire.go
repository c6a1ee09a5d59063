package record

import (
	"encoding/binary"
	"errors"
	"time"
)

// errTorn is what every truncated or overlong metadata block gives; the frame's
// checksum makes it rare, so one error is enough.
var errTorn = errors.New("record: metadata ends inside a field")

type encoder struct{ b []byte }

func (e *encoder) text(tag uint64, s string) {
	if s == "" {
		return
	}
	e.b = binary.AppendUvarint(e.b, tag)
	e.b = binary.AppendUvarint(e.b, uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) num(tag uint64, n int64) {
	if n == 0 {
		return
	}
	var v [binary.MaxVarintLen64]byte
	l := binary.PutVarint(v[:], n)
	e.b = binary.AppendUvarint(e.b, tag)
	e.b = binary.AppendUvarint(e.b, uint64(l))
	e.b = append(e.b, v[:l]...)
}

func (e *encoder) flag(tag uint64, v bool) {
	if v {
		e.num(tag, 1)
	}
}

func (e *encoder) time(tag uint64, t time.Time) {
	if !t.IsZero() {
		e.num(tag, t.UnixNano())
	}
}

// headers writes each field as an item: name length, name, value.
func (e *encoder) headers(tag uint64, hs []Header) {
	for _, h := range hs {
		e.b = binary.AppendUvarint(e.b, tag)
		e.b = binary.AppendUvarint(e.b, uint64(uvarintLen(uint64(len(h.Name)))+len(h.Name)+len(h.Value)))
		e.b = binary.AppendUvarint(e.b, uint64(len(h.Name)))
		e.b = append(e.b, h.Name...)
		e.b = append(e.b, h.Value...)
	}
}

// item nests what write produces; items are rare (attempts, edits, an error),
// so the second buffer is not on the path of a plain exchange's hot fields.
func (e *encoder) item(tag uint64, write func(*encoder)) {
	var in encoder
	write(&in)
	e.b = binary.AppendUvarint(e.b, tag)
	e.b = binary.AppendUvarint(e.b, uint64(len(in.b)))
	e.b = append(e.b, in.b...)
}

func uvarintLen(n uint64) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

type decoder struct{ b []byte }

// next gives the following field; ok is false at the end.
func (d *decoder) next() (tag uint64, v []byte, ok bool, err error) {
	if len(d.b) == 0 {
		return 0, nil, false, nil
	}
	tag, n := binary.Uvarint(d.b)
	if n <= 0 {
		return 0, nil, false, errTorn
	}
	d.b = d.b[n:]
	l, n := binary.Uvarint(d.b)
	if n <= 0 || l > uint64(len(d.b)-n) {
		return 0, nil, false, errTorn
	}
	v, d.b = d.b[n:n+int(l)], d.b[n+int(l):]
	return tag, v, true, nil
}

// fields calls set for each field of b.
func fields(b []byte, set func(tag uint64, v []byte) error) error {
	d := decoder{b}
	for {
		tag, v, ok, err := d.next()
		if err != nil || !ok {
			return err
		}
		if err := set(tag, v); err != nil {
			return err
		}
	}
}

func num(v []byte) int64 {
	n, _ := binary.Varint(v)
	return n
}

func span(v []byte) time.Duration { return time.Duration(num(v)) }

func at(v []byte) time.Time { return time.Unix(0, num(v)).UTC() }

func header(v []byte) (Header, error) {
	l, n := binary.Uvarint(v)
	if n <= 0 || l > uint64(len(v)-n) {
		return Header{}, errTorn
	}
	return Header{string(v[n : n+int(l)]), string(v[n+int(l):])}, nil
}
