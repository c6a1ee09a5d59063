package sql

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

// openDuckDB gives one connection to an empty database with the prelude run.
func openDuckDB(t testing.TB) *sql.Conn {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.ExecContext(context.Background(), "SET threads=2; SET memory_limit='1GB'"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(context.Background(), Prelude()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// run executes a statement and returns its rows as wire values.
func run(ctx context.Context, conn *sql.Conn, st Statement) ([][]any, error) {
	rows, err := conn.QueryContext(ctx, st.Text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := [][]any{}
	for rows.Next() {
		vals := make([]any, max(len(st.Columns), 1))
		ptrs := make([]any, len(vals))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		for i, c := range st.Columns {
			if vals[i], err = Value(c.Type, vals[i]); err != nil {
				return nil, err
			}
		}
		out = append(out, vals[:len(st.Columns)])
	}
	return out, rows.Err()
}
