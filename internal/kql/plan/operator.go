package plan

import (
	"strconv"

	"weir/internal/kql"
)

func itoa(n int) string { return strconv.Itoa(n) }

// operator binds one operator over r; each has a file op_<name>.go.
func (b *binder) operator(o kql.Operator, r *rel, e *env) *rel {
	if b.render != nil {
		if _, ok := o.(*kql.Render); !ok {
			b.render = nil
		}
	}
	switch o := o.(type) {
	case *kql.Where:
		return r.over(&Filter{In: r.node, Pred: b.boolean(o.Pred, &scope{env: e, rel: r})})
	case *kql.Extend:
		return b.extend(o.Exprs, r, e)
	case *kql.Serialize:
		s := b.extendSerial(r)
		if len(o.Exprs) == 0 {
			return s
		}
		return b.extend(o.Exprs, s, e)
	case *kql.Project:
		if o.Kind == "project-rename" {
			return b.projectRename(o, r)
		}
		return b.project(o.Exprs, r, e)
	case *kql.ProjectColumns:
		return b.projectColumns(o, r)
	case *kql.Summarize:
		return b.summarize(o, r, e)
	case *kql.Distinct:
		return b.distinct(o, r, e)
	case *kql.Count:
		return b.count(o, r)
	case *kql.Sort:
		return b.sort(o.Keys, r, e)
	case *kql.Take:
		return b.limit(o.N, r, e)
	case *kql.Top:
		return b.limit(o.N, b.sort(o.Keys, r, e), e)
	case *kql.Join:
		return b.join(o, r, e)
	case *kql.Union:
		return b.union(o, r, e)
	case *kql.Render:
		return b.renderOp(o, r)
	case *kql.MvExpand:
		return b.mvExpand(o, r, e)
	case *kql.As:
		named := *r
		named.table = o.Name.Text
		return &named
	case *kql.Search:
		return b.search(o, r, e)
	case *kql.ParseOp:
		return b.parse(o, r, e)
	case *kql.ParseKv:
		return b.parseKv(o, r, e)
	case *kql.MvApply:
		return b.mvApply(o, r, e)
	case *kql.Partition:
		return b.partition(o, r, e)
	case *kql.TopNested:
		return b.topNested(o, r, e)
	case *kql.MakeSeries:
		return b.makeSeries(o, r, e)
	}
	panic(b.unsupported(o.Span(), "operator '"+operatorName(b.text, o)+"'"))
}

// operatorName is the operator's first word as written.
func operatorName(text string, o kql.Operator) string {
	at := o.Span()
	i := at.Start
	for i < at.End && i < len(text) && (text[i] == '-' || text[i] == '_' || text[i]|32 >= 'a' && text[i]|32 <= 'z') {
		i++
	}
	return text[at.Start:i]
}

func (b *binder) extendSerial(r *rel) *rel {
	c := *r
	c.serial = true
	return &c
}

func (b *binder) limit(n kql.Expr, r *rel, e *env) *rel {
	v := b.expr(n, &scope{env: e})
	if !v.ResultType().integer() {
		panic(b.fail(n.Span(), kql.CodeSemantic, "a number of rows is expected, not %s", v.ResultType()))
	}
	return r.over(&Limit{In: r.node, N: v})
}

func (b *binder) renderOp(o *kql.Render, r *rel) *rel {
	b.render = &Render{Kind: o.Kind, Properties: map[string]string{}}
	for _, p := range o.Props {
		b.render.Properties[p.Name.Text] = renderValue(p.Value)
	}
	return r
}

func renderValue(x kql.Expr) string {
	switch x := x.(type) {
	case *kql.Name:
		return x.Text
	case *kql.Literal:
		switch v := x.Value.(type) {
		case string:
			return v
		case bool:
			return strconv.FormatBool(v)
		case int64:
			return strconv.FormatInt(v, 10)
		case float64:
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
	case *kql.Call:
		s := ""
		for i, a := range x.Args {
			if i > 0 {
				s += ","
			}
			s += renderValue(a)
		}
		return s
	}
	return ""
}
