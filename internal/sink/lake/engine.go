package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// engine is DuckDB in memory, with a pool of connections for queries and one
// for changes of what they see.
type engine struct {
	pool   *sql.DB
	change *sql.Conn // used under Lake.mu
}

// openEngine starts DuckDB and closes the doors behind set-up: no file outside
// the folder, no extension from elsewhere, no setting changed from here on.
func openEngine(ctx context.Context, o Options, fresh duckdb.ParallelChunkTableFunction, setUp []string) (*engine, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("start the query engine: %w", err)
	}
	e := &engine{pool: sql.OpenDB(connector)}
	e.pool.SetMaxOpenConns(o.Queries + 1)
	e.pool.SetMaxIdleConns(o.Queries + 1)
	if err := e.setUp(ctx, fresh, append(settings(o), setUp...)); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func settings(o Options) []string {
	spill := ""
	if !o.ReadOnly {
		spill = filepath.Join(o.Dir, spillName)
	}
	return []string{
		"SET GLOBAL TimeZone = 'UTC'",
		"SET GLOBAL autoinstall_known_extensions = false",
		"SET GLOBAL autoload_known_extensions = false",
		fmt.Sprintf("SET GLOBAL memory_limit = '%dMiB'", max(o.MemoryLimit>>20, 64)),
		fmt.Sprintf("SET GLOBAL threads = %d", o.Threads),
		"SET GLOBAL preserve_insertion_order = false",
		"SET GLOBAL parquet_metadata_cache = true",
		"SET GLOBAL temp_directory = " + quote(spill),
		fmt.Sprintf("SET GLOBAL max_temp_directory_size = '%dMiB'", max(o.SpillBytes>>20, 1)),
		"SET GLOBAL allowed_directories = [" + quote(o.Dir+string(filepath.Separator)) + "]",
		"SET GLOBAL enable_external_access = false",
	}
}

func (e *engine) setUp(ctx context.Context, fresh duckdb.ParallelChunkTableFunction, statements []string) error {
	var err error
	if e.change, err = e.pool.Conn(ctx); err != nil {
		return fmt.Errorf("connect to the query engine: %w", err)
	}
	if err := duckdb.RegisterTableUDF(e.change, freshFunction, fresh); err != nil {
		return fmt.Errorf("set up the query engine: %w", err)
	}
	for _, s := range append(statements, "SET GLOBAL lock_configuration = true") {
		if err := e.exec(ctx, s); err != nil {
			return fmt.Errorf("set up the query engine (%s): %w", firstWords(s), err)
		}
	}
	return nil
}

func firstWords(sql string) string {
	if len(sql) > 60 {
		sql = sql[:60] + "…"
	}
	return strings.ReplaceAll(sql, "\n", " ")
}

// exec runs statements that change what queries see.
func (e *engine) exec(ctx context.Context, statements string) error {
	_, err := e.change.ExecContext(ctx, statements)
	return err
}

func (e *engine) close() error {
	var err error
	if e.change != nil {
		err = e.change.Close()
	}
	return errors.Join(err, e.pool.Close())
}
