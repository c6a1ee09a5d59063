package kql

import (
	"strings"
)

// Parse reads one query. On failure the error is an *Error.
func Parse(text string) (q *Query, err error) {
	p := &parser{text: text, toks: lex(text)}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			q, err = nil, e
		}
	}()
	q = &Query{Text: text, Statements: p.statements(tokEOF)}
	return q, nil
}

// maxDepth bounds nesting, so that hostile text cannot exhaust the stack.
const maxDepth = 250

// parser walks the tokens. It gives up by panicking with an *Error, which Parse recovers.
type parser struct {
	text  string
	toks  []token
	pos   int
	depth int
}

func (p *parser) peek() token { return p.toks[p.pos] }
func (p *parser) peekAt(n int) token {
	return p.toks[min(p.pos+n, len(p.toks)-1)]
}
func (p *parser) next() token {
	t := p.toks[p.pos]
	if p.pos < len(p.toks)-1 {
		p.pos++
	}
	return t
}

func (p *parser) enter(at Span) {
	p.depth++
	if p.depth > maxDepth {
		panic(NewError(p.text, at, CodeSyntax, "the query is nested too deeply"))
	}
}
func (p *parser) leave() { p.depth-- }

func (p *parser) isPunct(s string) bool {
	t := p.peek()
	return t.kind == tokPunct && t.text == s
}

func (p *parser) isWord(words ...string) bool {
	t := p.peek()
	if t.kind == tokIdent {
		for _, w := range words {
			if t.text == w {
				return true
			}
		}
	}
	return false
}

func (p *parser) accept(s string) bool {
	if p.isPunct(s) {
		p.next()
		return true
	}
	return false
}

func (p *parser) acceptWord(s string) bool {
	if p.isWord(s) {
		p.next()
		return true
	}
	return false
}

// fail refuses the next token.
func (p *parser) fail(want string) *Error {
	t := p.peek()
	switch t.kind {
	case tokEOF:
		return NewError(p.text, t.at, CodeSyntax, "the query ends where %s is expected", want)
	case tokBad:
		return NewError(p.text, t.at, CodeSyntax, "%s", t.text)
	}
	return NewError(p.text, t.at, CodeSyntax, "unexpected '%s'", p.text[t.at.Start:t.at.End]).WithHint("expected %s", want)
}

func (p *parser) expect(s string) token {
	if !p.isPunct(s) {
		panic(p.fail("'" + s + "'"))
	}
	return p.next()
}

func (p *parser) expectWord(s string) token {
	if !p.isWord(s) {
		panic(p.fail("'" + s + "'"))
	}
	return p.next()
}

// end is the end of the last token taken.
func (p *parser) end() int {
	if p.pos == 0 {
		return 0
	}
	return p.toks[p.pos-1].at.End
}

func (p *parser) from(start Span) Span { return Span{start.Start, p.end()} }

// statements reads statements parted by ';' up to the end of the text, or up to '}' for a function's body.
func (p *parser) statements(until tokenKind) []Statement {
	var out []Statement
	for {
		for p.accept(";") {
		}
		if p.peek().kind == tokEOF || until == tokPunct && p.isPunct("}") {
			break
		}
		out = append(out, p.statement())
		if !p.isPunct(";") && p.peek().kind != tokEOF && !(until == tokPunct && p.isPunct("}")) {
			panic(p.fail("'|', ';' or the end of the query"))
		}
	}
	if len(out) == 0 {
		panic(NewError(p.text, p.peek().at, CodeSyntax, "the query is empty"))
	}
	return out
}

func (p *parser) statement() Statement {
	start := p.peek()
	n := p.peekAt(1)
	switch {
	case p.isWord("let") && (n.kind == tokIdent || n.kind == tokPunct && n.text == "["):
		return p.let()
	case p.isWord("declare"):
		p.next()
		if !p.isWord("query_parameters") {
			panic(NewError(p.text, p.peek().at, CodeSupport, "'declare %s' is not supported", p.peek().text))
		}
		p.next()
		return &Declare{Params: p.params(), At: p.from(start.at)}
	case p.isWord("set") && n.kind == tokIdent:
		p.next()
		s := &Set{Name: p.name()}
		if p.accept("=") {
			s.Value = p.expr()
		}
		s.At = p.from(start.at)
		return s
	case p.isWord("alias", "restrict") && n.kind == tokIdent:
		panic(NewError(p.text, start.at, CodeSupport, "statement '%s' is not supported", start.text))
	}
	return &Expression{X: p.tabular()}
}

func (p *parser) let() Statement {
	start := p.next()
	name := p.name()
	p.expect("=")
	l := &Let{Name: name}
	if fn, ok := p.function(); ok {
		l.Func = fn
	} else {
		l.X = p.tabular()
	}
	l.At = p.from(start.at)
	return l
}

// function reads `(params) { body }` if the tokens look like one.
func (p *parser) function() (*Function, bool) {
	start := p.peek()
	save := p.pos
	p.acceptWord("view")
	if !p.isPunct("(") {
		p.pos = save
		return nil, false
	}
	depth := 0
	for i := p.pos; ; i++ {
		t := p.toks[i]
		if t.kind == tokEOF {
			p.pos = save
			return nil, false
		}
		if t.kind == tokPunct && t.text == "(" {
			depth++
		}
		if t.kind == tokPunct && t.text == ")" {
			depth--
			if depth == 0 {
				if b := p.toks[i+1]; b.kind != tokPunct || b.text != "{" {
					p.pos = save
					return nil, false
				}
				break
			}
		}
	}
	f := &Function{Params: p.params()}
	p.expect("{")
	p.enter(start.at)
	f.Body = p.statements(tokPunct)
	p.leave()
	p.expect("}")
	f.At = p.from(start.at)
	return f, true
}

func (p *parser) params() []Param {
	var out []Param
	p.expect("(")
	for !p.isPunct(")") {
		prm := Param{Name: p.name()}
		p.expect(":")
		if p.accept("(") {
			prm.Tabular = true
			if p.accept("*") {
				prm.Any = true
			} else {
				prm.Schema = p.columnDecls()
			}
			p.expect(")")
		} else {
			prm.Type = p.typeName()
		}
		if p.accept("=") {
			prm.Default = p.expr()
		}
		out = append(out, prm)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return out
}

// typeNames maps every spelling of a type to KQL's own.
var typeNames = map[string]string{
	"bool": "bool", "boolean": "bool", "int": "int", "int32": "int", "long": "long", "int64": "long",
	"real": "real", "double": "real", "decimal": "decimal", "string": "string", "datetime": "datetime", "date": "datetime",
	"timespan": "timespan", "time": "timespan", "guid": "guid", "uuid": "guid", "uniqueid": "guid", "dynamic": "dynamic",
}

func (p *parser) typeName() string {
	t := p.peek()
	if n, ok := typeNames[t.text]; ok && t.kind == tokIdent {
		p.next()
		return n
	}
	panic(p.fail("a type (bool, int, long, real, decimal, string, datetime, timespan, guid or dynamic)"))
}

func (p *parser) columnDecls() []ColumnDecl {
	var out []ColumnDecl
	for !p.isPunct(")") {
		start := p.peek()
		c := ColumnDecl{Name: p.name()}
		p.expect(":")
		c.Type = p.typeName()
		c.At = p.from(start.at)
		out = append(out, c)
		if !p.accept(",") {
			break
		}
	}
	return out
}

// reserved words are names only in brackets: ['first'].
var reserved = map[string]bool{
	"and": true, "or": true, "in": true, "has": true, "has_cs": true, "contains": true, "contains_cs": true,
	"startswith": true, "endswith": true, "hasprefix": true, "hassuffix": true, "between": true, "by": true, "of": true,
	"on": true, "to": true, "from": true, "asc": true, "desc": true, "first": true, "last": true, "nulls": true,
	"has_any": true, "has_all": true, "true": true, "false": true, "null": true, "matches": true, "let": true, "like": true,
	"startswith_cs": true, "endswith_cs": true, "hasprefix_cs": true, "hassuffix_cs": true, "typeof": true, "missing": true,
}

// name reads an identifier or ['any text'] or ["any text"].
func (p *parser) name() *Name {
	t := p.peek()
	if t.kind == tokIdent {
		if reserved[t.text] {
			panic(NewError(p.text, t.at, CodeSyntax, "'%s' is a reserved word", t.text).WithHint("write ['%s'] to use it as a name", t.text))
		}
		p.next()
		return &Name{t.at, t.text}
	}
	if p.isPunct("[") && p.peekAt(1).kind == tokString && p.peekAt(2).text == "]" {
		p.next()
		s := p.next()
		p.next()
		return &Name{p.from(t.at), s.text}
	}
	panic(p.fail("a name"))
}

// leadingOperators may begin a query whose source the caller sets.
var leadingOperators = map[string]bool{
	"where": true, "extend": true, "project": true, "summarize": true, "take": true, "limit": true, "distinct": true, "order": true, "sort": true, "top": true,
}

// tabular reads an expression and the operators piped after it.
func (p *parser) tabular() Expr {
	start := p.peek()
	p.enter(start.at)
	defer p.leave()
	src := p.source()
	var ops []Operator
	if src == nil {
		ops = append(ops, p.operator())
	}
	for p.accept("|") {
		ops = append(ops, p.operator())
	}
	if len(ops) == 0 {
		return src
	}
	return &Pipe{At: p.from(start.at), Source: src, Ops: ops}
}

// source reads what may stand before the first pipe; nil means that an operator stands there.
func (p *parser) source() Expr {
	start := p.peek()
	n := p.peekAt(1)
	if start.kind == tokIdent && !(n.kind == tokPunct && (n.text == "|" || n.text == ")" || n.text == ";" || n.text == "," || n.text == "=" || n.text == ".")) && n.kind != tokEOF {
		switch start.text {
		case "print":
			if n.text == "(" && n.kind == tokPunct || n.kind != tokPunct || n.text == "-" || n.text == "[" {
				p.next()
				return &PrintSource{Exprs: p.namedList(), At: p.from(start.at)}
			}
		case "range":
			if n.kind == tokIdent {
				return p.rangeSource()
			}
		case "union":
			return &UnionSource{Op: p.union(), At: p.from(start.at)}
		case "search", "find":
			return &SearchSource{Op: p.search(), At: p.from(start.at)}
		case "evaluate":
			return nil
		}
		if leadingOperators[start.text] && n.kind != tokPunct {
			return nil
		}
	}
	return p.named()
}

func (p *parser) rangeSource() Expr {
	start := p.next()
	r := &RangeSource{Name: p.name()}
	p.expectWord("from")
	r.From = p.expr()
	p.expectWord("to")
	r.To = p.expr()
	p.expectWord("step")
	r.Step = p.expr()
	r.At = p.from(start.at)
	return r
}

func (p *parser) datatable() Expr {
	start := p.next()
	d := &Datatable{}
	p.expect("(")
	d.Columns = p.columnDecls()
	p.expect(")")
	p.expect("[")
	for !p.isPunct("]") {
		d.Values = append(d.Values, p.expr())
		if !p.accept(",") {
			break
		}
	}
	p.expect("]")
	d.At = p.from(start.at)
	return d
}

// operatorName reads a name that may hold hyphens, as project-away does.
func (p *parser) operatorName() (string, Span) {
	t := p.peek()
	if t.kind != tokIdent {
		panic(p.fail("an operator (where, project, summarize …)"))
	}
	p.next()
	name := t.text
	for p.isPunct("-") && p.peek().at.Start == p.end() && p.peekAt(1).kind == tokIdent && p.peekAt(1).at.Start == p.peek().at.End {
		p.next()
		name += "-" + p.next().text
	}
	return name, p.from(t.at)
}

func (p *parser) operator() Operator {
	save := p.pos
	name, at := p.operatorName()
	for _, row := range operatorTable() {
		if row.name == name {
			return row.parse(p, at)
		}
	}
	for _, n := range unsupportedOperators {
		if n == name {
			panic(NewError(p.text, at, CodeSupport, "operator '%s' is not supported", name))
		}
	}
	p.pos = save
	e := NewError(p.text, at, CodeSyntax, "unknown operator '%s'", name)
	var names []string
	for _, row := range operatorTable() {
		names = append(names, row.name)
	}
	if near := Nearest(name, names); near != "" {
		return failWith(e.WithHint("did you mean '%s'?", near))
	}
	return failWith(e)
}

func failWith(e *Error) Operator { panic(e) }

// unsupportedOperators are Kusto's, known here so that they are refused by name.
var unsupportedOperators = strings.Fields("consume facet fork getschema invoke reduce sample sample-distinct top-hitters graph-match graph-to-table graph-mark-components make-graph graph-shortest-paths graph-where-edges graph-where-nodes assert-schema macro-expand execute_and_cache project-by-names")
