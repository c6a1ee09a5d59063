package sql

import (
	"fmt"
	"strings"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

// Statement is a plan in SQL. Columns are the result's, in order: their names and
// types are KQL's, the driver's own names of them mean nothing.
type Statement struct {
	Text    string
	Columns []plan.Column
}

// Print writes p in d's SQL. The error is a *kql.Error.
func Print(p *plan.Plan, d Dialect) (st Statement, err error) {
	pr := &printer{d: d, text: p.Text, idents: map[*plan.Col]string{}, taken: map[string]bool{}}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*kql.Error)
			if !ok {
				panic(r)
			}
			st, err = Statement{}, e
		}
	}()
	return Statement{Text: pr.statement(p.Root, true), Columns: p.Columns()}, nil
}

// printer writes one statement. It gives up by panicking with a *kql.Error.
type printer struct {
	d      Dialect
	text   string
	steps  []string // common table expressions of the statement at hand
	count  int
	idents map[*plan.Col]string
	taken  map[string]bool
	done   map[*plan.Shared]string // steps of the statement at hand that are read again
	over   string                  // ORDER BY of window functions in the step at hand
}

// ident is the identifier of c, unique in the statement whatever the case.
func (p *printer) ident(c *plan.Col) string {
	if s, ok := p.idents[c]; ok {
		return s
	}
	name := c.Name
	for i := 2; p.taken[strings.ToLower(name)]; i++ {
		name = fmt.Sprintf("%s_%d", c.Name, i)
	}
	p.taken[strings.ToLower(name)] = true
	s := p.d.Ident(name)
	p.idents[c] = s
	return s
}

// statement writes the query of a plan: at the root values are brought to their
// result's form and rows to their order.
func (p *printer) statement(n plan.Node, root bool) string {
	outer, done := p.steps, p.done
	p.steps, p.done = nil, map[*plan.Shared]string{}
	cols := n.Output()
	order := orderOf(n)
	need := newSet(cols...)
	for _, k := range order {
		need.add(k.Col)
	}
	from := p.node(n, need)
	var list []string
	for _, c := range cols {
		v := p.expr(&plan.Ref{Col: c})
		if root {
			v = p.result(v, c.Type)
		}
		list = append(list, v+" AS "+p.d.Ident(c.Name))
	}
	if len(list) == 0 {
		list = []string{"NULL"}
	}
	s := "SELECT " + strings.Join(list, ", ") + "\nFROM " + from + p.orderBy(order)
	if len(p.steps) > 0 {
		s = "WITH " + strings.Join(p.steps, ",\n") + "\n" + s
	}
	p.steps, p.done = outer, done
	return s
}

// result brings a value to the form in which the driver gives it whole.
func (p *printer) result(v string, t plan.Type) string {
	switch t {
	case plan.Dynamic, plan.Decimal:
		return "(" + v + ")::VARCHAR"
	case plan.Bool, plan.Int, plan.Long, plan.Real:
		return "(" + v + ")::" + p.d.types[t.String()]
	}
	return v
}

// step adds a common table expression and returns its name.
func (p *printer) step(query string) string { return p.stepAs("NOT MATERIALIZED", query) }

func (p *printer) stepAs(how, query string) string {
	p.count++
	name := fmt.Sprintf("s%d", p.count)
	// Not indented: a string literal may hold a newline.
	p.steps = append(p.steps, name+" AS "+how+" (\n"+query+"\n)")
	return name
}

// selectList names columns for passing through; a relation of no columns still has rows.
func (p *printer) selectList(cols []*plan.Col) string {
	if len(cols) == 0 {
		return "1 AS " + p.d.Ident("$none")
	}
	var b strings.Builder
	for i, c := range cols {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.ident(c))
	}
	return b.String()
}

func (p *printer) orderBy(keys []plan.SortKey) string {
	if len(keys) == 0 {
		return ""
	}
	return "\nORDER BY " + p.sortKeys(keys)
}

func (p *printer) sortKeys(keys []plan.SortKey) string {
	var list []string
	for _, k := range keys {
		s := p.ident(k.Col)
		if k.Desc {
			s += " DESC"
		} else {
			s += " ASC"
		}
		if k.NullsFirst {
			s += " NULLS FIRST"
		} else {
			s += " NULLS LAST"
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

// orderOf gives the columns by which n's rows are ordered, nil when they are in no order.
func orderOf(n plan.Node) []plan.SortKey {
	switch n := n.(type) {
	case *plan.Sort:
		return n.Keys
	case *plan.Filter:
		return orderOf(n.In)
	case *plan.Limit:
		return orderOf(n.In)
	case *plan.Project:
		return orderOf(n.In)
	case *plan.Unnest:
		return orderOf(n.In)
	case *plan.Shared:
		return []plan.SortKey{{Col: n.Row}}
	case *plan.Range:
		return []plan.SortKey{{Col: n.Col}}
	case *plan.Values:
		if n.Ordinal != nil && len(n.Rows) > 1 {
			return []plan.SortKey{{Col: n.Ordinal}}
		}
	}
	return nil
}

// set is a set of columns that remembers the order in which they came.
type set struct {
	has  map[*plan.Col]bool
	list []*plan.Col
}

func newSet(cols ...*plan.Col) *set {
	s := &set{has: map[*plan.Col]bool{}}
	s.add(cols...)
	return s
}

func (s *set) add(cols ...*plan.Col) {
	for _, c := range cols {
		if !s.has[c] {
			s.has[c] = true
			s.list = append(s.list, c)
		}
	}
}

func (s *set) clone() *set { return newSet(s.list...) }

// refs adds the columns that e reads.
func (s *set) refs(list ...plan.Expr) *set {
	for _, e := range list {
		switch e := e.(type) {
		case *plan.Ref:
			s.add(e.Col)
		case *plan.Call:
			s.refs(e.Args...)
		case *plan.InQuery:
			s.refs(e.X)
		}
	}
	return s
}
