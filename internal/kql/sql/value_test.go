package sql

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/kql/plan"
)

func TestValue(t *testing.T) {
	for _, c := range []struct {
		typ  plan.Type
		in   any
		want any
	}{
		{plan.String, nil, ""},
		{plan.Long, nil, nil},
		{plan.Int, int32(-5), int64(-5)},
		{plan.Real, math.NaN(), "NaN"},
		{plan.Real, math.Inf(-1), "-Infinity"},
		{plan.Real, 1.5, 1.5},
		{plan.Decimal, "12.500000000000000000", "12.5"},
		{plan.Decimal, "100.000000000000000000", "100"},
		{plan.Decimal, "100", "100"},
		{plan.Datetime, int64(0), "0001-01-01T00:00:00.0000000Z"},
		{plan.Datetime, int64(3155378975999999999), "9999-12-31T23:59:59.9999999Z"},
		{plan.Timespan, int64(-936610000000), "-1.02:01:01"},
		{plan.Timespan, int64(math.MinInt64), "-10675199.02:48:05.4775808"},
		{plan.Timespan, int64(1), "00:00:00.0000001"},
		{plan.Dynamic, `{"a":1}`, json.RawMessage(`{"a":1}`)},
		{plan.Dynamic, "null", nil},
		{plan.Bool, true, true},
	} {
		got, err := Value(c.typ, c.in)
		if err != nil {
			t.Errorf("%s %v: %v", c.typ, c.in, err)
		} else if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s %v: %s", c.typ, c.in, d)
		}
	}
	if _, err := Value(plan.Bool, "x"); err == nil {
		t.Error("a string passed for a bool")
	}
}

// TestQuoting sends hostile text through the one function that writes literals and
// the one that quotes identifiers, and reads it back.
func TestQuoting(t *testing.T) {
	conn := openDuckDB(t)
	d := DuckDB()
	for _, s := range []string{"", "'", "''", `\'`, `"; DROP TABLE t; --`, "a\x00'b", "line\nbreak\r", "é😀", strings.Repeat("'", 9), "$1 $F %s /* */"} {
		var got string
		if err := conn.QueryRowContext(context.Background(), "SELECT "+d.String(s)+" AS "+d.Ident(s+"x")).Scan(&got); err != nil {
			t.Errorf("%q: %v", s, err)
		} else if got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	}
}
