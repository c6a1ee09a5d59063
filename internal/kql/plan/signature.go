package plan

import (
	"fmt"
	"strings"
)

// naming says what a call without a name of its own names its column after.
type naming uint8

const (
	unnamed     naming = iota // Column1, print_0
	firstArg                  // the first argument's name
	prefixFirst               // prefix_firstargument
	firstSuffix               // firstargument_prefix
)

// function is a row of a function table.
//
// Sigs holds one or more signatures, `(kind, kind, …) result`, parted by ';'. A
// kind is a type's name or one of:
//
//	any         a value of any type
//	text        any type, converted as tostring does
//	number      int, long, real or decimal
//	integer     int or long
//	summable    a number, a timespan or a datetime
//	orderable   anything but dynamic
//	common      any; all common operands are converted to one type
//	array, bag  dynamic
//
// `?` marks an optional parameter, `*` one that repeats, `!` one that must be a
// constant. The result is a type's name, `common` (the common operands' type),
// `widest` (of the numbers), `$n` (parameter n's type) or `$n+` (the same, int widened to long).
type function struct {
	name   string
	sigs   string
	naming naming
	prefix string // for prefixFirst and firstSuffix, when it is not the name
	op     string // operation, when it is not the name
}

type param struct {
	kind               string
	typ                Type // of a kind that is a type
	opt, repeat, fixed bool
}

type signature struct {
	params []param
	result string
}

type boundFunction struct {
	function
	sigs []signature
}

// table indexes rows by name; a row's signatures are written by us, so a mistake in them panics at start.
func table(rows []function) map[string]*boundFunction {
	out := map[string]*boundFunction{}
	for _, r := range rows {
		f := &boundFunction{function: r}
		if f.op == "" {
			f.op = r.name
		}
		if f.prefix == "" {
			f.prefix = r.name
		}
		for _, s := range strings.Split(r.sigs, ";") {
			f.sigs = append(f.sigs, parseSignature(strings.TrimSpace(s)))
		}
		if out[r.name] != nil {
			panic("function twice: " + r.name)
		}
		out[r.name] = f
	}
	return out
}

func parseSignature(s string) signature {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open != 0 || end < 0 {
		panic("bad signature: " + s)
	}
	sig := signature{result: strings.TrimSpace(s[end+1:])}
	for _, word := range strings.Split(s[1:end], ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		p := param{kind: strings.TrimRight(word, "?*!")}
		flags := word[len(p.kind):]
		p.opt, p.repeat, p.fixed = strings.Contains(flags, "?"), strings.Contains(flags, "*"), strings.Contains(flags, "!")
		p.typ, _ = ParseType(p.kind)
		sig.params = append(sig.params, p)
	}
	return sig
}

// at returns the parameter that argument i of n falls to, or nil.
func (s signature) at(i, n int) *param {
	for j := range s.params {
		if s.params[j].repeat {
			after := len(s.params) - 1 - j
			switch {
			case i < j:
				return &s.params[i]
			case i >= n-after:
				return &s.params[len(s.params)-(n-i)]
			}
			return &s.params[j]
		}
	}
	if i < len(s.params) {
		return &s.params[i]
	}
	return nil
}

func (s signature) arity() (least, most int) {
	for _, p := range s.params {
		if !p.opt {
			least++
		}
		most++
		if p.repeat {
			most = 1 << 20
		}
	}
	return least, most
}

// fits says whether the kind takes a value of type t, perhaps converted.
func (p *param) fits(t Type) bool {
	switch p.kind {
	case "any", "text", "common":
		return true
	case "number":
		return t.number() || t == Dynamic
	case "integer":
		return t.integer() || t == Dynamic
	case "summable":
		return t.summable() || t == Dynamic
	case "orderable":
		return t != Dynamic
	case "array", "bag":
		return t == Dynamic
	}
	if p.typ == None {
		panic("bad kind: " + p.kind)
	}
	return canConvert(t, p.typ)
}

// exact says whether the kind takes t as it is.
func (p *param) exact(t Type) bool {
	if p.typ != None {
		return p.typ == t
	}
	return p.fits(t) && t != Dynamic
}

func (p *param) want() string {
	switch p.kind {
	case "array":
		return "a dynamic array"
	case "bag":
		return "a dynamic property bag"
	case "integer":
		return "an int or long"
	case "number":
		return "a number"
	case "summable":
		return "a number, timespan or datetime"
	case "orderable":
		return "a value that can be ordered (not dynamic)"
	}
	return fmt.Sprintf("a value of type %s", p.kind)
}

// canConvert says whether Kusto converts from to to without being asked.
func canConvert(from, to Type) bool {
	switch {
	case from == to || from == Dynamic:
		return true
	case from == Int:
		return to == Long || to == Real || to == Decimal
	case from == Long:
		return to == Real || to == Decimal || to == Int
	case from == Decimal:
		return to == Real
	case from == Real:
		return to == Decimal
	}
	return false
}
