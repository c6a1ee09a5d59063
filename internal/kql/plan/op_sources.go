package plan

import (
	"weir/internal/kql"
)

func (b *binder) datatable(x *kql.Datatable, e *env) *rel {
	n := len(x.Columns)
	if n == 0 {
		panic(b.fail(x.At, kql.CodeSemantic, "a datatable needs columns"))
	}
	if len(x.Values)%n != 0 {
		panic(b.fail(x.At, kql.CodeSemantic, "the datatable has %d values for %d columns", len(x.Values), n))
	}
	names := b.namer()
	var cols []*Col
	for _, c := range x.Columns {
		t, _ := ParseType(c.Type)
		cols = append(cols, &Col{Name: names.given(c.Name), Type: t})
	}
	var rows [][]Expr
	for i := 0; i < len(x.Values); i += n {
		row := make([]Expr, n)
		for j := range n {
			row[j] = b.datum(x.Values[i+j], cols[j].Type, e)
		}
		rows = append(rows, row)
	}
	node := &Values{Cols: cols, Rows: rows, Ordinal: &Col{Name: "$row", Type: Long}}
	return &rel{node: node, cols: cols}
}

// datum is a value of a datatable: a constant, converted to the column's type.
func (b *binder) datum(x kql.Expr, t Type, e *env) Expr {
	c := constant(b.expr(x, &scope{env: e}))
	if _, ok := x.(*kql.Literal); c == nil || !ok {
		if u, isUnary := x.(*kql.Unary); c == nil || !isUnary || u == nil {
			panic(b.fail(x.Span(), kql.CodeSyntax, "a datatable holds constants only"))
		}
	}
	if c.T == t || c.Value == nil && t != String {
		return &Const{t, c.Value}
	}
	if v, ok := convertConst(c, t); ok {
		return v
	}
	if s, ok := c.Value.(string); ok && c.T == String && t != Dynamic {
		if v, ok := kql.ParseValue(t.String(), s); ok {
			return &Const{t, v}
		}
		return &Const{t, nil}
	}
	return b.convert(c, t, x.Span())
}

func (b *binder) print(x *kql.PrintSource, e *env) *rel {
	var cols []*Col
	var row []Expr
	names := b.namer()
	for i, a := range x.Exprs {
		v := a
		name := ""
		if n, ok := a.(*kql.Named); ok {
			if n.Tuple {
				panic(b.unsupported(n.At, "several names for one value"))
			}
			v, name = n.X, names.given(n.Names[0])
		} else {
			name = names.lent("print_" + itoa(i))
		}
		val := b.expr(v, &scope{env: e})
		cols = append(cols, &Col{Name: name, Type: val.ResultType()})
		row = append(row, val)
	}
	return valuesOf(cols, [][]Expr{row})
}

func (b *binder) rangeSource(x *kql.RangeSource, e *env) *rel {
	s := &scope{env: e}
	from, to, step := b.expr(x.From, s), b.expr(x.To, s), b.expr(x.Step, s)
	t, st := from.ResultType(), Long
	switch {
	case t.number() && to.ResultType().number() && step.ResultType().number():
		t = widest(widest(widest(t, to.ResultType()), step.ResultType()), Long)
		st = t
		if t == Decimal {
			panic(b.unsupported(x.At, "a range of decimals"))
		}
	case t == Datetime && to.ResultType() == Datetime && step.ResultType() == Timespan:
		st = Timespan
	case t == Timespan && to.ResultType() == Timespan && step.ResultType() == Timespan:
		st = Timespan
	default:
		panic(b.fail(x.At, kql.CodeSemantic, "a range from %s to %s by %s is not defined", t, to.ResultType(), step.ResultType()))
	}
	col := &Col{Name: x.Name.Text, Type: t}
	n := &Range{Col: col, From: b.convert(from, t, x.At), To: b.convert(to, t, x.At), Step: b.convert(step, st, x.At)}
	return &rel{node: n, cols: []*Col{col}, serial: true}
}
