package kql

// Search is `search in (tables) predicate`, as an operator or as a source.
type Search struct {
	At     Span
	Props  []Property
	Tables []*Name
	Pred   Expr
}

// As is `as name`.
type As struct {
	At    Span
	Props []Property
	Name  *Name
}

// Evaluate is `evaluate plugin(args)`.
type Evaluate struct {
	At    Span
	Props []Property
	Call  *Call
	Types []ColumnDecl
}

func (o *Search) Span() Span   { return o.At }
func (o *As) Span() Span       { return o.At }
func (o *Evaluate) Span() Span { return o.At }

func parseSearchOp(p *parser, at Span) Operator { return p.searchRest(at) }

func (p *parser) search() *Search {
	t := p.next()
	if t.text == "find" {
		panic(NewError(p.text, t.at, CodeSupport, "operator 'find' is not supported"))
	}
	return p.searchRest(t.at)
}

func (p *parser) searchRest(at Span) *Search {
	o := &Search{Props: p.properties()}
	if p.isWord("in") && p.peekAt(1).text == "(" {
		p.next()
		p.next()
		for !p.isPunct(")") {
			o.Tables = append(o.Tables, p.pattern())
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
	}
	o.Pred = p.expr()
	o.At = p.from(at)
	return o
}

func parseAs(p *parser, at Span) Operator {
	o := &As{Props: p.properties(), Name: p.name()}
	o.At = p.from(at)
	return o
}

func parseEvaluate(p *parser, at Span) Operator {
	o := &Evaluate{Props: p.properties()}
	x := p.peek()
	c, ok := p.postfix().(*Call)
	if !ok {
		panic(NewError(p.text, x.at, CodeSyntax, "evaluate needs a plugin's call"))
	}
	o.Call = c
	if p.accept(":") {
		p.expect("(")
		if p.accept("*") {
			p.accept(",")
		}
		o.Types = p.columnDecls()
		p.expect(")")
	}
	o.At = p.from(at)
	return o
}

func (o *Search) print(p *printer) {
	p.words("search")
	p.props(o.Props)
	if len(o.Tables) > 0 {
		p.words(" in (")
		for i, t := range o.Tables {
			p.comma(i)
			p.pattern(t)
		}
		p.words(")")
	}
	p.words(" ")
	p.expr(o.Pred, 0)
}

func (o *As) print(p *printer) {
	p.words("as")
	p.props(o.Props)
	p.words(" ")
	p.name(o.Name)
}

func (o *Evaluate) print(p *printer) {
	p.words("evaluate")
	p.props(o.Props)
	p.words(" ")
	p.expr(o.Call, 0)
	if len(o.Types) > 0 {
		p.words(" : (")
		p.columnDecls(o.Types)
		p.words(")")
	}
}
