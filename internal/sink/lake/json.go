package lake

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// text gives s as valid UTF-8.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// jsonText gives s as JSON that the engine can read: one bad value would fail
// every query that touches its row. A surrogate without its other half, which
// clients that cut a text in two do send, becomes U+FFFD; what is not JSON
// becomes a JSON string, so that it can still be seen.
func jsonText(s string) string {
	s = text(s)
	sc := scanner{s: s}
	if !sc.document() {
		b, err := json.Marshal(s)
		if err != nil {
			return `""`
		}
		return string(b)
	}
	if sc.lone == nil {
		return s
	}
	b := []byte(s)
	for _, at := range sc.lone {
		copy(b[at:], "fffd")
	}
	return string(b)
}

// scanner checks JSON (RFC 8259) without building anything.
type scanner struct {
	s    string
	i    int
	open []byte // the closing brackets that are due
	lone []int  // where the digits of surrogates without a partner stand
}

// document reports whether s is one JSON value and nothing else.
func (c *scanner) document() bool {
	for {
		if !c.value() {
			return false
		}
		for { // behind a value
			c.space()
			if len(c.open) == 0 {
				return c.i == len(c.s)
			}
			end := c.open[len(c.open)-1]
			if c.take(',') {
				if end == '}' && !c.key() {
					return false
				}
				break
			}
			if !c.take(end) {
				return false
			}
			c.open = c.open[:len(c.open)-1]
		}
	}
}

// value reads a scalar, an empty container, or what opens one up to its first
// scalar.
func (c *scanner) value() bool {
	for {
		c.space()
		if c.i == len(c.s) {
			return false
		}
		switch b := c.s[c.i]; {
		case b == '{':
			c.i++
			if c.space(); c.take('}') {
				return true
			}
			c.open = append(c.open, '}')
			if !c.key() {
				return false
			}
		case b == '[':
			c.i++
			if c.space(); c.take(']') {
				return true
			}
			c.open = append(c.open, ']')
		case b == '"':
			return c.str()
		case b == '-' || b >= '0' && b <= '9':
			return c.number()
		default:
			return c.word("true") || c.word("false") || c.word("null")
		}
	}
}

func (c *scanner) key() bool {
	c.space()
	if !c.str() {
		return false
	}
	c.space()
	return c.take(':')
}

func (c *scanner) space() {
	for c.i < len(c.s) && (c.s[c.i] == ' ' || c.s[c.i] == '\n' || c.s[c.i] == '\t' || c.s[c.i] == '\r') {
		c.i++
	}
}

func (c *scanner) take(b byte) bool {
	if c.i < len(c.s) && c.s[c.i] == b {
		c.i++
		return true
	}
	return false
}

func (c *scanner) word(w string) bool {
	if strings.HasPrefix(c.s[c.i:], w) {
		c.i += len(w)
		return true
	}
	return false
}

func (c *scanner) str() bool {
	if !c.take('"') {
		return false
	}
	for c.i < len(c.s) {
		switch b := c.s[c.i]; {
		case b == '"':
			c.i++
			return true
		case b == '\\':
			if !c.escape() {
				return false
			}
		case b < ' ':
			return false
		default:
			c.i++
		}
	}
	return false
}

func (c *scanner) escape() bool {
	if c.i+1 >= len(c.s) {
		return false
	}
	if c.s[c.i+1] != 'u' {
		ok := strings.IndexByte(`"\/bfnrt`, c.s[c.i+1]) >= 0
		c.i += 2
		return ok
	}
	at := c.i + 2
	r, ok := c.hex(at)
	if !ok {
		return false
	}
	c.i += 6
	switch {
	case r < 0xD800 || r > 0xDFFF:
	case r < 0xDC00 && strings.HasPrefix(c.s[c.i:], `\u`):
		if low, ok := c.hex(c.i + 2); ok && low >= 0xDC00 && low <= 0xDFFF {
			c.i += 6
			return true
		}
		fallthrough
	default:
		c.lone = append(c.lone, at)
	}
	return true
}

func (c *scanner) hex(at int) (rune, bool) {
	if at+4 > len(c.s) {
		return 0, false
	}
	var r rune
	for _, b := range []byte(c.s[at : at+4]) {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

func (c *scanner) number() bool {
	c.take('-')
	if !c.take('0') && !c.digits() {
		return false
	}
	if c.take('.') && !c.digits() {
		return false
	}
	if c.take('e') || c.take('E') {
		if !c.take('+') {
			c.take('-')
		}
		return c.digits()
	}
	return true
}

func (c *scanner) digits() bool {
	from := c.i
	for c.i < len(c.s) && c.s[c.i] >= '0' && c.s[c.i] <= '9' {
		c.i++
	}
	return c.i > from
}
