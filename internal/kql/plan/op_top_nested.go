package plan

import (
	"weir/internal/kql"
)

// topNested aggregates by the first key, then by the first two, and so on, and keeps
// of each level the top rows for each row that the level before kept.
func (b *binder) topNested(o *kql.TopNested, r *rel, e *env) *rel {
	src, _ := b.shared(r)
	names := b.namer()
	var of []kql.Expr
	var kept *rel
	var keys []*Col
	for _, l := range o.Levels {
		if l.Others != nil {
			panic(b.unsupported(l.Others.Span(), "'with others' of top-nested"))
		}
		named, by := b.level(l, names)
		of = append(of, named)
		level := b.summarize(&kql.Summarize{At: o.At, Aggs: []kql.Expr{by}, By: of}, b.fresh(src), e)
		agg, last := level.cols[len(of)], level.cols[len(of)-1]
		node := level.node
		cols := append([]*Col{}, level.cols...)
		var before []Expr
		if kept != nil {
			join := &Join{Kind: "inner", Left: kept.node, Right: level.node}
			for i, k := range keys {
				join.On = append(join.On, [2]Expr{&Ref{k}, &Ref{level.cols[i]}})
				before = append(before, &Ref{k})
			}
			cols = append(append([]*Col{}, kept.cols...), last, agg)
			join.Cols, join.From = cols, cols
			node = join
		}
		node = &Sort{In: node, Keys: []SortKey{{Col: agg, Desc: !l.Asc, NullsFirst: l.Asc}}}
		if l.N != nil {
			n := b.expr(l.N, &scope{env: e})
			if !n.ResultType().integer() {
				panic(b.fail(l.N.Span(), kql.CodeSemantic, "a number of rows is expected, not %s", n.ResultType()))
			}
			node = firstOf(node, cols, before, b.convert(n, Long, l.N.Span()))
		}
		kept, keys = &rel{node: passThrough(node, cols), cols: cols}, append(keys, last)
	}
	return kept
}

// level gives a level's key and aggregate with the names of their columns.
func (b *binder) level(l kql.NestedLevel, names *namer) (key, agg kql.Expr) {
	id, x := b.split(l.Of)
	if id == nil {
		text := nameOf(x)
		if text == "" {
			panic(b.unsupported(x.Span(), "an expression without a name in top-nested").WithHint("name it: name = …"))
		}
		id = &kql.Name{At: x.Span(), Text: text}
	}
	names.given(id)
	by, y := b.split(l.By)
	if by == nil {
		by = &kql.Name{At: y.Span(), Text: "aggregated_" + id.Text}
	}
	names.given(by)
	return &kql.Named{At: l.Of.Span(), Names: []*kql.Name{id}, X: x}, &kql.Named{At: l.By.Span(), Names: []*kql.Name{by}, X: y}
}
