package transcript

import "fmt"

// The JSON scanner works on text in place: a value is the part of the source
// that spells it ("raw"), so that nothing is copied which is only passed on, and
// numbers keep their text. A text is checked once, whole; every function below
// check relies on that.

// maxDepth is how deep values may nest, as for encoding/json.
const maxDepth = 10_000

// syntaxError says where a text stops being JSON. It holds no part of the text.
type syntaxError struct {
	at   int
	ends bool // the text ended too early
}

func (e *syntaxError) Error() string {
	if e.ends {
		return fmt.Sprintf("the JSON ends early, at byte %d", e.at)
	}
	return fmt.Sprintf("not JSON at byte %d", e.at)
}

// check reports whether s is one JSON value (RFC 8259) and nothing else.
func check(s string) error {
	end := checkValue(s, space(s, 0), 0)
	if end >= 0 {
		if end = space(s, end); end == len(s) {
			return nil
		}
		end = -end - 1
	}
	at := -end - 1
	return &syntaxError{at: at, ends: at >= len(s)}
}

// checkValue gives the end of the value at i, or -1-p when p is where it is wrong.
func checkValue(s string, i, depth int) int {
	if i >= len(s) {
		return -i - 1
	}
	switch s[i] {
	case '"':
		return checkString(s, i)
	case '{', '[':
		if depth >= maxDepth {
			return -i - 1
		}
		if s[i] == '{' {
			return checkObject(s, i, depth)
		}
		return checkArray(s, i, depth)
	case 't':
		return checkWord(s, i, "true")
	case 'f':
		return checkWord(s, i, "false")
	case 'n':
		return checkWord(s, i, "null")
	}
	return checkNumber(s, i)
}

func checkObject(s string, i, depth int) int {
	i = space(s, i+1)
	if i < len(s) && s[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(s) || s[i] != '"' {
			return -i - 1
		}
		if i = checkString(s, i); i < 0 {
			return i
		}
		if i = space(s, i); i >= len(s) || s[i] != ':' {
			return -i - 1
		}
		if i = checkValue(s, space(s, i+1), depth+1); i < 0 {
			return i
		}
		if i = space(s, i); i >= len(s) {
			return -i - 1
		}
		switch s[i] {
		case ',':
			i = space(s, i+1)
		case '}':
			return i + 1
		default:
			return -i - 1
		}
	}
}

func checkArray(s string, i, depth int) int {
	i = space(s, i+1)
	if i < len(s) && s[i] == ']' {
		return i + 1
	}
	for {
		if i = checkValue(s, i, depth+1); i < 0 {
			return i
		}
		if i = space(s, i); i >= len(s) {
			return -i - 1
		}
		switch s[i] {
		case ',':
			i = space(s, i+1)
		case ']':
			return i + 1
		default:
			return -i - 1
		}
	}
}

func checkString(s string, i int) int {
	i++
	for short := i + longString; i < len(s); i++ {
		if i >= short {
			for i+8 <= len(s) && plain(s[i:i+8]) {
				i += 8
			}
			short = i + 8 // what is not plain is within the next eight
			if i == len(s) {
				break
			}
		}
		c := s[i]
		if c == '"' {
			return i + 1
		}
		if c >= ' ' && c != '\\' {
			continue
		}
		if c < ' ' {
			return -i - 1
		}
		if i++; i == len(s) {
			return -i - 1
		}
		switch s[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			for range 4 {
				if i++; i == len(s) || unhex(s[i]) < 0 {
					return -i - 1
				}
			}
		default:
			return -i - 1
		}
	}
	return -i - 1
}

// plain reports whether none of 8 bytes is a quote, a backslash or a control
// character. The arithmetic finds a byte that is 0 (or, for space, too small)
// in all eight at once.
func plain(s string) bool {
	_ = s[7]
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((w-ones*' ')&^w|(quote-ones)&^quote|(slash-ones)&^slash)&high == 0
}

func checkWord(s string, i int, word string) int {
	for k := range len(word) {
		if i+k >= len(s) || s[i+k] != word[k] {
			return -(i + k) - 1
		}
	}
	return i + len(word)
}

func checkNumber(s string, i int) int {
	if s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if i = digits(s, i); i < 0 {
		return i
	}
	if i < len(s) && s[i] == '.' {
		if i = digits(s, i+1); i < 0 {
			return i
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		return digits(s, i)
	}
	return i
}

// digits gives the end of the digits at i, of which there must be one.
func digits(s string, i int) int {
	from := i
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	if i == from {
		return -i - 1
	}
	return i
}

func space(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}
