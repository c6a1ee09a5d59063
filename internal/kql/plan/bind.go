package plan

import (
	"math"

	"weir/internal/kql"
)

// Bind resolves q against s. The error is a *kql.Error.
func Bind(q *kql.Query, s Schema, o Options) (p *Plan, err error) {
	b := &binder{text: q.Text, schema: s, opts: o, paths: map[*Col]colPath{}}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*kql.Error)
			if !ok {
				panic(r)
			}
			p, err = nil, e
		}
	}()
	rel := b.statements(q.Statements, &env{})
	if rel == nil {
		panic(kql.NewError(q.Text, kql.Span{Start: len(q.Text), End: len(q.Text)}, kql.CodeSyntax, "the query has no expression to give a result"))
	}
	root := rel.node
	if !sameCols(root.Output(), rel.cols) {
		root = passThrough(root, rel.cols)
	}
	return &Plan{Text: q.Text, Root: root, render: b.render}, nil
}

func sameCols(a, b []*Col) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func passThrough(n Node, cols []*Col) Node {
	p := &Project{In: n, Cols: cols}
	for _, c := range cols {
		p.Exprs = append(p.Exprs, &Ref{c})
	}
	return p
}

// binder holds what binding one query needs. It gives up by panicking with a *kql.Error.
type binder struct {
	text   string
	schema Schema
	opts   Options
	render *Render
	paths  map[*Col]colPath
	depth  int
}

// maxCalls bounds how deep user-defined functions may call each other.
const maxCalls = 50

func (b *binder) fail(at kql.Span, code, format string, args ...any) *kql.Error {
	return kql.NewError(b.text, at, code, format, args...)
}

func (b *binder) unsupported(at kql.Span, what string) *kql.Error {
	return b.fail(at, kql.CodeSupport, "%s is not supported", what)
}

// env is the names that let statements and parameters have declared, innermost first.
type env struct {
	up    *env
	name  string
	value *binding
}

// binding is what a name stands for: a scalar, a table (bound anew at every use), or a function.
type binding struct {
	scalar Expr
	table  kql.Expr
	rel    *rel
	fn     *kql.Function
	in     *env // where table and fn were declared
}

func (e *env) with(name string, v *binding) *env { return &env{up: e, name: name, value: v} }

func (e *env) find(name string) *binding {
	for ; e != nil; e = e.up {
		if e.value != nil && e.name == name {
			return e.value
		}
	}
	return nil
}

func (e *env) names() []string {
	var out []string
	for ; e != nil; e = e.up {
		if e.value != nil {
			out = append(out, e.name)
		}
	}
	return out
}

// rel is a relation while it is being bound: its visible columns, and the scans
// whose extracted columns can still be reached from here.
type rel struct {
	node   Node
	cols   []*Col
	serial bool // rows are in a defined order (serialized)
	scans  []*scan
	table  string // the table's name, if it is one as it stands
}

func (r *rel) find(name string) *Col {
	for _, c := range r.cols {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (r *rel) names() []string {
	out := make([]string, len(r.cols))
	for i, c := range r.cols {
		out[i] = c.Name
	}
	return out
}

// over returns the relation with another node on top, columns as they were.
func (r *rel) over(n Node) *rel {
	c := *r
	c.node = n
	c.table = ""
	return &c
}

// statements binds a query's or a function's statements; the last gives the relation.
func (b *binder) statements(list []kql.Statement, e *env) *rel {
	for i, s := range list {
		switch s := s.(type) {
		case *kql.Let:
			e = b.let(s, e)
		case *kql.Declare:
			e = b.declare(s, e)
		case *kql.Expression:
			if i < len(list)-1 {
				panic(b.fail(s.X.Span(), kql.CodeSupport, "a query of several results is not supported").WithHint("keep the last expression only"))
			}
			return b.result(s.X, e)
		}
	}
	return nil
}

// result binds the query's last expression: a table, or a scalar as a table of one value.
func (b *binder) result(x kql.Expr, e *env) *rel {
	if b.tabular(x, e) {
		return b.table(x, e)
	}
	if n, ok := x.(*kql.Name); ok && e.find(n.Text) == nil {
		panic(b.unknownTable(n, e))
	}
	v := b.expr(x, &scope{env: e})
	return valuesOf([]*Col{{Name: "print_0", Type: v.ResultType()}}, [][]Expr{{v}})
}

func valuesOf(cols []*Col, rows [][]Expr) *rel {
	n := &Values{Cols: cols, Rows: rows}
	return &rel{node: n, cols: cols, serial: true}
}

func (b *binder) let(s *kql.Let, e *env) *env {
	name := s.Name.Text
	switch {
	case s.Func != nil:
		return e.with(name, &binding{fn: s.Func, in: e})
	case b.tabular(s.X, e):
		b.table(s.X, e) // for its errors
		return e.with(name, &binding{table: s.X, in: e})
	}
	return e.with(name, &binding{scalar: b.expr(s.X, &scope{env: e})})
}

// declare binds query parameters to the options' values or their defaults.
func (b *binder) declare(s *kql.Declare, e *env) *env {
	for _, p := range s.Params {
		t, _ := ParseType(p.Type)
		if p.Tabular {
			panic(b.unsupported(p.Name.At, "a tabular query parameter"))
		}
		var v Expr
		if raw, ok := b.opts.Parameters[p.Name.Text]; ok {
			v = b.parameter(p, t, raw)
		} else if p.Default != nil {
			v = b.convert(b.expr(p.Default, &scope{env: e}), t, p.Default.Span())
		} else {
			panic(b.fail(p.Name.At, kql.CodeSemantic, "the query parameter '%s' has no value", p.Name.Text))
		}
		e = e.with(p.Name.Text, &binding{scalar: v})
	}
	return e
}

func (b *binder) parameter(p kql.Param, t Type, raw any) Expr {
	switch v := raw.(type) {
	case string:
		if t == String || t == Dynamic {
			return &Const{t, v}
		}
		if x, ok := kql.ParseValue(t.String(), v); ok {
			return &Const{t, x}
		}
		// Clients send values as KQL literals.
		if q, err := kql.Parse("print " + v); err == nil {
			if ps, ok := q.Statements[0].(*kql.Expression).X.(*kql.PrintSource); ok && len(ps.Exprs) == 1 {
				if l, ok := ps.Exprs[0].(*kql.Literal); ok {
					return b.convert(b.literal(l), t, p.Name.At)
				}
			}
		}
	case bool:
		if t == Bool {
			return &Const{Bool, v}
		}
	case float64:
		switch {
		case t == Real:
			return &Const{Real, v}
		case t.integer() && v == math.Trunc(v) && math.Abs(v) < 1<<53:
			return &Const{t, int64(v)}
		}
	case int64:
		if t.integer() {
			return &Const{t, v}
		}
	}
	panic(b.fail(p.Name.At, kql.CodeSemantic, "the value of query parameter '%s' is not of type %s", p.Name.Text, t))
}

func (b *binder) unknownTable(n *kql.Name, e *env) *kql.Error {
	err := b.fail(n.At, kql.CodeTable, "unknown table '%s'", n.Text)
	if near := kql.Nearest(n.Text, append(b.schema.Tables(), e.names()...)); near != "" {
		err.WithHint("did you mean '%s'?", near)
	}
	return err
}
