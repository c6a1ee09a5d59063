package plan

import (
	"fmt"
	"strconv"

	"weir/internal/kql"
)

// nameOf gives the name that an expression lends its column, "" for none
// (Binder_Projection.cs of the Kusto language service).
func nameOf(x kql.Expr) string {
	switch x := x.(type) {
	case *kql.Name:
		return x.Text
	case *kql.Member:
		if n := nameOf(x.X); n != "" {
			return n + "_" + x.Name.Text
		}
	case *kql.Index:
		n := nameOf(x.X)
		if n == "" {
			return ""
		}
		if l, ok := x.I.(*kql.Literal); ok {
			switch v := l.Value.(type) {
			case string:
				return n + "_" + v
			case int64:
				if v >= 0 {
					return n + "_" + strconv.FormatInt(v, 10)
				}
			}
		}
		return n + "_"
	case *kql.Call:
		return callName(x)
	}
	return ""
}

func callName(x *kql.Call) string {
	f := scalars[x.Fn.Text]
	kind, prefix := unnamed, ""
	if f != nil {
		kind, prefix = f.naming, f.prefix
	} else {
		switch x.Fn.Text {
		case "parse_json", "todynamic", "parsejson", "toobject":
			kind = firstArg
		}
	}
	if n := aggregateName(x); n != "" && f == nil {
		return n
	}
	if len(x.Args) == 0 {
		return ""
	}
	first := nameOf(x.Args[0])
	switch {
	case kind == firstArg:
		return first
	case kind == prefixFirst && first != "":
		return prefix + "_" + first
	case kind == firstSuffix && first != "":
		return first + "_" + prefix
	}
	return ""
}

// namer gives columns their names: given names must be new, lent ones get a number when taken.
type namer struct {
	b     *binder
	taken map[string]bool
}

func (b *binder) namer(reserve ...string) *namer {
	n := &namer{b, map[string]bool{}}
	for _, r := range reserve {
		n.taken[r] = true
	}
	return n
}

func (n *namer) given(name *kql.Name) string {
	if n.taken[name.Text] {
		panic(n.b.fail(name.At, kql.CodeName, "a column named '%s' is already there", name.Text))
	}
	n.taken[name.Text] = true
	return name.Text
}

// lent makes name unique by a number after it.
func (n *namer) lent(name string) string {
	unique := name
	for i := 1; n.taken[unique]; i++ {
		unique = fmt.Sprintf("%s%d", name, i)
	}
	n.taken[unique] = true
	return unique
}

// column gives Column1, Column2 …
func (n *namer) column() string {
	for i := 1; ; i++ {
		if c := fmt.Sprintf("Column%d", i); !n.taken[c] {
			n.taken[c] = true
			return c
		}
	}
}

// of names the column of an unnamed expression.
func (n *namer) of(x kql.Expr) string {
	if name := nameOf(x); name != "" {
		if id, ok := x.(*kql.Name); ok {
			return n.given(id)
		}
		return n.lent(name)
	}
	return n.column()
}
