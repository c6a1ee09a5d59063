package plan

import (
	"fmt"
	"slices"

	"weir/internal/kql"
)

// joinKinds maps Kusto's names of join kinds to the plan's.
var joinKinds = map[string]string{
	"": "innerunique", "innerunique": "innerunique", "inner": "inner", "leftouter": "leftouter", "rightouter": "rightouter", "fullouter": "fullouter",
	"leftsemi": "leftsemi", "leftanti": "leftanti", "anti": "leftanti", "leftantisemi": "leftanti",
	"rightsemi": "rightsemi", "rightanti": "rightanti", "rightantisemi": "rightanti",
}

func (b *binder) join(o *kql.Join, left *rel, e *env) *rel {
	name := o.Kind()
	kind, ok := joinKinds[name]
	if o.Lookup {
		kind, ok = map[string]string{"": "leftouter", "leftouter": "leftouter", "inner": "inner"}[name], name == "" || name == "leftouter" || name == "inner"
	}
	if !ok {
		var all []string
		for k := range joinKinds {
			all = append(all, k)
		}
		slices.Sort(all)
		err := b.fail(o.At, kql.CodeSemantic, "unknown join kind '%s'", name)
		if near := kql.Nearest(name, all); near != "" {
			err.WithHint("did you mean '%s'?", near)
		}
		panic(err)
	}
	right := b.table(o.Right, e)
	if shares(left.node, right.node) {
		right = b.fresh(right)
	}
	n := &Join{Kind: kind, Left: left.node, Right: right.node}
	drop := map[*Col]bool{}
	for _, x := range o.On {
		b.joinKey(x, left, right, e, n, o.Lookup, drop)
	}
	b.joinColumns(n, kind, left, right, drop)
	out := &rel{node: n, cols: n.Cols}
	if kind == "inner" || kind == "leftouter" || kind == "leftsemi" || kind == "leftanti" {
		out.scans = left.scans
	}
	return out
}

// joinKey binds one condition of `on`: a name of both sides, or equality of a left and a right value.
func (b *binder) joinKey(x kql.Expr, left, right *rel, e *env, n *Join, lookup bool, drop map[*Col]bool) {
	var l, r Expr
	switch x := x.(type) {
	case *kql.Name:
		l, r = b.column(x, left), b.column(x, right)
	case *kql.Binary:
		if x.Op == "and" {
			b.joinKey(x.L, left, right, e, n, lookup, drop)
			b.joinKey(x.R, left, right, e, n, lookup, drop)
			return
		}
		if x.Op != "==" {
			panic(b.fail(x.OpAt, kql.CodeSemantic, "a join's condition is an equality").WithHint("write $left.a == $right.b"))
		}
		ls, rs := side(x.L), side(x.R)
		lx, rx := x.L, x.R
		if ls == "$right" && rs == "$left" {
			lx, rx = rx, lx
		} else if ls != "$left" || rs != "$right" {
			panic(b.fail(x.At, kql.CodeSemantic, "a join's condition compares a column of $left with one of $right"))
		}
		s := &scope{env: e, left: left, right: right}
		l, r = b.expr(lx, s), b.expr(rx, s)
	default:
		panic(b.fail(x.Span(), kql.CodeSemantic, "a join's condition is a column's name or $left.a == $right.b"))
	}
	if c, ok := r.(*Ref); ok && lookup {
		drop[c.Col] = true
	}
	lt, rt := l.ResultType(), r.ResultType()
	switch {
	case lt == Dynamic || rt == Dynamic:
		panic(b.fail(x.Span(), kql.CodeSemantic, "tables cannot be joined by a dynamic").WithHint("convert it, with tostring for example"))
	case lt != rt && lt.number() && rt.number():
		w := widest(lt, rt)
		l, r = b.convert(l, w, x.Span()), b.convert(r, w, x.Span())
	case lt != rt:
		panic(b.fail(x.Span(), kql.CodeSemantic, "the columns to join by are of types %s and %s", lt, rt))
	}
	n.On = append(n.On, [2]Expr{l, r})
}

func side(x kql.Expr) string {
	switch x := x.(type) {
	case *kql.Member:
		if n, ok := x.X.(*kql.Name); ok && (n.Text == "$left" || n.Text == "$right") {
			return n.Text
		}
		return side(x.X)
	case *kql.Index:
		return side(x.X)
	case *kql.Call:
		for _, a := range x.Args {
			if s := side(a); s != "" {
				return s
			}
		}
	}
	return ""
}

// joinColumns gives the result's columns: the left's, then the right's, renamed where the names collide.
func (b *binder) joinColumns(n *Join, kind string, left, right *rel, drop map[*Col]bool) {
	switch kind {
	case "leftsemi", "leftanti":
		n.Cols, n.From = left.cols, left.cols
		return
	case "rightsemi", "rightanti":
		n.Cols, n.From = right.cols, right.cols
		return
	}
	taken := map[string]bool{}
	for _, c := range append(append([]*Col{}, left.cols...), right.cols...) {
		taken[c.Name] = true
	}
	for _, c := range left.cols {
		out := c
		if kind == "rightouter" || kind == "fullouter" {
			out = &Col{Name: c.Name, Type: c.Type, Physical: c.Physical}
		}
		n.Cols, n.From = append(n.Cols, out), append(n.From, c)
	}
	for _, c := range right.cols {
		if drop[c] {
			continue
		}
		name := c.Name
		if left.find(name) != nil {
			for i := 1; taken[name]; i++ {
				name = fmt.Sprintf("%s%d", c.Name, i)
			}
			taken[name] = true
		}
		n.Cols = append(n.Cols, &Col{Name: name, Type: c.Type, Physical: c.Physical})
		n.From = append(n.From, c)
	}
}

// shares says whether two relations have a column in common, which happens when a
// tabular parameter is used twice.
func shares(a, c Node) bool {
	for _, x := range a.Output() {
		if slices.Contains(c.Output(), x) {
			return true
		}
	}
	return false
}

// fresh gives a relation columns of its own.
func (b *binder) fresh(r *rel) *rel {
	p := &Project{In: r.node}
	for _, c := range r.cols {
		p.Cols = append(p.Cols, &Col{Name: c.Name, Type: c.Type, Physical: c.Physical})
		p.Exprs = append(p.Exprs, &Ref{c})
	}
	return &rel{node: p, cols: p.Cols, serial: r.serial}
}
