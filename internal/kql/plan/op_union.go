package plan

import (
	"slices"
	"strings"

	"weir/internal/kql"
)

func (b *binder) union(o *kql.Union, first *rel, e *env) *rel {
	var rels []*rel
	if first != nil {
		rels = append(rels, first)
	}
	fuzzy := kql.PropertyText(o.Props, "isfuzzy") == "true"
	for _, t := range o.Tables {
		if n, ok := t.(*kql.Name); ok && strings.Contains(n.Text, "*") {
			for _, name := range b.schema.Tables() {
				if matches(n.Text, name) {
					rels = append(rels, b.tableName(&kql.Name{At: n.At, Text: name}, e))
				}
			}
			continue
		}
		if n, ok := t.(*kql.Name); ok && fuzzy && !b.tabular(t, e) && e.find(n.Text) == nil {
			continue
		}
		rels = append(rels, b.table(t, e))
	}
	if len(rels) == 0 {
		panic(b.fail(o.At, kql.CodeSemantic, "there is no table to unite"))
	}
	kind := kql.PropertyText(o.Props, "kind")
	if kind != "" && kind != "outer" && kind != "inner" {
		panic(b.fail(o.At, kql.CodeSemantic, "unknown union kind '%s'", kind).WithHint("it is inner or outer"))
	}
	source := kql.PropertyText(o.Props, "withsource") + kql.PropertyText(o.Props, "with_source")
	return b.unite(rels, kind == "inner", source)
}

// unite gives the rows of all rels. Columns of one name and type are one column; of
// one name and several types, each type's column gets it after its name.
func (b *binder) unite(rels []*rel, inner bool, source string) *rel {
	types := map[string][]Type{}
	var order []*Col
	for _, r := range rels {
		for _, c := range r.cols {
			if !slices.Contains(types[c.Name], c.Type) {
				types[c.Name] = append(types[c.Name], c.Type)
				order = append(order, c)
			}
		}
	}
	u := &Union{}
	for _, r := range rels {
		u.Ins = append(u.Ins, r.node)
		u.Exprs = append(u.Exprs, nil)
	}
	if source != "" {
		u.Cols = append(u.Cols, &Col{Name: source, Type: String})
		for i, r := range rels {
			name := r.table
			if name == "" {
				name = "union_arg" + itoa(i)
			}
			u.Exprs[i] = append(u.Exprs[i], &Const{String, name})
		}
	}
	names := b.namer(source)
	for _, c := range order {
		if len(types[c.Name]) == 1 {
			names.taken[c.Name] = true
		}
	}
	for _, c := range unionOrder(order) {
		if inner && slices.ContainsFunc(rels, func(r *rel) bool { f := r.find(c.Name); return f == nil || f.Type != c.Type }) {
			continue
		}
		name := c.Name
		if len(types[c.Name]) > 1 {
			name = names.lent(name + "_" + c.Type.String())
		}
		u.Cols = append(u.Cols, &Col{Name: name, Type: c.Type})
		for i, r := range rels {
			var v Expr = &Const{c.Type, nil}
			if c.Type == String {
				v = &Const{String, ""}
			}
			if f := r.find(c.Name); f != nil && f.Type == c.Type {
				v = &Ref{f}
			}
			u.Exprs[i] = append(u.Exprs[i], v)
		}
	}
	return &rel{node: u, cols: u.Cols}
}

// unionOrder puts columns of one name together where the name first appears.
func unionOrder(cols []*Col) []*Col {
	var out []*Col
	for i, c := range cols {
		if slices.ContainsFunc(cols[:i], func(d *Col) bool { return d.Name == c.Name }) {
			continue
		}
		for _, d := range cols[i:] {
			if d.Name == c.Name {
				out = append(out, d)
			}
		}
	}
	return out
}
