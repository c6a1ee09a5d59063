package kql

import (
	"encoding/json"
	"os"
	"testing"
)

// sharedQueries reads the queries of a corpus that stands beside the checkout.
func sharedQueries(t *testing.T, file, list string) []string {
	t.Helper()
	b, err := os.ReadFile("../../../shared/kql/" + file)
	if err != nil {
		t.Skipf("the corpus is not beside this checkout: %v", err)
	}
	type row struct {
		Query string `json:"query"`
	}
	var rows []row
	if list == "" {
		err = json.Unmarshal(b, &rows)
	} else {
		var m map[string]json.RawMessage
		if err = json.Unmarshal(b, &m); err == nil {
			err = json.Unmarshal(m[list], &rows)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.Query)
	}
	return out
}

// TestParseCorpora parses every query of the shared corpora and checks that
// printing is the inverse of parsing.
func TestParseCorpora(t *testing.T) {
	for _, c := range []struct {
		file, list string
		atLeast    int
	}{{"gateway_queries.json", "", 97}, {"conformance.json", "cases", 1200}} {
		t.Run(c.file, func(t *testing.T) {
			parsed := 0
			all := sharedQueries(t, c.file, c.list)
			for _, text := range all {
				q, err := Parse(text)
				if err != nil {
					t.Logf("refused: %v\n%s", err, text)
					continue
				}
				parsed++
				checkRoundTrip(t, q)
			}
			t.Logf("%s: %d of %d parse", c.file, parsed, len(all))
			if parsed < c.atLeast {
				t.Errorf("%d parse, want at least %d", parsed, c.atLeast)
			}
		})
	}
}

func checkRoundTrip(t *testing.T, q *Query) {
	t.Helper()
	once := Print(q)
	again, err := Parse(once)
	if err != nil {
		t.Errorf("what Print wrote does not parse: %v\n%s", err, once)
		return
	}
	if twice := Print(again); twice != once {
		t.Errorf("print∘parse is not the identity:\n%s\nbecame\n%s", once, twice)
	}
}
