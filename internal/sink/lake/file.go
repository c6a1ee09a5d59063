package lake

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"weir/internal/sink"
)

// The names of the files' metadata.
const (
	metaFormat = "weir.format"
	metaFrom   = "weir.from"
	metaTo     = "weir.to"
	metaResume = "weir.resume"
	metaFirst  = "weir.first"
	metaLast   = "weir.last"

	formatVersion = "1"

	extension = ".parquet"
	temporary = ".tmp"
	damaged   = ".damaged"
)

// span is a range of commit positions: after from, up to and including to.
type span struct{ from, to sink.Pos }

func (s span) has(p sink.Pos) bool { return p.Compare(s.from) > 0 && p.Compare(s.to) <= 0 }

func (s span) inside(o span) bool {
	return s.from.Compare(o.from) >= 0 && s.to.Compare(o.to) <= 0
}

func (s span) overlaps(o span) bool {
	return s.from.Compare(o.to) < 0 && o.from.Compare(s.to) < 0
}

// file is a sealed file.
type file struct {
	span
	name    string // without the folder
	resume  sink.Pos
	rows    int64
	bytes   int64 // on disk
	first   time.Time
	last    time.Time
	columns map[string]bool
}

func fileName(gateway string, s span) string {
	return fmt.Sprintf("%s_%08d-%020d_%08d-%020d%s", gateway, s.from.Epoch, s.from.Seq, s.to.Epoch, s.to.Seq, extension)
}

var nameForm = regexp.MustCompile(`^(.+)_(\d{8,20})-(\d{20})_(\d{8,20})-(\d{20})\.parquet$`)

// parseName reads a file name; ok is false for names of another form.
func parseName(name string) (gateway string, s span, ok bool) {
	m := nameForm.FindStringSubmatch(name)
	if m == nil {
		return "", span{}, false
	}
	var n [4]uint64
	for i := range n {
		v, err := strconv.ParseUint(m[i+2], 10, 64)
		if err != nil {
			return "", span{}, false
		}
		n[i] = v
	}
	s = span{sink.Pos{Epoch: n[0], Seq: n[1]}, sink.Pos{Epoch: n[2], Seq: n[3]}}
	return m[1], s, s.from.Compare(s.to) < 0 && fileName(m[1], s) == name
}

// readFile reads a file's footer and checks that the file is what its name says.
func readFile(dir, name string, s span) (*file, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := parquet.OpenFile(f, st.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, &damageError{err}
	}
	out := &file{span: s, name: name, rows: p.NumRows(), bytes: st.Size(), columns: map[string]bool{}}
	for _, c := range p.Schema().Columns() {
		out.columns[c[0]] = true
	}
	if err := out.readMeta(p); err != nil {
		return nil, &damageError{err}
	}
	return out, nil
}

// damageError is a file whose content is at fault, not the way to it.
type damageError struct{ err error }

func (e *damageError) Error() string { return "damaged: " + e.err.Error() }
func (e *damageError) Unwrap() error { return e.err }

func (f *file) readMeta(p *parquet.File) error {
	if v, _ := p.Lookup(metaFormat); v != formatVersion {
		return fmt.Errorf("format %q is not known", v)
	}
	var from, to sink.Pos
	var first, last int64
	err := errors.Join(
		metaPos(p, metaFrom, &from), metaPos(p, metaTo, &to), metaPos(p, metaResume, &f.resume),
		metaInt(p, metaFirst, &first), metaInt(p, metaLast, &last),
	)
	if err != nil {
		return err
	}
	if from != f.from || to != f.to {
		return fmt.Errorf("it holds %v to %v, its name says %v to %v", from, to, f.from, f.to)
	}
	f.first, f.last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	return nil
}

func metaPos(p *parquet.File, key string, to *sink.Pos) error {
	v, _ := p.Lookup(key)
	if _, err := fmt.Sscanf(v, "%d/%d", &to.Epoch, &to.Seq); err != nil {
		return fmt.Errorf("metadata %s is %q, not a position", key, v)
	}
	return nil
}

func metaInt(p *parquet.File, key string, to *int64) (err error) {
	v, _ := p.Lookup(key)
	if *to, err = strconv.ParseInt(v, 10, 64); err != nil {
		return fmt.Errorf("metadata %s is %q, not a number", key, v)
	}
	return nil
}

// meta is what is written as the file's metadata.
func (f *file) meta() map[string]string {
	return map[string]string{
		metaFormat: formatVersion,
		metaFrom:   f.from.String(),
		metaTo:     f.to.String(),
		metaResume: f.resume.String(),
		metaFirst:  strconv.FormatInt(f.first.UnixMicro(), 10),
		metaLast:   strconv.FormatInt(f.last.UnixMicro(), 10),
	}
}

// fileSet is the files that queries read, by range; the ranges are disjoint.
type fileSet []*file

func byRange(a, b *file) int {
	if c := a.from.Compare(b.from); c != 0 {
		return c
	}
	return cmp.Or(b.to.Compare(a.to), cmp.Compare(a.name, b.name))
}

// cursor is the end of the ranges that join from zero on.
func (fs fileSet) cursor() (c sink.Cursor) {
	for _, f := range fs {
		if f.from != c.Done {
			break
		}
		c = sink.Cursor{Done: f.to, From: f.resume}
	}
	return c
}

// gapEnd is where the first file behind the cursor begins, when there is one:
// then files between are missing.
func (fs fileSet) gapEnd() (sink.Pos, bool) {
	done := fs.cursor().Done
	for _, f := range fs {
		if f.from.Compare(done) > 0 {
			return f.from, true
		}
	}
	return sink.Pos{}, false
}

// holds reports whether a file's range has p.
func (fs fileSet) holds(p sink.Pos) bool {
	i, _ := slices.BinarySearchFunc(fs, p, func(f *file, p sink.Pos) int { return f.to.Compare(p) })
	return i < len(fs) && fs[i].has(p)
}

// replace gives the set with add instead of the files inside its range.
func (fs fileSet) replace(add *file) fileSet {
	out := fileSet{add}
	for _, f := range fs {
		if !f.inside(add.span) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, byRange)
	return out
}
