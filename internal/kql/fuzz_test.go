package kql

import (
	"errors"
	"testing"
	"unicode/utf8"
)

var seeds = []string{
	"T | where a == 'x' and b has \"y\" | project c = a[0].b['k'], d",
	"let f = (x: long, T: (a: int)) { T | extend y = x }; f(1, datatable(a: int)[1, 2])",
	"T | summarize count(), (a, b) = percentiles(x, 5, 95) by bin(t, 1h) | sort by count_ asc nulls last",
	"union withsource=S (T | take 1), U | join kind=leftouter (V) on $left.a == $right.b",
	"print dynamic({'a': [1, -2.5, null, datetime(2020-01-01)]}), -1d, 1e5, 0x1F, real(nan), @'a\\b', h'x'",
	"T | parse kind=regex m with 'a' x:int * | mv-expand a = b to typeof(long), c | render timechart with (title='t')",
	"T | make-series sum(x) default=0 on t from ago(1d) to now() step 1h by g | where x !in~ ('a', 'b') and y !between (1 .. 2)",
	"set notruncation; declare query_parameters(p: string = 'x'); T | where a =~ p // end",
}

// FuzzParse checks that no text makes the parser fail otherwise than by an *Error
// with a position in the text, and that printing is the inverse of parsing.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("an error of another kind: %v", err)
			}
			if e.Line < 1 || e.Pos < 1 || e.Offset > len(text) {
				t.Fatalf("position out of the text: %+v", e)
			}
			return
		}
		if !utf8.ValidString(text) {
			return
		}
		checkRoundTrip(t, q)
	})
}

// FuzzLex checks that the tokens cover the text in order and end.
func FuzzLex(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for _, tok := range lex(text) {
			if tok.at.Start < end || tok.at.End < tok.at.Start || tok.at.End > len(text) || tok.at.Start == tok.at.End && tok.kind != tokEOF {
				t.Fatalf("token %+v after %d", tok, end)
			}
			end = tok.at.End
		}
	})
}
