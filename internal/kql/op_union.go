package kql

// Union is `union tables`, as an operator or as a source.
type Union struct {
	At     Span
	Props  []Property
	Tables []Expr
}

func (o *Union) Span() Span { return o.At }

func parseUnionOp(p *parser, at Span) Operator { return p.unionRest(at) }

func (p *parser) union() *Union {
	t := p.next()
	return p.unionRest(t.at)
}

func (p *parser) unionRest(at Span) *Union {
	o := &Union{Props: p.properties()}
	for {
		if p.isPunct("*") || p.peek().kind == tokIdent && p.peekAt(1).text == "*" {
			o.Tables = append(o.Tables, p.pattern())
		} else {
			o.Tables = append(o.Tables, p.postfix())
		}
		if !p.accept(",") {
			break
		}
	}
	o.At = p.from(at)
	return o
}

func (o *Union) print(p *printer) {
	p.words("union")
	p.props(o.Props)
	p.words(" ")
	for i, t := range o.Tables {
		p.comma(i)
		if n, ok := t.(*Name); ok {
			p.pattern(n)
		} else {
			p.operand(t)
		}
	}
}
