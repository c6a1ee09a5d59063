package kql

// MakeSeries is make-series.
type MakeSeries struct {
	At             Span
	Props          []Property
	Aggs           []SeriesAgg
	On             Expr
	From, To, Step Expr
	InRange        bool
	By             []Expr
}

// SeriesAgg is an aggregate of make-series with the value for empty bins.
type SeriesAgg struct {
	X       Expr
	Default Expr
}

// TopNested is top-nested with its levels.
type TopNested struct {
	At     Span
	Levels []NestedLevel
}

// NestedLevel is one level: N nil means all.
type NestedLevel struct {
	N      Expr
	Of     Expr
	Others Expr
	By     Expr
	Asc    bool
}

// Partition is `partition by column (operators)`.
type Partition struct {
	At    Span
	Props []Property
	By    *Name
	Body  []Operator
	Query Expr
}

// Scan is the scan operator.
type Scan struct {
	At      Span
	Props   []Property
	Keys    []*Ordered
	Parts   []Expr
	Declare []Param
	Steps   []ScanStep
}

// ScanStep is one step of scan.
type ScanStep struct {
	Name     *Name
	Optional bool
	Output   string
	Cond     Expr
	Assign   []Expr
}

func (o *MakeSeries) Span() Span { return o.At }
func (o *TopNested) Span() Span  { return o.At }
func (o *Partition) Span() Span  { return o.At }
func (o *Scan) Span() Span       { return o.At }

func parseMakeSeries(p *parser, at Span) Operator {
	o := &MakeSeries{Props: p.properties()}
	for {
		a := SeriesAgg{X: p.named()}
		if p.acceptWord("default") {
			p.expect("=")
			a.Default = p.unary()
		}
		o.Aggs = append(o.Aggs, a)
		if !p.accept(",") {
			break
		}
	}
	p.expectWord("on")
	o.On = p.named()
	if p.acceptWord("in") {
		o.InRange = true
		p.expectWord("range")
		p.expect("(")
		o.From = p.expr()
		p.expect(",")
		o.To = p.expr()
		p.expect(",")
		o.Step = p.expr()
		p.expect(")")
	} else {
		if p.acceptWord("from") {
			o.From = p.expr()
		}
		if p.acceptWord("to") {
			o.To = p.expr()
		}
		p.expectWord("step")
		o.Step = p.expr()
	}
	if p.acceptWord("by") {
		o.By = p.namedList()
	}
	o.At = p.from(at)
	return o
}

func parseTopNested(p *parser, at Span) Operator {
	o := &TopNested{}
	for {
		l := NestedLevel{}
		if !p.isWord("of") {
			l.N = p.expr()
		}
		p.expectWord("of")
		l.Of = p.named()
		if p.acceptWord("with") {
			p.expectWord("others")
			p.expect("=")
			l.Others = p.unary()
		}
		p.expectWord("by")
		l.By = p.named()
		if p.acceptWord("asc") {
			l.Asc = true
		} else {
			p.acceptWord("desc")
		}
		o.Levels = append(o.Levels, l)
		if !p.accept(",") {
			break
		}
		if p.isWord("top") {
			p.operatorName()
		} else {
			panic(p.fail("'top-nested'"))
		}
	}
	o.At = p.from(at)
	return o
}

func parsePartition(p *parser, at Span) Operator {
	o := &Partition{Props: p.properties()}
	p.expectWord("by")
	o.By = p.name()
	if p.accept("{") {
		o.Query = p.tabular()
		p.expect("}")
	} else {
		p.expect("(")
		for {
			o.Body = append(o.Body, p.operator())
			if !p.accept("|") {
				break
			}
		}
		p.expect(")")
	}
	o.At = p.from(at)
	return o
}

func parseScan(p *parser, at Span) Operator {
	o := &Scan{Props: p.properties()}
	if p.acceptWord("order") {
		p.expectWord("by")
		o.Keys = p.ordered()
	}
	if p.acceptWord("partition") {
		p.expectWord("by")
		o.Parts = p.exprList()
	}
	if p.acceptWord("declare") {
		o.Declare = p.params()
	}
	p.expectWord("with")
	p.expect("(")
	for p.acceptWord("step") {
		s := ScanStep{Name: p.name()}
		s.Optional = p.acceptWord("optional")
		if p.acceptWord("output") {
			p.expect("=")
			s.Output = p.next().text
		}
		p.expect(":")
		s.Cond = p.expr()
		if p.accept("=>") {
			s.Assign = p.namedList()
		}
		p.expect(";")
		o.Steps = append(o.Steps, s)
	}
	p.expect(")")
	o.At = p.from(at)
	return o
}

func (o *MakeSeries) print(p *printer) {
	p.words("make-series")
	p.props(o.Props)
	p.words(" ")
	for i, a := range o.Aggs {
		p.comma(i)
		p.expr(a.X, 0)
		if a.Default != nil {
			p.words(" default=")
			p.expr(a.Default, precUnary)
		}
	}
	p.words(" on ")
	p.expr(o.On, 0)
	if o.InRange {
		p.words(" in range(")
		p.list([]Expr{o.From, o.To, o.Step})
		p.words(")")
	} else {
		if o.From != nil {
			p.words(" from ")
			p.expr(o.From, 0)
		}
		if o.To != nil {
			p.words(" to ")
			p.expr(o.To, 0)
		}
		p.words(" step ")
		p.expr(o.Step, 0)
	}
	if len(o.By) > 0 {
		p.words(" by ")
		p.list(o.By)
	}
}

func (o *TopNested) print(p *printer) {
	for i, l := range o.Levels {
		p.comma(i)
		p.words("top-nested ")
		if l.N != nil {
			p.expr(l.N, 0)
			p.words(" ")
		}
		p.words("of ")
		p.expr(l.Of, 0)
		if l.Others != nil {
			p.words(" with others=")
			p.expr(l.Others, precUnary)
		}
		p.words(" by ")
		p.expr(l.By, 0)
		if l.Asc {
			p.words(" asc")
		}
	}
}

func (o *Partition) print(p *printer) {
	p.words("partition")
	p.props(o.Props)
	p.words(" by ")
	p.name(o.By)
	if o.Query != nil {
		p.words(" { ")
		p.expr(o.Query, 0)
		p.words(" }")
		return
	}
	p.words(" (")
	for i, b := range o.Body {
		if i > 0 {
			p.words(" | ")
		}
		b.print(p)
	}
	p.words(")")
}

func (o *Scan) print(p *printer) {
	p.words("scan")
	p.props(o.Props)
	if len(o.Keys) > 0 {
		p.words(" order by ")
		p.keys(o.Keys)
	}
	if len(o.Parts) > 0 {
		p.words(" partition by ")
		p.list(o.Parts)
	}
	if len(o.Declare) > 0 {
		p.words(" declare ")
		p.params(o.Declare)
	}
	p.words(" with (")
	for _, s := range o.Steps {
		p.words(" step ")
		p.name(s.Name)
		if s.Optional {
			p.words(" optional")
		}
		if s.Output != "" {
			p.words(" output=", s.Output)
		}
		p.words(": ")
		p.expr(s.Cond, 0)
		if len(s.Assign) > 0 {
			p.words(" => ")
			p.list(s.Assign)
		}
		p.words(";")
	}
	p.words(" )")
}
