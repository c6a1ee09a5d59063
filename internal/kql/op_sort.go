package kql

// Sort is `sort by keys`.
type Sort struct {
	At   Span
	Keys []*Ordered
}

// Take is `take n`.
type Take struct {
	At Span
	N  Expr
}

// Top is `top n by key`.
type Top struct {
	At   Span
	N    Expr
	Keys []*Ordered
}

func (o *Sort) Span() Span { return o.At }
func (o *Take) Span() Span { return o.At }
func (o *Top) Span() Span  { return o.At }

func parseSort(p *parser, at Span) Operator {
	p.properties()
	p.expectWord("by")
	k := p.ordered()
	return &Sort{Keys: k, At: p.from(at)}
}

func parseTake(p *parser, at Span) Operator {
	n := p.expr()
	return &Take{N: n, At: p.from(at)}
}

func parseTop(p *parser, at Span) Operator {
	p.properties()
	n := p.expr()
	p.expectWord("by")
	k := p.ordered()
	return &Top{N: n, Keys: k, At: p.from(at)}
}

func (o *Sort) print(p *printer) { p.words("sort by "); p.keys(o.Keys) }
func (o *Take) print(p *printer) { p.words("take "); p.expr(o.N, 0) }
func (o *Top) print(p *printer) {
	p.words("top ")
	p.expr(o.N, 0)
	p.words(" by ")
	p.keys(o.Keys)
}

func (p *printer) keys(keys []*Ordered) {
	for i, k := range keys {
		p.comma(i)
		p.expr(k, 0)
	}
}
