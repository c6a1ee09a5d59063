package kql

// Join is join or lookup.
type Join struct {
	At     Span
	Lookup bool
	Props  []Property
	Right  Expr
	On     []Expr
}

func (o *Join) Span() Span { return o.At }

// Kind returns kind=… ("" when not given).
func (o *Join) Kind() string { return PropertyText(o.Props, "kind") }

func parseJoin(p *parser, at Span) Operator {
	o := &Join{Lookup: p.text[at.Start:at.End] == "lookup", Props: p.properties()}
	o.Right = p.postfix()
	o.Props = append(o.Props, p.properties()...)
	if p.acceptWord("on") {
		o.On = p.exprList()
	} else if p.isWord("where") {
		panic(p.fail("'on'"))
	} else {
		panic(p.fail("'on' and the columns to join by"))
	}
	o.At = p.from(at)
	return o
}

func (o *Join) print(p *printer) {
	if o.Lookup {
		p.words("lookup")
	} else {
		p.words("join")
	}
	p.props(o.Props)
	p.words(" ")
	p.operand(o.Right)
	p.words(" on ")
	p.list(o.On)
}
