package lake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"weir/internal/record"
)

const (
	groupRows  = 8192     // rows of a row group, at most
	groupBytes = 32 << 20 // of memory, about
	fileBuffer = 1 << 20
	dictionary = 1 << 20 // bytes of a column's dictionary; then it is plain

	// Sealing is part of what every record costs, merging happens beside it: the
	// faster level takes 30% less processor time for 6% more bytes.
	sealLevel  = zstd.SpeedFastest
	mergeLevel = zstd.SpeedDefault
)

// fileWriter writes one file's rows.
type fileWriter struct {
	lake  *Lake
	w     *parquet.GenericWriter[any]
	batch []parquet.Value
	rowsN int64 // in the row group
	bytes int64
}

// writeFile writes a file under a temporary name, makes it durable and gives it
// its name, which commits it. It sets the file's size and columns.
func (l *Lake) writeFile(ctx context.Context, f *file, level zstd.Level, fill func(*fileWriter) error) (err error) {
	final := filepath.Join(l.opt.Dir, f.name)
	tmp := final + temporary
	out, err := l.opt.FS.Create(tmp)
	if err != nil {
		return fmt.Errorf("create a file: %w", err)
	}
	closed := false
	defer func() {
		if err != nil {
			if !closed {
				out.Close()
			}
			// What stays is removed by the next start.
			l.opt.FS.Remove(tmp)
		}
	}()
	counted := &counter{w: out}
	buf := bufio.NewWriterSize(counted, fileBuffer)
	w := &fileWriter{lake: l, w: parquet.NewGenericWriter[any](buf, l.writerOptions(f, level)...)}
	if err := fill(w); err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	if err := errors.Join(w.w.Close(), buf.Flush()); err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("make a file durable: %w", err)
	}
	closed = true
	if err := out.Close(); err != nil {
		return fmt.Errorf("close a file: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.opt.FS.Rename(tmp, final); err != nil {
		return fmt.Errorf("name a file: %w", err)
	}
	if err := l.opt.FS.SyncDir(l.opt.Dir); err != nil {
		return fmt.Errorf("make a file's name durable: %w", err)
	}
	f.bytes = counted.n
	f.columns = map[string]bool{}
	for _, c := range l.cols {
		f.columns[c.name] = true
	}
	return nil
}

func (l *Lake) writerOptions(f *file, level zstd.Level) []parquet.WriterOption {
	opts := []parquet.WriterOption{
		l.schema,
		parquet.CreatedBy("weir", "1", "lake"),
		parquet.Compression(&zstd.Codec{Level: level}),
		parquet.BloomFilters(parquet.SplitBlockFilter(10, "CorrelationId")),
		parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("TimeGenerated"))),
		parquet.DictionaryMaxBytes(dictionary),
		parquet.WriteBufferSize(0), // writeFile buffers
		// A page's header would repeat the least and the greatest value of the
		// page: a body of 6 MB alone in its page would stand there five times.
		// Files are pruned by the statistics of their row groups.
		parquet.DataPageStatistics(false),
	}
	for _, c := range l.cols {
		if c.unbounded() {
			opts = append(opts, parquet.SkipPageBounds(c.name))
		}
	}
	for k, v := range f.meta() {
		opts = append(opts, parquet.KeyValueMetadata(k, v))
	}
	return opts
}

// rows writes rows column by column, in row groups.
func (w *fileWriter) rows(ctx context.Context, rows []row) error {
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, bytes := 0, int64(0)
		for n < len(rows) && n < groupRows && (n == 0 || bytes < groupBytes) {
			bytes += rows[n].bytes
			n++
		}
		for i, out := range w.w.ColumnWriters() {
			w.batch = w.batch[:0]
			for _, r := range rows[:n] {
				w.batch = append(w.batch, w.lake.cols[i].value(r.values[i], i))
			}
			if _, err := out.WriteRowValues(w.batch); err != nil {
				return fmt.Errorf("column %s: %w", w.lake.cols[i].name, err)
			}
		}
		if err := w.w.Flush(); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// value gives a kept value as Parquet has it in column i.
func (c *column) value(v any, i int) parquet.Value {
	defined := 0
	if c.optional {
		defined = 1
	}
	switch v := v.(type) {
	case nil:
		return parquet.NullValue().Level(0, 0, i)
	case string:
		return parquet.ValueOf(v).Level(0, defined, i)
	case bool:
		return parquet.BooleanValue(v).Level(0, defined, i)
	case int32:
		return parquet.Int32Value(v).Level(0, defined, i)
	case int64:
		return parquet.Int64Value(v).Level(0, defined, i)
	case float64:
		return parquet.DoubleValue(v).Level(0, defined, i)
	case time.Time:
		return parquet.Int64Value(v.UnixMicro()).Level(0, defined, i)
	default:
		panic(fmt.Sprintf("column %s gave a %T", c.name, v)) // record's own test keeps this
	}
}

// timeColumn is the index of TimeGenerated in rows of the schema.
func (l *Lake) timeColumn() int {
	for i, c := range l.cols {
		if c.name == "TimeGenerated" && c.typ == record.Datetime {
			return i
		}
	}
	return -1
}

// counter counts the bytes on their way to a file.
type counter struct {
	w File
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
