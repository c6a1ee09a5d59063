package sim

import (
	"unicode"
	"unicode/utf8"
)

// tokenRunes is the longest run of letters that is one token.
const tokenRunes = 8

// nextToken is the length in bytes of the token that s, which is not empty,
// begins with. The rule is the simulator's own; see the package comment.
func nextToken(s string) int {
	i := 0
	if s[0] == ' ' {
		if len(s) == 1 {
			return 1
		}
		i = 1
	}
	size, ok := letter(s[i:])
	if !ok {
		return i + size
	}
	for n := 0; n < tokenRunes && i < len(s); n++ {
		if asciiLetter(s[i]) {
			i++
			continue
		}
		size, ok := letter(s[i:])
		if !ok {
			break
		}
		i += size
	}
	return i
}

// letter reports the size of the first character and whether it is a letter or a
// digit.
func letter(s string) (size int, ok bool) {
	if s[0] < utf8.RuneSelf {
		return 1, asciiLetter(s[0])
	}
	r, size := utf8.DecodeRuneInString(s)
	return size, unicode.IsLetter(r) || unicode.IsDigit(r)
}

func asciiLetter(c byte) bool { return c|0x20-'a' < 26 || c-'0' < 10 }

// countTokens is the number of tokens of s.
func countTokens(s string) int {
	n := 0
	for len(s) > 0 {
		s = s[nextToken(s):]
		n++
	}
	return n
}

// splitTokens cuts s into its tokens.
func splitTokens(s string) []string {
	out := make([]string, 0, len(s)/4+1)
	for len(s) > 0 {
		n := nextToken(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}
