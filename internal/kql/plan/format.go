package plan

import (
	"fmt"
	"strconv"
	"strings"

	"weir/internal/kql"
)

// String writes the plan as an indented tree, the result's node first. It is for
// people and goldens; columns of one name are told apart by a number.
func (p *Plan) String() string {
	f := &formatter{ids: map[*Col]string{}, taken: map[string]int{}, shared: map[*Shared]bool{}}
	f.node(p.Root, 0)
	return f.b.String()
}

type formatter struct {
	b      strings.Builder
	ids    map[*Col]string
	taken  map[string]int
	shared map[*Shared]bool
}

func (f *formatter) col(c *Col) string {
	s, ok := f.ids[c]
	if !ok {
		s = c.Name
		if n := f.taken[c.Name]; n > 0 {
			s += "#" + strconv.Itoa(n+1)
		}
		f.taken[c.Name]++
		f.ids[c] = s
	}
	return s
}

func (f *formatter) cols(list []*Col) string {
	var out []string
	for _, c := range list {
		out = append(out, f.col(c)+": "+c.Type.String())
	}
	return strings.Join(out, ", ")
}

func (f *formatter) line(depth int, format string, args ...any) {
	f.b.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&f.b, format, args...)
	f.b.WriteByte('\n')
}

func (f *formatter) made(cols []*Col, exprs []Expr) string {
	var out []string
	for i, c := range cols {
		if r, ok := exprs[i].(*Ref); ok && r.Col == c {
			out = append(out, f.col(c))
			continue
		}
		e := f.expr(exprs[i])
		out = append(out, f.col(c)+" = "+e)
	}
	return strings.Join(out, ", ")
}

func (f *formatter) keys(list []SortKey) string {
	var out []string
	for _, k := range list {
		s := f.col(k.Col)
		if k.Desc {
			s += " desc"
		}
		if k.NullsFirst == k.Desc {
			s += map[bool]string{true: " nulls first", false: " nulls last"}[k.NullsFirst]
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// node writes inputs' columns before its own line is made, so that the numbers of
// columns of one name grow along the pipe.
func (f *formatter) node(n Node, depth int) {
	sub := &formatter{ids: f.ids, taken: f.taken, shared: f.shared}
	in := func(list ...Node) {
		for _, x := range list {
			sub.node(x, depth+1)
		}
	}
	switch n := n.(type) {
	case *Scan:
		f.line(depth, "scan %s", n.Table)
	case *Values:
		f.line(depth, "values %d × (%s)", len(n.Rows), f.cols(n.Cols))
	case *Range:
		f.line(depth, "range %s from %s to %s step %s", f.col(n.Col), f.expr(n.From), f.expr(n.To), f.expr(n.Step))
	case *Filter:
		in(n.In)
		f.line(depth, "filter %s", f.expr(n.Pred))
	case *Project:
		in(n.In)
		f.line(depth, "project %s", f.made(n.Cols, n.Exprs))
	case *Aggregate:
		in(n.In)
		keys := f.made(n.Keys, n.KeyX)
		var aggs []string
		for i, a := range n.AggX {
			s := f.col(n.Aggs[i]) + " = " + a.Op + "(" + f.list(a.Args) + ")"
			if a.Filter != nil {
				s += " where " + f.expr(a.Filter)
			}
			aggs = append(aggs, s)
		}
		f.line(depth, "aggregate by (%s): %s", keys, strings.Join(aggs, ", "))
	case *Sort:
		in(n.In)
		f.line(depth, "sort %s", f.keys(n.Keys))
	case *Limit:
		in(n.In)
		f.line(depth, "limit %s", f.expr(n.N))
	case *Shared:
		if f.shared[n] {
			f.line(depth, "shared %s", f.col(n.Row))
			break
		}
		f.shared[n] = true
		in(n.In)
		f.line(depth, "shared %s", f.col(n.Row))
	case *Join:
		in(n.Left, n.Right)
		var on []string
		for _, p := range n.On {
			on = append(on, f.expr(p[0])+" == "+f.expr(p[1]))
		}
		f.line(depth, "join %s on %s", n.Kind, strings.Join(on, ", "))
	case *Union:
		in(n.Ins...)
		f.line(depth, "union (%s)", f.cols(n.Cols))
	case *Unnest:
		in(n.In)
		var items []string
		for _, it := range n.Items {
			items = append(items, f.col(it.Col)+" = "+f.expr(it.X))
		}
		f.line(depth, "unnest %s", strings.Join(items, ", "))
	case *Series:
		in(n.In)
		f.line(depth, "series by (%s) on %s from %s to %s step %s", f.made(n.Keys, n.KeyX), f.expr(n.On), f.expr(n.From), f.expr(n.To), f.expr(n.Step))
	default:
		f.line(depth, "%T", n)
	}
	f.b.WriteString(sub.b.String())
}

func (f *formatter) list(args []Expr) string {
	var out []string
	for _, a := range args {
		out = append(out, f.expr(a))
	}
	return strings.Join(out, ", ")
}

func (f *formatter) expr(e Expr) string {
	switch e := e.(type) {
	case *Ref:
		return f.col(e.Col)
	case *Const:
		return constText(e)
	case *Call:
		return e.Op + "(" + f.list(e.Args) + ")"
	case *Subquery:
		return "toscalar(…)"
	case *InQuery:
		return "in(" + f.expr(e.X) + ", …)"
	}
	return "?"
}

func constText(c *Const) string {
	switch v := c.Value.(type) {
	case nil:
		return c.T.String() + "(null)"
	case string:
		if c.T == String {
			return strconv.Quote(v)
		}
		return c.T.String() + "(" + v + ")"
	case int64:
		switch c.T {
		case Datetime:
			return "datetime(" + kql.FormatDatetime(v) + ")"
		case Timespan:
			return "timespan(" + kql.FormatTimespan(v) + ")"
		}
		return strconv.FormatInt(v, 10)
	case float64:
		return kql.FormatReal(v)
	}
	return fmt.Sprint(c.Value)
}
