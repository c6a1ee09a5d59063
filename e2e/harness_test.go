package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The key of the one subscription, and the keys of the simulators.
const (
	callerKey = "e2e-caller-key"
	eastKey   = "e2e-east-key"
	westKey   = "e2e-west-key"
)

// simulator is a `weir sim` that runs.
type simulator struct {
	url string
	*process
}

// simCall is one entry of /sim/calls.
type simCall struct {
	Operation        string            `json:"operation"`
	Deployment       string            `json:"deployment"`
	Status           int               `json:"status"`
	Headers          map[string]string `json:"headers"`
	Stream           bool              `json:"stream"`
	State            string            `json:"state"`
	Events           int               `json:"events"`
	PromptTokens     int64             `json:"prompt_tokens"`
	CompletionTokens int64             `json:"completion_tokens"`
}

// simCount is one entry of /sim/counts.
type simCount struct {
	Deployment       string `json:"deployment"`
	Operation        string `json:"operation"`
	Calls            int64  `json:"calls"`
	Done             int64  `json:"done"`
	PromptTokens     int64  `json:"prompt_tokens"`
	CompletionTokens int64  `json:"completion_tokens"`
	TotalTokens      int64  `json:"total_tokens"`
}

// startSim starts a simulator; more are further arguments of its command.
func startSim(t testing.TB, kind, key string, more ...string) *simulator {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s := &simulator{url: "http://" + addr}
	s.process = start(t, "sim "+kind, nil, append([]string{"sim", "-listen", addr, "-kind", kind, "-key", key, "-seed", "7"}, more...)...)
	waitFor(t, 20*time.Second, "the simulator", func() (bool, string) {
		resp, err := http.Get(s.url + "/sim/counts")
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode == 200, resp.Status
	})
	return s
}

func (s *simulator) calls(t testing.TB) []simCall {
	t.Helper()
	var all []simCall
	getJSON(t, s.url+"/sim/calls", &all)
	return all
}

func (s *simulator) counts(t testing.TB) []simCount {
	t.Helper()
	var all []simCount
	getJSON(t, s.url+"/sim/counts", &all)
	return all
}

func getJSON(t testing.TB, url string, into any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != 200 {
		t.Fatalf("GET %s: status %d, %v", url, resp.StatusCode, err)
	}
}

// backend and route are what a test asks the config to say.
type backend struct {
	name, kind, url, version, key string
}

type route struct {
	deployment string
	// to is "backend" or "backend=its name for the deployment", in order.
	to []string
}

// gateway is a `weir serve` that runs, or did, on one folder and one set of ports.
type gateway struct {
	dir, data, config string
	url, api, metrics string
	mark              string // in the environment of its processes
	*process
}

// newGateway writes a config; nothing runs yet.
func newGateway(t testing.TB, backends []backend, routes []route) *gateway {
	t.Helper()
	dir := t.TempDir()
	gw, api, ops := freePort(t), freePort(t), freePort(t)
	g := &gateway{
		dir: dir, data: filepath.Join(dir, "data"), config: filepath.Join(dir, "weir.yaml"),
		url: fmt.Sprintf("http://127.0.0.1:%d", gw), api: fmt.Sprintf("http://127.0.0.1:%d", api),
		metrics: fmt.Sprintf("http://127.0.0.1:%d", ops), mark: "WEIR_E2E_MARK=" + filepath.Base(dir) + fmt.Sprint(gw),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "data: %s\n", g.data)
	fmt.Fprintf(&b, "gateway: {name: weir-e2e, region: test, listen: \"127.0.0.1:%d\", drain_timeout: 2s}\n", gw)
	fmt.Fprintf(&b, "api: {listen: \"127.0.0.1:%d\"}\n", api)
	fmt.Fprintf(&b, "telemetry: {listen: \"127.0.0.1:%d\"}\n", ops)
	b.WriteString("backends:\n")
	for _, x := range backends {
		fmt.Fprintf(&b, "  - {name: %s, kind: %s, url: \"%s\", key: \"%s\"", x.name, x.kind, x.url, x.key)
		if x.version != "" {
			fmt.Fprintf(&b, ", api_version: \"%s\"", x.version)
		}
		b.WriteString("}\n")
	}
	b.WriteString("deployments:\n")
	for _, r := range routes {
		fmt.Fprintf(&b, "  - name: %s\n    backends:\n", r.deployment)
		for _, to := range r.to {
			name, theirs, renamed := strings.Cut(to, "=")
			if !renamed {
				theirs = r.deployment
			}
			fmt.Fprintf(&b, "      - {backend: %s, deployment: %s, weight: 1}\n", name, theirs)
		}
	}
	fmt.Fprintf(&b, "subscriptions:\n  - {name: team-a, product: standard, keys: [\"sha256:%x\"]}\n", sha256.Sum256([]byte(callerKey)))
	b.WriteString("labels: {x-team: Team}\n")
	if err := os.WriteFile(g.config, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

// amend replaces a piece of the config.
func (g *gateway) amend(t testing.TB, old, piece string) {
	t.Helper()
	text, err := os.ReadFile(g.config)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("the config has no %q: %v", old, err)
	}
	if err := os.WriteFile(g.config, []byte(strings.Replace(string(text), old, piece, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// calm switches the breakers off, so that what befalls one call changes no other.
func (g *gateway) calm(t testing.TB) {
	t.Helper()
	g.amend(t, "backends:\n", "circuit_breaker: {disabled: true}\nbackends:\n")
}

// subscribe adds a subscription to the config.
func (g *gateway) subscribe(t testing.TB, name, key string) {
	t.Helper()
	g.amend(t, "subscriptions:\n", fmt.Sprintf("subscriptions:\n  - {name: %s, product: standard, keys: [\"sha256:%x\"]}\n", name, sha256.Sum256([]byte(key))))
}

// serve starts the gateway and waits until it takes calls.
func (g *gateway) serve(t testing.TB) {
	t.Helper()
	g.process = start(t, "weir serve", []string{g.mark, "EAST_KEY=" + eastKey, "WEST_KEY=" + westKey}, "serve", "-config", g.config)
	waitFor(t, 30*time.Second, "the gateway to be ready", func() (bool, string) {
		if !g.running() {
			t.Fatalf("weir serve ended at once: %v\n%s", g.err, g.output(60))
		}
		resp, err := http.Get(g.metrics + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode == 200, resp.Status
	})
}

// position and status are of /v1/status.
type position struct{ Epoch, Sequence uint64 }

func (p position) before(q position) bool {
	return p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.Sequence < q.Sequence
}

type status struct {
	Durable, Stored position
	Behind          int64
	CaughtUp        bool
}

func (g *gateway) status() (status, error) {
	var s status
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Get(g.api + "/v1/status")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		return s, fmt.Errorf("status %d", resp.StatusCode)
	}
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// catchUp waits until the store has everything that the journal has.
func (g *gateway) catchUp(t testing.TB) {
	t.Helper()
	waitFor(t, 60*time.Second, "the store to catch up", func() (bool, string) {
		s, err := g.status()
		return err == nil && s.CaughtUp, fmt.Sprintf("%+v, %v", s, err)
	})
}

// catchUpUnderLoad waits until the store has what the journal had when the store
// first answered: under load the journal's end moves on.
func (g *gateway) catchUpUnderLoad(t testing.TB) {
	t.Helper()
	var target position
	waitFor(t, 60*time.Second, "the store to catch up", func() (bool, string) {
		s, err := g.status()
		if err == nil && target == (position{}) {
			target = s.Durable
		}
		return target != position{} && !s.Stored.before(target), fmt.Sprintf("%+v, wanted %+v, %v", s, target, err)
	})
}

// row is one row of an answer, by column.
type row map[string]any

func (r row) text(column string) string {
	s, _ := r[column].(string)
	return s
}

// number reads a number, or a decimal's text; 0 when it is null.
func (r row) number(column string) float64 {
	switch v := r[column].(type) {
	case json.Number:
		f, _ := v.Float64()
		return f
	case string:
		f, _ := json.Number(v).Float64()
		return f
	}
	return 0
}

// ask posts a query as Kusto's clients do.
func (g *gateway) ask(kql string) ([]row, error) {
	body, _ := json.Marshal(map[string]string{"db": "weir", "csl": kql})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "POST", g.api+"/v1/rest/query", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		return nil, fmt.Errorf("status %d: %.2000s (%v)", resp.StatusCode, text, err)
	}
	var answer struct {
		Tables []struct {
			Columns []struct{ ColumnName string }
			Rows    [][]any
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil || len(answer.Tables) == 0 {
		return nil, fmt.Errorf("not an answer of tables (%v): %.500s", err, text)
	}
	table := answer.Tables[0]
	rows := make([]row, len(table.Rows))
	for i, cells := range table.Rows {
		rows[i] = row{}
		for j, c := range table.Columns {
			rows[i][c.ColumnName] = cells[j]
		}
	}
	return rows, nil
}

func (g *gateway) query(t testing.TB, kql string) []row {
	t.Helper()
	rows, err := g.ask(kql)
	if err != nil {
		t.Fatalf("query %s\n%v", kql, err)
	}
	return rows
}

// table is the answer of `weir query -format json`.
type table struct {
	Columns []struct{ Name, Type string }
	Rows    [][]any
}

// weirQuery runs `weir query`.
func (g *gateway) weirQuery(t testing.TB, kql string) table {
	t.Helper()
	out, stderr, code := runWeir(t, nil, "query", kql, "-server", g.api, "-format", "json")
	if code != 0 {
		t.Fatalf("weir query: exit %d\n%s\n%s", code, kql, stderr)
	}
	var answer table
	d := json.NewDecoder(strings.NewReader(out))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		t.Fatalf("weir query wrote no JSON: %v\n%.2000s", err, out)
	}
	return answer
}

// runWeir runs a command to its end.
func runWeir(t testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, weirBin, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	cmd.Env = append(os.Environ(), env...)
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("weir %s did not end: %s", args[0], e.String())
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// settle waits until the log has a record for each of the client request ids,
// and gives all records of the exchanges by it.
func (g *gateway) settle(t testing.TB, columns string, ids []string) map[string][]row {
	t.Helper()
	byID := map[string][]row{}
	waitFor(t, 30*time.Second, "all calls to be on the record", func() (bool, string) {
		rows, err := g.ask("WeirExchanges | project ClientRequestId, CorrelationId, " + columns)
		if err != nil {
			return false, err.Error()
		}
		clear(byID)
		for _, r := range rows {
			byID[r.text("ClientRequestId")] = append(byID[r.text("ClientRequestId")], r)
		}
		missing := 0
		first := ""
		for _, id := range ids {
			if len(byID[id]) == 0 {
				if missing++; first == "" {
					first = id
				}
			}
		}
		return missing == 0, fmt.Sprintf("%d of %d are missing, such as %s; there are %d records", missing, len(ids), first, len(rows))
	})
	return byID
}

// noDoubles checks that no exchange is there twice, in the wide table.
func (g *gateway) noDoubles(t testing.TB) {
	t.Helper()
	if rows := g.query(t, "WeirExchanges | summarize Records = count() by CorrelationId | where Records > 1"); len(rows) > 0 {
		t.Errorf("%d exchanges are there more than once, such as %v", len(rows), rows[0])
	}
}
