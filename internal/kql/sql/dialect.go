package sql

import "strings"

// Dialect is what differs between the engines that a plan can be printed for.
type Dialect struct {
	Name       string
	scalars    map[string]template
	aggregates map[string]template
	types      map[string]string // KQL type to the engine's, for casts
}

// DuckDB is the dialect of the embedded store (DuckDB 1.5, with json and icu).
func DuckDB() Dialect {
	return Dialect{Name: "duckdb", scalars: duckScalars(), aggregates: duckAggregates(), types: duckTypes}
}

// Ident quotes an identifier.
func (d Dialect) Ident(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, "\x00", ""), `"`, `""`) + `"`
}

// String quotes a string literal. DuckDB's strings have no escapes but the doubled quote.
func (d Dialect) String(s string) string {
	if !strings.Contains(s, "\x00") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	parts := strings.Split(s, "\x00")
	for i := range parts {
		parts[i] = d.String(parts[i])
	}
	return "(" + strings.Join(parts, " || chr(0) || ") + ")"
}
