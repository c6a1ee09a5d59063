package sql

import (
	"fmt"
	"strings"

	"weir/internal/kql/plan"
)

// unnest expands arrays in step: DuckDB's unnest pads the shorter with NULL, as
// Kusto does. An empty array gives no row, null gives one row of null, a value that
// is no array gives itself, a bag its properties as bags of one.
func (p *printer) unnest(n *plan.Unnest, need *set) string {
	in := &set{has: map[*plan.Col]bool{}}
	made := map[*plan.Col]bool{}
	for _, it := range n.Items {
		in.refs(it.X)
		made[it.Col] = true
	}
	for _, c := range need.list {
		if !made[c] && c != n.Index {
			in.add(c)
		}
	}
	from := p.node(n.In, in)
	var keep, arrays []string
	for _, c := range in.list {
		if need.has[c] {
			keep = append(keep, p.ident(c))
		}
	}
	for _, it := range n.Items {
		arrays = append(arrays, fmt.Sprintf("unnest(kql_elements(%s)) AS %s", p.expr(it.X), p.ident(it.Elem)))
	}
	if n.Index != nil && need.has[n.Index] {
		var lens []string
		for _, it := range n.Items {
			lens = append(lens, fmt.Sprintf("len(kql_elements(%s))", p.expr(it.X)))
		}
		arrays = append(arrays, fmt.Sprintf("unnest(range(0, greatest(%s))) AS %s", strings.Join(lens, ", "), p.ident(n.Index)))
	}
	src := p.step("SELECT " + strings.Join(append(append([]string{}, keep...), arrays...), ", ") + "\nFROM " + from)
	var list []string
	for _, c := range need.list {
		s := p.ident(c)
		for _, it := range n.Items {
			if it.Col == c {
				s = p.expr(it.Conv) + " AS " + p.ident(c)
			}
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		list = []string{"1 AS " + p.d.Ident("$none")}
	}
	return p.step("SELECT " + strings.Join(list, ", ") + "\nFROM " + src)
}
