package plan

import (
	"strings"

	"weir/internal/kql"
)

// search keeps the rows of which any string column has the term, or for which the predicate holds.
func (b *binder) search(o *kql.Search, r *rel, e *env) *rel {
	if r == nil {
		panic(b.unsupported(o.At, "search over all tables").WithHint("begin with a table: T | search …"))
	}
	pred := b.searchPredicate(o.Pred, &scope{env: e, rel: r}, kql.PropertyText(o.Props, "kind") == "case_sensitive")
	f := r.over(&Filter{In: r.node, Pred: pred})
	table := &Col{Name: "$table", Type: String}
	name := r.table
	if name == "" {
		name = "search_arg0"
	}
	p := &Project{In: f.node, Cols: append([]*Col{table}, f.cols...), Exprs: []Expr{&Const{String, name}}}
	for _, c := range f.cols {
		p.Exprs = append(p.Exprs, &Ref{c})
	}
	out := f.over(p)
	out.cols = p.Cols
	return out
}

func (b *binder) searchPredicate(x kql.Expr, s *scope, exact bool) Expr {
	switch x := x.(type) {
	case *kql.Literal:
		if t, ok := x.Value.(string); ok && x.Type == "string" {
			return b.searchTerm(t, x.At, s, exact)
		}
	case *kql.Call:
		if x.Fn.Text == "not" && len(x.Args) == 1 {
			return b.op("not", Bool, x.At, b.searchPredicate(x.Args[0], s, exact))
		}
	case *kql.Binary:
		if x.Op == "and" || x.Op == "or" {
			return b.op(x.Op, Bool, x.At, b.searchPredicate(x.L, s, exact), b.searchPredicate(x.R, s, exact))
		}
		if _, ok := x.L.(*kql.Star); ok {
			panic(b.unsupported(x.At, "'*' as an operand"))
		}
	}
	return b.boolean(x, s)
}

func (b *binder) searchTerm(t string, at kql.Span, s *scope, exact bool) Expr {
	op, term := "has", t
	switch {
	case t == "*":
		return &Const{Bool, true}
	case strings.HasPrefix(t, "*") && strings.HasSuffix(t, "*"):
		op, term = "contains", strings.Trim(t, "*")
	case strings.HasSuffix(t, "*"):
		op, term = "hasprefix", strings.TrimSuffix(t, "*")
	case strings.HasPrefix(t, "*"):
		op, term = "hassuffix", strings.TrimPrefix(t, "*")
	}
	if strings.Contains(term, "*") {
		panic(b.unsupported(at, "a wildcard inside a search term"))
	}
	if exact {
		op += "_cs"
	}
	var out Expr = &Const{Bool, false}
	for _, c := range s.rel.cols {
		out = b.op("or", Bool, at, out, b.op(op, Bool, at, b.convert(&Ref{c}, String, at), &Const{String, term}))
	}
	return out
}
