package plan

import "weir/internal/kql"

// sort binds sort keys; those that are not columns are computed below as hidden columns.
func (b *binder) sort(keys []*kql.Ordered, r *rel, e *env) *rel {
	p := &Project{In: r.node, Cols: append([]*Col{}, r.cols...)}
	for _, c := range r.cols {
		p.Exprs = append(p.Exprs, &Ref{c})
	}
	var out []SortKey
	hidden := false
	for i, k := range keys {
		_, x := b.split(k.X)
		v := b.expr(x, &scope{env: e, rel: r})
		if v.ResultType() == Dynamic {
			panic(b.fail(x.Span(), kql.CodeSemantic, "rows cannot be sorted by a dynamic").WithHint("convert it, with tostring or tolong for example"))
		}
		if constant(v) != nil {
			continue
		}
		ref, ok := v.(*Ref)
		if !ok {
			col := &Col{Name: "$key" + itoa(i), Type: v.ResultType()}
			p.Cols, p.Exprs = append(p.Cols, col), append(p.Exprs, v)
			ref, hidden = &Ref{col}, true
		}
		out = append(out, SortKey{ref.Col, k.Desc, k.NullsFirst})
	}
	in := r.node
	if hidden {
		in = p
	}
	res := r.over(&Sort{In: in, Keys: out})
	res.serial = true
	return res
}
