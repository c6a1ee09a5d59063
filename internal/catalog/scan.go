package catalog

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner validates JSON (RFC 8259) from pos on, without recursion and without
// allocating.
type scanner struct {
	data []byte
	pos  int
	high byte // all bytes of strings, or-ed: ≥ 0x80 when one is not ASCII
}

func notJSON(at int) error {
	return &BodyError{at, "the body is not valid JSON, at offset " + strconv.Itoa(at), ""}
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\n', '\r', '\t':
			s.pos++
		default:
			return
		}
	}
}

// members reads an object's members up to and with its closing brace; pos is
// behind the opening one. each gets the key's text, still escaped, and the
// offset of its quote; it must read the value.
func (s *scanner) members(each func(key []byte, at int) error) (empty bool, err error) {
	s.space()
	if s.pos < len(s.data) && s.data[s.pos] == '}' {
		s.pos++
		return true, nil
	}
	for {
		start := s.pos
		if err := s.key(); err != nil {
			return false, err
		}
		key := s.data[start+1 : s.keyEnd(start)]
		if err := each(key, start); err != nil {
			return false, err
		}
		s.space()
		if s.pos == len(s.data) {
			return false, notJSON(s.pos)
		}
		switch s.data[s.pos] {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			return false, nil
		default:
			return false, notJSON(s.pos)
		}
	}
}

// keyEnd finds the closing quote of the key that began at start and was read:
// it is the last quote before pos.
func (s *scanner) keyEnd(start int) int {
	i := s.pos - 1
	for i > start && s.data[i] != '"' {
		i--
	}
	return i
}

// key reads a key and its colon, and the space behind.
func (s *scanner) key() error {
	if s.pos == len(s.data) || s.data[s.pos] != '"' {
		return notJSON(s.pos)
	}
	s.pos++
	if err := s.str(); err != nil {
		return err
	}
	s.space()
	if s.pos == len(s.data) || s.data[s.pos] != ':' {
		return notJSON(s.pos)
	}
	s.pos++
	s.space()
	return nil
}

// value reads one value that stands depth containers deep; its containers'
// kinds are kept as bits, 1 for an object.
func (s *scanner) value(depth int) error {
	var object [maxDepth/64 + 1]uint64
	base := depth
	for {
		if s.pos == len(s.data) {
			return notJSON(s.pos)
		}
		opened := false
		switch c := s.data[s.pos]; c {
		case '"':
			s.pos++
			if err := s.str(); err != nil {
				return err
			}
		case '{', '[':
			if depth == maxDepth {
				return &BodyError{s.pos, "the body nests deeper than " + strconv.Itoa(maxDepth), ""}
			}
			s.pos++
			s.space()
			if s.pos < len(s.data) && s.data[s.pos] == c+2 { // '{'+2 is '}', '['+2 is ']'
				s.pos++
				break
			}
			depth++
			object[depth/64] &^= 1 << (depth % 64)
			if c == '{' {
				object[depth/64] |= 1 << (depth % 64)
				if err := s.key(); err != nil {
					return err
				}
			}
			opened = true
		default:
			if err := s.scalar(c); err != nil {
				return err
			}
		}
		if opened {
			continue
		}
		for {
			if depth == base {
				return nil
			}
			s.space()
			if s.pos == len(s.data) {
				return notJSON(s.pos)
			}
			in := object[depth/64]>>(depth%64)&1 == 1
			c := s.data[s.pos]
			if c == ',' {
				s.pos++
				s.space()
				if in {
					if err := s.key(); err != nil {
						return err
					}
				}
				break
			}
			if in && c != '}' || !in && c != ']' {
				return notJSON(s.pos)
			}
			s.pos++
			depth--
		}
	}
}

func (s *scanner) scalar(c byte) error {
	switch c {
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(w string) error {
	for i := range len(w) {
		if s.pos == len(s.data) || s.data[s.pos] != w[i] {
			return notJSON(s.pos)
		}
		s.pos++
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) number() error {
	if s.data[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.data) && s.data[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return notJSON(s.pos)
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return notJSON(s.pos)
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return notJSON(s.pos)
		}
	}
	return nil
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// str reads a string; pos is behind its opening quote. Eight bytes are looked
// at together: a byte is special when it is a quote, a backslash or a control
// character. The test may say so of a byte above a special one, never miss one,
// so the first it names is right (the well-known zero-byte test).
func (s *scanner) str() error {
	d, i := s.data, s.pos
	var high uint64
	for {
		for ; i+8 <= len(d); i += 8 {
			w := binary.LittleEndian.Uint64(d[i:])
			high |= w
			q, b := w^(ones*'"'), w^(ones*'\\')
			special := ((q - ones) &^ q) | ((b - ones) &^ b) | ((w - ones*0x20) &^ w)
			if special &= highs; special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
		}
		if i >= len(d) {
			return notJSON(len(d))
		}
		switch c := d[i]; {
		case c == '"':
			s.pos = i + 1
			if high&highs != 0 {
				s.high = 0xff
			}
			return nil
		case c == '\\':
			n := escapeLen(d[i:])
			if n == 0 {
				return notJSON(i)
			}
			i += n
		case c < ' ':
			return notJSON(i)
		default:
			s.high |= c
			i++
		}
	}
}

// escapeLen is the length of the escape at the beginning of d, 0 when it is
// none.
func escapeLen(d []byte) int {
	if len(d) < 2 {
		return 0
	}
	switch d[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(d) >= 6 && hex4(d[2:6]) >= 0 {
			return 6
		}
	}
	return 0
}

func hex4(d []byte) rune {
	var r rune
	for _, c := range d {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unquote gives the text of a valid string's inside. A lone surrogate, which
// JSON's grammar allows, becomes U+FFFD.
func unquote(in []byte) string {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); {
		if in[i] != '\\' {
			out = append(out, in[i])
			i++
			continue
		}
		switch c := in[i+1]; c {
		case 'b', 'f', 'n', 'r', 't':
			out = append(out, [...]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}[c])
		case 'u':
			r := hex4(in[i+2 : i+6])
			if utf16.IsSurrogate(r) && i+12 <= len(in) && in[i+6] == '\\' && in[i+7] == 'u' {
				if pair := utf16.DecodeRune(r, hex4(in[i+8:i+12])); pair != utf8.RuneError {
					out = utf8.AppendRune(out, pair)
					i += 12
					continue
				}
			}
			out = utf8.AppendRune(out, r)
			i += 6
			continue
		default:
			out = append(out, c)
		}
		i += 2
	}
	return string(out)
}

func invalidUTF8(d []byte) int {
	for i := 0; i < len(d); {
		r, n := utf8.DecodeRune(d[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(d)
}
