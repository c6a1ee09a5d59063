package sql

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

var update = flag.Bool("update", false, "rewrite the goldens with what the code gives")

// TestGolden runs every query of testdata/*.txtar through the whole tower: its plan,
// its SQL, the result's columns and rows. A golden is one query in a file of its own
// (query) with what it gives (plan, sql, columns, rows; or error).
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	conn := openDuckDB(t)
	ctx := context.Background()
	s := gatewaySchema(true)
	logs := s["ApiManagementGatewayLogs"]
	if _, err := conn.ExecContext(ctx, create(logs)); err != nil {
		t.Fatal(err)
	}
	fill := `INSERT INTO "ApiManagementGatewayLogs" ("OperationId", "CallerIpAddress", "BackendResponseBody", "ResponseCode", "TotalTime", "TimeGenerated", x_0, x_2, x_3, x_4)
VALUES ('chatcompletions_create', '10.0.0.4', '` + sampleBody + `', 200, 120, TIMESTAMP '2026-01-02 01:00:00', '"gpt-35-turbo"', '8', '11', '19'), ('embeddings_create', '10.0.0.5', '', 429, 3, TIMESTAMP '2026-01-02 01:30:00', NULL, NULL, NULL, NULL)`
	if _, err := conn.ExecContext(ctx, fill); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			want := txtar.Parse(b)
			if len(want.Files) == 0 || want.Files[0].Name != "query" {
				t.Fatal("the first file must be the query")
			}
			query := strings.TrimSuffix(string(want.Files[0].Data), "\n")
			got := &txtar.Archive{Comment: want.Comment, Files: []txtar.File{want.Files[0]}}
			add := func(name, text string) {
				got.Files = append(got.Files, txtar.File{Name: name, Data: []byte(strings.TrimSuffix(text, "\n") + "\n")})
			}
			golden(t, query, s, add, func(st Statement) {
				rows, err := run(ctx, conn, st)
				if err != nil {
					t.Fatalf("%v\n%s", err, st.Text)
				}
				var lines []string
				for _, r := range rows {
					lines = append(lines, mustJSON(r))
				}
				add("rows", strings.Join(lines, "\n"))
			})
			if *update {
				if err := os.WriteFile(f, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(txtar.Format(want)), string(txtar.Format(got))); d != "" {
				t.Error(d)
			}
		})
	}
}

// golden adds what each floor of the tower makes of the query; exec runs it.
func golden(t *testing.T, query string, s plan.Schema, add func(name, text string), exec func(Statement)) {
	q, err := kql.Parse(query)
	if err != nil {
		add("error", err.Error())
		return
	}
	if printed := kql.Print(q); true {
		again, err := kql.Parse(printed)
		if err != nil || kql.Print(again) != printed {
			t.Errorf("print∘parse is not the identity: %v\n%s", err, printed)
		}
	}
	p, err := plan.Bind(q, s, plan.Options{Now: time.Date(2026, 1, 2, 3, 4, 5, 678901200, time.UTC)})
	if err != nil {
		add("error", err.Error())
		return
	}
	add("plan", p.String())
	if r := p.Render(); r != nil {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		add("render", string(b))
	}
	st, err := Print(p, DuckDB())
	if err != nil {
		add("error", err.Error())
		return
	}
	add("sql", st.Text)
	add("columns", columnText(st.Columns))
	exec(st)
}
