package sim

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Answers are written by appending: their shapes are fixed, their number is
// large, and the order of keys is part of what a service looks like on the wire
// (Azure sorts them, OpenAI does not).

const hexDigits = "0123456789abcdef"

// appendText adds s as the inside of a JSON string (RFC 8259 section 7), with no
// quotes around it. Characters beyond ASCII stay as they are.
func appendText(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			start = i + size
		}
		i += size
	}
	return append(b, s[start:]...)
}

// appendString adds s as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	b = appendText(b, s)
	return append(b, '"')
}

// appendStringOrNull is appendString, and null for "".
func appendStringOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

// appendKeyInt adds `"key":n`.
func appendKeyInt(b []byte, key string, n int) []byte {
	b = append(b, '"')
	b = append(b, key...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, int64(n), 10)
}

// field is a member of the request's top-level object; raw is valid JSON.
type field struct {
	name string
	raw  []byte
}

// fields lists the members of the object that body is, in order, twice the ones
// that stand there twice. ok is false when body is no JSON object.
func fields(body []byte) (out []field, ok bool) {
	if !json.Valid(body) {
		return nil, false
	}
	return members(body)
}

// members is fields for JSON that is known to be valid: bodies are long, and
// checked once.
func members(object []byte) (out []field, ok bool) {
	i := skipSpace(object, 0)
	if object[i] != '{' {
		return nil, false
	}
	for i = skipSpace(object, i+1); object[i] != '}'; {
		end := valueEnd(object, i)
		name := unquote(object[i:end])
		i = skipSpace(object, skipSpace(object, end)+1) // past the colon
		end = valueEnd(object, i)
		out = append(out, field{name, object[i:end]})
		if i = skipSpace(object, end); object[i] == ',' {
			i = skipSpace(object, i+1)
		}
	}
	return out, true
}

// elements lists the elements of a valid JSON array; ok is false when it is none.
func elements(array []byte) (out [][]byte, ok bool) {
	i := skipSpace(array, 0)
	if array[i] != '[' {
		return nil, false
	}
	for i = skipSpace(array, i+1); array[i] != ']'; {
		end := valueEnd(array, i)
		out = append(out, array[i:end])
		if i = skipSpace(array, end); array[i] == ',' {
			i = skipSpace(array, i+1)
		}
	}
	return out, true
}

// unquote decodes a valid JSON string.
func unquote(raw []byte) string {
	inside := raw[1 : len(raw)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside)
	}
	var s string
	// Valid JSON, so that it decodes.
	_ = json.Unmarshal(raw, &s)
	return s
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is the index after the value that starts at i, in valid JSON.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && skipSpace(b, i) == i {
				i++
			}
			return i
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}
