package plan

import (
	"path"
	"slices"
	"strings"

	"weir/internal/kql"
)

// newCol makes the column of an expression; where the expression is a value inside
// a scanned column, so is the column.
func (b *binder) newCol(name string, v Expr) *Col {
	c := &Col{Name: name, Type: v.ResultType()}
	if r, ok := v.(*Ref); ok {
		c.Physical = r.Col.Physical
	}
	if p, ok := b.pathOf(v); ok {
		b.paths[c] = p
	}
	return c
}

// split parts a named expression into its names and what they name.
func (b *binder) split(x kql.Expr) (*kql.Name, kql.Expr) {
	n, ok := x.(*kql.Named)
	if !ok {
		return nil, x
	}
	if n.Tuple && len(n.Names) != 1 {
		panic(b.unsupported(n.At, "several names for one value"))
	}
	return n.Names[0], n.X
}

func (b *binder) extend(list []kql.Expr, r *rel, e *env) *rel {
	p := &Project{In: r.node, Cols: append([]*Col{}, r.cols...)}
	for _, c := range r.cols {
		p.Exprs = append(p.Exprs, &Ref{c})
	}
	given := b.namer()
	auto := b.namer(r.names()...)
	for _, x := range list {
		name, v := b.split(x)
		val := b.expr(v, &scope{env: e, rel: r})
		text := ""
		switch {
		case name != nil:
			text = given.given(name)
			auto.taken[text] = true
		case nameOf(v) != "":
			text = nameOf(v)
			if n, ok := v.(*kql.Name); ok && r.find(n.Text) != nil {
				continue
			}
			given.taken[text] = true
		default:
			text = auto.column()
		}
		col := b.newCol(text, val)
		at := slices.IndexFunc(p.Cols, func(c *Col) bool { return c.Name == text })
		if at < 0 {
			p.Cols, p.Exprs = append(p.Cols, col), append(p.Exprs, val)
		} else {
			p.Cols[at], p.Exprs[at] = col, val
		}
	}
	out := r.over(p)
	out.cols = p.Cols
	return out
}

func (b *binder) project(list []kql.Expr, r *rel, e *env) *rel {
	p := &Project{In: r.node}
	names := b.namer()
	explicit := b.namer()
	for _, x := range list {
		if n, ok := x.(*kql.Named); ok {
			for _, nm := range n.Names {
				explicit.taken[nm.Text] = true
			}
		}
	}
	for _, x := range list {
		if st, ok := x.(*kql.Star); ok {
			if len(list) > 1 {
				panic(b.unsupported(st.At, "'*' in project"))
			}
			return r
		}
		name, v := b.split(x)
		val := b.expr(v, &scope{env: e, rel: r})
		text := ""
		if name != nil {
			text = names.given(name)
		} else {
			text = names.of(v)
		}
		col := b.newCol(text, val)
		if ref, ok := val.(*Ref); ok && ref.Col.Name == text && r.find(text) == ref.Col {
			col = ref.Col
		}
		p.Cols, p.Exprs = append(p.Cols, col), append(p.Exprs, val)
	}
	out := r.over(p)
	out.cols = p.Cols
	return out
}

func (b *binder) projectRename(o *kql.Project, r *rel) *rel {
	cols := append([]*Col{}, r.cols...)
	p := &Project{In: r.node}
	for _, x := range o.Exprs {
		name, v := b.split(x)
		old, ok := v.(*kql.Name)
		if name == nil || !ok {
			panic(b.fail(x.Span(), kql.CodeSemantic, "project-rename needs new = old"))
		}
		at := slices.IndexFunc(r.cols, func(c *Col) bool { return c.Name == old.Text })
		if at < 0 {
			panic(b.unknownColumn(old, r.names()))
		}
		for _, c := range cols {
			if c.Name == name.Text && c != cols[at] {
				panic(b.fail(name.At, kql.CodeName, "a column named '%s' is already there", name.Text))
			}
		}
		cols[at] = b.newCol(name.Text, &Ref{r.cols[at]})
	}
	for i, c := range r.cols {
		p.Cols, p.Exprs = append(p.Cols, cols[i]), append(p.Exprs, &Ref{c})
	}
	out := r.over(p)
	out.cols = cols
	return out
}

// matches says whether a column's name fits a pattern with wildcards.
func matches(pattern, name string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == name
	}
	ok, err := path.Match(strings.NewReplacer(`\`, `\\`, `[`, `\[`, `?`, `\?`).Replace(pattern), name)
	return ok && err == nil
}

func (b *binder) projectColumns(o *kql.ProjectColumns, r *rel) *rel {
	var picked []*Col
	for _, c := range o.Columns {
		var hit []*Col
		for _, col := range r.cols {
			if matches(c.Name.Text, col.Name) && !slices.Contains(picked, col) {
				hit = append(hit, col)
			}
		}
		if len(hit) == 0 && !strings.Contains(c.Name.Text, "*") && r.find(c.Name.Text) == nil {
			panic(b.unknownColumn(c.Name, r.names()))
		}
		switch c.Order {
		case "":
		case "asc":
			slices.SortStableFunc(hit, func(a, c *Col) int { return strings.Compare(a.Name, c.Name) })
		case "desc":
			slices.SortStableFunc(hit, func(a, c *Col) int { return strings.Compare(c.Name, a.Name) })
		default:
			panic(b.unsupported(c.Name.At, "'"+c.Order+"'"))
		}
		picked = append(picked, hit...)
	}
	var cols []*Col
	switch o.Kind {
	case "project-away":
		for _, c := range r.cols {
			if !slices.Contains(picked, c) {
				cols = append(cols, c)
			}
		}
	case "project-keep":
		for _, c := range r.cols {
			if slices.Contains(picked, c) {
				cols = append(cols, c)
			}
		}
	default:
		cols = picked
		for _, c := range r.cols {
			if !slices.Contains(picked, c) {
				cols = append(cols, c)
			}
		}
	}
	out := r.over(passThrough(r.node, cols))
	out.cols = cols
	return out
}
