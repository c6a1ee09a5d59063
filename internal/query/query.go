// Package query is the life of a query: KQL text is parsed, bound to the
// tables, printed as SQL and run by an engine, and its rows come back in
// Kusto's types and encoding.
//
// What always holds: a query never sees a part of a record; a result is whole
// or an error says why it is not ([Limits]); an error of the language is a
// *kql.Error with its position.
package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"weir/internal/kql"
	"weir/internal/kql/plan"
	"weir/internal/kql/sql"
	"weir/internal/record"
)

// Rows iterates over an engine's result.
type Rows interface {
	// Next gives the next row's values, valid until the following call, or
	// io.EOF.
	Next() ([]any, error)
	Close() error
}

// Engine runs SQL of one dialect.
type Engine interface {
	Query(ctx context.Context, text string) (Rows, error)
}

// Limits bounds what one query may give back; Kusto's defaults
// (query-limits.md): 500,000 rows and 64 MB.
type Limits struct {
	Rows  int
	Bytes int
}

// DefaultLimits are Kusto's.
func DefaultLimits() Limits { return Limits{Rows: 500_000, Bytes: 64 << 20} }

// LimitError says that a result is larger than the limits allow. Nothing of
// the result is given, since a part would pass for the whole.
type LimitError struct {
	What  string // "rows" or "bytes"
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("E_QUERY_RESULT_SET_TOO_LARGE: the result has more than %d %s; summarize it, add a filter, or end the query with `| take N`", e.Limit, e.What)
}

// Result is a query's outcome.
type Result struct {
	Columns []plan.Column
	Rows    [][]any // JSON-marshalable, in Kusto's encoding
	Render  *plan.Render
}

// Service answers queries over one engine.
type Service struct {
	engine  Engine
	dialect sql.Dialect
	schema  plan.Schema
	limits  Limits
	now     func() time.Time
}

// New makes a service over engine; labels are the columns that the config adds
// to WeirExchanges.
func New(engine Engine, labels []string) *Service {
	return &Service{engine: engine, dialect: sql.DuckDB(), schema: Schema(labels), limits: DefaultLimits(), now: time.Now}
}

// Compile gives the SQL of a query and its plan, without running it.
func (s *Service) Compile(text string) (sql.Statement, *plan.Plan, error) {
	q, err := kql.Parse(text)
	if err != nil {
		return sql.Statement{}, nil, err
	}
	p, err := plan.Bind(q, s.schema, plan.Options{Now: s.now().UTC()})
	if err != nil {
		return sql.Statement{}, nil, err
	}
	st, err := sql.Print(p, s.dialect)
	return st, p, err
}

// Run answers one query. It ends when ctx does.
func (s *Service) Run(ctx context.Context, text string) (*Result, error) {
	st, p, err := s.Compile(text)
	if err != nil {
		return nil, err
	}
	rows, err := s.engine.Query(ctx, st.Text)
	if err != nil {
		return nil, fmt.Errorf("run the query: %w", err)
	}
	defer rows.Close()
	res := &Result{Columns: st.Columns, Render: p.Render(), Rows: [][]any{}}
	size := 0
	for {
		vals, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return res, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the query's rows: %w", err)
		}
		if len(res.Rows) >= s.limits.Rows {
			return nil, &LimitError{"rows", s.limits.Rows}
		}
		row := make([]any, len(st.Columns))
		for i, c := range st.Columns {
			if row[i], err = sql.Value(c.Type, vals[i]); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.Name, err)
			}
			size += width(row[i])
		}
		if size > s.limits.Bytes {
			return nil, &LimitError{"bytes", s.limits.Bytes}
		}
		res.Rows = append(res.Rows, row)
	}
}

func width(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case json.RawMessage:
		return len(v)
	}
	return 8
}

// schema is the tables of the record as the language sees them.
type schema struct {
	tables map[string]plan.Table
	names  []string
}

// Schema gives the tables of the record, WeirExchanges with the labels as
// further string columns.
func Schema(labels []string) plan.Schema {
	s := schema{tables: map[string]plan.Table{}}
	for _, t := range record.Tables() {
		s.names = append(s.names, t.Name)
		s.tables[t.Name] = table(t, labels)
	}
	return s
}

func table(t record.Table, labels []string) plan.Table {
	out := plan.Table{Name: t.Name}
	has := map[string]bool{}
	for _, c := range t.Columns {
		has[c.Name] = true
		out.Columns = append(out.Columns, column(c))
	}
	if t.Name == "WeirExchanges" {
		for _, l := range labels {
			out.Columns = append(out.Columns, plan.Column{Name: l, Type: plan.String})
		}
	}
	if t.PerMessage {
		return out
	}
	for _, p := range record.Paths() {
		if has[p.In] {
			out.Paths = append(out.Paths, plan.Path{Column: p.In, Keys: p.Keys, Extracted: p.Column})
		}
	}
	return out
}

func (s schema) Table(name string) (plan.Table, bool) {
	t, ok := s.tables[name]
	return t, ok
}

func (s schema) Tables() []string { return s.names }

// column gives a stored column's type in the language. Times are stored as
// TIMESTAMPs, which the printer is told.
func column(c record.TableColumn) plan.Column {
	t, _ := plan.ParseType(string(c.Type)) // every record.Type is a KQL type's name
	out := plan.Column{Name: c.Name, Type: t}
	if t == plan.Datetime {
		out.Physical = plan.PhysicalTimestamp
	}
	return out
}
