package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Rows is the result of a query.
type Rows struct {
	Columns []string
	rows    *sql.Rows
	values  []any
	ptrs    []any
	release func()
}

// Query runs SQL on a connection of its own. It ends when ctx does. The result
// must be closed. Values are those of DuckDB's Go driver: bool, int32, int64,
// float64, *big.Int, duckdb.Decimal, string, time.Time, []any, map[string]any;
// JSON columns come decoded, so a query that wants their text casts them.
func (l *Lake) Query(ctx context.Context, text string) (*Rows, error) {
	rows, err := l.query(ctx, text)
	if err != nil && l.opt.ReadOnly && ctx.Err() == nil {
		// The process that writes may have merged files since they were listed.
		if changed, rerr := l.refresh(ctx); rerr == nil && changed {
			rows, err = l.query(ctx, text)
		}
	}
	return rows, err
}

func (l *Lake) query(ctx context.Context, text string) (*Rows, error) {
	l.mu.Lock()
	e := l.engine
	if e == nil {
		l.mu.Unlock()
		return nil, ErrClosed
	}
	rows := make([][]row, len(l.parts))
	for i, p := range l.parts {
		rows[i] = p.rows[:len(p.rows):len(p.rows)]
	}
	version, release := l.versions.pin()
	l.mu.Unlock()
	ctx = context.WithValue(ctx, snapshotKey{}, &snapshot{l, version, rows})
	res, err := e.pool.QueryContext(ctx, text)
	if err != nil {
		release()
		return nil, err
	}
	r := &Rows{rows: res, release: release}
	if r.Columns, err = res.Columns(); err != nil {
		r.Close()
		return nil, err
	}
	r.values, r.ptrs = make([]any, len(r.Columns)), make([]any, len(r.Columns))
	for i := range r.values {
		r.ptrs[i] = &r.values[i]
	}
	return r, nil
}

// Next gives the next row, whose slice is valid until the following call, or
// io.EOF.
func (r *Rows) Next() ([]any, error) {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	if err := r.rows.Scan(r.ptrs...); err != nil {
		return nil, err
	}
	return r.values, nil
}

// Close ends the query.
func (r *Rows) Close() error {
	err := r.rows.Close()
	r.release()
	return err
}

// refresh has a read-only store look at the folder again, and reports whether
// it has changed. Fresh rows that now stand in a file go, in the same step.
func (l *Lake) refresh(ctx context.Context) (bool, error) {
	var gateways []string
	for _, h := range l.Holdings() {
		gateways = append(gateways, h.Gateway)
	}
	found, err := l.listFiles(gateways)
	if err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return false, ErrClosed
	}
	all, changed := l.shown(), false
	for i, p := range l.parts[:len(gateways)] {
		changed = changed || !sameFiles(found[p.gateway], p.files)
		all[i] = found[p.gateway]
	}
	if !changed {
		return false, nil
	}
	return true, l.show(ctx, all, nil)
}

func sameFiles(a, b fileSet) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].name != b[i].name {
			return false
		}
	}
	return true
}

// listFiles is loadFiles that begins anew, in a read-only store, when a file
// went while they were read: what it was merged into may not have been listed.
func (l *Lake) listFiles(gateways []string) (map[string]fileSet, error) {
	const tries = 20
	for i := 0; ; i++ {
		files, err := l.loadFiles(gateways)
		if err == nil || !errors.Is(err, errVanished) || i == tries {
			return files, err
		}
	}
}

var errVanished = fmt.Errorf("a file went while the folder was read: %w", fs.ErrNotExist)
