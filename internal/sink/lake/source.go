package lake

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

// mergeRows is how many rows are read at once from a file that is merged.
const mergeRows = 64

// source reads one file's rows in order.
type source struct {
	file   *os.File
	groups []parquet.RowGroup
	rows   parquet.Rows
	buf    [mergeRows]parquet.Row
	have   []parquet.Row
	time   int // TimeGenerated's column
}

// openSource opens a file at its first row; nil when it has none.
func (l *Lake) openSource(name string) (*source, error) {
	f, err := os.Open(filepath.Join(l.opt.Dir, name))
	if err != nil {
		return nil, err
	}
	s := &source{file: f, time: l.timeColumn()}
	st, err := f.Stat()
	if err != nil {
		s.close()
		return nil, err
	}
	p, err := parquet.OpenFile(f, st.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		s.close()
		return nil, err
	}
	s.groups = p.RowGroups()
	more, err := s.fill()
	if err != nil || !more {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *source) head() int64 { return s.have[0][s.time].Int64() }

// until counts the rows at hand that are not later than t, at least one.
func (s *source) until(t int64) int {
	n := 1
	for n < len(s.have) && s.have[n][s.time].Int64() <= t {
		n++
	}
	return n
}

// skip drops n rows, and reports whether there are more.
func (s *source) skip(n int) (bool, error) {
	s.have = s.have[n:]
	if len(s.have) > 0 {
		return true, nil
	}
	return s.fill()
}

func (s *source) fill() (bool, error) {
	for {
		if s.rows == nil {
			if len(s.groups) == 0 {
				return false, nil
			}
			s.rows, s.groups = s.groups[0].Rows(), s.groups[1:]
		}
		n, err := s.rows.ReadRows(s.buf[:])
		if n > 0 {
			s.have = s.buf[:n]
			return true, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if err := s.rows.Close(); err != nil {
			return false, err
		}
		s.rows = nil
	}
}

func (s *source) close() {
	if s.rows != nil {
		s.rows.Close()
	}
	s.file.Close()
}
