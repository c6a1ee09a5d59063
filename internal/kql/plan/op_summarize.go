package plan

import (
	"weir/internal/kql"
)

func (b *binder) summarize(o *kql.Summarize, r *rel, e *env) *rel {
	names := b.namer()
	agg := &Aggregate{In: r.node, Total: len(o.By) == 0}
	row := &scope{env: e, rel: r}
	keyOf := &aggregation{in: r}
	for _, x := range o.By {
		name, v := b.split(x)
		val := b.expr(v, row)
		if val.ResultType() == Dynamic {
			panic(b.fail(v.Span(), kql.CodeSemantic, "rows cannot be grouped by a dynamic").WithHint("convert it, with tostring for example"))
		}
		text := ""
		if name != nil {
			text = names.given(name)
		} else {
			text = names.of(v)
		}
		col := b.newCol(text, val)
		col.Physical = physicalOfKey(val)
		if ref, ok := val.(*Ref); ok {
			keyOf.cols = append(keyOf.cols, ref.Col)
		}
		agg.Keys, agg.KeyX = append(agg.Keys, col), append(agg.KeyX, val)
	}
	for _, x := range o.Aggs {
		if n, ok := x.(*kql.Named); ok {
			for _, nm := range n.Names {
				if names.taken[nm.Text] {
					panic(b.fail(nm.At, kql.CodeName, "a column named '%s' is already there", nm.Text))
				}
			}
		}
	}
	coll := &aggregation{in: r}
	post := &Project{}
	post.Cols = append(post.Cols, agg.Keys...)
	for _, k := range agg.Keys {
		post.Exprs = append(post.Exprs, &Ref{k})
	}
	given := b.namer()
	for _, x := range o.Aggs {
		b.summarizeOne(x, &scope{env: e, rel: r, aggs: keyOf}, coll, post, names, given)
	}
	agg.Aggs, agg.AggX = coll.cols, coll.aggs
	out := &rel{node: agg, cols: post.Cols}
	if !sameCols(agg.Output(), post.Cols) {
		post.In = agg
		out.node = post
	}
	return out
}

func physicalOfKey(v Expr) string {
	if r, ok := v.(*Ref); ok {
		return r.Col.Physical
	}
	return ""
}

// summarizeOne binds one aggregate expression, which may give several columns.
func (b *binder) summarizeOne(x kql.Expr, keys *scope, coll *aggregation, post *Project, names, given *namer) {
	named, _ := x.(*kql.Named)
	v := x
	if named != nil {
		v = named.X
	}
	if call, ok := v.(*kql.Call); ok && keys.env.find(call.Fn.Text) == nil {
		if list := b.multi(call, keys.noAggs()); list != nil {
			b.multiColumns(list, named, coll, post, names)
			return
		}
	}
	val := b.expr(v, &scope{env: keys.env, rel: keys.rel, aggs: coll})
	text := ""
	switch {
	case named != nil && len(named.Names) > 1:
		panic(b.unsupported(named.At, "several names for one value"))
	case named != nil:
		text = names.given(named.Names[0])
	case nameOf(v) != "":
		if _, ok := v.(*kql.Name); ok {
			panic(b.fail(v.Span(), kql.CodeSemantic, "'%s' is no aggregate", nameOf(v)))
		}
		text = names.lent(nameOf(v))
	default:
		text = names.column()
	}
	if ref, ok := val.(*Ref); ok && len(coll.cols) > 0 && ref.Col == coll.cols[len(coll.cols)-1] {
		ref.Col.Name = text
		post.Cols, post.Exprs = append(post.Cols, ref.Col), append(post.Exprs, val)
		return
	}
	post.Cols, post.Exprs = append(post.Cols, &Col{Name: text, Type: val.ResultType()}), append(post.Exprs, val)
}

// noAggs is the scope of an aggregate's arguments; it still knows the group's keys, for *.
func (s *scope) noAggs() *scope { return &scope{env: s.env, rel: s.rel, keys: s.aggs} }

func (b *binder) multiColumns(list []namedAgg, named *kql.Named, coll *aggregation, post *Project, names *namer) {
	for i, a := range list {
		text := ""
		switch {
		case named != nil && i < len(named.Names):
			text = names.given(named.Names[i])
		default:
			if a.name == "" {
				text = names.column()
			} else {
				text = names.lent(a.name)
			}
		}
		ref := coll.push(a.agg).(*Ref)
		ref.Col.Name = text
		post.Cols, post.Exprs = append(post.Cols, ref.Col), append(post.Exprs, ref)
	}
	if named != nil && len(named.Names) > len(list) {
		panic(b.fail(named.Names[len(list)].At, kql.CodeSemantic, "there are more names than columns"))
	}
}

func (b *binder) distinct(o *kql.Distinct, r *rel, e *env) *rel {
	if _, ok := o.Exprs[0].(*kql.Star); ok && len(o.Exprs) == 1 {
		var list []kql.Expr
		for _, c := range r.cols {
			list = append(list, &kql.Name{At: o.Exprs[0].Span(), Text: c.Name})
		}
		return b.summarize(&kql.Summarize{At: o.At, By: list}, r, e)
	}
	return b.summarize(&kql.Summarize{At: o.At, By: o.Exprs}, r, e)
}

func (b *binder) count(o *kql.Count, r *rel) *rel {
	name := "Count"
	if o.As != nil {
		name = o.As.Text
	}
	col := &Col{Name: name, Type: Long}
	at := o.At
	n := &Aggregate{In: r.node, Aggs: []*Col{col}, AggX: []*Agg{{Op: "count", T: Long, Name: "count", At: at.Start, End: at.End}}, Total: true}
	return &rel{node: n, cols: []*Col{col}}
}
