package transcript

import (
	"iter"
	"strings"
)

// skip gives the end of the value at i of a text that was checked.
func skip(s string, i int) int {
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		for depth := 0; ; {
			switch s[i] {
			case '"':
				i = skipString(s, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(s) && s[i] != ',' && s[i] != '}' && s[i] != ']' && s[i] > ' ' {
		i++
	}
	return i
}

// longString is from where looking for the end of a string by the block pays.
const longString = 24

func skipString(s string, i int) int {
	i++
	for short := i + longString; i < short; i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	for from := i; ; {
		quote := from + strings.IndexByte(s[from:], '"')
		slash := quote
		for slash > from && s[slash-1] == '\\' {
			slash--
		}
		if (quote-slash)%2 == 0 {
			return quote + 1
		}
		from = quote + 1
	}
}

// members ranges over the names and raw values of a raw object; anything else
// has none.
func members(raw string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if !isObject(raw) {
			return
		}
		for i := space(raw, 1); raw[i] != '}'; {
			end := skipString(raw, i)
			name := raw[i+1 : end-1]
			if strings.IndexByte(name, '\\') >= 0 {
				name = unquote(raw[i:end])
			}
			i = space(raw, space(raw, end)+1)
			end = skip(raw, i)
			if !yield(name, raw[i:end]) {
				return
			}
			if i = space(raw, end); raw[i] == ',' {
				i = space(raw, i+1)
			}
		}
	}
}

// elements ranges over the raw elements of a raw array; anything else has none.
func elements(raw string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !isArray(raw) {
			return
		}
		for i := space(raw, 1); raw[i] != ']'; {
			end := skip(raw, i)
			if !yield(raw[i:end]) {
				return
			}
			if i = space(raw, end); raw[i] == ',' {
				i = space(raw, i+1)
			}
		}
	}
}

// first gives the first member of that name, raw, or "".
func first(raw, name string) string {
	for k, v := range members(raw) {
		if k == name {
			return v
		}
	}
	return ""
}

// get gives the raw value at the path of names, or "" when there is none.
func get(raw string, path ...string) string {
	for _, name := range path {
		found := ""
		for k, v := range members(raw) {
			if k == name {
				found = v
			}
		}
		raw = found
	}
	return raw
}

func isObject(raw string) bool { return raw != "" && raw[0] == '{' }
func isArray(raw string) bool  { return raw != "" && raw[0] == '[' }
func isString(raw string) bool { return raw != "" && raw[0] == '"' }

// isNothing reports whether a raw value is missing or null.
func isNothing(raw string) bool { return raw == "" || raw == "null" }

// text gives the text of a raw string; anything else has none.
func text(raw string) string {
	if !isString(raw) {
		return ""
	}
	return unquote(raw)
}

// compact gives a raw value without the space between its tokens. One that has
// none is given back as it is.
func compact(raw string) string {
	i := nextSpace(raw, 0)
	if i == len(raw) {
		return raw
	}
	b := make([]byte, 0, len(raw))
	from := 0
	for i < len(raw) {
		b = append(b, raw[from:i]...)
		from = space(raw, i)
		i = nextSpace(raw, from)
	}
	return string(append(b, raw[from:]...))
}

// nextSpace finds space between tokens at i or after, or gives the length.
func nextSpace(raw string, i int) int {
	for i < len(raw) {
		switch c := raw[i]; {
		case c == '"':
			i = skipString(raw, i)
		case c <= ' ':
			return i
		default:
			i++
		}
	}
	return i
}
