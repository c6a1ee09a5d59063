package transcript

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote gives the text of a raw string. Half of a surrogate pair becomes U+FFFD.
func unquote(raw string) string {
	raw = raw[1 : len(raw)-1]
	i := strings.IndexByte(raw, '\\')
	if i < 0 {
		return raw
	}
	b := make([]byte, 0, len(raw))
	for i >= 0 {
		b = append(b, raw[:i]...)
		switch c := raw[i+1]; c {
		case 'u':
			r, n := escaped(raw[i:])
			b = utf8.AppendRune(b, r)
			raw = raw[i+n:]
		default:
			if k := strings.IndexByte("bfnrt", c); k >= 0 {
				c = "\b\f\n\r\t"[k]
			}
			b = append(b, c)
			raw = raw[i+2:]
		}
		i = strings.IndexByte(raw, '\\')
	}
	return string(append(b, raw...))
}

// escaped reads the \u escape that s begins with, and the second one of a
// surrogate pair: the character and the length of its spelling.
func escaped(s string) (rune, int) {
	r := hex4(s[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(s[8:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(s string) (r rune) {
	for i := range 4 {
		r = r<<4 | rune(unhex(s[i]))
	}
	return r
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// whole gives the inside of a JSON string in which no half of a surrogate pair
// stands alone, since parsers differ on those. The second half may be still to
// come where the inside ends: that first half is left out.
func whole(inside []byte) []byte {
	if !bytes.Contains(inside, []byte(`\u`)) {
		return inside
	}
	s := string(inside)
	out := inside[:0]
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return append(out, s...)
		}
		out, s = append(out, s[:i]...), s[i:]
		n := 2
		if s[1] == 'u' {
			var r rune
			if r, n = escaped(s); r == utf8.RuneError {
				if n < len(s) || !cutPair(s) {
					out = append(out, `\ufffd`...)
				}
				s = s[n:]
				continue
			}
		}
		out, s = append(out, s[:n]...), s[n:]
	}
}
