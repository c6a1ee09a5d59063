package plan

import "time"

// Type is a KQL scalar type.
type Type uint8

// The scalar types. None is the type of nothing (an operand that was refused).
const (
	None Type = iota
	Bool
	Int
	Long
	Real
	Decimal
	String
	Datetime
	Timespan
	GUID
	Dynamic
)

var typeNames = [...]string{"none", "bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "guid", "dynamic"}

// String gives KQL's name of the type.
func (t Type) String() string { return typeNames[t] }

// ParseType returns the type of KQL's name for it.
func ParseType(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name && i > 0 {
			return Type(i), true
		}
	}
	return None, false
}

func (t Type) integer() bool  { return t == Int || t == Long }
func (t Type) number() bool   { return t >= Int && t <= Decimal }
func (t Type) summable() bool { return t.number() || t == Timespan || t == Datetime }

// Physical representations of stored columns that are not the convention of package sql.
const (
	PhysicalTimestamp = "timestamp_us" // a datetime stored as TIMESTAMP (µs, UTC)
	physicalJSONText  = "json_text"    // a dynamic stored as text that may be 'null'
)

// Column is a column of a table or of a result. Physical is empty for the
// convention of the type (see package sql), or PhysicalTimestamp.
type Column struct {
	Name     string
	Type     Type
	Physical string
}

// Path says that the JSON value at Keys inside the string or dynamic column
// Column also stands, as compact JSON text (NULL when missing), in the physical
// column Extracted, so that parse_json(Column)[k1][k2] need not parse the body.
type Path struct {
	Column    string
	Keys      []string
	Extracted string
}

// Table is a table as the binder sees it.
type Table struct {
	Name    string
	Columns []Column
	Paths   []Path
}

// Schema finds tables by their exact names.
type Schema interface {
	Table(name string) (Table, bool)
	Tables() []string
}

// Options are what a query may depend on besides its tables. Now is the one time
// that now() and ago() give; Parameters are the values of declared query parameters.
type Options struct {
	Now        time.Time
	Parameters map[string]any
}
