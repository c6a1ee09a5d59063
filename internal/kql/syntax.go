package kql

// Query is a parsed query: statements in order, of which the last is the one
// that gives the result.
type Query struct {
	Text       string
	Statements []Statement
}

// Statement is *Let, *Expression, *Declare or *Set.
type Statement interface{ statement() }

// Let names a value, a table or (when Params is not nil) a function.
type Let struct {
	At   Span
	Name *Name
	Func *Function // nil unless it declares a function
	X    Expr      // nil when Func is set
}

// Function is the right side of `let f = (params) { body }`.
type Function struct {
	At     Span
	Params []Param
	Body   []Statement
}

// Param is a parameter of a function: scalar (Type), or tabular (Schema, or any columns when Any).
type Param struct {
	Name    *Name
	Type    string
	Schema  []ColumnDecl
	Any     bool
	Tabular bool
	Default Expr
}

// ColumnDecl is `name: type`.
type ColumnDecl struct {
	Name *Name
	Type string
	At   Span
}

// Expression is a statement that is an expression: the query itself.
type Expression struct{ X Expr }

// Declare is `declare query_parameters(name: type = default, …)`.
type Declare struct {
	At     Span
	Params []Param
}

// Set is `set option = value`; it never changes the result here.
type Set struct {
	At    Span
	Name  *Name
	Value Expr
}

func (*Let) statement()        {}
func (*Expression) statement() {}
func (*Declare) statement()    {}
func (*Set) statement()        {}

// Expr is a node of an expression, scalar or tabular.
type Expr interface{ Span() Span }

type (
	// Name is an identifier, or ['any text'].
	Name struct {
		At   Span
		Text string
	}
	// Literal is a constant. Type is KQL's name of its type; Value is nil for
	// null, else bool, int64 (int, long, datetime and timespan in ticks),
	// float64 (real) or string (string, decimal, guid, dynamic as compact JSON).
	Literal struct {
		At    Span
		Type  string
		Value any
	}
	// Star is `*`.
	Star struct{ At Span }
	// Unary is + or - before X.
	Unary struct {
		At Span
		Op string
		X  Expr
	}
	// Binary is L Op R; Op is as written, in lower case (`has`, `==`, `and`, `matches regex` …).
	Binary struct {
		At   Span
		Op   string
		OpAt Span
		L, R Expr
	}
	// In is X Op (List…), with Op in, !in, in~, !in~, has_any, has_all.
	In struct {
		At   Span
		Op   string
		OpAt Span
		X    Expr
		List []Expr
	}
	// Between is X between (Lo .. Hi).
	Between struct {
		At   Span
		Not  bool
		X    Expr
		Lo   Expr
		Hi   Expr
		OpAt Span
	}
	// Call is Fn(Args…).
	Call struct {
		At   Span
		Fn   *Name
		Args []Expr
	}
	// Member is X.Name.
	Member struct {
		At   Span
		X    Expr
		Name *Name
	}
	// Index is X[I].
	Index struct {
		At Span
		X  Expr
		I  Expr
	}
	// Named is `name = X` or `(a, b) = X`.
	Named struct {
		At    Span
		Names []*Name
		Tuple bool
		X     Expr
	}
	// Ordered is a sort key: Desc as it applies; NullsFirst as it applies.
	Ordered struct {
		At         Span
		X          Expr
		Desc       bool
		NullsFirst bool
	}
	// Pipe is a source and the operators that follow it. Source nil means the
	// operators begin the query and their source is whatever the caller sets.
	Pipe struct {
		At     Span
		Source Expr
		Ops    []Operator
	}
	// Datatable is datatable(columns)[values].
	Datatable struct {
		At      Span
		Columns []ColumnDecl
		Values  []Expr
	}
	// PrintSource is `print a = 1, …`.
	PrintSource struct {
		At    Span
		Exprs []Expr
	}
	// RangeSource is `range x from a to b step c`.
	RangeSource struct {
		At             Span
		Name           *Name
		From, To, Step Expr
	}
	// UnionSource is `union …` that begins a pipe.
	UnionSource struct {
		At Span
		Op *Union
	}
	// SearchSource is `search …` or `find …` that begins a pipe.
	SearchSource struct {
		At Span
		Op *Search
	}
	// ToType is `X to typeof(T)`.
	ToType struct {
		At   Span
		X    Expr
		Type string
	}
)

func (n *Name) Span() Span         { return n.At }
func (n *Literal) Span() Span      { return n.At }
func (n *Star) Span() Span         { return n.At }
func (n *Unary) Span() Span        { return n.At }
func (n *Binary) Span() Span       { return n.At }
func (n *In) Span() Span           { return n.At }
func (n *Between) Span() Span      { return n.At }
func (n *Call) Span() Span         { return n.At }
func (n *Member) Span() Span       { return n.At }
func (n *Index) Span() Span        { return n.At }
func (n *Named) Span() Span        { return n.At }
func (n *Ordered) Span() Span      { return n.At }
func (n *Pipe) Span() Span         { return n.At }
func (n *Datatable) Span() Span    { return n.At }
func (n *PrintSource) Span() Span  { return n.At }
func (n *RangeSource) Span() Span  { return n.At }
func (n *UnionSource) Span() Span  { return n.At }
func (n *SearchSource) Span() Span { return n.At }
func (n *ToType) Span() Span       { return n.At }

// Operator is what may follow a pipe.
type Operator interface {
	Span() Span
	print(p *printer)
}

// Property is `name=value` before or after an operator's operands (kind=inner, hint.strategy=shuffle).
type Property struct {
	Name  *Name
	Value Expr
}
