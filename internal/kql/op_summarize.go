package kql

// Summarize is `summarize aggregates by keys`.
type Summarize struct {
	At    Span
	Props []Property
	Aggs  []Expr
	By    []Expr
}

// Distinct is `distinct columns` or `distinct *`.
type Distinct struct {
	At    Span
	Exprs []Expr
}

// Count is `count`.
type Count struct {
	At Span
	As *Name
}

func (o *Summarize) Span() Span { return o.At }
func (o *Distinct) Span() Span  { return o.At }
func (o *Count) Span() Span     { return o.At }

func parseSummarize(p *parser, at Span) Operator {
	o := &Summarize{Props: p.properties()}
	if !p.isWord("by") && !p.atOperatorEnd() {
		o.Aggs = p.namedList()
	}
	if p.acceptWord("by") {
		o.By = p.namedList()
	}
	if len(o.Aggs) == 0 && len(o.By) == 0 {
		panic(p.fail("an aggregate or 'by'"))
	}
	o.At = p.from(at)
	return o
}

func parseDistinct(p *parser, at Span) Operator {
	p.properties()
	x := p.namedList()
	return &Distinct{Exprs: x, At: p.from(at)}
}

func parseCount(p *parser, at Span) Operator {
	o := &Count{}
	if p.acceptWord("as") {
		o.As = p.name()
	}
	o.At = p.from(at)
	return o
}

func (o *Summarize) print(p *printer) {
	p.words("summarize")
	p.props(o.Props)
	if len(o.Aggs) > 0 {
		p.words(" ")
		p.list(o.Aggs)
	}
	if len(o.By) > 0 {
		p.words(" by ")
		p.list(o.By)
	}
}

func (o *Distinct) print(p *printer) { p.words("distinct "); p.list(o.Exprs) }

func (o *Count) print(p *printer) {
	p.words("count")
	if o.As != nil {
		p.words(" as ")
		p.name(o.As)
	}
}
