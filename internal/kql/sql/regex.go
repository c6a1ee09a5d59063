package sql

import (
	"regexp/syntax"
	"strings"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

// unicodeClasses are the Perl classes as Kusto means them, over all of Unicode;
// the engine's RE2 means ASCII only. They are written to stand inside brackets.
var unicodeClasses = map[byte]string{
	'd': `\p{Nd}`, 's': `\t\n\v\f\r \x{85}\p{Z}`, 'w': `\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}`,
}

// pattern is the constant regular expression that is argument i of c, checked and
// brought to the engine's syntax.
func (p *printer) pattern(c *plan.Call, i int) string {
	k, ok := c.Args[i].(*plan.Const)
	if !ok {
		panic(p.refuse(c.At, c.End, "a regular expression that is no constant"))
	}
	s, _ := k.Value.(string)
	if _, err := syntax.Parse(s, syntax.Perl); err != nil {
		panic(kql.NewError(p.text, kql.Span{Start: c.At, End: c.End}, kql.CodeSemantic, "the regular expression %q is not valid: %v", s, err))
	}
	out, ok := unicodeRegex(s)
	if !ok {
		panic(p.refuse(c.At, c.End, "a negated class inside brackets in a regular expression"))
	}
	return out
}

// unicodeRegex widens \d, \s and \w and their opposites to Unicode; it gives up on
// an opposite inside brackets, which RE2 cannot say.
func unicodeRegex(s string) (string, bool) {
	var b strings.Builder
	class := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			next := s[i]
			set, known := unicodeClasses[next|32]
			switch {
			case next == 'Q' && !class:
				end := strings.Index(s[i:], `\E`)
				if end < 0 {
					end = len(s) - i
				}
				b.WriteString(`\` + s[i:i+end])
				i += end - 1
			case !known:
				b.WriteByte('\\')
				b.WriteByte(next)
			case class && next < 'a':
				return "", false
			case class:
				b.WriteString(set)
			case next < 'a':
				b.WriteString("[^" + set + "]")
			default:
				b.WriteString("[" + set + "]")
			}
		case c == '[' && !class:
			class = true
			b.WriteByte(c)
			if i+1 < len(s) && s[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
			if i+1 < len(s) && s[i+1] == ']' {
				i++
				b.WriteByte(']')
			}
		case c == '[' && strings.HasPrefix(s[i:], "[:"):
			end := strings.Index(s[i:], ":]")
			if end < 0 {
				b.WriteByte(c)
				continue
			}
			b.WriteString(s[i : i+end+2])
			i += end + 1
		case c == ']' && class:
			class = false
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
