package transcript

import (
	"errors"
	"unicode/utf16"
)

// repair gives the JSON value that can be read out of one that was cut short or
// goes wrong somewhere: all that is whole before that point, the text of a string
// up to it, and what closes them. It gives "" when nothing can be read.
//
//	{"a":[1,2],"b":"so fa   →   {"a":[1,2],"b":"so fa"}
//	{"a":[1,2],"b":12       →   {"a":[1,2]}
func repair(s string) string {
	if wrong := (*syntaxError)(nil); errors.As(check(s), &wrong) {
		s = s[:min(wrong.at, len(s))]
	}
	// From here s is the beginning of a right text, or all of it.
	var open []byte // what closes the values that are open, outermost first
	safe := 0       // s[:safe] lacks only those
	value := false  // in an object: a value comes next, not a name
	for i := space(s, 0); i < len(s); i = space(s, i) {
		switch c := s[i]; {
		case c == '{' || c == '[':
			open = append(open, c+2) // '{'+2 is '}', '['+2 is ']'
			i++
			safe, value = i, false
		case c == '}' || c == ']':
			open = open[:len(open)-1]
			i++
			safe = i
		case c == ',' || c == ':':
			value = c == ':'
			i++
		case c == '"' && !value && len(open) > 0 && open[len(open)-1] == '}':
			end := checkString(s, i)
			if end < 0 {
				return closed(s[:safe], open)
			}
			i = end
		default:
			end := checkValue(s, i, 0)
			switch {
			case end < 0 && c == '"':
				return closed(s[:i]+cutString(s[i:]), open)
			case end < 0, end == len(s) && (c == '-' || '0' <= c && c <= '9'):
				return closed(s[:safe], open) // a number might have gone on
			}
			i = end
			safe = i
		}
	}
	return closed(s[:safe], open)
}

// cutString gives the raw string for one that lacks its end.
func cutString(s string) string {
	for i := 1; i < len(s); {
		if s[i] != '\\' {
			i++
			continue
		}
		n := 2
		if i+1 < len(s) && s[i+1] == 'u' {
			n = 6
		}
		if i+n > len(s) || n == 6 && cutPair(s[i:]) {
			s = s[:i]
			break
		}
		i += n
	}
	return s + `"`
}

// cutPair reports whether s is the \u escape of the first half of a surrogate
// pair and too little after it to be the second.
func cutPair(s string) bool {
	r := hex4(s[2:])
	if !utf16.IsSurrogate(r) || r >= 0xDC00 || len(s) >= 12 {
		return false
	}
	rest := s[6:]
	return rest == "" || rest == `\` || len(rest) >= 2 && rest[:2] == `\u`
}

func closed(s string, open []byte) string {
	b := append(make([]byte, 0, len(s)+len(open)), s...)
	for i := len(open) - 1; i >= 0; i-- {
		b = append(b, open[i])
	}
	return string(b)
}
