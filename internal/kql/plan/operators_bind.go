package plan

import (
	"strconv"

	"weir/internal/kql"
)

// arithmetic says which types an operator takes and gives. Int is widened to long
// first; a dynamic operand becomes the other's type.
type arithmeticRow struct {
	op          string
	left, right Type
	result      Type
	call        string
}

var arithmeticTable = []arithmeticRow{
	{"+", Long, Long, Long, "add"}, {"+", Real, Real, Real, "add"}, {"+", Decimal, Decimal, Decimal, "add"},
	{"-", Long, Long, Long, "sub"}, {"-", Real, Real, Real, "sub"}, {"-", Decimal, Decimal, Decimal, "sub"},
	{"*", Long, Long, Long, "mul"}, {"*", Real, Real, Real, "mul"}, {"*", Decimal, Decimal, Decimal, "mul"},
	{"/", Long, Long, Long, "div"}, {"/", Real, Real, Real, "div"}, {"/", Decimal, Decimal, Decimal, "div"},
	{"%", Long, Long, Long, "mod"}, {"%", Real, Real, Real, "mod"},
	{"+", Datetime, Timespan, Datetime, "add_time"}, {"+", Timespan, Datetime, Datetime, "add_time"},
	{"-", Datetime, Timespan, Datetime, "sub_time"}, {"-", Datetime, Datetime, Timespan, "diff_time"},
	{"+", Timespan, Timespan, Timespan, "add"}, {"-", Timespan, Timespan, Timespan, "sub"},
	{"*", Timespan, Long, Timespan, "mul"}, {"*", Long, Timespan, Timespan, "mul"},
	{"*", Timespan, Real, Timespan, "mul_span"}, {"*", Real, Timespan, Timespan, "mul_span_left"},
	{"/", Timespan, Timespan, Real, "div_span"}, {"/", Timespan, Long, Timespan, "div"}, {"/", Timespan, Real, Timespan, "div_span_real"},
	{"%", Timespan, Timespan, Timespan, "mod"},
}

func widest(a, c Type) Type {
	rank := map[Type]int{Int: 1, Long: 2, Real: 3, Decimal: 4}
	if rank[a] >= rank[c] {
		return a
	}
	return c
}

func (b *binder) binary(x *kql.Binary, s *scope) Expr {
	switch x.Op {
	case "and", "or":
		return b.logical(x, s)
	case "==", "!=", "<", ">", "<=", ">=":
		if _, ok := x.L.(*kql.Star); ok {
			panic(b.unsupported(x.At, "'*' as an operand"))
		}
		return b.compare(x.Op, b.expr(x.L, s), b.expr(x.R, s), x.At)
	case "+", "-", "*", "/", "%":
		return b.arithmetic(x.Op, b.expr(x.L, s), b.expr(x.R, s), x.At)
	}
	if _, ok := x.L.(*kql.Star); ok {
		panic(b.unsupported(x.At, "'*' as an operand"))
	}
	return b.stringOp(x.Op, b.expr(x.L, s), b.expr(x.R, s), x.At)
}

func (b *binder) logical(x *kql.Binary, s *scope) Expr {
	l := b.boolean(x.L, s)
	r := b.boolean(x.R, s)
	return b.op(x.Op, Bool, x.At, l, r)
}

func (b *binder) boolean(x kql.Expr, s *scope) Expr {
	v := b.expr(x, s)
	switch v.ResultType() {
	case Bool:
		return v
	case Dynamic:
		return b.convert(v, Bool, x.Span())
	}
	panic(b.fail(x.Span(), kql.CodeSemantic, "a value of type bool is expected, not %s", v.ResultType()))
}

func (b *binder) arithmetic(op string, l, r Expr, at kql.Span) Expr {
	lt, rt := l.ResultType(), r.ResultType()
	wrong := func() *kql.Error {
		return b.fail(at, kql.CodeSemantic, "the operator '%s' is not defined for %s and %s", op, lt, rt)
	}
	if lt == Dynamic || rt == Dynamic {
		if lt == rt {
			panic(b.unsupported(at, "arithmetic on two dynamic values").WithHint("convert them with tolong or toreal"))
		}
		if lt == Dynamic {
			lt = dynamicOperand(op, rt, true)
			l = b.convert(l, lt, at)
		} else {
			rt = dynamicOperand(op, lt, false)
			r = b.convert(r, rt, at)
		}
	}
	if lt.number() && rt.number() {
		w := widest(widest(lt, rt), Long)
		l, r = b.convert(l, w, at), b.convert(r, w, at)
		lt, rt = w, w
	}
	if lt == Int {
		l, lt = b.convert(l, Long, at), Long
	}
	if rt == Int {
		r, rt = b.convert(r, Long, at), Long
	}
	for _, row := range arithmeticTable {
		if row.op == op && row.left == lt && row.right == rt {
			if c := foldArithmetic(row, l, r); c != nil {
				return c
			}
			if row.left == Timespan && row.right == Datetime || row.call == "mul_span_left" {
				l, r = r, l
				row.call = map[string]string{"mul_span_left": "mul_span"}[row.call]
				if row.call == "" {
					row.call = "add_time"
				}
			}
			return b.op(row.call, row.result, at, l, r)
		}
	}
	panic(wrong())
}

// dynamicOperand is the type that a dynamic operand takes beside one of type other.
func dynamicOperand(op string, other Type, left bool) Type {
	switch {
	case other == Datetime && op == "-" && left:
		return Datetime
	case other == Datetime:
		return Timespan
	case other == Int:
		return Long
	}
	return other
}

// foldArithmetic computes times and whole numbers that are known, so that they can
// stand where a constant must.
func foldArithmetic(row arithmeticRow, l, r Expr) Expr {
	lc, rc := constant(l), constant(r)
	if lc == nil || rc == nil {
		return nil
	}
	a, ok1 := lc.Value.(int64)
	c, ok2 := rc.Value.(int64)
	if !ok1 || !ok2 {
		return nil
	}
	const maxTicks = 3155378975999999999
	var v int64
	switch row.call {
	case "add", "add_time":
		v = a + c
	case "sub", "sub_time", "diff_time":
		v = a - c
	case "mul":
		v = a * c
	default:
		return nil
	}
	if row.result == Datetime && (v < 0 || v > maxTicks) {
		return &Const{Datetime, nil}
	}
	return &Const{row.result, v}
}

// comparable brings two operands to one type: what Kusto compares them as.
func (b *binder) comparable(op string, l, r Expr, at kql.Span) (Expr, Expr) {
	lt, rt := l.ResultType(), r.ResultType()
	switch {
	case lt == rt && lt != Dynamic:
		return l, r
	case lt.number() && rt.number():
		w := widest(lt, rt)
		return b.convert(l, w, at), b.convert(r, w, at)
	case lt == Dynamic && rt == Dynamic:
		panic(b.unsupported(at, "comparing two dynamic values").WithHint("convert them, with tostring for example"))
	case lt == Dynamic:
		return b.convert(l, comparedAs(rt), at), b.convert(r, comparedAs(rt), at)
	case rt == Dynamic:
		return b.convert(l, comparedAs(lt), at), b.convert(r, comparedAs(lt), at)
	case op == "==" || op == "!=":
		if lt == String && rt.integer() {
			return b.numericText(l, rt, at), r
		}
		if rt == String && lt.integer() {
			return l, b.numericText(r, lt, at)
		}
	}
	panic(b.fail(at, kql.CodeSemantic, "the operator '%s' is not defined for %s and %s", op, lt, rt))
}

// comparedAs is the type in which a dynamic is compared with a value of type t:
// whole numbers as real, so that 1.5 does not equal 1.
func comparedAs(t Type) Type {
	if t.integer() {
		return Real
	}
	return t
}

// numericText is a constant string beside a whole number (ResponseCode == '200').
func (b *binder) numericText(v Expr, t Type, at kql.Span) Expr {
	if c := constant(v); c != nil {
		if n, err := strconv.ParseInt(c.Value.(string), 10, 64); err == nil && strconv.FormatInt(n, 10) == c.Value.(string) {
			return &Const{t, n}
		}
	}
	panic(b.unsupported(at, "comparing "+t.String()+" with a string that is not a number").WithHint("convert one of them"))
}

var compareOps = map[string]string{"==": "eq", "!=": "ne", "<": "lt", ">": "gt", "<=": "le", ">=": "ge"}

func (b *binder) compare(op string, l, r Expr, at kql.Span) Expr {
	l, r = b.comparable(op, l, r, at)
	if t := l.ResultType(); t == Bool && op != "==" && op != "!=" || t == GUID && op != "==" && op != "!=" {
		panic(b.unsupported(at, "'"+op+"' on "+t.String()))
	}
	return b.op(compareOps[op], Bool, at, l, r)
}

// stringOps maps an operator on strings to its call; `!` negates it.
var stringOps = map[string]string{
	"has": "has", "has_cs": "has_cs", "contains": "contains", "contains_cs": "contains_cs", "startswith": "startswith",
	"startswith_cs": "startswith_cs", "endswith": "endswith", "endswith_cs": "endswith_cs", "hasprefix": "hasprefix",
	"hasprefix_cs": "hasprefix_cs", "hassuffix": "hassuffix", "hassuffix_cs": "hassuffix_cs", "matches regex": "matches_regex", "=~": "equals_nocase",
}

func (b *binder) stringOp(op string, l, r Expr, at kql.Span) Expr {
	negate := false
	key := op
	if op == "!~" {
		key, negate = "=~", true
	} else if op[0] == '!' {
		key, negate = op[1:], true
	}
	name, ok := stringOps[key]
	if !ok {
		panic(b.unsupported(at, "the operator '"+op+"'"))
	}
	l, r = b.stringOperand(op, l, at), b.stringOperand(op, r, at)
	if c := constant(r); name == "matches_regex" && (c == nil || c.Value == nil) {
		panic(b.fail(at, kql.CodeSemantic, "the pattern of 'matches regex' must be a constant"))
	}
	v := b.op(name, Bool, at, l, r)
	v.Name = op
	if negate {
		return b.op("not", Bool, at, v)
	}
	return v
}

func (b *binder) stringOperand(op string, v Expr, at kql.Span) Expr {
	switch v.ResultType() {
	case String:
		return v
	case Dynamic:
		return b.convert(v, String, at)
	}
	panic(b.fail(at, kql.CodeSemantic, "the operator '%s' is not defined for %s", op, v.ResultType()))
}

func (b *binder) between(x *kql.Between, s *scope) Expr {
	v, lo, hi := b.expr(x.X, s), b.expr(x.Lo, s), b.expr(x.Hi, s)
	if lo.ResultType() == Datetime && hi.ResultType() == Timespan {
		hi = b.arithmetic("+", lo, hi, x.At)
	}
	res := Expr(b.op("and", Bool, x.At, b.compare(">=", v, lo, x.At), b.compare("<=", v, hi, x.At)))
	if x.Not {
		return b.op("not", Bool, x.At, res)
	}
	return res
}

func (b *binder) in(x *kql.In, s *scope) Expr {
	v := b.expr(x.X, s)
	op := x.Op
	negate := op[0] == '!'
	if negate {
		op = op[1:]
	}
	var res Expr
	switch op {
	case "in", "in~":
		res = b.inList(x, v, op == "in~", s)
	default:
		res = b.hasList(x, v, op, s)
	}
	if negate {
		return b.op("not", Bool, x.At, res)
	}
	return res
}

func (b *binder) inList(x *kql.In, v Expr, fold bool, s *scope) Expr {
	if len(x.List) == 1 && b.tabular(x.List[0], s.env) && !b.isColumn(x.List[0], s) {
		r := b.table(x.List[0], s.env)
		if len(r.cols) == 0 {
			panic(b.fail(x.List[0].Span(), kql.CodeSemantic, "the table has no column"))
		}
		col := r.cols[0]
		l, conv := b.comparable("==", v, &Ref{col}, x.At)
		if c, ok := conv.(*Ref); !ok || c.Col != col {
			nc := &Col{Name: col.Name, Type: conv.ResultType()}
			return &InQuery{X: l, In: &Project{In: r.node, Cols: []*Col{nc}, Exprs: []Expr{conv}}, Col: nc, Fold: fold}
		}
		return &InQuery{X: l, In: r.node, Col: col, Fold: fold}
	}
	args := []Expr{v}
	if v.ResultType() == Dynamic {
		args[0] = nil
	}
	name := "in"
	if fold {
		name = "in_nocase"
	}
	var arrays Expr
	for _, item := range x.List {
		e := b.expr(item, s)
		if e.ResultType() == Dynamic {
			arrays = b.orElse(arrays, b.inArray(x, v, e, fold), x.At)
			continue
		}
		var l Expr
		l, e = b.comparable("==", v, e, item.Span())
		if args[0] == nil || l.ResultType() == Real {
			args[0] = l
		}
		if args[0].ResultType() != e.ResultType() {
			if !args[0].ResultType().number() || !e.ResultType().number() {
				panic(b.unsupported(item.Span(), "a list of mixed types"))
			}
			w := widest(args[0].ResultType(), e.ResultType())
			args[0], e = b.convert(v, w, x.At), b.convert(e, w, x.At)
			for i := 1; i < len(args); i++ {
				args[i] = b.convert(args[i], w, x.At)
			}
		}
		args = append(args, e)
	}
	if len(args) == 1 {
		return arrays
	}
	if fold && args[0].ResultType() != String {
		panic(b.fail(x.OpAt, kql.CodeSemantic, "the operator '%s' is not defined for %s", x.Op, args[0].ResultType()))
	}
	return b.orElse(arrays, b.op(name, Bool, x.At, args...), x.At)
}

func (b *binder) isColumn(x kql.Expr, s *scope) bool {
	n, ok := x.(*kql.Name)
	return ok && s.rel != nil && s.rel.find(n.Text) != nil
}

func (b *binder) orElse(a, c Expr, at kql.Span) Expr {
	if a == nil {
		return c
	}
	return b.op("or", Bool, at, a, c)
}

// inArray is v in (array), the array being dynamic.
func (b *binder) inArray(x *kql.In, v, array Expr, fold bool) Expr {
	t := v.ResultType()
	switch {
	case t == String || t == Dynamic:
		v = b.convert(v, String, x.At)
	case t.integer():
		v = b.convert(v, Real, x.At)
	default:
		panic(b.unsupported(x.OpAt, "'"+x.Op+"' of "+t.String()+" in a dynamic array"))
	}
	name := "in_array"
	if fold {
		name = "in_array_nocase"
	}
	return b.op(name, Bool, x.At, v, array)
}

func (b *binder) hasList(x *kql.In, v Expr, op string, s *scope) Expr {
	v = b.stringOperand(op, v, x.At)
	var res Expr
	for _, item := range x.List {
		e := b.expr(item, s)
		var one Expr
		if e.ResultType() == Dynamic {
			if len(x.List) > 1 {
				panic(b.unsupported(item.Span(), "a dynamic array beside other values"))
			}
			one = b.op(op+"_array", Bool, x.At, v, e)
		} else {
			one = b.op("has", Bool, x.At, v, b.stringOperand(op, e, item.Span()))
		}
		if res == nil {
			res = one
		} else if op == "has_all" {
			res = b.op("and", Bool, x.At, res, one)
		} else {
			res = b.op("or", Bool, x.At, res, one)
		}
	}
	return res
}
