package app

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/journal"
	"weir/internal/record"
	"weir/internal/secret"
	"weir/internal/sink"
	"weir/internal/sink/lake"
)

const rightConfig = `
data: here
gateway: {name: gw, listen: "127.0.0.1:0"}
labels: {x-team: Team}
backends:
  - name: east
    kind: azure
    url: https://east.openai.azure.com
    key: ${env:EAST}
deployments:
  - name: gpt-4o
    backends: [{backend: east, weight: 2}]
subscriptions:
  - name: a
    keys: ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]
`

func expand(s string) (string, error) {
	return secret.Resolver{Env: func(name string) (string, bool) { return "secret-of-" + name, name == "EAST" }}.Expand(s)
}

func TestConfig(t *testing.T) {
	c, err := parseConfig("dir/weir.yaml", []byte(rightConfig), expand)
	if err != nil {
		t.Fatal(err)
	}
	if c.Backends[0].Key != "secret-of-EAST" {
		t.Error("the secret was not resolved")
	}
	if c.Data != "dir/here" || c.Gateway.Proxy.Name != "gw" || c.API.Listen != DefaultAPI || c.Telemetry.Listen != "127.0.0.1:8082" {
		t.Errorf("defaults or fields are wrong: %+v", c)
	}
	if got := c.labelColumns(); len(got) != 1 || got[0] != "Team" {
		t.Errorf("label columns %v", got)
	}
}

// TestMistakes: every mistake of a file is named at once, by line, field and mend.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // a part of each mistake, in order
	}{
		{"several at once", `data: d
gatway: {listen: x}
backends:
  - name: east
    kind: azur
    url: east.example
    key: ${env:MISSING}
  - name: east
    kind: openai
    url: http://h/v1
    timeout: soon
deployments:
  - name: gpt-4o
    backends: [{backend: west}]
api: {listen: "0.0.0.0:1"}
labels: {x-a: Prompt, x-b: "no name"}
`, []string{
			"weir.yaml:2: gatway: there is no such field; did you mean `gateway`?",
			"weir.yaml:5: backends[0].kind: ",
			"weir.yaml:6: backends[0].url: ",
			"weir.yaml:7: backends[0].key: the environment variable MISSING is not set",
			"weir.yaml:8: backends[1].name: two backends have this name",
			"weir.yaml:11: backends[1].timeout: ",
			"weir.yaml:14: deployments[0].backends[0].backend: ",
			"weir.yaml:15: api.listen: ",
			"weir.yaml:16: labels.x-a: there is such a column already",
			"weir.yaml:16: labels.x-b: not a column's name",
		}},
		{"empty", "# nothing\n", []string{"weir.yaml: backends: there is no backend"}},
		{"not YAML", "backends:\n  - name: a\n bad\n", []string{"weir.yaml:2: not YAML: "}},
		{"a list", "- a\n", []string{"weir.yaml:1: the file is not a mapping"}},
		{"written zeros", strings.Replace(rightConfig, "{name: gw,", "{name: gw, drain_timeout: 0s, header_timeout: 0m, idle_timeout: , body_timeout: soon, drain_delay: 0s,", 1), []string{
			"weir.yaml:3: gateway.", // the type of body_timeout
			"gateway.header_timeout: 0 is not a time for it; leave it out", "gateway.drain_timeout: 0 is not a time for it; leave it out",
		}},
		{"twice", rightConfig + "data: again\n", []string{"data: the field stands twice, first in line 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseConfig("weir.yaml", []byte(c.text), expand)
			var ce *ConfigError
			if !errors.As(err, &ce) {
				t.Fatalf("got %v", err)
			}
			if len(ce.Mistakes) != len(c.want) {
				t.Fatalf("%d mistakes, want %d:\n%v", len(ce.Mistakes), len(c.want), err)
			}
			for i, m := range ce.Mistakes {
				if !strings.HasPrefix(m.String(), c.want[i]) && !strings.Contains(m.String(), ": "+c.want[i]) {
					t.Errorf("mistake %d is %q, want %q", i, m, c.want[i])
				}
			}
		})
	}
}

// TestNoSecretInErrors: a value of the wrong type is told without the secret
// that it may be.
func TestNoSecretInErrors(t *testing.T) {
	text := strings.Replace(rightConfig, "{backend: east, weight: 2}", "{backend: east, weight: \"${env:EAST}\"}", 1)
	_, err := parseConfig("weir.yaml", []byte(text), expand)
	if err == nil || strings.Contains(err.Error(), "secret-of") {
		t.Errorf("got %v", err)
	}
}

func TestCaughtUp(t *testing.T) {
	at := func(e, s uint64) journal.Pos { return journal.Pos{Epoch: e, Seq: s} }
	for _, c := range []struct {
		name                string
		published           journal.Pos
		watermark, position journal.Pos
		want                bool
	}{
		{"nothing yet", journal.Pos{}, journal.Pos{}, journal.Pos{}, true},
		{"a first epoch without a frame", at(1, 0), journal.Pos{}, journal.Pos{}, true},
		{"behind", at(1, 9), at(1, 8), at(1, 9), false},
		{"level", at(1, 9), at(1, 9), at(1, 9), true},
		{"the old epoch is not closed", at(2, 0), at(1, 9), at(1, 9), false},
		{"the old epoch is closed", at(2, 0), at(1, 10), at(1, 9), true},
		{"two epochs behind", at(3, 0), at(1, 10), at(1, 9), false},
	} {
		if got := caughtUp(c.published, sink.Stats{Watermark: c.watermark, Position: c.position}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestSealedFolder: a folder is read without its config, whatever its gateway is
// called and whatever labels it has, also when all of it is sealed.
func TestSealedFolder(t *testing.T) {
	dir := t.TempDir()
	cfg, err := parseConfig(dir+"/weir.yaml", []byte(rightConfig), expand)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: cfg.journalDir(), Gateway: "gw"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	begin := record.Begin{Time: now, Gateway: "gw", Operation: "chatcompletions_create", Deployment: "gpt-4o", Headers: []record.Header{{Name: "X-Team", Value: "blue"}}}
	end := record.End{Time: now, Outcome: record.Completed, Status: 200}
	id := record.NewID(now)
	for _, f := range []journal.Frame{{Kind: journal.Begin, ID: id, Meta: begin.Append(nil)}, {Kind: journal.End, ID: id, Meta: end.Append(nil)}} {
		if _, err := j.Commit(&f); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cfg.writeAbout(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	l, err := lake.Open(t.Context(), lakeOptions(cfg, log))
	if err != nil {
		t.Fatal(err)
	}
	library, err := openLibrary(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	follower, err := sink.NewRunner(sink.Config{Journal: cfg.journalDir(), Store: l, Read: newReader(cfg.Labels, library, nil, log).read, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(follower.CatchUp(t.Context()), l.Seal(t.Context()), l.Close()); err != nil {
		t.Fatal(err)
	}
	// What is sealed must be found in the files: the journal is not there.
	if err := os.RemoveAll(cfg.journalDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(cfg.journalDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	folder, done, err := OpenFolder(t.Context(), cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	got, err := folder.Query(t.Context(), "WeirExchanges | project Team, DeploymentName")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 1 || got.Rows[0][0] != "blue" || got.Rows[0][1] != "gpt-4o" {
		t.Errorf("got %v", got.Rows)
	}
}

// TestExamples: the configs that the documentation shows are right, but for the
// files that they name.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../docs/examples/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v %v", files, err)
	}
	resolve := func(s string) (string, error) {
		return strings.NewReplacer("${env:TEAM_A_KEY_SHA256}", strings.Repeat("0", 64)).Replace(s), nil
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseConfig(file, text, resolve)
		var wrong *ConfigError
		if !errors.As(err, &wrong) {
			continue
		}
		for _, m := range wrong.Mistakes {
			if !strings.HasSuffix(m.Field, "_file") {
				t.Errorf("%s", m)
			}
		}
	}
}
