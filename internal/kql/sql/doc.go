// Package sql prints a bound plan as one SQL statement of a dialect.
//
// What always holds: the statement is text only (no parameters, no user-defined
// functions beyond the macros of Prelude), every identifier passes through
// Dialect.Ident and every literal through Dialect.String, so that no query can
// break out of its place; and what has no exact translation is refused with a
// *kql.Error that names it and its position. Where only a row's value shows that there
// is none (an array of mixed types to be sorted), the statement fails with an error
// that says so.
//
// Values in DuckDB, as stored tables must give them and results come back:
//
//	bool      BOOLEAN
//	int       INTEGER
//	long      BIGINT
//	real      DOUBLE
//	decimal   DECIMAL(38,18): 20 digits before the point, 18 after; a sum that
//	          does not fit is an error, a quotient or an average is cut
//	          off after 18 digits
//	string    VARCHAR, never NULL
//	guid      VARCHAR, lower case with hyphens
//	datetime  BIGINT, ticks of 100 ns since 0001-01-01 UTC; a stored column may be
//	          TIMESTAMP (µs, UTC) where its Physical says plan.PhysicalTimestamp
//	timespan  BIGINT, ticks
//	dynamic   JSON as compact text; SQL NULL and JSON null are both null
//
// The steps of a query become common table expressions, s1, s2 …, in the order of
// its pipe; columns are known by identifiers unique in the statement whatever
// their case, because SQL folds case and KQL does not.
package sql
