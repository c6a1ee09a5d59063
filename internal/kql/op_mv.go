package kql

// MvColumn is one operand of mv-expand or mv-apply: X, named or not, to a type or not.
type MvColumn struct {
	Name *Name
	X    Expr
	Type string
}

// MvExpand is mv-expand.
type MvExpand struct {
	At      Span
	Props   []Property
	Columns []MvColumn
	Limit   Expr
}

// MvApply is mv-apply: the operators of Body run over each record's expansion.
type MvApply struct {
	At      Span
	Props   []Property
	Columns []MvColumn
	Limit   Expr
	Body    []Operator
}

func (o *MvExpand) Span() Span { return o.At }
func (o *MvApply) Span() Span  { return o.At }

func (p *parser) mvColumns() []MvColumn {
	var out []MvColumn
	for {
		c := MvColumn{}
		if p.isNameAssign() {
			c.Name = p.name()
			p.next()
		}
		c.X = p.expr()
		if p.acceptWord("to") {
			p.expectWord("typeof")
			p.expect("(")
			c.Type = p.typeName()
			p.expect(")")
		}
		out = append(out, c)
		if !p.accept(",") {
			return out
		}
	}
}

func parseMvExpand(p *parser, at Span) Operator {
	o := &MvExpand{Props: p.properties(), Columns: p.mvColumns()}
	if p.acceptWord("limit") {
		o.Limit = p.expr()
	}
	o.At = p.from(at)
	return o
}

func parseMvApply(p *parser, at Span) Operator {
	o := &MvApply{Props: p.properties(), Columns: p.mvColumns()}
	if p.acceptWord("limit") {
		o.Limit = p.expr()
	}
	p.expectWord("on")
	p.expect("(")
	for {
		o.Body = append(o.Body, p.operator())
		if !p.accept("|") {
			break
		}
	}
	p.expect(")")
	o.At = p.from(at)
	return o
}

func (p *printer) mvColumns(props []Property, cols []MvColumn, limit Expr) {
	p.props(props)
	p.words(" ")
	for i, c := range cols {
		p.comma(i)
		if c.Name != nil {
			p.name(c.Name)
			p.words(" = ")
		}
		p.expr(c.X, 0)
		if c.Type != "" {
			p.words(" to typeof(", c.Type, ")")
		}
	}
	if limit != nil {
		p.words(" limit ")
		p.expr(limit, 0)
	}
}

func (o *MvExpand) print(p *printer) {
	p.words("mv-expand")
	p.mvColumns(o.Props, o.Columns, o.Limit)
}

func (o *MvApply) print(p *printer) {
	p.words("mv-apply")
	p.mvColumns(o.Props, o.Columns, o.Limit)
	p.words(" on (")
	for i, b := range o.Body {
		if i > 0 {
			p.words(" | ")
		}
		b.print(p)
	}
	p.words(")")
}
