package kql

// Render is `render kind with (properties)`.
type Render struct {
	At    Span
	Kind  string
	Props []Property
}

func (o *Render) Span() Span { return o.At }

func parseRender(p *parser, at Span) Operator {
	o := &Render{}
	o.Kind, _ = p.operatorName()
	if p.acceptWord("with") {
		p.expect("(")
		for !p.isPunct(")") {
			o.Props = append(o.Props, p.renderProperty())
			p.accept(",")
		}
		p.expect(")")
	} else {
		for !p.atOperatorEnd() {
			o.Props = append(o.Props, p.renderProperty())
			p.accept(",")
		}
	}
	o.At = p.from(at)
	return o
}

func (p *parser) renderProperty() Property {
	pr := Property{Name: p.name()}
	p.expect("=")
	v := p.peek()
	if v.kind == tokIdent && v.text != "true" && v.text != "false" && p.peekAt(1).text != "(" {
		list := []*Name{p.name()}
		for p.isPunct(",") && p.peekAt(1).kind == tokIdent && p.peekAt(2).text != "=" {
			p.next()
			list = append(list, p.name())
		}
		if len(list) > 1 {
			at := p.from(v.at)
			pr.Value = &Call{At: at, Fn: &Name{At: at, Text: ""}, Args: nameExprs(list)}
		} else {
			pr.Value = list[0]
		}
		return pr
	}
	pr.Value = p.unary()
	return pr
}

func nameExprs(list []*Name) []Expr {
	out := make([]Expr, len(list))
	for i, n := range list {
		out[i] = n
	}
	return out
}

func (o *Render) print(p *printer) {
	p.words("render ", o.Kind)
	if len(o.Props) == 0 {
		return
	}
	p.words(" with (")
	for i, x := range o.Props {
		p.comma(i)
		p.name(x.Name)
		p.words("=")
		if c, ok := x.Value.(*Call); ok && c.Fn.Text == "" {
			p.list(c.Args)
		} else {
			p.expr(x.Value, precUnary)
		}
	}
	p.words(")")
}
