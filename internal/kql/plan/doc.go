// Package plan gives a KQL query its meaning: it binds the syntax tree of package
// kql to a schema and yields a typed relational plan that knows no SQL dialect.
//
// What always holds: a plan is complete (every name resolved, every operand of the
// type that its operation is defined for, conversions explicit), its columns have
// the names and types that Kusto gives them, and what cannot be translated exactly
// is refused with a *kql.Error that names it and its position.
//
// Columns are known by identity (*Col), never by name: Kusto's names are
// case-sensitive and may repeat along a pipe, which SQL's may not.
package plan
