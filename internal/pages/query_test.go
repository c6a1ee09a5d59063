package pages

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/fault"
)

func TestParseQuery(t *testing.T) {
	assistants := Defaults{Limit: 20, Ordered: true}
	batches := Defaults{Limit: 20}
	for _, c := range []struct {
		query string
		d     Defaults
		want  Query
		param string // of the error
	}{
		{"", assistants, Query{Limit: 20, Limited: true, Max: 100, Order: "desc", Ordered: true}, ""},
		{"limit=7&order=asc&after=x", assistants, Query{Limit: 7, Limited: true, Max: 100, Order: "asc", Ordered: true, After: "x"}, ""},
		{"before=x", assistants, Query{Limit: 20, Limited: true, Max: 100, Order: "desc", Ordered: true, Before: "x"}, ""},
		{"before=x&order=asc&after=y", batches, Query{Limit: 20, Limited: true, Max: 100, Order: "desc", After: "y"}, ""},
		{"limit=7&after=x&order=up", Defaults{}, Query{Max: 100, Order: "desc"}, ""},
		{"", Defaults{Limit: 10000, Max: 10000, Order: "asc", OrderBy: "updated_at"},
			Query{Limit: 10000, Limited: true, Max: 10000, Order: "asc", OrderBy: "updated_at"}, ""},
		{"limit=0", assistants, Query{}, "limit"},
		{"limit=-1", assistants, Query{}, "limit"},
		{"limit=101", assistants, Query{}, "limit"},
		{"limit=ten", assistants, Query{}, "limit"},
		{"limit=99999999999999999999", assistants, Query{}, "limit"},
		{"order=up", assistants, Query{}, "order"},
		{"order=DESC", assistants, Query{}, "order"},
		{"after=x&before=y", assistants, Query{}, "before"},
		{"after=" + strings.Repeat("x", 513), assistants, Query{}, "after"},
		{"before=" + strings.Repeat("x", 513), assistants, Query{}, "before"},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseQuery(values.Get, c.d)
		if c.param != "" {
			wantFault(t, err, fault.BadRequest, c.param)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.query, diff)
		}
	}
}
