package kql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error codes as Kusto gives them.
const (
	CodeSyntax   = "SYN0002" // the text is not KQL
	CodeName     = "SEM0100" // a name that does not resolve
	CodeSemantic = "SEM0001" // names resolve, but the meaning is refused
	CodeFunction = "SEM0260" // no such function
	CodeTable    = "SEM0139" // no such table
	CodeSupport  = "WEIR001" // valid KQL that Weir does not translate (yet)
)

// Error is a refusal of a query. Line and Pos count from 1, Pos in code points;
// Offset counts bytes from 0. Hint says what would be right and may be empty.
type Error struct {
	Code    string
	Line    int
	Pos     int
	Offset  int
	Token   string
	Message string
	Hint    string
}

// Error gives one line: code, position, message, hint.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: line %d, column %d: %s", e.Code, e.Line, e.Pos, e.Message)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// NewError makes an Error about the stretch at of text.
func NewError(text string, at Span, code, format string, args ...any) *Error {
	start := min(max(at.Start, 0), len(text))
	end := min(max(at.End, start), len(text))
	before := text[:start]
	line := 1 + strings.Count(before, "\n")
	col := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return &Error{Code: code, Line: line, Pos: col, Offset: start, Token: text[start:end], Message: fmt.Sprintf(format, args...)}
}

// WithHint sets the hint and returns the error.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Nearest returns the candidate closest to name, or "" when none is close. A
// candidate that differs in case only always wins.
func Nearest(name string, candidates []string) string {
	best, bestDist := "", 1+len(name)/3
	for _, c := range candidates {
		if strings.EqualFold(c, name) {
			return c
		}
		if d := editDistance(strings.ToLower(name), strings.ToLower(c), bestDist); d <= bestDist && (best == "" || d < bestDist) {
			best, bestDist = c, d
		}
	}
	if best == "" {
		for _, c := range candidates {
			if len(name) >= 3 && strings.HasPrefix(strings.ToLower(c), strings.ToLower(name)) {
				return c
			}
			if len(name) >= 4 && len(c) > len(name) && strings.HasSuffix(c, name) || strings.HasPrefix(name, c) && len(c) > 3 {
				return c
			}
			if isSubsequence(strings.ToLower(name), strings.ToLower(c)) && len(name) >= 4 && name[0]|32 == c[0]|32 {
				return c
			}
		}
	}
	return best
}

func isSubsequence(short, long string) bool {
	i := 0
	for j := 0; i < len(short) && j < len(long); j++ {
		if short[i] == long[j] {
			i++
		}
	}
	return i == len(short) && i > 0
}

// editDistance is Levenshtein's with a swap of neighbours as one edit, cut off above limit.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	var older []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], older[j-2]+1)
			}
		}
		older, prev = prev, cur
	}
	return prev[len(b)]
}
