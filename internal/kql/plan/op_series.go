package plan

import (
	"strings"

	"weir/internal/kql"
)

// Series is make-series: for each group of Keys, dynamic arrays of Aggs at From,
// From+Step … before To, and the array Axis of those points.
type Series struct {
	In             Node
	Keys           []*Col
	KeyX           []Expr
	Aggs           []*Col
	AggX           []*Agg
	Defaults       []Expr
	Axis           *Col
	On             Expr
	From, To, Step Expr
}

// Output is the keys, the series, the axis.
func (n *Series) Output() []*Col {
	return append(append(append([]*Col{}, n.Keys...), n.Aggs...), n.Axis)
}

func (b *binder) makeSeries(o *kql.MakeSeries, r *rel, e *env) *rel {
	if o.From == nil || o.To == nil || o.InRange {
		panic(b.unsupported(o.At, "make-series without from and to"))
	}
	if len(o.Props) > 0 {
		panic(b.unsupported(o.At, "a property of make-series"))
	}
	names := b.namer()
	row := &scope{env: e, rel: r}
	n := &Series{In: r.node}
	for _, x := range o.By {
		name, v := b.split(x)
		val := b.expr(v, row)
		if val.ResultType() == Dynamic {
			panic(b.fail(v.Span(), kql.CodeSemantic, "rows cannot be grouped by a dynamic").WithHint("convert it, with tostring for example"))
		}
		col := b.newCol("", val)
		col.Physical = physicalOfKey(val)
		if name != nil {
			col.Name = names.given(name)
		} else {
			col.Name = names.of(v)
		}
		n.Keys, n.KeyX = append(n.Keys, col), append(n.KeyX, val)
	}
	for _, a := range o.Aggs {
		b.seriesAgg(a, n, row, names)
	}
	name, on := b.split(o.On)
	n.On = b.expr(on, row)
	t, step := n.On.ResultType(), Timespan
	if t.integer() {
		t, step = Long, Long
		n.On = b.convert(n.On, Long, on.Span())
	} else if t != Datetime && t != Timespan {
		panic(b.unsupported(on.Span(), "make-series on "+t.String()))
	}
	n.From, n.To = b.axis(o.From, t, e), b.axis(o.To, t, e)
	n.Step = b.axis(o.Step, step, e)
	n.Axis = &Col{Type: Dynamic}
	if name != nil {
		n.Axis.Name = names.given(name)
	} else {
		n.Axis.Name = names.of(on)
	}
	return &rel{node: n, cols: n.Output()}
}

// axis binds a bound of the axis, which no column decides.
func (b *binder) axis(x kql.Expr, t Type, e *env) Expr {
	v := b.expr(x, &scope{env: e})
	if v.ResultType() != t && !(v.ResultType() == Int && t == Long) {
		panic(b.fail(x.Span(), kql.CodeSemantic, "a %s is expected here, not %s", t, v.ResultType()))
	}
	return b.convert(v, t, x.Span())
}

func (b *binder) seriesAgg(a kql.SeriesAgg, n *Series, row *scope, names *namer) {
	name, x := b.split(a.X)
	call, ok := x.(*kql.Call)
	if !ok || !isAggregate(call.Fn.Text) || strings.HasPrefix(call.Fn.Text, "make_") {
		panic(b.unsupported(x.Span(), "a series that is no plain aggregate"))
	}
	agg := b.aggregate(call, &scope{env: row.env, rel: row.rel})
	if agg.T == Dynamic || agg.T == String {
		panic(b.unsupported(x.Span(), "a series of "+agg.T.String()))
	}
	col := &Col{Type: Dynamic}
	if name != nil {
		col.Name = names.given(name)
	} else {
		col.Name = names.of(x)
	}
	def := Expr(&Const{agg.T, nil})
	if agg.T.number() {
		def = b.convert(&Const{Long, int64(0)}, agg.T, x.Span())
	}
	if a.Default != nil {
		def = b.convert(b.expr(a.Default, &scope{env: row.env}), agg.T, a.Default.Span())
	}
	n.Aggs, n.AggX, n.Defaults = append(n.Aggs, col), append(n.AggX, agg), append(n.Defaults, def)
}
