package plan

import (
	"weir/internal/kql"
)

// tabular says whether x is a table, not a scalar.
func (b *binder) tabular(x kql.Expr, e *env) bool {
	switch x := x.(type) {
	case *kql.Pipe, *kql.Datatable, *kql.PrintSource, *kql.RangeSource, *kql.UnionSource, *kql.SearchSource:
		return true
	case *kql.Name:
		if v := e.find(x.Text); v != nil {
			return v.table != nil || v.rel != nil
		}
		_, ok := b.schema.Table(x.Text)
		return ok
	case *kql.Call:
		if v := e.find(x.Fn.Text); v != nil && v.fn != nil {
			return b.tabularBody(v)
		}
		switch x.Fn.Text {
		case "materialize":
			return len(x.Args) > 0 && b.tabular(x.Args[0], e)
		case "table", "view":
			return true
		}
	}
	return false
}

// tabularBody says whether a function gives a table.
func (b *binder) tabularBody(v *binding) bool {
	e := v.in
	for _, p := range v.fn.Params {
		if p.Tabular {
			e = e.with(p.Name.Text, &binding{rel: &rel{}})
		} else {
			e = e.with(p.Name.Text, &binding{scalar: &Const{}})
		}
	}
	for _, s := range v.fn.Body {
		switch s := s.(type) {
		case *kql.Let:
			switch {
			case s.Func != nil:
				e = e.with(s.Name.Text, &binding{fn: s.Func, in: e})
			case b.tabular(s.X, e):
				e = e.with(s.Name.Text, &binding{table: s.X, in: e})
			default:
				e = e.with(s.Name.Text, &binding{scalar: &Const{}})
			}
		case *kql.Expression:
			return b.tabular(s.X, e)
		}
	}
	return false
}

// table binds a tabular expression.
func (b *binder) table(x kql.Expr, e *env) *rel {
	switch x := x.(type) {
	case *kql.Pipe:
		if x.Source == nil {
			panic(b.fail(x.Ops[0].Span(), kql.CodeTable, "the query does not begin with a table"))
		}
		r := b.table(x.Source, e)
		for _, o := range x.Ops {
			r = b.operator(o, r, e)
		}
		return r
	case *kql.Name:
		return b.tableName(x, e)
	case *kql.Datatable:
		return b.datatable(x, e)
	case *kql.PrintSource:
		return b.print(x, e)
	case *kql.RangeSource:
		return b.rangeSource(x, e)
	case *kql.UnionSource:
		return b.union(x.Op, nil, e)
	case *kql.SearchSource:
		return b.search(x.Op, nil, e)
	case *kql.Call:
		return b.tableCall(x, e)
	}
	panic(b.fail(x.Span(), kql.CodeSemantic, "a table is expected here"))
}

func (b *binder) tableName(x *kql.Name, e *env) *rel {
	if v := e.find(x.Text); v != nil {
		switch {
		case v.rel != nil:
			return v.rel
		case v.table != nil:
			return b.table(v.table, v.in)
		}
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' is not a table", x.Text))
	}
	t, ok := b.schema.Table(x.Text)
	if !ok {
		panic(b.unknownTable(x, e))
	}
	return b.scan(t)
}

func (b *binder) tableCall(x *kql.Call, e *env) *rel {
	if v := e.find(x.Fn.Text); v != nil && v.fn != nil {
		_, r := b.callUser(x, v, &scope{env: e})
		if r == nil {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' gives no table", x.Fn.Text))
		}
		return r
	}
	switch x.Fn.Text {
	case "materialize":
		if len(x.Args) == 1 {
			return b.table(x.Args[0], e)
		}
	case "table":
		if len(x.Args) > 0 {
			if l, ok := x.Args[0].(*kql.Literal); ok && l.Type == "string" {
				return b.tableName(&kql.Name{At: l.At, Text: l.Value.(string)}, e)
			}
		}
	}
	panic(b.unknownFunction(x.Fn, e))
}

// callUser binds a call of a function declared by let: a scalar or a table.
func (b *binder) callUser(x *kql.Call, v *binding, s *scope) (Expr, *rel) {
	b.depth++
	defer func() { b.depth-- }()
	if b.depth > maxCalls {
		panic(b.fail(x.At, kql.CodeSemantic, "functions call each other too deeply"))
	}
	f := v.fn
	if len(x.Args) > len(f.Params) {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes %d arguments, not %d", x.Fn.Text, len(f.Params), len(x.Args)))
	}
	e := v.in
	for i, p := range f.Params {
		arg := p.Default
		if i < len(x.Args) {
			arg = x.Args[i]
			if n, ok := arg.(*kql.Named); ok {
				panic(b.unsupported(n.At, "an argument given by name"))
			}
		}
		if arg == nil {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' needs an argument for '%s'", x.Fn.Text, p.Name.Text))
		}
		if p.Tabular {
			e = e.with(p.Name.Text, &binding{rel: b.tableArgument(arg, p, s.env)})
			continue
		}
		t, _ := ParseType(p.Type)
		e = e.with(p.Name.Text, &binding{scalar: b.convert(b.expr(arg, s), t, arg.Span())})
	}
	return b.body(f.Body, e)
}

func (b *binder) tableArgument(arg kql.Expr, p kql.Param, e *env) *rel {
	r := b.table(arg, e)
	if p.Any {
		return r
	}
	out := &rel{node: r.node, serial: r.serial, scans: r.scans}
	for _, c := range p.Schema {
		t, _ := ParseType(c.Type)
		col := r.find(c.Name.Text)
		if col == nil || col.Type != t {
			panic(b.fail(arg.Span(), kql.CodeSemantic, "the table has no column '%s' of type %s", c.Name.Text, t))
		}
		out.cols = append(out.cols, col)
	}
	return out
}

func (b *binder) body(list []kql.Statement, e *env) (Expr, *rel) {
	for _, s := range list {
		switch s := s.(type) {
		case *kql.Let:
			e = b.let(s, e)
		case *kql.Expression:
			if b.tabular(s.X, e) {
				return nil, b.table(s.X, e)
			}
			return b.expr(s.X, &scope{env: e}), nil
		}
	}
	panic(b.fail(kql.Span{}, kql.CodeSemantic, "a function has no expression to give"))
}

// scan is a table in use, with the extracted columns that stand beside its own.
type scan struct {
	paths     []Path
	base      map[string]*Col
	extracted map[string]*Col // by Path.Extracted
	node      *Scan
}

// colPath says that a column holds the value at keys inside the scan's column
// base: as text to be parsed (raw), or as dynamic.
type colPath struct {
	scan *scan
	base string
	keys []string
	raw  bool
}

func (b *binder) scan(t Table) *rel {
	n := &Scan{Table: t.Name}
	s := &scan{paths: t.Paths, base: map[string]*Col{}, extracted: map[string]*Col{}, node: n}
	for _, c := range t.Columns {
		col := &Col{Name: c.Name, Type: c.Type, Physical: c.Physical}
		if c.Type == Dynamic && c.Physical == "" {
			col.Physical = physicalJSONText
		}
		n.Cols = append(n.Cols, col)
		s.base[c.Name] = col
		if c.Type == String || c.Type == Dynamic {
			b.paths[col] = colPath{s, c.Name, nil, c.Type == String}
		}
	}
	for _, p := range t.Paths {
		col := s.extracted[p.Extracted]
		if col == nil {
			col = &Col{Name: p.Extracted, Type: Dynamic, Physical: physicalJSONText}
			s.extracted[p.Extracted] = col
			n.Extracted = append(n.Extracted, col)
		}
		b.paths[col] = colPath{s, p.Column, p.Keys, false}
	}
	return &rel{node: n, cols: n.Cols, scans: []*scan{s}, table: t.Name}
}

// pathOf finds which value inside a scanned column e is.
func (b *binder) pathOf(e Expr) (colPath, bool) {
	switch e := e.(type) {
	case *Ref:
		p, ok := b.paths[e.Col]
		return p, ok
	case *Call:
		switch e.Op {
		case "parse_json":
			if r, ok := e.Args[0].(*Ref); ok {
				if p, ok := b.paths[r.Col]; ok && p.raw {
					p.raw = false
					return p, true
				}
			}
		case "get":
			k, ok := e.Args[1].(*Const)
			if !ok || k.T != String {
				return colPath{}, false
			}
			p, ok := b.pathOf(e.Args[0])
			if !ok || p.raw {
				return colPath{}, false
			}
			p.keys = append(append([]string{}, p.keys...), k.Value.(string))
			return p, true
		}
	}
	return colPath{}, false
}

// extracted gives the extracted column for e if there is one that r still reaches, else e.
func (b *binder) extracted(e Expr, r *rel) Expr {
	p, ok := b.pathOf(e)
	if !ok || p.raw || len(p.keys) == 0 || r == nil {
		return e
	}
	reached := false
	for _, s := range r.scans {
		reached = reached || s == p.scan
	}
	if !reached {
		return e
	}
	for _, q := range p.scan.paths {
		if q.Column == p.base && sameKeys(q.Keys, p.keys) {
			return &Ref{p.scan.extracted[q.Extracted]}
		}
	}
	return e
}

func sameKeys(a, b []string) bool {
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
