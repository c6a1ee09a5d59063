package sql

import (
	"slices"
	"strings"

	"weir/internal/kql/plan"
)

var joinWords = map[string]string{
	"inner": "INNER JOIN", "innerunique": "INNER JOIN", "leftouter": "LEFT JOIN", "rightouter": "RIGHT JOIN", "fullouter": "FULL JOIN",
	"leftsemi": "SEMI JOIN", "leftanti": "ANTI JOIN", "rightsemi": "SEMI JOIN", "rightanti": "ANTI JOIN",
}

// join joins by IS NOT DISTINCT FROM, since KQL's null keys match; strings that the
// other side lacks are ” in KQL.
func (p *printer) join(n *plan.Join, need *set) string {
	left, right := &set{has: map[*plan.Col]bool{}}, &set{has: map[*plan.Col]bool{}}
	for _, on := range n.On {
		left.refs(on[0])
		right.refs(on[1])
	}
	ofLeft := map[*plan.Col]bool{}
	for _, c := range n.Left.Output() {
		ofLeft[c] = true
	}
	made := map[*plan.Col]*plan.Col{}
	for i, c := range n.Cols {
		made[c] = n.From[i]
	}
	for _, c := range need.list {
		from, ok := made[c]
		switch {
		case !ok: // hidden: only the left's are reached through a join
			left.add(c)
		case ofLeft[from]:
			left.add(from)
		default:
			right.add(from)
		}
	}
	ls := p.node(n.Left, left)
	if n.Kind == "innerunique" {
		ls = p.unique(ls, n, left)
	}
	rs := p.node(n.Right, right)
	var conds []string
	for _, on := range n.On {
		l, r := p.expr(on[0]), p.expr(on[1])
		op := " IS NOT DISTINCT FROM "
		if on[0].ResultType() == plan.String {
			op = " = "
		}
		conds = append(conds, l+op+r)
	}
	var list []string
	for _, c := range need.list {
		from := made[c]
		if from == nil {
			from = c
		}
		v := p.ident(from)
		if from != c {
			if c.Type == plan.String {
				v = "coalesce(" + v + ", '')"
			}
			v += " AS " + p.ident(c)
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		list = []string{"1 AS " + p.d.Ident("$none")}
	}
	if strings.HasPrefix(n.Kind, "right") && n.Kind != "rightouter" {
		ls, rs = rs, ls
	}
	return p.step("SELECT " + strings.Join(list, ", ") + "\nFROM " + ls + "\n" + joinWords[n.Kind] + " " + rs + " ON " + strings.Join(conds, " AND "))
}

// unique keeps one row of the left for each key, the first in its order.
func (p *printer) unique(from string, n *plan.Join, left *set) string {
	var keys []string
	for _, on := range n.On {
		keys = append(keys, p.expr(on[0]))
	}
	over := "PARTITION BY " + strings.Join(keys, ", ")
	if o := orderOf(n.Left); len(o) > 0 && !slices.ContainsFunc(o, func(k plan.SortKey) bool { return !left.has[k.Col] }) {
		over += " ORDER BY " + p.sortKeys(o)
	}
	return p.step("SELECT " + p.selectList(left.list) + "\nFROM " + from + "\nQUALIFY row_number() OVER (" + over + ") = 1")
}
