package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weir/internal/journal"
	"weir/internal/record"
	"weir/internal/sim"
	"weir/internal/upstream"
)

// fold reads a journal's exchanges by id.
func fold(t *testing.T, dir string) map[string]*record.Exchange {
	t.Helper()
	r, err := journal.Follow(journal.ReaderOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all := map[string]*record.Exchange{}
	for {
		f, err := r.TryNext()
		if errors.Is(err, journal.ErrCaughtUp) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind > journal.Delivered {
			continue
		}
		id := record.ID(f.ID).String()
		e := all[id]
		if e == nil {
			e = &record.Exchange{ID: f.ID}
			all[id] = e
		}
		var content []byte
		for _, b := range f.Blocks {
			content = append(content, b.Data...)
		}
		switch f.Kind {
		case journal.Begin:
			e.Begin, err = record.ParseBegin(f.Meta)
			e.RequestBody = content
		case journal.Part, journal.End:
			e.ResponseBody = append(e.ResponseBody, content...)
			if f.Kind == journal.End {
				e.End, err = record.ParseEnd(f.Meta)
			}
		case journal.Delivered:
			e.Delivered, err = record.ParseDelivered(f.Meta)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSimulators: every surface to every kind of backend, plain and streamed,
// with the fates that a call can meet; the journal has what passed, and the
// tokens that the simulators counted.
func TestSimulators(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(journal.Options{Dir: dir, Gateway: "test"})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			j.Close()
		}
	}()
	up := upstream.Config{CircuitBreaker: upstream.BreakerConfig{Disabled: true}} // every call meets its fate
	sims := map[string]*sim.Simulator{}
	for _, kind := range []string{upstream.KindAzure, upstream.KindOpenAI} {
		s, err := sim.New(sim.Options{Kind: kind, Keys: []string{"key-" + kind}, Deployments: []sim.Deployment{{Name: "d-" + kind, Model: "gpt-4o"}, {Name: "text-embedding-3-small"}}})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(s.Handler())
		defer server.Close()
		sims[kind] = s
		up.Backends = append(up.Backends, upstream.Backend{Name: kind, Kind: kind, URL: server.URL, Key: "key-" + kind})
		up.Deployments = append(up.Deployments,
			upstream.Deployment{Name: kind + "-chat", Backends: []upstream.Target{{Backend: kind, Deployment: "d-" + kind}}},
			upstream.Deployment{Name: kind + "-embed", Backends: []upstream.Target{{Backend: kind, Deployment: "text-embedding-3-small"}}})
	}
	p, url := newGateway(t, Config{}, Journal(j), up)

	type call struct {
		status  int
		body    []byte
		failed  bool
		fate    string
		outcome record.Outcome
	}
	calls := map[string]call{}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	do := func(path, body, fate string, want record.Outcome) {
		req, err := http.NewRequestWithContext(context.Background(), "POST", url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testKey)
		req.Header.Set("Accept-Encoding", "gzip, br")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", path, fate, err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if (err != nil) != (want == record.Interrupted && !strings.Contains(fate, "no_done")) {
			t.Errorf("%s %s: %v", path, fate, err)
		}
		calls[resp.Header.Get("apim-request-id")] = call{resp.StatusCode, b, err != nil, fate, want}
	}
	for _, kind := range []string{upstream.KindAzure, upstream.KindOpenAI} {
		for _, surface := range []string{"/openai/deployments/NAME", "/openai/v1", "/v1"} {
			query := ""
			if strings.Contains(surface, "NAME") {
				query = "?api-version=2024-10-21"
			}
			at := func(op string) string { return strings.Replace(surface, "NAME", kind+"-"+op, 1) }
			do(at("embed")+"/embeddings"+query, `{"model":"`+kind+`-embed","input":["one","two three"]}`, "", record.Completed)
			for _, tt := range []struct {
				fate    string
				stream  bool
				outcome record.Outcome
			}{
				{"", false, record.Completed}, {"", true, record.Completed},
				{"bytes=300000", false, record.Completed}, {"bytes=300000", true, record.Completed},
				{"keepalive=1", true, record.Completed}, {"gzip=1", false, record.Completed}, {"malformed=2", true, record.Completed},
				{"status=429,retry_after=3", false, record.Completed}, {"no_done=1", true, record.Interrupted},
				{"die_after=3", true, record.Interrupted}, {"die_after=3,cut=close", true, record.Interrupted}, {"truncate=40", false, record.Failed},
			} {
				stream := ""
				if tt.stream {
					stream = `,"stream":true`
				}
				do(at("chat")+"/chat/completions"+query, `{"model":"`+kind+`-chat","messages":[{"role":"user","content":"Say something."}],"metadata":{"sim":"`+tt.fate+`"}`+stream+`}`, tt.fate, tt.outcome)
			}
		}
	}
	p.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	closed = true

	exchanges := fold(t, dir)
	if len(exchanges) != len(calls) {
		t.Errorf("%d calls, %d records", len(calls), len(exchanges))
	}
	counted := map[string]int64{} // by the simulators' own ids
	for _, s := range sims {
		for _, c := range s.Calls(0) {
			counted[c.RequestID] = c.PromptTokens + c.CompletionTokens
		}
	}
	compared := 0
	for id, c := range calls {
		e := exchanges[id]
		if e == nil || e.End == nil || e.Delivered == nil {
			t.Errorf("%s: no whole record", c.fate)
			continue
		}
		if e.End.Outcome != c.outcome || e.End.Status != c.status || !c.failed && e.Delivered.ResponseSize != int64(len(c.body)) {
			t.Errorf("%s: %s %d, %d bytes; the client saw %d and %d bytes", c.fate, e.End.Outcome, e.End.Status, e.Delivered.ResponseSize, c.status, len(c.body))
		}
		got := e.ResponseBody
		if e.End.UsageAdded {
			got = withoutUsage(got)
		}
		if !bytes.Equal(got, c.body) && !c.failed {
			t.Errorf("%s: captured %d bytes, the client has %d", c.fate, len(got), len(c.body))
		}
		if c.outcome == record.Completed && c.status == 200 && c.fate != "gzip=1" {
			compared++
			if n := total(t, e.ResponseBody); n != counted[modelID(e)] {
				t.Errorf("%s: %d tokens on the record, %d counted", c.fate, n, counted[modelID(e)])
			}
		}
	}
	if compared < 36 {
		t.Errorf("the tokens of %d calls were compared", compared)
	}
}

// modelID is the id that the simulator gave its answer.
func modelID(e *record.Exchange) string {
	id := ""
	for _, h := range e.End.BackendResponseHeaders {
		if h.Name == correlation || h.Name == "X-Request-Id" && id == "" {
			id = h.Value
		}
	}
	return id
}

// withoutUsage drops the event that only the gateway asked for.
func withoutUsage(stream []byte) []byte {
	var out []byte
	for _, e := range bytes.SplitAfter(stream, []byte("\n\n")) {
		if !bytes.Contains(e, []byte(`"choices":[],`)) || !bytes.Contains(e, []byte(`"usage":{`)) {
			out = append(out, e...)
		}
	}
	return out
}

// total is the last usage in a plain or streamed answer.
func total(t *testing.T, answer []byte) (n int64) {
	t.Helper()
	for _, line := range bytes.Split(answer, []byte("\n")) {
		var v struct{ Usage struct{ Total_tokens int64 } }
		if json.Unmarshal(bytes.TrimPrefix(line, []byte("data: ")), &v) == nil && v.Usage.Total_tokens > 0 {
			n = v.Usage.Total_tokens
		}
	}
	if n == 0 {
		t.Errorf("no usage in %.200q", answer)
	}
	return n
}
