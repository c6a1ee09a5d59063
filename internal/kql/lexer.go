package kql

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is a stretch of the query's text: byte offsets, End exclusive.
type Span struct{ Start, End int }

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokLong
	tokReal
	tokTimespan
	tokString
	tokPunct
	tokBad
)

type token struct {
	kind tokenKind
	at   Span
	text string // identifiers and punctuation as written; strings decoded; bad: what is wrong
}

// puncts in order of length, so that the longest wins.
var puncts = []string{
	"!~", "=~", "==", "!=", "<>", "<=", ">=", "=>", "..", "|", "(", ")", "[", "]", "{", "}", ",", ";", ":", ".", "=", "<", ">", "+", "-", "*", "/", "%", "$",
}

// timespanUnits maps a literal's suffix to its length in ticks of 100 ns.
var timespanUnits = map[string]int64{
	"d": 864000000000, "day": 864000000000, "days": 864000000000,
	"h": 36000000000, "hr": 36000000000, "hrs": 36000000000, "hour": 36000000000, "hours": 36000000000,
	"m": 600000000, "min": 600000000, "minute": 600000000, "minutes": 600000000,
	"s": 10000000, "sec": 10000000, "second": 10000000, "seconds": 10000000,
	"ms": 10000, "milli": 10000, "millis": 10000, "millisecond": 10000, "milliseconds": 10000,
	"micro": 10, "micros": 10, "microsecond": 10, "microseconds": 10,
	"tick": 1, "ticks": 1,
}

func isIdentStart(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) }
func isIdentPart(r rune) bool  { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// lex splits text into tokens; it never fails, what is wrong becomes a tokBad
// where it stands, so that raw literals may hold anything.
func lex(text string) []token {
	var out []token
	for i := 0; ; {
		i = skipSpace(text, i)
		if i >= len(text) {
			return append(out, token{kind: tokEOF, at: Span{len(text), len(text)}})
		}
		t := lexOne(text, i)
		out = append(out, t)
		i = t.at.End
	}
}

func skipSpace(text string, i int) int {
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsSpace(r) || r == '\uFEFF' || r == '\u200B':
			i += n
		case strings.HasPrefix(text[i:], "//"):
			nl := strings.IndexByte(text[i:], '\n')
			if nl < 0 {
				return len(text)
			}
			i += nl + 1
		default:
			return i
		}
	}
	return i
}

func lexOne(text string, i int) token {
	r, n := utf8.DecodeRuneInString(text[i:])
	switch {
	case r >= '0' && r <= '9':
		return lexNumber(text, i)
	case r == '"' || r == '\'':
		return lexString(text, i, i, false)
	case r == '@' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\''):
		return lexString(text, i, i+1, true)
	case strings.HasPrefix(text[i:], "```") || strings.HasPrefix(text[i:], "~~~"):
		return lexMultiline(text, i, i)
	case (r == 'h' || r == 'H') && i+1 < len(text):
		j := i + 1
		if text[j] == '@' && j+1 < len(text) && (text[j+1] == '"' || text[j+1] == '\'') {
			return lexString(text, i, j+1, true)
		}
		if text[j] == '"' || text[j] == '\'' {
			return lexString(text, i, j, false)
		}
		if strings.HasPrefix(text[j:], "```") {
			return lexMultiline(text, i, j)
		}
	}
	if isIdentStart(r) {
		j := i + n
		for j < len(text) {
			r, n := utf8.DecodeRuneInString(text[j:])
			if !isIdentPart(r) {
				break
			}
			j += n
		}
		return token{tokIdent, Span{i, j}, text[i:j]}
	}
	for _, p := range puncts {
		if strings.HasPrefix(text[i:], p) {
			return token{tokPunct, Span{i, i + len(p)}, p}
		}
	}
	if r == '!' {
		return token{tokPunct, Span{i, i + 1}, "!"}
	}
	return token{tokBad, Span{i, i + n}, "unexpected character"}
}

func lexNumber(text string, i int) token {
	j := i
	digits := func() {
		for j < len(text) && text[j] >= '0' && text[j] <= '9' {
			j++
		}
	}
	if strings.HasPrefix(text[i:], "0x") || strings.HasPrefix(text[i:], "0X") {
		j += 2
		for j < len(text) && strings.IndexByte("0123456789abcdefABCDEF", text[j]) >= 0 {
			j++
		}
		if j > i+2 {
			return token{tokLong, Span{i, j}, text[i:j]}
		}
		j = i
	}
	digits()
	kind := tokLong
	if j+1 < len(text) && text[j] == '.' && text[j+1] != '.' && !isNameByte(text[j+1], true) {
		kind = tokReal
		j++
		digits()
	}
	k := j
	for k < len(text) && isNameByte(text[k], false) {
		k++
	}
	suffix := text[j:k]
	if _, ok := timespanUnits[suffix]; ok && suffix != "" {
		return token{tokTimespan, Span{i, k}, text[i:k]}
	}
	if suffix != "" && (suffix[0] == 'e' || suffix[0] == 'E') {
		e := j + 1
		if e < len(text) && (text[e] == '+' || text[e] == '-') {
			e++
		}
		start := e
		for e < len(text) && text[e] >= '0' && text[e] <= '9' {
			e++
		}
		if e > start && (e >= len(text) || !isNameByte(text[e], false)) {
			return token{tokReal, Span{i, e}, text[i:e]}
		}
	}
	if suffix != "" && kind == tokLong {
		return token{tokIdent, Span{i, k}, text[i:k]}
	}
	return token{kind, Span{i, j}, text[i:j]}
}

func isNameByte(b byte, start bool) bool {
	return b == '_' || b|32 >= 'a' && b|32 <= 'z' || !start && b >= '0' && b <= '9'
}

func lexMultiline(text string, start, i int) token {
	fence := text[i : i+3]
	end := strings.Index(text[i+3:], fence)
	if end < 0 {
		return token{tokBad, Span{start, len(text)}, "the string that begins with " + fence + " does not end"}
	}
	return token{tokString, Span{start, i + 3 + end + 3}, text[i+3 : i+3+end]}
}

func lexString(text string, start, i int, verbatim bool) token {
	quote := text[i]
	var b strings.Builder
	for j := i + 1; j < len(text); {
		c := text[j]
		switch {
		case c == quote && verbatim && j+1 < len(text) && text[j+1] == quote:
			b.WriteByte(quote)
			j += 2
		case c == quote:
			return token{tokString, Span{start, j + 1}, b.String()}
		case c == '\n' && !verbatim:
			return token{tokBad, Span{start, j}, "the string does not end on its line"}
		case c == '\\' && !verbatim:
			n := lexEscape(text[j:], &b)
			if n == 0 {
				return token{tokBad, Span{j, min(j+2, len(text))}, "unknown escape in a string"}
			}
			j += n
		default:
			b.WriteByte(c)
			j++
		}
	}
	return token{tokBad, Span{start, len(text)}, "the string does not end"}
}

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '"': '"', '\'': '\'', 'a': 7, 'b': 8, 'f': 12, 'v': 11}

// lexEscape decodes the escape at the start of s into b and returns its length, 0 if it is none.
func lexEscape(s string, b *strings.Builder) int {
	if len(s) < 2 {
		return 0
	}
	if r, ok := escapes[s[1]]; ok {
		b.WriteByte(r)
		return 2
	}
	if s[1] >= '0' && s[1] <= '7' {
		n, v := 1, 0
		for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7' {
			v = v*8 + int(s[n]-'0')
			n++
		}
		b.WriteRune(rune(v))
		return n
	}
	size := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	if size == 0 || len(s) < 2+size {
		return 0
	}
	v := 0
	for _, c := range []byte(s[2 : 2+size]) {
		d := strings.IndexByte("0123456789abcdef", c|32)
		if c >= '0' && c <= '9' {
			d = int(c - '0')
		}
		if d < 0 {
			return 0
		}
		v = v<<4 | d
	}
	if s[1] == 'u' && v >= 0xD800 && v < 0xDC00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		var low strings.Builder
		lo := 0
		for _, c := range []byte(s[8:12]) {
			d := strings.IndexByte("0123456789abcdef", c|32)
			if c >= '0' && c <= '9' {
				d = int(c - '0')
			}
			if d < 0 {
				return 0
			}
			lo = lo<<4 | d
		}
		if lo >= 0xDC00 && lo < 0xE000 {
			low.WriteRune(rune((v-0xD800)<<10 + (lo - 0xDC00) + 0x10000))
			b.WriteString(low.String())
			return 12
		}
	}
	b.WriteRune(rune(v))
	return 2 + size
}
