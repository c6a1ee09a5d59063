package sql

import (
	"fmt"
	"strings"

	"weir/internal/kql/plan"
)

// node adds the steps of n and returns the name to read it from; need are the
// columns that are read, n's own or (hidden ones) of what it stands on.
func (p *printer) node(n plan.Node, need *set) string {
	switch n := n.(type) {
	case *plan.Scan:
		return p.scan(n, need)
	case *plan.Values:
		return p.values(n, need)
	case *plan.Range:
		return p.rangeNode(n)
	case *plan.Filter:
		return p.filter(n, need)
	case *plan.Project:
		return p.project(n, need)
	case *plan.Aggregate:
		return p.aggregate(n, need)
	case *plan.Sort:
		return p.node(n.In, need)
	case *plan.Limit:
		return p.limit(n, need)
	case *plan.Shared:
		return p.shared(n)
	case *plan.Join:
		return p.join(n, need)
	case *plan.Union:
		return p.union(n, need)
	case *plan.Unnest:
		return p.unnest(n, need)
	case *plan.Series:
		return p.series(n)
	}
	panic(fmt.Sprintf("plan node %T cannot be printed", n))
}

func (p *printer) scan(n *plan.Scan, need *set) string {
	var list []string
	for _, c := range append(append([]*plan.Col{}, n.Cols...), n.Extracted...) {
		if need.has[c] {
			list = append(list, p.d.Ident(c.Name)+" AS "+p.ident(c))
		}
	}
	if len(list) == 0 {
		list = []string{"1 AS " + p.d.Ident("$none")}
	}
	return p.step("SELECT " + strings.Join(list, ", ") + "\nFROM " + p.d.Ident(n.Table))
}

func (p *printer) values(n *plan.Values, need *set) string {
	cols := n.Cols
	if n.Ordinal != nil {
		cols = append(append([]*plan.Col{}, cols...), n.Ordinal)
	}
	if len(n.Rows) <= 1 {
		var list []string
		for i, c := range n.Cols {
			v := "NULL::" + p.d.types[c.Type.String()]
			if len(n.Rows) == 1 {
				v = p.expr(n.Rows[0][i])
			}
			list = append(list, v+" AS "+p.ident(c))
		}
		q := "SELECT " + strings.Join(list, ", ")
		if len(n.Rows) == 0 {
			q += " WHERE false"
		}
		return p.step(q)
	}
	var rows []string
	for i, r := range n.Rows {
		var vals []string
		for _, v := range r {
			vals = append(vals, p.expr(v))
		}
		if n.Ordinal != nil {
			vals = append(vals, fmt.Sprint(i))
		}
		rows = append(rows, "("+strings.Join(vals, ", ")+")")
	}
	return p.step("SELECT * FROM (VALUES " + strings.Join(rows, ", ") + ") AS t(" + p.selectList(cols) + ")")
}

// rangeNode steps through whole numbers (times are ticks), or reals by a count of steps.
func (p *printer) rangeNode(n *plan.Range) string {
	from, to, step := p.expr(n.From), p.expr(n.To), p.expr(n.Step)
	id := p.ident(n.Col)
	if n.Col.Type == plan.Real {
		return p.step(fmt.Sprintf("SELECT %s + i * %s AS %s\nFROM generate_series(0, coalesce(TRY_CAST(floor((%s - %s) / %s) AS BIGINT), -1)) AS t(i)", from, step, id, to, from, step))
	}
	return p.step(fmt.Sprintf("SELECT i AS %s\nFROM generate_series(%s, %s, %s) AS t(i)", id, from, to, step))
}

func (p *printer) filter(n *plan.Filter, need *set) string {
	in := need.clone().refs(n.Pred)
	clause := "WHERE "
	if hasWindow(n.Pred) {
		clause = "QUALIFY "
		for _, k := range orderOf(n.In) {
			in.add(k.Col)
		}
	}
	from := p.node(n.In, in)
	p.over = p.sortKeys(orderOf(n.In))
	return p.step("SELECT " + p.selectList(need.list) + "\nFROM " + from + "\n" + clause + p.predicate(n.Pred))
}

func (p *printer) project(n *plan.Project, need *set) string {
	in := &set{has: map[*plan.Col]bool{}}
	made := map[*plan.Col]plan.Expr{}
	windows := false
	for i, c := range n.Cols {
		made[c] = n.Exprs[i]
	}
	for _, c := range need.list {
		if e, ok := made[c]; ok {
			in.refs(e)
			windows = windows || hasWindow(e)
		} else {
			in.add(c)
		}
	}
	if windows {
		if lifted := liftWindows(n); lifted != nil {
			return p.project(lifted, need)
		}
		for _, k := range orderOf(n.In) {
			in.add(k.Col)
		}
	}
	from := p.node(n.In, in)
	p.over = p.sortKeys(orderOf(n.In))
	same := true
	var list []string
	for _, c := range need.list {
		e, ok := made[c]
		if r, isRef := e.(*plan.Ref); !ok || isRef && r.Col == c {
			list = append(list, p.ident(c))
			continue
		}
		same = false
		list = append(list, p.physical(e, c)+" AS "+p.ident(c))
	}
	if same {
		return from
	}
	return p.step("SELECT " + strings.Join(list, ", ") + "\nFROM " + from)
}

// physical prints e for column c, as it is stored when c is stored so too.
func (p *printer) physical(e plan.Expr, c *plan.Col) string {
	if r, ok := e.(*plan.Ref); ok && r.Col.Physical == c.Physical {
		return p.ident(r.Col)
	}
	return p.expr(e)
}

func (p *printer) limit(n *plan.Limit, need *set) string {
	order := orderOf(n.In)
	in := need.clone()
	for _, k := range order {
		in.add(k.Col)
	}
	from := p.node(n.In, in)
	return p.step("SELECT " + p.selectList(need.list) + "\nFROM " + from + p.orderBy(order) + "\nLIMIT greatest(" + p.expr(n.N) + ", 0)")
}

// shared writes the rows once, with all their columns, and once only: what reads
// them again finds the same step.
func (p *printer) shared(n *plan.Shared) string {
	if name, ok := p.done[n]; ok {
		return name
	}
	order := orderOf(n.In)
	in := newSet(n.Cols...)
	for _, k := range order {
		in.add(k.Col)
	}
	from := p.node(n.In, in)
	p.done[n] = p.stepAs("MATERIALIZED", fmt.Sprintf("SELECT %s, row_number() OVER (%s) AS %s\nFROM %s",
		p.selectList(n.Cols), strings.TrimPrefix(p.orderBy(order), "\n"), p.ident(n.Row), from))
	return p.done[n]
}

func (p *printer) aggregate(n *plan.Aggregate, need *set) string {
	in := &set{has: map[*plan.Col]bool{}}
	in.refs(n.KeyX...)
	order := orderOf(n.In)
	for i, a := range n.AggX {
		if need.has[n.Aggs[i]] {
			in.refs(a.Args...)
			if a.Filter != nil {
				in.refs(a.Filter)
			}
			if ordersRows[a.Op] {
				for _, k := range order {
					in.add(k.Col)
				}
			}
		}
	}
	from := p.node(n.In, in)
	var list, keys []string
	for i, k := range n.Keys {
		list = append(list, p.physical(n.KeyX[i], k)+" AS "+p.ident(k))
		keys = append(keys, fmt.Sprint(i+1))
	}
	for i, c := range n.Aggs {
		if need.has[c] {
			list = append(list, p.agg(n.AggX[i], order)+" AS "+p.ident(c))
		}
	}
	if len(list) == 0 {
		list = []string{"count(*) AS " + p.d.Ident("$none")}
	}
	q := "SELECT " + strings.Join(list, ", ") + "\nFROM " + from
	if len(keys) > 0 {
		q += "\nGROUP BY " + strings.Join(keys, ", ")
	}
	return p.step(q)
}

func (p *printer) union(n *plan.Union, need *set) string {
	var parts []string
	for i, in := range n.Ins {
		sub := &set{has: map[*plan.Col]bool{}}
		for j, c := range n.Cols {
			if need.has[c] {
				sub.refs(n.Exprs[i][j])
			}
		}
		from := p.node(in, sub)
		var list []string
		for j, c := range n.Cols {
			if need.has[c] {
				list = append(list, p.expr(n.Exprs[i][j])+" AS "+p.ident(c))
			}
		}
		if len(list) == 0 {
			list = []string{"1 AS " + p.d.Ident("$none")}
		}
		parts = append(parts, "SELECT "+strings.Join(list, ", ")+"\nFROM "+from)
	}
	return p.step(strings.Join(parts, "\nUNION ALL\n"))
}
