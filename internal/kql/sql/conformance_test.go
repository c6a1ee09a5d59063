package sql

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

var (
	oneCase  = flag.String("case", "", "run only the conformance case of this id, and show all of it")
	refusals = flag.Bool("refusals", false, "list why conformance cases are refused")
)

// headlineFloor is the number of headline cases that were right when this was last
// raised; fewer is a regression.
const headlineFloor = 801

type conformanceCase struct {
	ID      string `json:"id"`
	Truth   string `json:"truth"`
	Query   string `json:"query"`
	Columns []struct{ Name, Type string }
	Rows    [][]any  `json:"rows"`
	Ordered bool     `json:"row_order_significant"`
	Flags   []string `json:"flags"`
	Origin  struct {
		File string `json:"file"`
	} `json:"provenance"`
}

func (c conformanceCase) flagged(f string) bool { return slices.Contains(c.Flags, f) }

// noTables is a schema without tables: the cases bring their own.
type noTables struct{}

func (noTables) Table(string) (plan.Table, bool) { return plan.Table{}, false }
func (noTables) Tables() []string                { return nil }

// TestConformance runs the shared corpus and compares with what the Kusto engine gave.
func TestConformance(t *testing.T) {
	b, err := os.ReadFile("../../../../shared/kql/conformance.json")
	if err != nil {
		t.Skipf("the conformance corpus is not beside this checkout: %v", err)
	}
	var corpus struct{ Cases []conformanceCase }
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&corpus); err != nil {
		t.Fatal(err)
	}
	conn := openDuckDB(t)
	var head, all struct{ right, wrong, refused, total int }
	why := map[string]int{}
	for _, c := range corpus.Cases {
		if *oneCase != "" && c.ID != *oneCase {
			continue
		}
		headline := c.Truth == "kusto-emulator" && len(c.Flags) == 0
		err := runCase(t, conn, c)
		counts := []*int{&all.total}
		pick := func(h, a *int) {
			counts = append(counts, a)
			if headline {
				counts = append(counts, h, &head.total)
			}
		}
		var refusal *kql.Error
		switch {
		case err == nil:
			pick(&head.right, &all.right)
		case errors.As(err, &refusal):
			pick(&head.refused, &all.refused)
			if headline {
				why[refusal.Message+" ["+refusal.Code+"]"]++
			}
		default:
			pick(&head.wrong, &all.wrong)
			if headline {
				t.Errorf("case %s: %v\n%s", c.ID, err, c.Query)
			} else {
				t.Logf("case %s (%s %v): %v\n%s", c.ID, c.Truth, c.Flags, err, c.Query)
			}
		}
		for _, n := range counts {
			*n++
		}
	}
	if *refusals {
		list := slices.Collect(maps.Keys(why))
		sort.Slice(list, func(i, j int) bool { return why[list[i]] > why[list[j]] })
		for _, w := range list {
			t.Logf("%4d %s", why[w], w)
		}
	}
	t.Logf("headline: %d right, %d wrong, %d refused of %d", head.right, head.wrong, head.refused, head.total)
	t.Logf("all: %d right, %d wrong, %d refused of %d", all.right, all.wrong, all.refused, all.total)
	if *oneCase == "" && head.right < headlineFloor {
		t.Errorf("%d headline cases are right, want at least %d", head.right, headlineFloor)
	}
}

// runCase returns nil when the case is right, a *kql.Error when it is refused, else what is wrong.
func runCase(t *testing.T, conn *sql.Conn, c conformanceCase) error {
	q, err := kql.Parse(c.Query)
	if err != nil {
		return err
	}
	p, err := plan.Bind(q, noTables{}, plan.Options{Now: time.Now()})
	if err != nil {
		return err
	}
	st, err := Print(p, DuckDB())
	if err != nil {
		return err
	}
	if *oneCase != "" {
		t.Logf("%s\n\n%s", c.Query, st.Text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	rows, err := run(ctx, conn, st)
	if err != nil {
		return fmt.Errorf("execution: %v", strings.SplitN(err.Error(), "\n", 2)[0])
	}
	if *oneCase != "" {
		t.Logf("got  %s\nwant %s", mustJSON(rows), mustJSON(c.Rows))
	}
	return compareResult(c, st.Columns, rows)
}

func mustJSON(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func compareResult(c conformanceCase, cols []plan.Column, rows [][]any) error {
	var got, want []string
	for _, x := range cols {
		got = append(got, x.Name+":"+x.Type.String())
	}
	for i, x := range c.Columns {
		// The corpus has hourofday and its kin as int where it was recorded from the
		// engine, as long where the case stems from a page of the documentation; the
		// language service says int.
		if strings.HasPrefix(c.Origin.File, "data-explorer/") && x.Type == "long" && i < len(cols) && cols[i].Type == plan.Int {
			x.Type = "int"
		}
		want = append(want, x.Name+":"+x.Type)
	}
	if !c.flagged("binder-names-differ") && !c.flagged("int-width-unknown") && !slices.Equal(got, want) {
		return fmt.Errorf("columns are %v, want %v", got, want)
	}
	if len(rows) != len(c.Rows) {
		return fmt.Errorf("%d rows, want %d: got %s want %s", len(rows), len(c.Rows), mustJSON(rows), mustJSON(c.Rows))
	}
	m := matcher{sets: c.flagged("array-order"), tolerance: 1e-6}
	if c.flagged("approx") {
		m.tolerance = 0.05
	}
	used := make([]bool, len(rows))
	for i, w := range c.Rows {
		found := false
		for j, g := range rows {
			if used[j] || c.Ordered && i != j {
				continue
			}
			if m.row(g, w, c) {
				used[j], found = true, true
				break
			}
		}
		if !found {
			return fmt.Errorf("row %d is missing: got %s want %s", i, mustJSON(rows), mustJSON(c.Rows))
		}
	}
	return nil
}

type matcher struct {
	sets      bool
	tolerance float64
}

func (m matcher) row(got, want []any, c conformanceCase) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if !m.value(got[i], want[i], c.Columns[i].Type) {
			return false
		}
	}
	return true
}

func (m matcher) value(got, want any, typ string) bool {
	if raw, ok := got.(json.RawMessage); ok {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&got); err != nil {
			return false
		}
		return m.json(got, want)
	}
	if typ == "real" || typ == "int" || typ == "long" {
		return m.number(got, want, typ)
	}
	if typ == "dynamic" {
		return m.json(got, want)
	}
	return got == want
}

func (m matcher) number(got, want any, typ string) bool {
	g, gok := asFloat(got)
	w, wok := asFloat(want)
	if !gok || !wok {
		return got == want
	}
	if typ != "real" {
		return fmt.Sprint(got) == fmt.Sprint(want) || m.tolerance > 0.01 && math.Abs(g-w) <= m.tolerance*math.Abs(w)
	}
	return g == w || math.Abs(g-w) <= m.tolerance*math.Max(math.Abs(g), math.Abs(w))
}

func asFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case float64:
		return n, true
	case int64:
		return float64(n), true
	}
	return 0, false
}

func (m matcher) json(got, want any) bool {
	switch w := want.(type) {
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		used := make([]bool, len(g))
		for i := range w {
			found := false
			for j := range g {
				if !used[j] && (m.sets || i == j) && m.json(g[j], w[i]) {
					used[j], found = true, true
					break
				}
			}
			if !found {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k, v := range w {
			x, ok := g[k]
			if !ok || !m.json(x, v) {
				return false
			}
		}
		return true
	case json.Number:
		return m.number(got, want, "real")
	}
	return got == want
}
