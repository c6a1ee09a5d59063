package sql

import (
	"math"
	"strconv"
	"strings"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

// template is the SQL of an operation. In Text, $1 … are the arguments, $* all of
// them parted by commas; in an aggregate's $F is its FILTER clause, $O its ORDER BY
// clause, $W its condition and $J1 argument 1 as dynamic. Func, when set, writes
// what text cannot.
type template struct {
	Text string
	Func func(p *printer, c *plan.Call, args []string) string
}

func (p *printer) refuse(at, end int, what string) *kql.Error {
	return kql.NewError(p.text, kql.Span{Start: at, End: end}, kql.CodeSupport, "%s is not supported", what)
}

// typesKey is the operation with its arguments' types, as the template tables write it.
func typesKey(args []plan.Expr, n int) string {
	var b strings.Builder
	for i, a := range args[:n] {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(a.ResultType().String())
	}
	return b.String()
}

// find looks for op:types, op/n (n arguments), op:firsttype and op, in this order.
func find(m map[string]template, op string, args []plan.Expr) (template, bool) {
	keys := []string{op}
	if n := len(args); n > 0 {
		keys = []string{op + ":" + typesKey(args, n), op + "/" + strconv.Itoa(n), op + ":" + typesKey(args, 1), op}
	}
	for _, k := range keys {
		if t, ok := m[k]; ok {
			return t, true
		}
	}
	return template{}, false
}

// fill puts arguments into a template's text.
func fill(text string, args []string, more map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c >= '1' && c <= '9':
			b.WriteString(args[c-'1'])
		case c == '*':
			b.WriteString(strings.Join(args, ", "))
		case c == 'J':
			i++
			b.WriteString(more["J"+text[i:i+1]])
		case c == 'F' || c == 'O' || c == 'W':
			b.WriteString(more[text[i:i+1]])
		default: // a '$' of the SQL itself, as in a JSON path
			b.WriteByte('$')
			b.WriteByte(c)
		}
	}
	return b.String()
}

// predicate prints a condition of WHERE, where false and null are the same.
func (p *printer) predicate(e plan.Expr) string {
	if c, ok := e.(*plan.Call); ok {
		switch c.Op {
		case "and":
			return p.predicate(c.Args[0]) + " AND " + p.predicate(c.Args[1])
		case "or":
			return "(" + p.predicate(c.Args[0]) + " OR " + p.predicate(c.Args[1]) + ")"
		case "eq":
			if s, ok := p.rawTime(c); ok {
				return s
			}
			if c.Args[0].ResultType() != plan.Real {
				return "(" + p.expr(c.Args[0]) + " = " + p.expr(c.Args[1]) + ")"
			}
		}
	}
	return p.expr(e)
}

func (p *printer) expr(e plan.Expr) string {
	switch e := e.(type) {
	case *plan.Ref:
		return p.ref(e.Col)
	case *plan.Const:
		return p.constant(e)
	case *plan.Call:
		return p.call(e)
	case *plan.Subquery:
		return p.subquery(e)
	case *plan.InQuery:
		return p.inQuery(e)
	}
	panic("expression of no kind")
}

// ref prints a column's value in the convention of its type.
func (p *printer) ref(c *plan.Col) string {
	id := p.ident(c)
	switch c.Physical {
	case "":
		return id
	case plan.PhysicalTimestamp:
		return "kql_ticks(" + id + ")"
	}
	return "kql_json(" + id + ")"
}

func (p *printer) constant(c *plan.Const) string {
	typ := p.d.types[c.T.String()]
	switch v := c.Value.(type) {
	case nil:
		if c.T == plan.String {
			return "''"
		}
		return "NULL::" + typ
	case bool:
		return strconv.FormatBool(v)
	case int64:
		if v < 0 {
			return "(" + strconv.FormatInt(v, 10) + ")::" + typ
		}
		return strconv.FormatInt(v, 10) + "::" + typ
	case float64:
		switch {
		case math.IsNaN(v):
			return "'NaN'::DOUBLE"
		case math.IsInf(v, 0):
			return map[bool]string{true: "'Infinity'::DOUBLE", false: "'-Infinity'::DOUBLE"}[v > 0]
		}
		return p.d.String(strconv.FormatFloat(v, 'g', -1, 64)) + "::DOUBLE"
	case string:
		if c.T == plan.String || c.T == plan.GUID {
			return p.d.String(v)
		}
		if c.T == plan.Decimal {
			if i := strings.IndexByte(v, '.'); i >= 0 && len(v)-i-1 > 18 || len(strings.TrimPrefix(strings.SplitN(v, ".", 2)[0], "-")) > 20 {
				panic(kql.NewError(p.text, kql.Span{}, kql.CodeSupport, "the decimal %s has more than 20 digits before or 18 after the point: it is not supported", v))
			}
		}
		return p.d.String(v) + "::" + typ
	}
	panic("constant of no kind")
}

func (p *printer) call(c *plan.Call) string {
	if windowOps[c.Op] {
		return p.window(c)
	}
	if s, ok := p.rawTime(c); ok && c.Op != "eq" { // == of null is false, which = is not
		return s
	}
	t, ok := find(p.d.scalars, c.Op, c.Args)
	if !ok || t.Text == "" && t.Func == nil {
		what := "function '" + c.Name + "'"
		if len(c.Args) > 0 {
			what += " of " + typesKey(c.Args, len(c.Args))
		}
		panic(p.refuse(c.At, c.End, what))
	}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = p.expr(a)
	}
	if t.Func != nil {
		return t.Func(p, c, args)
	}
	s := fill(t.Text, args, nil)
	if c.T == plan.String && anyNullable(c.Args) && c.Op != "tostring" {
		return "coalesce(" + s + ", '')"
	}
	return s
}

// nullable says whether e may be null.
func nullable(e plan.Expr) bool {
	if e.ResultType() == plan.String {
		return false
	}
	switch e := e.(type) {
	case *plan.Const:
		return e.Value == nil
	case *plan.Call:
		if neverNull[e.Op] {
			return false
		}
		switch e.Op {
		case "and", "or", "not":
			return anyNullable(e.Args)
		case "eq", "ne":
			return nullable(e.Args[0]) && nullable(e.Args[1])
		case "lt", "gt", "le", "ge":
			return anyNullable(e.Args)
		case "has", "contains", "startswith", "endswith", "strlen", "indexof", "strcmp", "countof", "matches_regex", "equals_nocase":
			return anyNullable(e.Args)
		}
	case *plan.InQuery:
		return false
	}
	return true
}

// neverNull are operations that give a value whatever their operands.
var neverNull = map[string]bool{"isnull": true, "isnotnull": true, "isempty": true, "isnotempty": true, "in": true, "in_nocase": true, "in_array": true, "in_array_nocase": true}

func anyNullable(list []plan.Expr) bool {
	for _, a := range list {
		if nullable(a) {
			return true
		}
	}
	return false
}

var rawCompare = map[string][2]string{ // operator, and which way the constant is rounded to µs
	"lt": {"<", "ceil"}, "le": {"<=", "floor"}, "gt": {">", "floor"}, "ge": {">=", "ceil"}, "eq": {"=", ""},
}

var mirrored = map[string]string{"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq"}

// rawTime compares a column that is stored as TIMESTAMP with a value that no column
// decides, on the column as it is, so that files and row groups can be skipped.
func (p *printer) rawTime(c *plan.Call) (string, bool) {
	if _, ok := rawCompare[c.Op]; !ok {
		return "", false
	}
	op, l, r := c.Op, c.Args[0], c.Args[1]
	if raw(r) {
		op, l, r = mirrored[op], r, l
	}
	if !raw(l) || len((&set{has: map[*plan.Col]bool{}}).refs(r).list) > 0 {
		return "", false
	}
	row := rawCompare[op]
	k, isConst := r.(*plan.Const)
	if op == "eq" && (!isConst || k.Value == nil || k.Value.(int64)%10 != 0) {
		return "", false
	}
	id := p.ident(l.(*plan.Ref).Col)
	if isConst && k.Value != nil {
		return id + " " + row[0] + " " + timestampLiteral(k.Value.(int64), row[1] == "ceil"), true
	}
	return id + " " + row[0] + " kql_timestamp_" + row[1] + "(" + p.expr(r) + ")", true
}

func raw(e plan.Expr) bool {
	r, ok := e.(*plan.Ref)
	return ok && r.Col.Physical == plan.PhysicalTimestamp
}

func timestampLiteral(ticks int64, up bool) string {
	if rest := ticks % 10; rest != 0 {
		ticks -= rest
		if up {
			ticks += 10
		}
	}
	return "TIMESTAMP '" + kql.TicksTime(ticks).Format("2006-01-02 15:04:05.000000") + "'"
}

func (p *printer) subquery(e *plan.Subquery) string {
	over := p.over
	n := &plan.Project{In: &plan.Limit{In: e.In, N: &plan.Const{T: plan.Long, Value: int64(1)}}, Cols: []*plan.Col{e.Col}, Exprs: []plan.Expr{&plan.Ref{Col: e.Col}}}
	s := "(" + p.statement(n, false) + ")"
	p.over = over
	if e.Col.Type == plan.String {
		return "coalesce(" + s + ", '')"
	}
	return s
}

func (p *printer) inQuery(e *plan.InQuery) string {
	x := p.expr(e.X)
	n := &plan.Project{In: e.In, Cols: []*plan.Col{e.Col}, Exprs: []plan.Expr{&plan.Ref{Col: e.Col}}}
	over := p.over
	s := p.statement(n, false)
	p.over = over
	if e.Fold {
		return "coalesce(lower(" + x + ") IN (SELECT lower(v) FROM (" + s + ") AS t(v)), false)"
	}
	return "coalesce(" + x + " IN (" + s + "), false)"
}

// ordersRows are the aggregates whose value depends on the rows' order.
var ordersRows = map[string]bool{"make_list": true, "make_list_with_nulls": true, "make_bag": true, "first": true}

func (p *printer) agg(a *plan.Agg, order []plan.SortKey) string {
	t, ok := find(p.d.aggregates, a.Op, a.Args)
	if !ok || t.Text == "" { // an empty row says that these types are refused
		what := "aggregate '" + a.Name + "'"
		if len(a.Args) > 0 {
			what += " of " + typesKey(a.Args, len(a.Args))
		}
		panic(p.refuse(a.At, a.End, what))
	}
	args := make([]string, len(a.Args))
	more := map[string]string{"F": "", "O": "", "W": "true"}
	for i, x := range a.Args {
		args[i] = p.expr(x)
		if strings.Contains(t.Text, "$J"+strconv.Itoa(i+1)) {
			more["J"+strconv.Itoa(i+1)] = p.toDynamic(x, args[i])
		}
	}
	if a.Filter != nil {
		more["W"] = p.expr(a.Filter)
		more["F"] = " FILTER (WHERE " + more["W"] + ")"
	}
	if len(order) > 0 && ordersRows[a.Op] {
		more["O"] = " ORDER BY " + p.sortKeys(order)
	}
	s := fill(t.Text, args, more)
	if a.T == plan.String {
		return "coalesce(" + s + ", '')"
	}
	return s
}

// toDynamic prints x, whose SQL is s, as dynamic.
func (p *printer) toDynamic(x plan.Expr, s string) string {
	if x.ResultType() == plan.Dynamic {
		return s
	}
	t, ok := find(p.d.scalars, "todynamic", []plan.Expr{x})
	if !ok {
		panic(p.refuse(0, 0, "a "+x.ResultType().String()+" as dynamic"))
	}
	return fill(t.Text, []string{s}, nil)
}
