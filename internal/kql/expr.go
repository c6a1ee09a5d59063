package kql

import (
	"strconv"
	"strings"
)

// exprList reads expressions parted by commas.
func (p *parser) exprList() []Expr {
	out := []Expr{p.expr()}
	for p.accept(",") {
		out = append(out, p.expr())
	}
	return out
}

// namedList reads `a`, `n = a`, `(n, m) = a` parted by commas.
func (p *parser) namedList() []Expr {
	out := []Expr{p.named()}
	for p.accept(",") {
		out = append(out, p.named())
	}
	return out
}

func (p *parser) isNameAssign() bool {
	if p.peek().kind == tokIdent {
		n := p.peekAt(1)
		return n.kind == tokPunct && n.text == "="
	}
	return p.isPunct("[") && p.peekAt(1).kind == tokString && p.peekAt(2).text == "]" && p.peekAt(3).kind == tokPunct && p.peekAt(3).text == "="
}

func (p *parser) named() Expr {
	start := p.peek()
	if p.isNameAssign() {
		n := p.name()
		p.next()
		return &Named{Names: []*Name{n}, X: p.expr(), At: p.from(start.at)}
	}
	if p.isPunct("(") && p.isTupleAssign() {
		p.next()
		var names []*Name
		for !p.isPunct(")") {
			names = append(names, p.name())
			if !p.accept(",") {
				break
			}
		}
		p.expect(")")
		p.expect("=")
		return &Named{Names: names, Tuple: true, X: p.expr(), At: p.from(start.at)}
	}
	return p.expr()
}

func (p *parser) isTupleAssign() bool {
	for i := p.pos + 1; i+1 < len(p.toks); i++ {
		t := p.toks[i]
		if t.kind == tokPunct && t.text == ")" {
			return p.toks[i+1].kind == tokPunct && p.toks[i+1].text == "="
		}
		if t.kind != tokIdent && t.kind != tokString && !(t.kind == tokPunct && (t.text == "," || t.text == "[" || t.text == "]")) {
			return false
		}
	}
	return false
}

// Levels of precedence, loosest first (Kusto's grammar, Kql.g4: string operators bind tighter than `*`).
const (
	precOr = iota + 1
	precAnd
	precEquality
	precRelational
	precAdditive
	precMultiplicative
	precString
	precUnary
)

var binaryPrec = map[string]int{
	"or": precOr, "and": precAnd,
	"==": precEquality, "!=": precEquality, "<>": precEquality,
	"in": precEquality, "!in": precEquality, "in~": precEquality, "!in~": precEquality,
	"has_any": precEquality, "has_all": precEquality, "between": precEquality, "!between": precEquality,
	"<": precRelational, ">": precRelational, "<=": precRelational, ">=": precRelational,
	"+": precAdditive, "-": precAdditive, "*": precMultiplicative, "/": precMultiplicative, "%": precMultiplicative,
	"=~": precString, "!~": precString,
}

// stringOps are binary operators written as words; all may be negated with '!'.
var stringOps = map[string]bool{
	"has": true, "has_cs": true, "contains": true, "contains_cs": true, "startswith": true, "startswith_cs": true,
	"endswith": true, "endswith_cs": true, "hasprefix": true, "hasprefix_cs": true, "hassuffix": true, "hassuffix_cs": true,
	"like": true, "notcontains": true,
}

// peekOperator returns the binary operator at the cursor, its level and how many tokens it takes.
func (p *parser) peekOperator() (string, int, int) {
	t := p.peek()
	name, n := t.text, 1
	if t.kind == tokPunct && t.text == "!" && p.peekAt(1).kind == tokIdent && p.peekAt(1).at.Start == t.at.End {
		name, n = "!"+p.peekAt(1).text, 2
	} else if t.kind != tokPunct && t.kind != tokIdent {
		return "", 0, 0
	}
	word := strings.TrimPrefix(name, "!")
	switch {
	case word == "in":
		last := n - 1
		if p.peekAt(last+1).kind == tokBad && p.text[p.peekAt(last+1).at.Start] == '~' && p.peekAt(last).at.End == p.peekAt(last+1).at.Start {
			return name + "~", precEquality, n + 1
		}
		return name, precEquality, n
	case stringOps[word]:
		return name, precString, n
	case word == "matches" && p.peekAt(n).kind == tokIdent && p.peekAt(n).text == "regex":
		return name + " regex", precString, n + 1
	case n == 1 || word == "between":
		return name, binaryPrec[name], n
	}
	return "", 0, 0
}

// expr reads one expression.
func (p *parser) expr() Expr {
	p.enter(p.peek().at)
	defer p.leave()
	return p.binary(precOr)
}

func (p *parser) binary(level int) Expr {
	start := p.peek()
	left := p.unary()
	for {
		op, prec, n := p.peekOperator()
		if prec < level || prec == 0 {
			return left
		}
		opAt := Span{p.peek().at.Start, p.peekAt(n - 1).at.End}
		for range n {
			p.next()
		}
		switch strings.TrimPrefix(op, "!") {
		case "in", "in~", "has_any", "has_all":
			list := p.inList()
			left = &In{At: p.from(start.at), Op: op, OpAt: opAt, X: left, List: list}
		case "between":
			p.expect("(")
			lo := p.binary(precOr)
			p.expect("..")
			hi := p.binary(precOr)
			p.expect(")")
			left = &Between{At: p.from(start.at), Not: op[0] == '!', X: left, Lo: lo, Hi: hi, OpAt: opAt}
		default:
			if op == "<>" {
				op = "!="
			}
			right := p.binary(prec + 1)
			left = &Binary{At: p.from(start.at), Op: op, OpAt: opAt, L: left, R: right}
		}
	}
}

// inList reads the right side of in: a parenthesised list, or one expression.
func (p *parser) inList() []Expr {
	if !p.isPunct("(") {
		return []Expr{p.unary()}
	}
	p.next()
	var list []Expr
	for !p.isPunct(")") {
		list = append(list, p.tabular())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if len(list) == 0 {
		panic(NewError(p.text, Span{p.end() - 1, p.end()}, CodeSyntax, "the list is empty"))
	}
	return list
}

func (p *parser) unary() Expr {
	t := p.peek()
	if p.isPunct("-") || p.isPunct("+") {
		p.next()
		p.enter(t.at)
		x := p.unary()
		p.leave()
		if l, ok := x.(*Literal); ok && t.text == "-" && l.At.Start == t.at.End {
			switch v := l.Value.(type) {
			case int64:
				if l.Type == "long" || l.Type == "int" || l.Type == "timespan" {
					return &Literal{p.from(t.at), l.Type, -v}
				}
			case float64:
				return &Literal{p.from(t.at), l.Type, -v}
			}
		}
		return &Unary{p.from(t.at), t.text, x}
	}
	return p.postfix()
}

func (p *parser) postfix() Expr {
	start := p.peek()
	x := p.primary()
	for {
		switch {
		case p.isPunct("."):
			p.next()
			if p.isPunct("[") && p.peekAt(1).kind != tokString {
				continue
			}
			var n *Name
			if t := p.peek(); t.kind == tokIdent {
				p.next()
				n = &Name{t.at, t.text}
			} else if t.kind == tokLong {
				p.next()
				n = &Name{t.at, p.text[t.at.Start:t.at.End]}
			} else {
				n = p.name()
			}
			if p.isPunct("(") {
				panic(NewError(p.text, n.At, CodeSupport, "a function of another database or cluster ('.%s(…)') is not supported", n.Text))
			}
			x = &Member{p.from(start.at), x, n}
		case p.isPunct("["):
			p.next()
			i := p.expr()
			p.expect("]")
			x = &Index{p.from(start.at), x, i}
		default:
			return x
		}
	}
}

func (p *parser) primary() Expr {
	t := p.peek()
	switch t.kind {
	case tokString:
		s := ""
		for p.peek().kind == tokString {
			s += p.next().text
		}
		return &Literal{p.from(t.at), "string", s}
	case tokLong, tokReal, tokTimespan:
		p.next()
		return p.number(t)
	case tokIdent:
		return p.identifier()
	case tokPunct:
		switch t.text {
		case "(":
			p.next()
			x := p.tabular()
			p.expect(")")
			return x
		case "*":
			p.next()
			return &Star{t.at}
		case "[":
			if p.peekAt(1).kind == tokString && p.peekAt(2).text == "]" {
				return p.name()
			}
		}
	}
	panic(p.fail("an expression"))
}

func (p *parser) identifier() Expr {
	t := p.peek()
	n := p.peekAt(1)
	called := n.kind == tokPunct && n.text == "("
	switch {
	case t.text == "true" || t.text == "false":
		p.next()
		return &Literal{t.at, "bool", t.text == "true"}
	case called && t.text == "datatable":
		return p.datatable()
	case called && t.text == "typeof":
		panic(NewError(p.text, t.at, CodeSupport, "'typeof' is not supported here"))
	case called && t.text == "dynamic":
		return p.dynamicLiteral()
	case called && t.text == "date":
		return p.rawLiteral("datetime")
	case called && typeNames[t.text] != "" && t.text != "string":
		if l := p.rawLiteral(typeNames[t.text]); l != nil {
			return l
		}
	}
	if called && (t.text == "externaldata" || t.text == "external_table" || t.text == "cluster" || t.text == "database") {
		panic(NewError(p.text, t.at, CodeSupport, "'%s' is not supported", t.text))
	}
	if !called {
		return p.name()
	}
	fn := &Name{t.at, t.text}
	p.next()
	p.next()
	c := &Call{Fn: fn}
	for !p.isPunct(")") {
		c.Args = append(c.Args, p.argument())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	c.At = p.from(t.at)
	return c
}

func (p *parser) argument() Expr {
	return p.tabular()
}

func (p *parser) number(t token) Expr {
	switch t.kind {
	case tokTimespan:
		i := len(t.text)
		for i > 0 && (t.text[i-1]|32 >= 'a' && t.text[i-1]|32 <= 'z') {
			i--
		}
		ticks, ok := scaleTicks(t.text[:i], timespanUnits[t.text[i:]])
		if !ok {
			panic(NewError(p.text, t.at, CodeSyntax, "the timespan %s is out of range", t.text))
		}
		return &Literal{t.at, "timespan", ticks}
	case tokReal:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			panic(NewError(p.text, t.at, CodeSyntax, "the number %s is out of range", t.text))
		}
		return &Literal{t.at, "real", f}
	}
	base, digits := 10, t.text
	if strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X") {
		base, digits = 16, digits[2:]
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil || base == 10 && v > 1<<63 {
		panic(NewError(p.text, t.at, CodeSyntax, "the number %s is out of range", t.text))
	}
	return &Literal{t.at, "long", int64(v)}
}
