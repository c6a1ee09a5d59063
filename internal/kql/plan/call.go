package plan

import (
	"slices"

	"weir/internal/kql"
)

// special binds the calls whose typing no signature expresses.
type special func(b *binder, x *kql.Call, s *scope) Expr

func specialOf(name string) special {
	switch name {
	case "parse_json", "todynamic", "parsejson", "toobject":
		return bindParseJSON
	case "iff", "iif":
		return bindIff
	case "case":
		return bindCase
	case "coalesce":
		return bindCoalesce
	case "now":
		return bindNow
	case "ago":
		return bindAgo
	case "toscalar":
		return bindToScalar
	case "prev", "next":
		return bindPrev
	case "row_number":
		return bindRowNumber
	case "row_cumsum":
		return bindRowCumsum
	case "row_rank_dense", "row_rank_min":
		return bindRowRank
	case "materialize":
		return func(b *binder, x *kql.Call, s *scope) Expr { return b.expr(b.only(x), s) }
	case "column_ifexists", "columnifexists":
		return bindColumnIfExists
	}
	return nil
}

func (b *binder) call(x *kql.Call, s *scope) Expr {
	name := x.Fn.Text
	if v := s.env.find(name); v != nil && v.fn != nil {
		e, r := b.callUser(x, v, s)
		if r != nil {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' gives a table where a value is expected", name).WithHint("wrap it in toscalar(…)"))
		}
		return e
	}
	if isAggregate(name) {
		if s.aggs == nil {
			if f := scalars[name]; f == nil {
				panic(b.fail(x.At, kql.CodeSemantic, "the aggregate '%s' is not allowed here", name).WithHint("use it in summarize"))
			}
		} else {
			return s.aggs.add(b, x, s)
		}
	}
	if f := specialOf(name); f != nil {
		return f(b, x, s)
	}
	if f := scalars[name]; f != nil {
		args := make([]Expr, len(x.Args))
		for i, a := range x.Args {
			args[i] = b.expr(a, s)
		}
		t, args := b.match(x, f, args)
		call := &Call{Op: f.op, T: t, Args: args, Name: name, At: x.Fn.At.Start, End: x.Fn.At.End}
		if conversions[f.op] && len(args) == 1 && args[0].ResultType() == t {
			return args[0]
		}
		return foldCall(call)
	}
	panic(b.unknownFunction(x.Fn, s.env))
}

// conversions are the functions that leave a value of their own type as it is.
var conversions = map[string]bool{"tostring": true, "tolong": true, "toint": true, "toreal": true, "todecimal": true, "tobool": true,
	"todatetime": true, "totimespan": true, "toguid": true}

func foldCall(c *Call) Expr {
	if len(c.Args) == 1 && conversions[c.Op] {
		if k := constant(c.Args[0]); k != nil {
			if v, ok := convertConst(k, c.T); ok && c.T != String {
				return v
			}
			if s, isText := k.Value.(string); isText && k.T == String && c.T == Datetime {
				if t, ok := kql.ParseDatetime(s); ok {
					return &Const{Datetime, t}
				}
			}
		}
	}
	return c
}

func (b *binder) unknownFunction(n *kql.Name, e *env) *kql.Error {
	if slices.Contains(kustoFunctions, n.Text) || scalars[n.Text] != nil || isAggregate(n.Text) || specialOf(n.Text) != nil {
		return b.fail(n.At, kql.CodeSupport, "function '%s' is not supported", n.Text)
	}
	err := b.fail(n.At, kql.CodeFunction, "unknown function '%s'", n.Text)
	names := append([]string{"iff", "case", "coalesce", "now", "ago", "parse_json", "count", "countif", "take_any", "arg_max", "arg_min", "percentile"}, e.names()...)
	for k := range scalars {
		names = append(names, k)
	}
	for k := range aggregates {
		names = append(names, k)
	}
	slices.Sort(names)
	if near := kql.Nearest(n.Text, names); near != "" {
		err.WithHint("did you mean '%s'?", near)
	}
	return err
}

// match finds the signature that fits the arguments and converts them.
func (b *binder) match(x *kql.Call, f *boundFunction, args []Expr) (Type, []Expr) {
	var fit *signature
	for i := range f.sigs {
		sig := &f.sigs[i]
		if least, most := sig.arity(); len(args) < least || len(args) > most {
			continue
		}
		good, exact := true, true
		for j, a := range args {
			p := sig.at(j, len(args))
			good = good && p.fits(a.ResultType())
			exact = exact && p.exact(a.ResultType())
		}
		if exact {
			fit = sig
			break
		}
		if good && fit == nil {
			fit = sig
		}
	}
	if fit == nil {
		panic(b.mismatch(x, f, args))
	}
	return b.apply(x, fit, args)
}

func (b *binder) mismatch(x *kql.Call, f *boundFunction, args []Expr) *kql.Error {
	least, most := 1<<20, 0
	for _, s := range f.sigs {
		lo, hi := s.arity()
		least, most = min(least, lo), max(most, hi)
	}
	if len(args) < least || len(args) > most {
		err := b.fail(x.At, kql.CodeSemantic, "'%s' takes %s, not %d", f.name, arityText(least, most), len(args))
		if len(args) < least {
			for _, s := range f.sigs {
				if p := s.at(len(args), len(args)+1); p != nil {
					return err.WithHint("argument %d must be %s", len(args)+1, p.want())
				}
			}
		}
		return err
	}
	for _, s := range f.sigs {
		for i, a := range args {
			if p := s.at(i, len(args)); p != nil && !p.fits(a.ResultType()) {
				return b.fail(x.Args[i].Span(), kql.CodeSemantic, "argument %d of '%s' is of type %s", i+1, f.name, a.ResultType()).WithHint("it must be %s", p.want())
			}
		}
	}
	return b.fail(x.At, kql.CodeSemantic, "'%s' does not take these arguments", f.name)
}

func arityText(least, most int) string {
	words := func(n int) string {
		if n == 1 {
			return "1 argument"
		}
		return itoa(n) + " arguments"
	}
	switch {
	case least == most:
		return words(least)
	case most >= 1<<20:
		return "at least " + words(least)
	}
	return itoa(least) + " to " + words(most)
}

// apply converts args to sig's parameters and gives the result's type.
func (b *binder) apply(x *kql.Call, sig *signature, args []Expr) (Type, []Expr) {
	common, wide := None, None
	for i, a := range args {
		switch t := a.ResultType(); sig.at(i, len(args)).kind {
		case "common":
			common = b.common(common, t, x.Args[i].Span())
		case "number", "integer":
			if t == Dynamic {
				t = Real
			}
			if wide == None {
				wide = t
			} else {
				wide = widest(wide, t)
			}
		}
	}
	out := make([]Expr, len(args))
	for i, a := range args {
		p := sig.at(i, len(args))
		at := x.Args[i].Span()
		if p.fixed && constant(a) == nil {
			panic(b.fail(at, kql.CodeSemantic, "argument %d of '%s' must be a constant", i+1, x.Fn.Text))
		}
		switch {
		case p.kind == "text":
			a = b.convert(a, String, at)
		case p.kind == "common":
			a = b.convert(a, common, at)
		case p.kind == "integer" && !a.ResultType().integer():
			a = b.convert(a, Long, at)
		case p.kind == "integer":
			a = b.convert(a, Long, at)
		case (p.kind == "number" || p.kind == "summable") && a.ResultType() == Dynamic:
			a = b.convert(a, Real, at)
		case p.typ != None:
			a = b.convert(a, p.typ, at)
		}
		if sig.result == "widest" && p.kind == "number" {
			a = b.convert(a, wide, at)
		}
		out[i] = a
	}
	switch sig.result {
	case "common":
		return common, out
	case "widest":
		return wide, out
	case "$1":
		return out[0].ResultType(), out
	case "$1+":
		if t := out[0].ResultType(); t == Int {
			out[0] = b.convert(out[0], Long, x.At)
		}
		return out[0].ResultType(), out
	}
	t, ok := ParseType(sig.result)
	if !ok {
		panic("bad result: " + sig.result)
	}
	return t, out
}

// common is the type that values of types a and c are both given.
func (b *binder) common(a, c Type, at kql.Span) Type {
	switch {
	case a == None || a == c:
		return c
	case c == None:
		return a
	case a.number() && c.number():
		return widest(a, c)
	case a == Dynamic:
		return c
	case c == Dynamic:
		return a
	}
	panic(b.unsupported(at, "mixing "+a.String()+" and "+c.String()))
}

func (b *binder) only(x *kql.Call) kql.Expr {
	if len(x.Args) != 1 {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes 1 argument, not %d", x.Fn.Text, len(x.Args)))
	}
	return x.Args[0]
}

func bindParseJSON(b *binder, x *kql.Call, s *scope) Expr {
	v := b.expr(b.only(x), s)
	switch v.ResultType() {
	case Dynamic:
		return v
	case String:
		return b.op("parse_json", Dynamic, x.At, v)
	}
	panic(b.fail(x.Args[0].Span(), kql.CodeSemantic, "the argument of '%s' is of type %s", x.Fn.Text, v.ResultType()).WithHint("it must be a string or dynamic"))
}

// bindIff and bindCase both give case: condition, value, condition, value …, else.
func bindIff(b *binder, x *kql.Call, s *scope) Expr {
	if len(x.Args) != 3 {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes 3 arguments, not %d", x.Fn.Text, len(x.Args)).WithHint("%s(condition, then, else)", x.Fn.Text))
	}
	return b.choice(x, s)
}

func bindCase(b *binder, x *kql.Call, s *scope) Expr {
	if len(x.Args) < 3 || len(x.Args)%2 == 0 {
		panic(b.fail(x.At, kql.CodeSemantic, "'case' needs conditions with values and one value at the end").WithHint("case(condition, value, …, else)"))
	}
	return b.choice(x, s)
}

func (b *binder) choice(x *kql.Call, s *scope) Expr {
	n := len(x.Args)
	args := make([]Expr, n)
	t := None
	for i, a := range x.Args {
		if i%2 == 0 && i < n-1 {
			args[i] = b.boolean(a, s)
			continue
		}
		args[i] = b.expr(a, s)
		if c := args[i].ResultType(); t.number() && c.number() && t.integer() != c.integer() {
			// The engine refuses some such mixtures, which is not documented.
			panic(b.unsupported(a.Span(), "mixing "+t.String()+" and "+c.String()+" in '"+x.Fn.Text+"'").WithHint("convert one of them, with toreal for example"))
		}
		t = b.common(t, args[i].ResultType(), a.Span())
	}
	for i := range args {
		if i%2 == 1 || i == n-1 {
			args[i] = b.convert(args[i], t, x.Args[i].Span())
		}
	}
	return &Call{Op: "case", T: t, Args: args, Name: x.Fn.Text, At: x.Fn.At.Start, End: x.Fn.At.End}
}

func bindCoalesce(b *binder, x *kql.Call, s *scope) Expr {
	if len(x.Args) == 0 {
		panic(b.fail(x.At, kql.CodeSemantic, "'coalesce' needs arguments"))
	}
	args := make([]Expr, len(x.Args))
	t := None
	for i, a := range x.Args {
		args[i] = b.expr(a, s)
		t = b.common(t, args[i].ResultType(), a.Span())
	}
	for i := range args {
		args[i] = b.convert(args[i], t, x.Args[i].Span())
	}
	return &Call{Op: "coalesce", T: t, Args: args, Name: x.Fn.Text, At: x.Fn.At.Start, End: x.Fn.At.End}
}

func bindNow(b *binder, x *kql.Call, s *scope) Expr {
	now := &Const{Datetime, kql.TimeTicks(b.opts.Now)}
	if len(x.Args) == 0 {
		return now
	}
	return b.arithmetic("+", now, b.span(x, s), x.At)
}

func bindAgo(b *binder, x *kql.Call, s *scope) Expr {
	return b.arithmetic("-", &Const{Datetime, kql.TimeTicks(b.opts.Now)}, b.span(x, s), x.At)
}

func (b *binder) span(x *kql.Call, s *scope) Expr {
	v := b.expr(b.only(x), s)
	if v.ResultType() != Timespan {
		panic(b.fail(x.Args[0].Span(), kql.CodeSemantic, "the argument of '%s' is of type %s", x.Fn.Text, v.ResultType()).WithHint("it must be a timespan such as 1h"))
	}
	return v
}

func bindToScalar(b *binder, x *kql.Call, s *scope) Expr {
	arg := b.only(x)
	if !b.tabular(arg, s.env) {
		return b.expr(arg, &scope{env: s.env})
	}
	r := b.table(arg, s.env)
	if len(r.cols) == 0 {
		panic(b.fail(arg.Span(), kql.CodeSemantic, "the table has no column"))
	}
	return &Subquery{In: r.node, Col: r.cols[0]}
}

func bindColumnIfExists(b *binder, x *kql.Call, s *scope) Expr {
	if len(x.Args) != 2 {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes 2 arguments, not %d", x.Fn.Text, len(x.Args)))
	}
	l, ok := x.Args[0].(*kql.Literal)
	if !ok || l.Type != "string" {
		panic(b.fail(x.Args[0].Span(), kql.CodeSemantic, "argument 1 of '%s' must be a constant string", x.Fn.Text))
	}
	if s.rel != nil {
		if c := s.rel.find(l.Value.(string)); c != nil {
			return &Ref{c}
		}
	}
	return b.expr(x.Args[1], s)
}

// windowed refuses a window function where rows have no defined order.
func (b *binder) windowed(x *kql.Call, s *scope) {
	if s.rel == nil || s.aggs != nil {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' is not allowed here", x.Fn.Text))
	}
	if !s.rel.serial {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' needs rows in a defined order", x.Fn.Text).WithHint("put sort or serialize before it"))
	}
}

func (b *binder) window(x *kql.Call, t Type, args ...Expr) Expr {
	return &Call{Op: x.Fn.Text, T: t, Args: args, Name: x.Fn.Text, At: x.Fn.At.Start, End: x.Fn.At.End}
}

func bindPrev(b *binder, x *kql.Call, s *scope) Expr {
	b.windowed(x, s)
	if len(x.Args) < 1 || len(x.Args) > 3 {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes 1 to 3 arguments, not %d", x.Fn.Text, len(x.Args)))
	}
	v := b.expr(x.Args[0], s)
	args := []Expr{v, &Const{Long, int64(1)}, b.convert(&Const{Dynamic, nil}, v.ResultType(), x.At)}
	if len(x.Args) > 1 {
		args[1] = b.expr(x.Args[1], s)
		if c := constant(args[1]); c == nil || c.T != Long || c.Value == nil || c.Value.(int64) < 1 {
			panic(b.fail(x.Args[1].Span(), kql.CodeSemantic, "the distance of '%s' must be a constant of at least 1", x.Fn.Text))
		}
	}
	if len(x.Args) > 2 {
		d := b.expr(x.Args[2], s)
		if constant(d) == nil {
			panic(b.fail(x.Args[2].Span(), kql.CodeSemantic, "the default of '%s' must be a constant", x.Fn.Text))
		}
		if !canConvert(d.ResultType(), v.ResultType()) {
			panic(b.fail(x.Args[2].Span(), kql.CodeSemantic, "the default of '%s' is of type %s, not %s", x.Fn.Text, d.ResultType(), v.ResultType()))
		}
		args[2] = b.convert(d, v.ResultType(), x.At)
	}
	return b.window(x, v.ResultType(), args...)
}

func bindRowNumber(b *binder, x *kql.Call, s *scope) Expr {
	b.windowed(x, s)
	start := Expr(&Const{Long, int64(1)})
	if len(x.Args) > 0 {
		start = b.convert(b.expr(x.Args[0], s), Long, x.At)
	}
	switch len(x.Args) {
	case 0, 1:
		return b.window(x, Long, start)
	case 2:
		return b.window(x, Long, start, b.boolean(x.Args[1], s))
	}
	panic(b.fail(x.At, kql.CodeSemantic, "'row_number' takes 0 to 2 arguments, not %d", len(x.Args)))
}

func bindRowCumsum(b *binder, x *kql.Call, s *scope) Expr {
	b.windowed(x, s)
	if len(x.Args) < 1 || len(x.Args) > 2 {
		panic(b.fail(x.At, kql.CodeSemantic, "'row_cumsum' takes 1 to 2 arguments, not %d", len(x.Args)))
	}
	v := b.expr(x.Args[0], s)
	if !v.ResultType().number() {
		panic(b.fail(x.Args[0].Span(), kql.CodeSemantic, "argument 1 of 'row_cumsum' is of type %s", v.ResultType()).WithHint("it must be a number"))
	}
	if len(x.Args) == 1 {
		return b.window(x, v.ResultType(), v)
	}
	return b.window(x, v.ResultType(), v, b.boolean(x.Args[1], s))
}

func bindRowRank(b *binder, x *kql.Call, s *scope) Expr {
	b.windowed(x, s)
	if len(x.Args) < 1 || len(x.Args) > 2 {
		panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes 1 to 2 arguments, not %d", x.Fn.Text, len(x.Args)))
	}
	v := b.expr(x.Args[0], s)
	if v.ResultType() == Dynamic {
		panic(b.fail(x.Args[0].Span(), kql.CodeSemantic, "argument 1 of '%s' is dynamic", x.Fn.Text))
	}
	if len(x.Args) == 1 {
		return b.window(x, Long, v)
	}
	return b.window(x, Long, v, b.boolean(x.Args[1], s))
}
