package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/internal/kql"
)

// aggregation collects the aggregates of one summarize while its expressions are bound.
type aggregation struct {
	in   *rel
	cols []*Col
	aggs []*Agg
}

var specialAggregates = map[string]bool{
	"count": true, "countif": true, "arg_max": true, "arg_min": true, "take_any": true, "any": true, "percentile": true,
	"percentiles": true, "anyif": true, "take_anyif": true, "dcountif": true, "sumif": true, "avgif": true, "minif": true,
	"maxif": true, "make_list_if": true, "make_set_if": true, "stdevif": true, "varianceif": true, "variancepif": true, "count_distinctif": true,
	"percentiles_array": true, "make_bag_if": true,
}

func isAggregate(name string) bool { return aggregates[name] != nil || specialAggregates[name] }

// conditional gives the aggregate that an …if is a filtered form of, "" if it is none.
func conditional(name string) string {
	base, ok := strings.CutSuffix(name, "if")
	if !ok {
		return ""
	}
	base = strings.TrimSuffix(base, "_")
	if aggregates[base] != nil {
		return base
	}
	return ""
}

// aggregateName is the name that an aggregate's call lends its column.
func aggregateName(x *kql.Call) string {
	name := x.Fn.Text
	first := ""
	if len(x.Args) > 0 {
		first = nameOf(x.Args[0])
	}
	switch name {
	case "take_any", "arg_max", "arg_min", "take_anyif":
		return first
	case "count", "countif", "any", "anyif":
		return name + "_" + first
	case "percentile", "percentiles":
		return ""
	case "percentiles_array":
		return "percentiles_" + first
	case "binary_all_and", "binary_all_or", "binary_all_xor":
		return first
	}
	if f := aggregates[name]; f != nil {
		return f.prefix + "_" + first
	}
	if base := conditional(name); base != "" {
		if strings.HasPrefix(name, "make_") {
			return aggregates[base].prefix + "_" + first
		}
		return name + "_" + first
	}
	return ""
}

// add binds an aggregate's call and returns a reference to its column.
func (a *aggregation) add(b *binder, x *kql.Call, s *scope) Expr {
	agg := b.aggregate(x, &scope{env: s.env, rel: a.in})
	return a.push(agg)
}

func (a *aggregation) push(agg *Agg) Expr {
	c := &Col{Name: agg.Name, Type: agg.T}
	a.cols = append(a.cols, c)
	a.aggs = append(a.aggs, agg)
	return &Ref{c}
}

func (b *binder) agg(x *kql.Call, op string, t Type, args ...Expr) *Agg {
	return &Agg{Op: op, T: t, Args: args, Name: x.Fn.Text, At: x.Fn.At.Start, End: x.Fn.At.End}
}

// aggregate binds an aggregate that gives one value.
func (b *binder) aggregate(x *kql.Call, s *scope) *Agg {
	name := x.Fn.Text
	switch name {
	case "count":
		if len(x.Args) > 0 {
			// count(x) counts all rows, whatever x is; it is still bound for its errors.
			if v := b.expr(x.Args[0], s); len(x.Args) > 1 || v.ResultType() == Bool {
				panic(b.unsupported(x.At, "count with a condition").WithHint("use countif"))
			}
		}
		return b.agg(x, "count", Long)
	case "countif":
		a := b.agg(x, "count", Long)
		a.Filter = b.boolean(b.only(x), s)
		return a
	case "take_any", "any", "arg_max", "arg_min":
		list := b.multi(x, s)
		if len(list) != 1 {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' gives several columns here", name))
		}
		return list[0].agg
	case "take_anyif", "anyif":
		a := b.agg(x, "any", None)
		if len(x.Args) != 2 {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes 2 arguments, not %d", name, len(x.Args)))
		}
		a.Args, a.Filter = []Expr{b.expr(x.Args[0], s)}, b.boolean(x.Args[1], s)
		a.T = a.Args[0].ResultType()
		return a
	case "percentile":
		if len(x.Args) != 2 {
			panic(b.fail(x.At, kql.CodeSemantic, "'percentile' takes 2 arguments, not %d", len(x.Args)))
		}
		return b.percentile(x, x.Args[1], s)
	case "percentiles_array":
		panic(b.unsupported(x.Fn.At, "function 'percentiles_array'"))
	}
	f, filter := aggregates[name], Expr(nil)
	args := x.Args
	if f == nil {
		f = aggregates[conditional(name)]
		if len(args) < 2 {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' takes a value and a condition", name))
		}
		filter = b.boolean(args[1], s)
		args = append([]kql.Expr{args[0]}, args[2:]...)
	}
	bound := make([]Expr, len(args))
	for i, a := range args {
		bound[i] = b.expr(a, s)
	}
	t, bound := b.match(&kql.Call{At: x.At, Fn: x.Fn, Args: args}, f, bound)
	agg := b.agg(x, f.op, t, bound...)
	agg.Filter = filter
	return agg
}

func (b *binder) percentile(x *kql.Call, p kql.Expr, s *scope) *Agg {
	v := b.expr(x.Args[0], s)
	if !v.ResultType().summable() {
		panic(b.fail(x.Args[0].Span(), kql.CodeSemantic, "argument 1 of '%s' is of type %s", x.Fn.Text, v.ResultType()).WithHint("it must be a number, timespan or datetime"))
	}
	if v.ResultType() == Int {
		v = b.convert(v, Long, x.At)
	}
	c := constant(b.convert(b.expr(p, s), Real, p.Span()))
	if c == nil || c.Value == nil || c.Value.(float64) < 0 || c.Value.(float64) > 100 {
		panic(b.fail(p.Span(), kql.CodeSemantic, "a percentile must be a constant from 0 to 100"))
	}
	return b.agg(x, "percentile", v.ResultType(), v, c)
}

func percentileName(x *kql.Call, p kql.Expr) string {
	n := nameOf(x.Args[0])
	if l, ok := p.(*kql.Literal); ok {
		switch v := l.Value.(type) {
		case int64:
			return fmt.Sprintf("percentile_%s_%d", n, v)
		case float64:
			return "percentile_" + n + "_" + strings.ReplaceAll(strconv.FormatFloat(v, 'f', -1, 64), ".", "_")
		}
	}
	return "percentile_" + n
}

// namedAgg is an aggregate with the name that it lends its column.
type namedAgg struct {
	agg  *Agg
	name string
	x    kql.Expr
}

// multi binds the aggregates that may give several columns; nil when x is none of them.
func (b *binder) multi(x *kql.Call, s *scope) []namedAgg {
	switch x.Fn.Text {
	case "percentiles":
		if len(x.Args) < 2 {
			panic(b.fail(x.At, kql.CodeSemantic, "'percentiles' needs a value and percentiles"))
		}
		var out []namedAgg
		for _, p := range x.Args[1:] {
			out = append(out, namedAgg{b.percentile(x, p, s), percentileName(x, p), x})
		}
		return out
	case "percentile":
		if len(x.Args) == 2 {
			return []namedAgg{{b.percentile(x, x.Args[1], s), percentileName(x, x.Args[1]), x}}
		}
	case "take_any", "any":
		if len(x.Args) == 0 {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' needs a column", x.Fn.Text))
		}
		op := "first"
		if _, star := x.Args[0].(*kql.Star); len(x.Args) == 1 && !star {
			op = "any"
		}
		var out []namedAgg
		for _, a := range b.columnsOf(x.Args, s, nil) {
			name := a.name
			if x.Fn.Text == "any" && op == "any" {
				name = "any_" + name
			}
			out = append(out, namedAgg{b.agg(x, op, a.v.ResultType(), a.v), name, a.x})
		}
		return out
	case "arg_max", "arg_min":
		if len(x.Args) == 0 {
			panic(b.fail(x.At, kql.CodeSemantic, "'%s' needs a column", x.Fn.Text))
		}
		by := b.expr(x.Args[0], s)
		if by.ResultType() == Dynamic {
			panic(b.fail(x.Args[0].Span(), kql.CodeSemantic, "argument 1 of '%s' is dynamic", x.Fn.Text).WithHint("convert it"))
		}
		out := []namedAgg{{b.agg(x, x.Fn.Text, by.ResultType(), by, by), nameOf(x.Args[0]), x.Args[0]}}
		var skip *Col
		if r, ok := by.(*Ref); ok {
			skip = r.Col
		}
		for _, a := range b.columnsOf(x.Args[1:], s, skip) {
			out = append(out, namedAgg{b.agg(x, x.Fn.Text, a.v.ResultType(), a.v, by), a.name, a.x})
		}
		return out
	}
	return nil
}

type argument struct {
	v    Expr
	name string
	x    kql.Expr
}

// columnsOf binds arguments where * stands for all columns but skip and the group's keys.
func (b *binder) columnsOf(args []kql.Expr, s *scope, skip *Col) []argument {
	var out []argument
	for _, a := range args {
		if _, ok := a.(*kql.Star); !ok {
			out = append(out, argument{b.expr(a, s), nameOf(a), a})
			continue
		}
		for _, c := range s.rel.cols {
			if c != skip && !c.groupKey(s) {
				out = append(out, argument{&Ref{c}, c.Name, nil})
			}
		}
	}
	return out
}

func (c *Col) groupKey(s *scope) bool {
	if s.keys != nil {
		return slices.Contains(s.keys.cols, c)
	}
	return false
}
