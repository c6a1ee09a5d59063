package kql

// Extend is `extend a = x, …`.
type Extend struct {
	At    Span
	Exprs []Expr
}

// Project is project or project-rename (Kind is the operator's name).
type Project struct {
	At    Span
	Kind  string
	Exprs []Expr
}

// ProjectColumns is project-away, project-keep or project-reorder.
type ProjectColumns struct {
	At      Span
	Kind    string
	Columns []ColumnPattern
}

// ColumnPattern is a column's name, which may hold `*`; Order is asc, desc,
// granny-asc or granny-desc for project-reorder, else empty.
type ColumnPattern struct {
	Name  *Name
	Order string
}

// Serialize is `serialize`, with columns to add or without.
type Serialize struct {
	At    Span
	Exprs []Expr
}

func (o *Extend) Span() Span         { return o.At }
func (o *Project) Span() Span        { return o.At }
func (o *ProjectColumns) Span() Span { return o.At }
func (o *Serialize) Span() Span      { return o.At }

func parseExtend(p *parser, at Span) Operator {
	x := p.namedList()
	return &Extend{Exprs: x, At: p.from(at)}
}

func (p *parser) atOperatorEnd() bool {
	return p.peek().kind == tokEOF || p.isPunct("|") || p.isPunct(")") || p.isPunct(";") || p.isPunct("}")
}

func parseProject(p *parser, at Span) Operator {
	o := &Project{Kind: p.text[at.Start:at.End]}
	if !p.atOperatorEnd() {
		o.Exprs = p.namedList()
	} else if o.Kind == "project-rename" {
		panic(p.fail("new = old"))
	}
	o.At = p.from(at)
	return o
}

func parseProjectColumns(p *parser, at Span) Operator {
	o := &ProjectColumns{Kind: p.text[at.Start:at.End]}
	for {
		c := ColumnPattern{Name: p.pattern()}
		if o.Kind == "project-reorder" && p.isWord("asc", "desc", "granny") {
			c.Order, _ = p.operatorName()
		}
		o.Columns = append(o.Columns, c)
		if !p.accept(",") {
			break
		}
	}
	o.At = p.from(at)
	return o
}

func parseSerialize(p *parser, at Span) Operator {
	p.properties()
	o := &Serialize{}
	if !p.atOperatorEnd() {
		o.Exprs = p.namedList()
	}
	o.At = p.from(at)
	return o
}

func (o *Extend) print(p *printer) { p.words("extend "); p.list(o.Exprs) }

func (o *Project) print(p *printer) {
	p.words(o.Kind)
	if len(o.Exprs) > 0 {
		p.words(" ")
		p.list(o.Exprs)
	}
}

func (o *ProjectColumns) print(p *printer) {
	p.words(o.Kind, " ")
	for i, c := range o.Columns {
		p.comma(i)
		p.pattern(c.Name)
		if c.Order != "" {
			p.words(" ", c.Order)
		}
	}
}

func (o *Serialize) print(p *printer) {
	p.words("serialize")
	if len(o.Exprs) > 0 {
		p.words(" ")
		p.list(o.Exprs)
	}
}
