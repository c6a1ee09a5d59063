package plan

import (
	"slices"

	"weir/internal/kql"
)

func (b *binder) mvExpand(o *kql.MvExpand, r *rel, e *env) *rel {
	n := &Unnest{In: r.node}
	cols := append([]*Col{}, r.cols...)
	if k := kql.PropertyText(o.Props, "bagexpansion"); k == "array" {
		panic(b.unsupported(o.At, "bagexpansion=array"))
	}
	names := b.namer(r.names()...)
	for _, c := range o.Columns {
		v := b.expr(c.X, &scope{env: e, rel: r})
		if v.ResultType() != Dynamic {
			panic(b.fail(c.X.Span(), kql.CodeSemantic, "mv-expand needs a dynamic, not %s", v.ResultType()))
		}
		elem := &Col{Name: "$element", Type: Dynamic}
		item := UnnestItem{X: v, Elem: elem, Conv: &Ref{elem}}
		t := Dynamic
		if c.Type != "" {
			t, _ = ParseType(c.Type)
			item.Conv = b.convert(item.Conv, t, c.X.Span())
		}
		name, replaces := "", false
		if c.Name != nil {
			name, replaces = c.Name.Text, r.find(c.Name.Text) != nil
		} else if id, ok := c.X.(*kql.Name); ok {
			name, replaces = id.Text, r.find(id.Text) != nil
		} else if name = nameOf(c.X); name != "" {
			name = names.lent(name)
		} else {
			name = names.column()
		}
		item.Col = &Col{Name: name, Type: t}
		n.Items = append(n.Items, item)
		at := slices.IndexFunc(cols, func(d *Col) bool { return d.Name == name })
		if replaces && at >= 0 {
			cols[at] = item.Col
		} else {
			cols = append(cols, item.Col)
		}
	}
	if idx := kql.PropertyText(o.Props, "with_itemindex"); idx != "" {
		n.Index = &Col{Name: idx, Type: Long}
		cols = append(cols, n.Index)
	}
	if o.Limit != nil {
		panic(b.unsupported(o.Limit.Span(), "the limit of mv-expand"))
	}
	n.Cols = cols
	out := r.over(n)
	out.cols = cols
	return out
}
