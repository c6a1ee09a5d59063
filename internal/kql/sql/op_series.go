package sql

import (
	"fmt"
	"strings"

	"weir/internal/kql/plan"
)

// series joins the groups with the points of the axis and each with its aggregate,
// the default where a point has no row.
func (p *printer) series(n *plan.Series) string {
	in := (&set{has: map[*plan.Col]bool{}}).refs(n.KeyX...).refs(n.On)
	for _, a := range n.AggX {
		in.refs(a.Args...)
		if a.Filter != nil {
			in.refs(a.Filter)
		}
	}
	from := p.node(n.In, in)
	start, stop, step := p.expr(n.From), p.expr(n.To), p.expr(n.Step)
	on := p.expr(n.On)
	point := p.d.Ident("$point")
	keys := []string{"1 AS " + p.d.Ident("$all")}
	same := []string{"a." + point + " = r." + point}
	var list, group []string
	for i, k := range n.Keys {
		keys = append(keys, p.physical(n.KeyX[i], k)+" AS "+p.ident(k))
		same = append(same, "a."+p.ident(k)+" IS NOT DISTINCT FROM g."+p.ident(k))
		list = append(list, "g."+p.ident(k)+" AS "+p.ident(k))
		group = append(group, "g."+p.ident(k))
	}
	aggs := append(append([]string{}, keys...), fmt.Sprintf("kql_bin_at(%s, %s, %s) AS %s", on, step, start, point))
	for i, a := range n.AggX {
		aggs = append(aggs, p.agg(a, nil)+" AS "+p.ident(n.Aggs[i]))
		v := p.toDynamic(&plan.Const{T: a.T}, "a."+p.ident(n.Aggs[i]))
		list = append(list, fmt.Sprintf("to_json(list(CASE WHEN a.%s IS NULL THEN %s ELSE %s END ORDER BY r.%s)) AS %s",
			point, p.toDynamic(n.Defaults[i], p.expr(n.Defaults[i])), v, point, p.ident(n.Aggs[i])))
	}
	list = append(list, fmt.Sprintf("to_json(list(%s ORDER BY r.%s)) AS %s", p.toDynamic(&plan.Const{T: n.From.ResultType()}, "r."+point), point, p.ident(n.Axis)))
	g := p.step("SELECT DISTINCT " + strings.Join(keys, ", ") + "\nFROM " + from)
	a := p.step(fmt.Sprintf("SELECT %s\nFROM %s\nWHERE %s >= %s AND %s < %s\nGROUP BY ALL", strings.Join(aggs, ", "), from, on, start, on, stop))
	r := p.step(fmt.Sprintf("SELECT i AS %s\nFROM generate_series(%s, %s - 1, %s) AS t(i)\nLIMIT 1048576", point, start, stop, step))
	return p.step(fmt.Sprintf("SELECT %s\nFROM %s AS g CROSS JOIN %s AS r LEFT JOIN %s AS a ON %s\nGROUP BY %s",
		strings.Join(list, ", "), g, r, a, strings.Join(same, " AND "), strings.Join(append(group, "g."+p.d.Ident("$all")), ", ")))
}
