package kql

import (
	"math"
	"strconv"
	"strings"
)

// Print writes the query in one canonical form; parsing that gives the same tree.
func Print(q *Query) string {
	p := &printer{}
	for i, s := range q.Statements {
		if i > 0 {
			p.words(";\n")
		}
		p.statement(s)
	}
	return p.b.String()
}

type printer struct{ b strings.Builder }

func (p *printer) words(ws ...string) {
	for _, w := range ws {
		p.b.WriteString(w)
	}
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.words(", ")
	}
}

func (p *printer) statement(s Statement) {
	switch s := s.(type) {
	case *Let:
		p.words("let ")
		p.name(s.Name)
		p.words(" = ")
		if s.Func == nil {
			p.expr(s.X, 0)
			return
		}
		p.params(s.Func.Params)
		p.words(" { ")
		for i, b := range s.Func.Body {
			if i > 0 {
				p.words("; ")
			}
			p.statement(b)
		}
		p.words(" }")
	case *Expression:
		p.expr(s.X, 0)
	case *Declare:
		p.words("declare query_parameters")
		p.params(s.Params)
	case *Set:
		p.words("set ")
		p.name(s.Name)
		if s.Value != nil {
			p.words(" = ")
			p.expr(s.Value, 0)
		}
	}
}

func (p *printer) params(ps []Param) {
	p.words("(")
	for i, x := range ps {
		p.comma(i)
		p.name(x.Name)
		p.words(": ")
		switch {
		case x.Any:
			p.words("(*)")
		case x.Tabular:
			p.words("(")
			p.columnDecls(x.Schema)
			p.words(")")
		default:
			p.words(x.Type)
		}
		if x.Default != nil {
			p.words(" = ")
			p.expr(x.Default, 0)
		}
	}
	p.words(")")
}

func (p *printer) columnDecls(cs []ColumnDecl) {
	for i, c := range cs {
		p.comma(i)
		p.name(c.Name)
		p.words(": ", c.Type)
	}
}

func plainName(s string) bool {
	if s == "" || reserved[s] {
		return false
	}
	toks := lex(s)
	return len(toks) == 2 && toks[0].kind == tokIdent && toks[0].text == s
}

func (p *printer) name(n *Name) {
	if plainName(n.Text) {
		p.words(n.Text)
		return
	}
	p.words("[", quote(n.Text), "]")
}

// pattern prints a name that may hold wildcards.
func (p *printer) pattern(n *Name) {
	if strings.Contains(n.Text, "*") {
		p.words(n.Text)
		return
	}
	p.name(n)
}

// quote writes s as a KQL string literal.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		switch r {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func (p *printer) props(ps []Property) {
	for _, x := range ps {
		p.words(" ", x.Name.Text, "=")
		if n, ok := x.Value.(*Name); ok {
			p.words(n.Text)
		} else {
			p.expr(x.Value, precUnary)
		}
	}
}

func (p *printer) list(xs []Expr) {
	for i, x := range xs {
		p.comma(i)
		p.expr(x, 0)
	}
}

// operand prints a table operand: anything but a plain name or call in parentheses.
func (p *printer) operand(x Expr) {
	switch x.(type) {
	case *Name, *Call, *Datatable:
		p.expr(x, precUnary)
	default:
		p.words("(")
		p.expr(x, 0)
		p.words(")")
	}
}

// expr prints x where an operand of level is wanted, with parentheses if x is looser.
func (p *printer) expr(x Expr, level int) {
	if own := exprPrec(x); own < level {
		p.words("(")
		p.bare(x)
		p.words(")")
		return
	}
	p.bare(x)
}

func exprPrec(x Expr) int {
	switch x := x.(type) {
	case *Binary:
		if n, ok := binaryPrec[x.Op]; ok {
			return n
		}
		return precString
	case *In, *Between:
		return precEquality
	case *Unary:
		return precUnary
	case *Literal:
		if n, ok := x.Value.(int64); ok && n < 0 && x.Type == "long" {
			return precUnary
		}
	case *Pipe, *PrintSource, *RangeSource, *UnionSource, *SearchSource, *Named, *Ordered:
		return 0
	}
	return precUnary + 1
}

func (p *printer) bare(x Expr) {
	switch x := x.(type) {
	case *Name:
		p.name(x)
	case *Literal:
		p.literal(x)
	case *Star:
		p.words("*")
	case *Unary:
		p.words(x.Op, "(")
		p.expr(x.X, 0)
		p.words(")")
	case *Binary:
		own := exprPrec(x)
		p.expr(x.L, own)
		p.words(" ", x.Op, " ")
		p.expr(x.R, own+1)
	case *In:
		p.expr(x.X, precEquality)
		p.words(" ", x.Op, " (")
		p.list(x.List)
		p.words(")")
	case *Between:
		p.expr(x.X, precEquality)
		if x.Not {
			p.words(" !between (")
		} else {
			p.words(" between (")
		}
		p.expr(x.Lo, 0)
		p.words(" .. ")
		p.expr(x.Hi, 0)
		p.words(")")
	case *Call:
		p.words(x.Fn.Text, "(")
		p.list(x.Args)
		p.words(")")
	case *Member:
		p.expr(x.X, precUnary+1)
		p.words(".")
		p.name(x.Name)
	case *Index:
		p.expr(x.X, precUnary+1)
		p.words("[")
		p.expr(x.I, 0)
		p.words("]")
	case *Named:
		p.named(x)
	case *Ordered:
		p.orderedKey(x)
	default:
		p.table(x)
	}
}

func (p *printer) named(x *Named) {
	if x.Tuple {
		p.words("(")
	}
	for i, n := range x.Names {
		p.comma(i)
		p.name(n)
	}
	if x.Tuple {
		p.words(")")
	}
	p.words(" = ")
	p.expr(x.X, precOr)
}

func (p *printer) orderedKey(x *Ordered) {
	p.expr(x.X, 0)
	if x.Desc {
		p.words(" desc")
	} else {
		p.words(" asc")
	}
	switch {
	case x.NullsFirst && x.Desc:
		p.words(" nulls first")
	case !x.NullsFirst && !x.Desc:
		p.words(" nulls last")
	}
}

func (p *printer) table(x Expr) {
	switch x := x.(type) {
	case *Pipe:
		if x.Source != nil {
			p.expr(x.Source, 0)
		}
		for i, o := range x.Ops {
			if i > 0 || x.Source != nil {
				p.words("\n| ")
			}
			o.print(p)
		}
	case *Datatable:
		p.words("datatable(")
		p.columnDecls(x.Columns)
		p.words(")[")
		p.list(x.Values)
		p.words("]")
	case *PrintSource:
		p.words("print ")
		p.list(x.Exprs)
	case *RangeSource:
		p.words("range ")
		p.name(x.Name)
		p.words(" from ")
		p.expr(x.From, 0)
		p.words(" to ")
		p.expr(x.To, 0)
		p.words(" step ")
		p.expr(x.Step, 0)
	case *UnionSource:
		x.Op.print(p)
	case *SearchSource:
		x.Op.print(p)
	}
}

func (p *printer) literal(l *Literal) {
	if l.Value == nil {
		p.words(l.Type, "(null)")
		return
	}
	switch v := l.Value.(type) {
	case bool:
		p.words(strconv.FormatBool(v))
	case float64:
		switch {
		case math.IsNaN(v):
			p.words("real(nan)")
		case math.IsInf(v, 1):
			p.words("real(+inf)")
		case math.IsInf(v, -1):
			p.words("real(-inf)")
		case v < 0 || math.Signbit(v):
			p.words("real(", FormatReal(v), ")")
		default:
			p.words(FormatReal(v))
		}
	case int64:
		switch l.Type {
		case "long":
			p.words(strconv.FormatInt(v, 10))
		case "int":
			p.words("int(", strconv.FormatInt(v, 10), ")")
		case "datetime":
			p.words("datetime(", FormatDatetime(v), ")")
		case "timespan":
			p.words("timespan(", FormatTimespan(v), ")")
		}
	case string:
		switch l.Type {
		case "string":
			p.words(quote(v))
		default:
			p.words(l.Type, "(", v, ")")
		}
	}
}
