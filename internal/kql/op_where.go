package kql

// Where is `where pred`.
type Where struct {
	At   Span
	Pred Expr
}

func (o *Where) Span() Span { return o.At }

func parseWhere(p *parser, at Span) Operator {
	p.properties()
	pred := p.expr()
	return &Where{Pred: pred, At: p.from(at)}
}

func (o *Where) print(p *printer) { p.words("where "); p.expr(o.Pred, 0) }
