package plan

import (
	"math"
	"strings"

	"weir/internal/kql"
)

// scope is where a scalar expression stands: the row's columns, and the declared names.
type scope struct {
	env  *env
	rel  *rel // nil where there is no row
	aggs *aggregation
	keys *aggregation // the keys of the group whose aggregates are bound
	// left and right are the sides of a join's condition
	left, right *rel
}

func (b *binder) expr(x kql.Expr, s *scope) Expr {
	switch x := x.(type) {
	case *kql.Literal:
		return b.literal(x)
	case *kql.Name:
		return b.name(x, s)
	case *kql.Unary:
		return b.unary(x, s)
	case *kql.Binary:
		return b.binary(x, s)
	case *kql.In:
		return b.in(x, s)
	case *kql.Between:
		return b.between(x, s)
	case *kql.Call:
		return b.call(x, s)
	case *kql.Member:
		if n, ok := x.X.(*kql.Name); ok && s.left != nil && (n.Text == "$left" || n.Text == "$right") {
			side := s.left
			if n.Text == "$right" {
				side = s.right
			}
			return b.column(x.Name, side)
		}
		return b.get(x.X, &Const{String, x.Name.Text}, x.At, s)
	case *kql.Index:
		return b.get(x.X, b.expr(x.I, s), x.At, s)
	case *kql.Star:
		panic(b.fail(x.At, kql.CodeSemantic, "'*' is not allowed here"))
	case *kql.Named:
		panic(b.fail(x.At, kql.CodeSemantic, "a name is not allowed here"))
	}
	if b.tabular(x, s.env) {
		panic(b.fail(x.Span(), kql.CodeSemantic, "a table stands where a value is expected").WithHint("wrap it in toscalar(…)"))
	}
	panic(b.fail(x.Span(), kql.CodeSemantic, "a value is expected here"))
}

func (b *binder) literal(l *kql.Literal) Expr {
	t, ok := ParseType(l.Type)
	if !ok {
		panic(b.fail(l.At, kql.CodeSemantic, "unknown type '%s'", l.Type))
	}
	if v, ok := l.Value.(int64); ok && t == Long && v == math.MinInt64 && l.At.End <= len(b.text) && strings.Contains(b.text[l.At.Start:l.At.End], "9223372036854775808") && !strings.HasPrefix(b.text[l.At.Start:], "long") {
		// The sign is an operator, and 2^63 without it is no long.
		panic(b.fail(l.At, kql.CodeSyntax, "the number is out of range").WithHint("write long(-9223372036854775808)"))
	}
	return &Const{t, l.Value}
}

func (b *binder) column(n *kql.Name, r *rel) Expr {
	if c := r.find(n.Text); c != nil {
		return &Ref{c}
	}
	panic(b.unknownColumn(n, r.names()))
}

func (b *binder) unknownColumn(n *kql.Name, candidates []string) *kql.Error {
	err := b.fail(n.At, kql.CodeName, "unknown column '%s'", n.Text)
	if near := kql.Nearest(n.Text, candidates); near != "" {
		err.WithHint("did you mean '%s'?", near)
	}
	return err
}

func (b *binder) name(n *kql.Name, s *scope) Expr {
	if s.rel != nil {
		if c := s.rel.find(n.Text); c != nil {
			if s.aggs != nil {
				panic(b.fail(n.At, kql.CodeSemantic, "the column '%s' stands outside an aggregate", n.Text).WithHint("put it in an aggregate such as take_any(%s), or after 'by'", n.Text))
			}
			return &Ref{c}
		}
	}
	if v := s.env.find(n.Text); v != nil {
		if v.scalar != nil {
			return v.scalar
		}
		panic(b.fail(n.At, kql.CodeSemantic, "'%s' is not a value", n.Text))
	}
	if strings.HasPrefix(n.Text, "$") {
		panic(b.unsupported(n.At, "'"+n.Text+"' here"))
	}
	names := s.env.names()
	if s.rel != nil {
		names = append(s.rel.names(), names...)
	}
	panic(b.unknownColumn(n, names))
}

// get binds x[key].
func (b *binder) get(x kql.Expr, key Expr, at kql.Span, s *scope) Expr {
	v := b.expr(x, s)
	if v.ResultType() != Dynamic {
		panic(b.fail(at, kql.CodeSemantic, "a %s has no elements", v.ResultType()).WithHint("parse_json(…) makes a dynamic of a string"))
	}
	switch t := key.ResultType(); {
	case t == String || t.integer():
	case t == Dynamic:
		panic(b.unsupported(at, "an index that is dynamic"))
	default:
		panic(b.fail(at, kql.CodeSemantic, "an index must be a string or a number, not %s", t))
	}
	if c, ok := key.(*Const); ok && c.T.integer() {
		key = &Const{Long, c.Value}
	}
	return b.extracted(&Call{Op: "get", T: Dynamic, Args: []Expr{v, key}, Name: "[]", At: at.Start, End: at.End}, s.rel)
}

func (b *binder) unary(x *kql.Unary, s *scope) Expr {
	v := b.expr(x.X, s)
	t := v.ResultType()
	switch {
	case t == Dynamic:
		panic(b.unsupported(x.At, "the sign of a dynamic").WithHint("convert it with tolong or toreal"))
	case !t.number() && t != Timespan:
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' is not defined for %s", x.Op, t))
	}
	if x.Op == "+" {
		return v
	}
	if t == Int {
		v, t = b.convert(v, Long, x.At), Long
	}
	if c, ok := v.(*Const); ok {
		switch n := c.Value.(type) {
		case int64:
			return &Const{t, -n}
		case float64:
			return &Const{t, -n}
		case nil:
			return c
		}
	}
	return b.op("neg", t, x.At, v)
}

func (b *binder) op(name string, t Type, at kql.Span, args ...Expr) *Call {
	return &Call{Op: name, T: t, Args: args, Name: name, At: at.Start, End: at.End}
}

// convert makes v a value of type t, as the function to<t> does.
func (b *binder) convert(v Expr, t Type, at kql.Span) Expr {
	from := v.ResultType()
	if from == t {
		return v
	}
	if c, ok := v.(*Const); ok {
		if x, ok := convertConst(c, t); ok {
			return x
		}
	}
	if t == Dynamic {
		return b.op("todynamic", Dynamic, at, v)
	}
	name := map[Type]string{Bool: "tobool", Int: "toint", Long: "tolong", Real: "toreal", Decimal: "todecimal",
		String: "tostring", Datetime: "todatetime", Timespan: "totimespan", GUID: "toguid"}[t]
	return b.op(name, t, at, v)
}

func convertConst(c *Const, t Type) (Expr, bool) {
	if c.Value == nil {
		if t == String {
			return &Const{String, ""}, true
		}
		return &Const{t, nil}, true
	}
	n, isInt := c.Value.(int64)
	switch {
	case c.T.integer() && isInt && t == Long:
		return &Const{Long, n}, true
	case c.T == Long && t == Int && n == int64(int32(n)):
		return &Const{Int, n}, true
	case c.T.integer() && isInt && t == Real && n > -1<<53 && n < 1<<53:
		return &Const{Real, float64(n)}, true
	}
	return nil, false
}

// constant evaluates what is known while binding: nil when v is not.
func constant(v Expr) *Const {
	c, _ := v.(*Const)
	return c
}
