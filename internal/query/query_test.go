package query

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/kql"
	"weir/internal/kql/plan"
	"weir/internal/record"
)

// engine gives the same rows to whatever it is asked.
type engine struct {
	rows [][]any
	text string
}

func (e *engine) Query(_ context.Context, text string) (Rows, error) {
	e.text = text
	return &rows{left: e.rows}, nil
}

type rows struct {
	left   [][]any
	closed bool
}

func (r *rows) Next() ([]any, error) {
	if len(r.left) == 0 {
		return nil, io.EOF
	}
	v := r.left[0]
	r.left = r.left[1:]
	return v, nil
}

func (r *rows) Close() error { r.closed = true; return nil }

func TestSchema(t *testing.T) {
	s := Schema([]string{"Team"})
	for _, want := range record.Tables() {
		got, ok := s.Table(want.Name)
		if !ok {
			t.Fatalf("%s is no table of the language", want.Name)
		}
		for i, c := range want.Columns {
			if got.Columns[i].Name != c.Name || got.Columns[i].Type.String() != string(c.Type) {
				t.Errorf("%s column %d is %v, want %s %s", want.Name, i, got.Columns[i], c.Name, c.Type)
			}
		}
		wide := want.Name == "WeirExchanges"
		if last := got.Columns[len(got.Columns)-1]; (last.Name == "Team") != wide {
			t.Errorf("%s ends with column %s", want.Name, last.Name)
		}
		if (len(got.Paths) > 0) == (want.PerMessage || want.PerEvent) {
			t.Errorf("%s has %d extracted paths", want.Name, len(got.Paths))
		}
	}
	if _, ok := s.Table("weirexchanges"); ok {
		t.Error("table names are case-sensitive")
	}
}

func TestRun(t *testing.T) {
	e := &engine{rows: [][]any{{int64(3)}}}
	res, err := New(e, nil).Run(t.Context(), "WeirExchanges | count")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]plan.Column{{Name: "Count", Type: plan.Long}}, res.Columns); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([][]any{{int64(3)}}, res.Rows); d != "" {
		t.Error(d)
	}
	if !strings.Contains(e.text, `"WeirExchanges"`) {
		t.Errorf("the engine was asked %s", e.text)
	}
}

func TestLanguageErrors(t *testing.T) {
	for _, q := range []string{"WeirExchanges | wher x", "WeirExchanges | project Modl", "Nowhere"} {
		var le *kql.Error
		if _, err := New(&engine{}, nil).Run(t.Context(), q); !errors.As(err, &le) || le.Line != 1 || le.Pos == 0 {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestLimits(t *testing.T) {
	e := &engine{rows: [][]any{{"aaaa"}, {"bbbb"}, {"cccc"}}}
	for _, c := range []struct {
		limits Limits
		what   string
	}{{Limits{2, 100}, "rows"}, {Limits{10, 9}, "bytes"}, {Limits{3, 12}, ""}} {
		s := New(e, nil)
		s.limits = c.limits
		res, err := s.Run(t.Context(), "WeirExchanges | project Model = ModelName")
		var le *LimitError
		switch {
		case c.what == "" && (err != nil || len(res.Rows) != 3):
			t.Errorf("a result at the limits gave %v", err)
		case c.what != "" && (!errors.As(err, &le) || le.What != c.what):
			t.Errorf("%+v: got %v, want an error about %s", c.limits, err, c.what)
		case c.what != "" && res != nil:
			t.Error("a part of a result was given")
		}
	}
}
