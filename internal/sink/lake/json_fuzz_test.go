package lake

import (
	"encoding/json"
	"testing"
)

// FuzzJSONText: what comes out is JSON, stays what it is, and is the text
// itself when that was JSON.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,null]}`, `"\ud83d"`, `{"a":`, "\xff", `[[],{}]`, `-0`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := jsonText(s)
		if !json.Valid([]byte(got)) {
			t.Fatalf("jsonText(%q) is no JSON: %q", s, got)
		}
		if again := jsonText(got); again != got {
			t.Fatalf("jsonText(%q) = %q, and of that %q", s, got, again)
		}
		clean := text(s)
		if json.Valid([]byte(clean)) && len(got) != len(clean) {
			t.Fatalf("%q is JSON and became %q", s, got)
		}
	})
}
