package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// badCall is a request that cannot be served, and what must come of it.
type badCall struct {
	name         string
	method, path string
	key          string // "" for none
	body         string
	chunked      bool // without Content-Length

	status  int
	code    string // error.code; "" for any
	message string // in the message
}

const (
	classicChat = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
	nativeChat  = "/v1/chat/completions"
	goodBody    = `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`
)

func badCalls() []badCall {
	big := `{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("x", 33<<20) + `"}]}`
	other := strings.Replace(goodBody, "gpt-4o", "no-such", 1)
	return []badCall{
		{name: "deployment-azure", path: "/openai/deployments/no-such/chat/completions?api-version=2024-10-21", key: callerKey, body: goodBody, status: 404, code: "DeploymentNotFound"},
		{name: "deployment-v1", path: "/openai/v1/chat/completions", key: callerKey, body: other, status: 404, code: "DeploymentNotFound"},
		{name: "deployment-openai", path: nativeChat, key: callerKey, body: other, status: 404, code: "DeploymentNotFound"},
		{name: "version-unknown", path: "/openai/deployments/gpt-4o/chat/completions?api-version=2031-01-01", key: callerKey, body: goodBody, status: 404},
		{name: "version-missing", path: "/openai/deployments/gpt-4o/chat/completions", key: callerKey, body: goodBody, status: 404},
		{name: "path-unknown", path: "/openai/v1/no/such/operation", key: callerKey, body: goodBody, status: 404},
		{name: "method-wrong", method: "DELETE", path: nativeChat, key: callerKey, status: 404},
		{name: "key-missing", path: nativeChat, body: goodBody, status: 401, message: "missing subscription key"},
		{name: "key-wrong", path: classicChat, key: "wrong", body: goodBody, status: 401, message: "invalid subscription key"},
		{name: "not-json", path: nativeChat, key: callerKey, body: "model=gpt-4o", status: 400, message: "JSON"},
		{name: "json-cut", path: nativeChat, key: callerKey, body: goodBody[:40], status: 400, message: "JSON"},
		{name: "json-array", path: nativeChat, key: callerKey, body: "[" + goodBody + "]", status: 400},
		{name: "body-empty", path: nativeChat, key: callerKey, status: 400},
		{name: "model-missing", path: nativeChat, key: callerKey, body: `{"messages":[]}`, status: 400, message: "model"},
		{name: "model-twice", path: nativeChat, key: callerKey, body: `{"model":"gpt-4o",` + goodBody[1:], status: 400, message: "model"},
		{name: "model-case", path: nativeChat, key: callerKey, body: `{"Model":"other",` + goodBody[1:], status: 400, message: "model"},
		{name: "stream-twice", path: classicChat, key: callerKey, body: `{"stream":true,"stream":false,` + goodBody[1:], status: 400, message: "stream"},
		{name: "too-large", path: nativeChat, key: callerKey, body: big, status: 413},
		{name: "too-large-chunked", path: classicChat, key: callerKey, body: big, chunked: true, status: 413},
		{name: "backend-down", path: nativeChat, key: callerKey, body: strings.Replace(goodBody, "gpt-4o", "down", 1), status: 502},
	}
}

// TestBadInput sends what cannot be served: each has its own clear answer and is
// on the record, and the gateway goes on.
func TestBadInput(t *testing.T) {
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := newGateway(t, []backend{
		{"east", "azure", east.url, "2024-10-21", "${env:EAST_KEY}"},
		{"west", "openai", west.url + "/v1", "", "${env:WEST_KEY}"},
		{"down", "openai", fmt.Sprintf("http://127.0.0.1:%d/v1", freePort(t)), "", "none"},
	}, []route{{"gpt-4o", []string{"east", "west"}}, {"east", []string{"east=gpt-4o"}}, {"down", []string{"down=gpt-4o"}}})
	g.calm(t)
	g.serve(t)
	pid := storeOf(g)
	calls, streams := badCalls(), badStreams()
	var ids []string
	answers := map[string]ownAnswer{}
	for _, b := range calls {
		ids = append(ids, "bad-"+b.name)
		answers[b.name] = b.send(t, g)
	}
	broken := map[string]*call{}
	for _, b := range streams {
		ids = append(ids, "bad-"+b.name)
		broken[b.name] = b.send(g)
	}
	records := g.settle(t, `ResponseCode, Outcome, LastErrorReason, LastErrorMessage, OperationId, Completion, StreamError,
		BackendResponseBody, UsageSource, CompletionTokens`, ids)
	for _, b := range calls {
		t.Run(b.name, func(t *testing.T) { b.check(t, answers[b.name], records["bad-"+b.name]) })
	}
	for _, b := range streams {
		t.Run(b.name, func(t *testing.T) { b.check(t, broken[b.name], records["bad-"+b.name]) })
	}
	t.Run("query", func(t *testing.T) { checkTypos(t, g) })
	good := &call{id: "good", prompt: "unique prompt of good"}
	if good.do(newClient(), g.url); good.status != 200 || !good.complete {
		t.Errorf("a good call afterwards: status %d, %v", good.status, good.err)
	}
	g.settle(t, "Outcome", []string{"good"})
	if !g.running() || storeOf(g) != pid {
		t.Error("the gateway or its store did not live through it")
	}
}

// ownAnswer is what the client got.
type ownAnswer struct {
	status int
	id     string
	body   []byte
}

func (b badCall) send(t *testing.T, g *gateway) ownAnswer {
	t.Helper()
	var body io.Reader = strings.NewReader(b.body)
	if b.chunked {
		body = io.MultiReader(body) // hides its length
	}
	method := b.method
	if method == "" {
		method = "POST"
	}
	req, err := http.NewRequest(method, g.url+b.path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("x-ms-client-request-id", "bad-"+b.name)
	if b.key != "" {
		req.Header.Set("api-key", b.key)
	}
	client := newClient()
	client.Timeout = 30 * time.Second
	resp, err := client.Do(req)
	if err != nil {
		t.Errorf("%s: %v", b.name, err)
		return ownAnswer{}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: %v", b.name, err)
	}
	return ownAnswer{resp.StatusCode, resp.Header.Get("apim-request-id"), text}
}

func (b badCall) check(t *testing.T, a ownAnswer, records []row) {
	t.Logf("%d %s", a.status, bytes.TrimSpace(a.body))
	if a.status != b.status {
		t.Errorf("status %d, want %d", a.status, b.status)
	}
	code, message := checkOwnError(t, b.name, a.status, a.body)
	if b.code != "" && code != b.code {
		t.Errorf("code %q, want %q", code, b.code)
	}
	if !strings.Contains(message, b.message) {
		t.Errorf("the message %q does not say %q", message, b.message)
	}
	if a.id == "" {
		t.Error("no apim-request-id")
	}
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	r := records[0]
	outcome := "refused"
	if b.name == "backend-down" {
		outcome = "failed"
	}
	if r.text("Outcome") != outcome || int(r.number("ResponseCode")) != b.status || r.text("CorrelationId") != a.id {
		t.Errorf("the record of %s is %v", a.id, r)
	}
	if r.text("LastErrorReason") == "" || r.text("LastErrorMessage") == "" {
		t.Errorf("the record does not say why: %v", r)
	}
}

// badStream is an answer that goes wrong on the backend's side.
type badStream struct {
	name, sim string
	stream    bool
	outcomes  []string
	whole     bool // the client has the stream's end
	broken    bool // StreamError says something
}

func badStreams() []badStream {
	return []badStream{
		{name: "stream-malformed", sim: "malformed=5,tokens=20", stream: true, outcomes: []string{"completed", "interrupted"}, whole: true, broken: true},
		{name: "stream-dies", sim: "die_after=6,tokens=20", stream: true, outcomes: []string{"interrupted"}},
		{name: "stream-closes", sim: "die_after=6,cut=close,tokens=20", stream: true, outcomes: []string{"interrupted"}},
		{name: "stream-no-done", sim: "no_done=1,tokens=20", stream: true, outcomes: []string{"completed", "interrupted"}},
		{name: "plain-dies", sim: "die_after=50,tokens=20", outcomes: []string{"failed"}},
		{name: "plain-cut", sim: "truncate=80,tokens=20", outcomes: []string{"failed"}},
	}
}

func (b badStream) send(g *gateway) *call {
	id := "bad-" + b.name
	c := &call{id: id, prompt: "unique prompt of " + id, stream: b.stream, model: "east", tokens: 20, sim: b.sim}
	client := newClient()
	client.Timeout = 20 * time.Second
	c.do(client, g.url)
	return c
}

func (b badStream) check(t *testing.T, c *call, r []row) {
	t.Logf("status %d, complete %v, %d pieces of text, %v", c.status, c.complete, len(c.pieces), c.err)
	if c.complete != b.whole && b.stream {
		t.Errorf("the client saw the end of the stream: %v, want %v", c.complete, b.whole)
	}
	if !b.stream && c.status < 500 {
		t.Errorf("status %d: no backend gave a whole answer", c.status)
	}
	if len(r) != 1 {
		t.Fatalf("%d records", len(r))
	}
	known := false
	for _, o := range b.outcomes {
		known = known || r[0].text("Outcome") == o
	}
	if !known {
		t.Errorf("outcome %q, want one of %v", r[0].text("Outcome"), b.outcomes)
	}
	if b.broken && r[0].text("StreamError") == "" {
		t.Error("StreamError does not say what was wrong")
	}
	if b.stream && !strings.HasPrefix(r[0].text("Completion"), c.text) || b.stream && c.text == "" {
		t.Errorf("the client read %q, the record has %q", c.text, r[0].text("Completion"))
	}
	if b.stream && r[0].number("CompletionTokens") <= 0 {
		t.Errorf("no tokens: %v by %q", r[0]["CompletionTokens"], r[0].text("UsageSource"))
	}
	if !b.stream && r[0].number("ResponseCode") == 200 && r[0].text("BackendResponseBody") == "" {
		t.Error("the record has nothing of the broken body")
	}
}

// checkTypos asks queries with mistakes, by the command and by the API.
func checkTypos(t *testing.T, g *gateway) {
	for _, q := range []struct{ kql, position, token, hint string }{
		{"WeirExchanges\n| wher ResponseCode == 200", "2:3", "wher", "where"},
		{"WeirExchanges | where ResponsCode == 200", "1:23", "ResponsCode", "ResponseCode"},
		{"WeirExchange | count", "1:1", "WeirExchange", "WeirExchanges"},
		{"WeirExchanges | extend x = tostrin(Url)", "1:28", "tostrin", "tostring"},
	} {
		_, stderr, code := runWeir(t, nil, "query", q.kql, "-server", g.api)
		t.Logf("%s", strings.TrimSpace(stderr))
		if code == 0 {
			t.Errorf("%q: exit 0", q.kql)
		}
		for _, want := range []string{q.position, q.token, q.hint} {
			if !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(stderr, "line ", ""), ", column ", ":"), want) {
				t.Errorf("%q: the error does not say %q: %s", q.kql, want, stderr)
			}
		}
		_, err := g.ask(q.kql)
		if err == nil || !strings.Contains(err.Error(), "status 400") || !strings.Contains(err.Error(), "Semantic error") && !strings.Contains(err.Error(), "Syntax error") {
			t.Errorf("%q: the API says %v", q.kql, err)
		}
	}
}

// TestBadConfig writes a config with several mistakes: all are named at once,
// with file, line and mend.
func TestBadConfig(t *testing.T) {
	file := t.TempDir() + "/weir.yaml"
	const text = `data: data
gateway: {listen: "127.0.0.1:0", colour: blue}
api: {listen: "0.0.0.0:8081"}
backends:
  - {name: east, kind: azur, url: "http://127.0.0.1:1", key: k}
  - {name: west, kind: openai, url: "not a url", key: "${env:WEIR_E2E_NO_SUCH}"}
deployments:
  - name: gpt-4o
    backends: [{backend: north, deployment: gpt-4o, weight: 1}]
subscriptions:
  - {name: team-a, product: standard, keys: ["sha256:beef"]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "serve"} {
		_, stderr, code := runWeir(t, nil, command, "-config", file)
		t.Logf("weir %s:\n%s", command, stderr)
		if code == 0 {
			t.Errorf("weir %s: exit 0", command)
		}
		for line, words := range map[int][]string{
			2: {"colour"}, 3: {"loopback"}, 5: {"azur", "azure"}, 6: {"WEIR_E2E_NO_SUCH"}, 9: {"backend"}, 11: {"sha256"},
		} {
			said := ""
			for l := range strings.Lines(stderr) {
				if strings.Contains(l, fmt.Sprintf("%s:%d:", file, line)) {
					said += l
				}
			}
			for _, w := range words {
				if !strings.Contains(said, w) {
					t.Errorf("weir %s: line %d is not named with %q: %q", command, line, w, said)
				}
			}
			if said != "" && !strings.Contains(said, ";") {
				t.Errorf("weir %s: line %d has no mend: %q", command, line, said)
			}
		}
	}
	good := newGateway(t, []backend{{"east", "azure", "http://127.0.0.1:1", "", "k"}}, []route{{"gpt-4o", []string{"east"}}})
	if _, stderr, code := runWeir(t, nil, "check", "-config", good.config); code != 0 {
		t.Errorf("weir check of a good config: exit %d\n%s", code, stderr)
	}
}
