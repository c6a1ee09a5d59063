package sql

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

// FuzzTranslate checks that binding and printing fail by a *kql.Error only.
func FuzzTranslate(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a.Files[0].Data))
	}
	s := gatewaySchema(true)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := kql.Parse(text)
		if err != nil {
			return
		}
		p, err := plan.Bind(q, s, plan.Options{Now: time.Unix(1767322800, 0)})
		var refusal *kql.Error
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		_ = p.String()
		if _, err := Print(p, DuckDB()); err != nil && !errors.As(err, &refusal) {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}
