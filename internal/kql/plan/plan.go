package plan

// Col is a column of the plan, known by its address.
type Col struct {
	Name     string
	Type     Type
	Physical string
	NotNull  bool
}

// Expr is a typed scalar expression.
type Expr interface{ ResultType() Type }

type (
	// Ref is the value of a column.
	Ref struct{ Col *Col }
	// Const is a constant; Value as in kql.Literal, nil for null.
	Const struct {
		T     Type
		Value any
	}
	// Call applies the operation Op (see the function tables) to Args.
	Call struct {
		Op   string
		T    Type
		Args []Expr
		Name string // as the query wrote it
		At   int    // byte offset of the name
		End  int
	}
	// Subquery is the first value of a table (toscalar).
	Subquery struct {
		In  Node
		Col *Col
	}
	// InQuery says whether X is among the values of In's column.
	InQuery struct {
		X    Expr
		In   Node
		Col  *Col
		Fold bool
		Not  bool
	}
)

func (e *Ref) ResultType() Type      { return e.Col.Type }
func (e *Const) ResultType() Type    { return e.T }
func (e *Call) ResultType() Type     { return e.T }
func (e *Subquery) ResultType() Type { return e.Col.Type }
func (e *InQuery) ResultType() Type  { return Bool }

// Node is a relation.
type Node interface{ Output() []*Col }

type (
	// Scan reads a table. Extracted are further physical columns that Path rewrites refer to.
	Scan struct {
		Table     string
		Cols      []*Col
		Extracted []*Col
	}
	// Values is a constant table; Ordinal numbers its rows.
	Values struct {
		Cols    []*Col
		Rows    [][]Expr
		Ordinal *Col
	}
	// Range is the numbers, times or spans from From to To by Step.
	Range struct {
		Col            *Col
		From, To, Step Expr
	}
	// Filter keeps the rows where Pred is true.
	Filter struct {
		In   Node
		Pred Expr
	}
	// Project computes columns: Exprs[i] gives Cols[i]; a Ref to the same *Col passes it through.
	Project struct {
		In    Node
		Cols  []*Col
		Exprs []Expr
	}
	// Aggregate groups by Keys and computes Aggs; with no keys there is one row.
	Aggregate struct {
		In    Node
		Keys  []*Col
		KeyX  []Expr
		Aggs  []*Col
		AggX  []*Agg
		Total bool // one row even if there are no input rows
	}
	// Sort orders rows by columns.
	Sort struct {
		In   Node
		Keys []SortKey
	}
	// Limit keeps the first N rows.
	Limit struct {
		In Node
		N  Expr
	}
	// Shared is In, which may be read from several places of the plan: the rows are
	// the same each time, and Row (hidden) numbers them in their order.
	Shared struct {
		In   Node
		Cols []*Col
		Row  *Col
	}
	// Join joins Left and Right where all pairs of On are the same (null is the same as null).
	Join struct {
		Kind  string // inner, innerunique, leftouter, rightouter, fullouter, leftsemi, leftanti, rightsemi, rightanti
		Left  Node
		Right Node
		On    [][2]Expr
		Cols  []*Col // result
		From  []*Col // the columns of Left and Right that give them
	}
	// Union is all rows of Ins; Exprs[i][j] gives Cols[j] of input i.
	Union struct {
		Ins   []Node
		Cols  []*Col
		Exprs [][]Expr
	}
	// Unnest expands dynamic arrays and bags, several in step.
	Unnest struct {
		In    Node
		Items []UnnestItem
		Index *Col // position from 0, or nil
		Cols  []*Col
		Outer bool // a row whose arrays are all null is kept
		Bags  bool // bags become arrays of [key, value]
	}
)

// UnnestItem is one expanded value: X is dynamic, Conv converts an element (a Ref to Elem) to Col's type.
type UnnestItem struct {
	X    Expr
	Elem *Col
	Conv Expr
	Col  *Col
}

// SortKey is a column to sort by.
type SortKey struct {
	Col        *Col
	Desc       bool
	NullsFirst bool
}

// Agg is an aggregate over the rows of a group for which Filter (or nil) is true.
type Agg struct {
	Op     string
	T      Type
	Args   []Expr
	Filter Expr
	Name   string
	At     int
	End    int
}

func (n *Scan) Output() []*Col      { return n.Cols }
func (n *Values) Output() []*Col    { return n.Cols }
func (n *Range) Output() []*Col     { return []*Col{n.Col} }
func (n *Filter) Output() []*Col    { return n.In.Output() }
func (n *Project) Output() []*Col   { return n.Cols }
func (n *Aggregate) Output() []*Col { return append(append([]*Col{}, n.Keys...), n.Aggs...) }
func (n *Sort) Output() []*Col      { return n.In.Output() }
func (n *Limit) Output() []*Col     { return n.In.Output() }
func (n *Shared) Output() []*Col    { return n.Cols }
func (n *Join) Output() []*Col      { return n.Cols }
func (n *Union) Output() []*Col     { return n.Cols }
func (n *Unnest) Output() []*Col    { return n.Cols }

// Plan is a bound query.
type Plan struct {
	Text   string // the query, for positions in errors
	Root   Node
	render *Render
}

// Render is what a query's render operator asked for.
type Render struct {
	Kind       string
	Properties map[string]string
}

// Columns are the result's names and types, in order.
func (p *Plan) Columns() []Column {
	var out []Column
	for _, c := range p.Root.Output() {
		out = append(out, Column{Name: c.Name, Type: c.Type})
	}
	return out
}

// Render returns what render asked for, or nil.
func (p *Plan) Render() *Render { return p.render }
