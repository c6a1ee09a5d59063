package kql

// ParseOp is parse or parse-where: the pattern's text and columns in turn.
type ParseOp struct {
	At      Span
	Where   bool
	Props   []Property
	X       Expr
	Pattern []ParsePart
}

// ParsePart is one piece of a pattern: Text, a Star, or a column (Name, Type "" for string).
type ParsePart struct {
	At   Span
	Text *Literal
	Star bool
	Name *Name
	Type string
}

// ParseKv is parse-kv.
type ParseKv struct {
	At      Span
	X       Expr
	Columns []ColumnDecl
	Props   []Property
}

func (o *ParseOp) Span() Span { return o.At }
func (o *ParseKv) Span() Span { return o.At }

func parseParse(p *parser, at Span) Operator {
	o := &ParseOp{Where: p.text[at.Start:at.End] == "parse-where", Props: p.properties(), X: p.unary()}
	p.expectWord("with")
	for !p.atOperatorEnd() {
		t := p.peek()
		part := ParsePart{}
		switch {
		case p.accept("*"):
			part.Star = true
		case t.kind == tokString:
			part.Text = p.primary().(*Literal)
		default:
			part.Name = p.name()
			if p.accept(":") {
				part.Type = p.typeName()
			}
		}
		part.At = p.from(t.at)
		o.Pattern = append(o.Pattern, part)
	}
	if len(o.Pattern) == 0 {
		panic(p.fail("a pattern"))
	}
	o.At = p.from(at)
	return o
}

func parseParseKv(p *parser, at Span) Operator {
	o := &ParseKv{X: p.unary()}
	p.expectWord("as")
	p.expect("(")
	o.Columns = p.columnDecls()
	p.expect(")")
	if p.acceptWord("with") {
		p.expect("(")
		for !p.isPunct(")") {
			n := p.name()
			p.expect("=")
			o.Props = append(o.Props, Property{n, p.unary()})
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	o.At = p.from(at)
	return o
}

func (o *ParseOp) print(p *printer) {
	if o.Where {
		p.words("parse-where")
	} else {
		p.words("parse")
	}
	p.props(o.Props)
	p.words(" ")
	p.expr(o.X, precUnary)
	p.words(" with")
	for _, part := range o.Pattern {
		p.words(" ")
		switch {
		case part.Star:
			p.words("*")
		case part.Text != nil:
			p.expr(part.Text, 0)
		default:
			p.name(part.Name)
			if part.Type != "" {
				p.words(":", part.Type)
			}
		}
	}
}

func (o *ParseKv) print(p *printer) {
	p.words("parse-kv ")
	p.expr(o.X, precUnary)
	p.words(" as (")
	p.columnDecls(o.Columns)
	p.words(")")
	if len(o.Props) > 0 {
		p.words(" with (")
		for i, x := range o.Props {
			p.comma(i)
			p.name(x.Name)
			p.words("=")
			p.expr(x.Value, precUnary)
		}
		p.words(")")
	}
}
