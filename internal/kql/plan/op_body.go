package plan

import (
	"weir/internal/kql"
)

// parts says which rows of a relation belong together while operators run over each
// part alone, as mv-apply and partition have it: rows of one part agree in By.
type parts struct {
	By    *Col
	Order []SortKey // of the rows, By first
	all   func() (Node, *Col)
	lost  bool // only By is left of the source's columns
}

// runBody binds operators that run over each part of r.
func (b *binder) runBody(of string, ops []kql.Operator, r *rel, p *parts, e *env) *rel {
	for _, o := range ops {
		switch o := o.(type) {
		case *kql.Where, *kql.Extend, *kql.Project, *kql.ProjectColumns, *kql.ParseOp, *kql.ParseKv:
			r = b.operator(o, r, e)
		case *kql.Sort:
			r = b.sortParts(o.Keys, r, p, e)
		case *kql.Take:
			r = b.head(o.N, r, p, e)
		case *kql.Top:
			r = b.head(o.N, b.sortParts(o.Keys, r, p, e), p, e)
		case *kql.Summarize:
			r = b.aggregateParts(b.summarize(o, r, e), r, p)
		case *kql.Count:
			r = b.aggregateParts(b.count(o, r), r, p)
		case *kql.Distinct:
			r = b.aggregateParts(b.distinct(o, r, e), r, p)
		case *kql.MvExpand:
			r = b.operator(o, r, e)
		default:
			panic(b.unsupported(o.Span(), "operator '"+operatorName(b.text, o)+"' inside "+of))
		}
		c := *r
		c.serial, c.scans = false, nil // window functions would run over all parts
		r = &c
	}
	return r
}

func (b *binder) sortParts(keys []*kql.Ordered, r *rel, p *parts, e *env) *rel {
	out := b.sort(keys, r, e)
	s := out.node.(*Sort)
	s.Keys = append([]SortKey{{Col: p.By}}, s.Keys...)
	p.Order = s.Keys
	return out
}

// head keeps the first n rows of each part.
func (b *binder) head(n kql.Expr, r *rel, p *parts, e *env) *rel {
	v := b.expr(n, &scope{env: e})
	if !v.ResultType().integer() {
		panic(b.fail(n.Span(), kql.CodeSemantic, "a number of rows is expected, not %s", v.ResultType()))
	}
	return r.over(firstOf(r.node, r.cols, []Expr{&Ref{p.By}}, b.convert(v, Long, n.Span())))
}

// firstOf keeps the first n rows of each part in the order of in.
func firstOf(in Node, cols []*Col, by []Expr, n Expr) Node {
	number := &Col{Name: "$number", Type: Long}
	numbered := passThrough(in, append([]*Col{}, cols...)).(*Project)
	numbered.Cols = append(numbered.Cols, number)
	numbered.Exprs = append(numbered.Exprs, &Call{Op: "$number", T: Long, Args: by})
	return &Filter{In: numbered, Pred: &Call{Op: "le", T: Bool, Args: []Expr{&Ref{number}, n}}}
}

// aggregateParts makes of out, which aggregates all rows of r, an aggregation of each
// part. Without keys a part of no rows has a row too: all parts are joined to it.
func (b *binder) aggregateParts(out, r *rel, p *parts) *rel {
	agg, ok := out.node.(*Aggregate)
	if !ok {
		agg = out.node.(*Project).In.(*Aggregate)
	}
	from := Expr(&Ref{p.By})
	if agg.Total {
		all, by := p.all()
		there := &Col{Name: "$there", Type: Bool}
		right := passThrough(r.node, append([]*Col{p.By}, r.cols...)).(*Project)
		known := newCols(right.Cols)
		for _, k := range p.Order {
			if !known[k.Col] {
				right.Cols, right.Exprs = append(right.Cols, k.Col), append(right.Exprs, &Ref{k.Col})
			}
		}
		right.Cols, right.Exprs = append(right.Cols, there), append(right.Exprs, &Const{Bool, true})
		join := &Join{Kind: "leftouter", Left: all, Right: right, On: [][2]Expr{{&Ref{by}, from}}}
		join.Cols = append([]*Col{by}, right.Cols...)
		join.From = join.Cols
		agg.In, from = join, &Ref{by}
		if len(p.Order) > 0 {
			agg.In = &Sort{In: join, Keys: p.Order}
		}
		for _, a := range agg.AggX {
			exists := Expr(&Call{Op: "isnotnull", T: Bool, Args: []Expr{&Ref{there}}})
			if a.Filter != nil {
				exists = &Call{Op: "and", T: Bool, Args: []Expr{exists, a.Filter}}
			}
			a.Filter = exists
		}
		agg.Total = false
	}
	agg.Keys, agg.KeyX = append([]*Col{p.By}, agg.Keys...), append([]Expr{from}, agg.KeyX...)
	p.lost, p.Order = true, []SortKey{{Col: p.By}}
	return out.over(&Sort{In: out.node, Keys: p.Order})
}

func newCols(list []*Col) map[*Col]bool {
	out := map[*Col]bool{}
	for _, c := range list {
		out[c] = true
	}
	return out
}

// shared gives r as a relation that may be read twice and gives the same rows, numbered, each time.
func (b *binder) shared(r *rel) (*rel, *Shared) {
	n := &Shared{In: r.node, Cols: r.cols, Row: &Col{Name: "$row", Type: Long, NotNull: true}}
	out := r.over(n)
	out.scans, out.serial = nil, false
	return out, n
}

// mvApply runs the operators of its body over what each row expands to. The result
// has the row's columns, those of the body's result in their place or after them.
func (b *binder) mvApply(o *kql.MvApply, r *rel, e *env) *rel {
	src, n := b.shared(r)
	x := b.mvExpand(&kql.MvExpand{At: o.At, Props: o.Props, Columns: o.Columns, Limit: o.Limit}, src, e)
	unnest := x.node.(*Unnest)
	if unnest.Index == nil {
		unnest.Index = &Col{Name: "$index", Type: Long}
	}
	replaced := map[string]bool{}
	for _, it := range unnest.Items {
		replaced[it.Col.Name] = true
	}
	p := &parts{By: n.Row, Order: []SortKey{{Col: n.Row}, {Col: unnest.Index}}}
	p.all = func() (Node, *Col) {
		row := &Col{Name: "$row", Type: Long}
		return &Project{In: n, Cols: []*Col{row}, Exprs: []Expr{&Ref{n.Row}}}, row
	}
	out := b.runBody("mv-apply", o.Body, x.over(&Sort{In: unnest, Keys: p.Order}), p, e)

	var cols []*Col
	for _, c := range r.cols {
		if d := out.find(c.Name); d != nil {
			cols = append(cols, d)
		} else if !replaced[c.Name] {
			cols = append(cols, c)
		}
	}
	for _, c := range out.cols {
		if r.find(c.Name) == nil {
			cols = append(cols, c)
		}
	}
	if !p.lost {
		return &rel{node: passThrough(out.node, cols), cols: cols}
	}
	row := &Col{Name: "$row", Type: Long}
	right := passThrough(out.node, append([]*Col{}, out.cols...)).(*Project)
	right.Cols, right.Exprs = append(right.Cols, row), append(right.Exprs, &Ref{n.Row})
	join := &Join{Kind: "inner", Left: n, Right: right, On: [][2]Expr{{&Ref{n.Row}, &Ref{row}}}, Cols: cols, From: cols}
	return &rel{node: &Sort{In: join, Keys: []SortKey{{Col: n.Row}}}, cols: cols}
}

// partition runs operators over the rows of each value of a column.
func (b *binder) partition(o *kql.Partition, r *rel, e *env) *rel {
	if o.Query != nil {
		panic(b.unsupported(o.Query.Span(), "a query in braces after partition").WithHint("write its operators in parentheses"))
	}
	src, n := b.shared(r)
	key := b.column(o.By, src).(*Ref).Col
	if key.Type == Dynamic {
		panic(b.fail(o.By.At, kql.CodeSemantic, "rows cannot be parted by a dynamic"))
	}
	// The key under a name of its own stays whatever the operators do to the column.
	by := &Col{Name: "$part", Type: key.Type}
	kept := passThrough(n, append([]*Col{}, src.cols...)).(*Project)
	kept.Cols, kept.Exprs = append(kept.Cols, by), append(kept.Exprs, &Ref{key})
	p := &parts{By: by, Order: []SortKey{{Col: by}, {Col: n.Row}}}
	p.all = func() (Node, *Col) {
		k := &Col{Name: "$part", Type: key.Type}
		return &Aggregate{In: n, Keys: []*Col{k}, KeyX: []Expr{&Ref{key}}}, k
	}
	out := b.runBody("partition", o.Body, src.over(&Sort{In: kept, Keys: p.Order}), p, e)
	return &rel{node: passThrough(out.node, out.cols), cols: out.cols}
}
