package sql

import (
	"fmt"
	"strings"

	"weir/internal/kql/plan"
)

// windowOps are the calls that see other rows than their own.
var windowOps = map[string]bool{
	"prev": true, "next": true, "row_number": true, "row_cumsum": true, "row_rank_dense": true, "row_rank_min": true,
	"$changes": true, "$running": true, "$rank_dense": true, "$rank_min": true, "$number": true,
}

func hasWindow(e plan.Expr) bool {
	c, ok := e.(*plan.Call)
	if !ok {
		return false
	}
	if windowOps[c.Op] {
		return true
	}
	for _, a := range c.Args {
		if hasWindow(a) {
			return true
		}
	}
	return false
}

// liftWindows moves what SQL does not allow inside a window function (another
// window function, the running count that restarts it) to a step below. It returns
// nil when there is nothing to move.
func liftWindows(n *plan.Project) *plan.Project {
	below := &plan.Project{In: n.In}
	changed := false
	lift := func(e plan.Expr) plan.Expr {
		col := &plan.Col{Name: fmt.Sprintf("$w%d", len(below.Cols)), Type: e.ResultType()}
		below.Cols, below.Exprs = append(below.Cols, col), append(below.Exprs, e)
		changed = true
		return &plan.Ref{Col: col}
	}
	var walk func(e plan.Expr) plan.Expr
	walk = func(e plan.Expr) plan.Expr {
		c, ok := e.(*plan.Call)
		if !ok {
			return e
		}
		cp := *c
		cp.Args = append([]plan.Expr{}, c.Args...)
		if !windowOps[c.Op] {
			for i, a := range cp.Args {
				cp.Args[i] = walk(a)
			}
			return &cp
		}
		if restarts := restartArg(c); restarts >= 0 {
			cp.Args[restarts] = lift(&plan.Call{Op: "$running", T: plan.Long, Args: []plan.Expr{c.Args[restarts]}})
		}
		for i, a := range cp.Args {
			if hasWindow(a) {
				cp.Args[i] = lift(a)
			}
		}
		if strings.HasPrefix(c.Op, "row_rank_") && !changed {
			// Where a rank changes is a window function of its own.
			args := append([]plan.Expr{lift(&plan.Call{Op: "$changes", T: plan.Bool, Args: cp.Args})}, cp.Args[1:]...)
			rank := &plan.Call{Op: strings.Replace(c.Op, "row_", "$", 1), T: plan.Long, Args: args, Name: c.Name, At: c.At, End: c.End}
			if rank.Op == "$rank_min" {
				number := append([]plan.Expr{&plan.Const{T: plan.Long, Value: int64(1)}}, cp.Args[1:]...)
				rank.Args = append(rank.Args, lift(&plan.Call{Op: "row_number", T: plan.Long, Args: number}))
			}
			return rank
		}
		return &cp
	}
	out := &plan.Project{Cols: n.Cols}
	for _, e := range n.Exprs {
		out.Exprs = append(out.Exprs, walk(e))
	}
	if !changed {
		return nil
	}
	out.In = below
	return out
}

// restartArg is the index of a condition that begins a new count, -1 for none.
func restartArg(c *plan.Call) int {
	if len(c.Args) == 2 && (c.Op == "row_number" || c.Op == "row_cumsum" || strings.HasPrefix(c.Op, "row_rank_")) && c.Args[1].ResultType() == plan.Bool {
		return 1
	}
	return -1
}

// window prints a window function over the rows in their order.
func (p *printer) window(c *plan.Call) string {
	over, partition := "", ""
	if p.over != "" {
		over = "ORDER BY " + p.over
	}
	var args []string
	for _, a := range c.Args {
		args = append(args, p.expr(a))
	}
	if c.Op == "$number" { // of the rows that agree in the arguments
		if len(args) > 0 {
			partition = "PARTITION BY " + strings.Join(args, ", ") + " "
		}
		return "row_number() OVER (" + partition + over + ")"
	}
	running := "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
	if len(args) == 2 && c.Op != "$rank_min" || len(args) == 3 && c.Op == "$rank_min" {
		partition = "PARTITION BY " + args[1] + " "
	}
	switch c.Op {
	case "prev", "next":
		fn := map[string]string{"prev": "lag", "next": "lead"}[c.Op]
		return fmt.Sprintf("%s(%s, %s, %s) OVER (%s)", fn, args[0], args[1], args[2], over)
	case "row_number":
		return fmt.Sprintf("(%s + row_number() OVER (%s%s) - 1)", args[0], partition, over)
	case "row_cumsum":
		sum := fmt.Sprintf("sum(%s) OVER (%s%s %s)", args[0], partition, over, running)
		if t := c.T; t == plan.Int || t == plan.Long {
			return "kql_wrap64(coalesce(" + sum + ", 0))"
		}
		return "coalesce(" + sum + ", 0)"
	case "$changes":
		o := "OVER (" + partition + over + ")"
		return fmt.Sprintf("(row_number() %s = 1 OR %s IS DISTINCT FROM lag(%s) %s)", o, args[0], args[0], o)
	case "$rank_dense":
		return fmt.Sprintf("count(*) FILTER (WHERE %s) OVER (%s%s %s)", args[0], partition, over, running)
	case "$rank_min":
		return fmt.Sprintf("max(CASE WHEN %s THEN %s END) OVER (%s%s %s)", args[0], args[len(args)-1], partition, over, running)
	case "$running":
		return fmt.Sprintf("count(*) FILTER (WHERE %s) OVER (%s %s)", args[0], over, running)
	}
	panic(p.refuse(c.At, c.End, "function '"+c.Name+"'"))
}
