package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"weir/internal/upstream"
)

// TestTicket: the short-lived key in an answer opens the WebSocket and nothing
// else, however the answer came, and stands nowhere on the record.
func TestTicket(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		g := newRig(t, backend{kind: "openai", handler: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("the answer may be coded: %v", r.Header)
			}
			if chunked {
				w.(http.Flusher).Flush()
			}
			io.WriteString(w, `{"client_secret":{"value":"ek_0123456789"}}`)
		}})
		resp := g.post("/v1/realtime/sessions", `{"model":"gpt"}`, "Accept-Encoding", "gzip")
		if b := readAll(t, resp); resp.StatusCode != 200 || !strings.Contains(b, "ek_0123456789") {
			t.Fatalf("%d %s", resp.StatusCode, b)
		}
		e := g.log.wait(0, delivered)
		if strings.Contains(string(e.ResponseBody), "ek_0") || !strings.Contains(string(e.ResponseBody), "***") {
			t.Errorf("on the record: %s", e.ResponseBody)
		}
		if g.proxy.tickets.find("ek_0123456789") == nil {
			t.Error("the key is not known")
		}
		if r := g.post("/v1/chat/completions", `{"model":"gpt"}`, "api-key", "", "Authorization", "Bearer ek_0123456789"); r.StatusCode != 401 {
			t.Errorf("the key opens a chat: %d", r.StatusCode)
		}
	}
}

// TestNamesInBodies: what only looks like an object's id asks no backend for
// anything that it could not be, and stops no call.
func TestNamesInBodies(t *testing.T) {
	var asked atomic.Int64
	up := upstream.Config{Deployments: []upstream.Deployment{{Name: "gpt"}}}
	for _, name := range []string{"a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "GET" {
				asked.Add(1)
				w.WriteHeader(http.StatusUnauthorized) // it does not say
				return
			}
			answerPlain(w, r)
		}))
		t.Cleanup(s.Close)
		up.Backends = append(up.Backends, upstream.Backend{Name: name, Kind: "openai", URL: s.URL})
		up.Deployments[0].Backends = append(up.Deployments[0].Backends, upstream.Target{Backend: name})
	}
	log := newMemLog()
	p, url := newGateway(t, Config{}, log, up)
	g := &rig{t, log, p, url, &http.Client{Transport: &http.Transport{}}}
	var many []string
	for i := range maxNamed + 1 {
		many = append(many, fmt.Sprintf(`"file-%d"`, i))
	}
	for i, tt := range []struct {
		body   string
		status int
		asks   int64
	}{
		{`{"model":"gpt","file_id":".."}`, 200, 0}, {`{"model":"gpt","file_id":""}`, 200, 0}, {`{"model":"gpt","file_id":"a/../../x"}`, 200, 0},
		{`{"model":"gpt","file_id":"` + strings.Repeat("x", 300) + `"}`, 200, 0},
		{`{"model":"gpt","metadata":{"thread_id":"ours"},"tools":[{"parameters":{"file_id":"x"}}]}`, 200, 0},
		{`{"model":"gpt","file_id":"file-1"}`, 200, 2},
		{`{"model":"gpt","file_ids":[` + strings.Join(many, ",") + `]}`, 400, -1},
	} {
		before := asked.Load()
		resp := g.post("/v1/responses", tt.body)
		readAll(t, resp)
		if n := asked.Load() - before; resp.StatusCode != tt.status || tt.asks >= 0 && n != tt.asks {
			t.Errorf("%.60s: %d, %d questions", tt.body, resp.StatusCode, n)
		}
		g.log.wait(i, delivered)
	}
}

// TestNamesAreMade: a deployment that a backend merely lists is not callable.
func TestNamesAreMade(t *testing.T) {
	up := upstream.Config{Deployments: []upstream.Deployment{{Name: "gpt"}}}
	for _, name := range []string{"a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "GET" {
				io.WriteString(w, `{"object":"list","data":[{"id":"secret"}],"id":"secret"}`)
				return
			}
			io.WriteString(w, `{"id":"made"}`)
		}))
		t.Cleanup(s.Close)
		up.Backends = append(up.Backends, upstream.Backend{Name: name, Kind: "azure", URL: s.URL})
		up.Deployments[0].Backends = append(up.Deployments[0].Backends, upstream.Target{Backend: name})
	}
	log := newMemLog()
	p, url := newGateway(t, Config{}, log, up)
	g := &rig{t, log, p, url, &http.Client{Transport: &http.Transport{}}}
	g.do("GET", "/openai/deployments?api-version=2022-12-01", "")
	g.do("GET", "/openai/deployments/secret?api-version=2022-12-01", "")
	g.do("POST", "/openai/deployments?api-version=2022-12-01", `{"model":"gpt-4o"}`)
	for name, want := range map[string]int{"secret": 404, "made": 200} {
		if code, _, _ := g.do("POST", "/openai/deployments/"+name+"/chat/completions?api-version=2024-10-21", plainBody); code != want {
			t.Errorf("%s: %d, want %d", name, code, want)
		}
	}
}

// TestManagementStaysClosed: no unknown call goes to Resource Manager.
func TestManagementStaysClosed(t *testing.T) {
	called := false
	g := newRigWith(t, Config{UnknownOperations: passUnknown}, newMemLog(), backend{kind: upstream.KindManagement, handler: func(http.ResponseWriter, *http.Request) { called = true }})
	if code, _, _ := g.do("DELETE", "/subscriptions/s/resourceGroups/g?api-version=2024-01-01", ""); code != 404 || called {
		t.Errorf("%d, called %v", code, called)
	}
}

// TestEarlyAnswer: a backend that answers before it has the whole of an upload
// with trailers: nothing races, and the record says what came.
func TestEarlyAnswer(t *testing.T) {
	g := newRig(t, backend{handler: func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":{}}`, http.StatusUnauthorized)
	}})
	body, kind, _ := aForm(t, 3<<20)
	for i := range 5 {
		req, _ := http.NewRequest("POST", g.url+"/openai/files?api-version=2024-10-21", io.NopCloser(strings.NewReader(string(body))))
		req.Header.Set("Content-Type", kind)
		req.Header.Set("api-key", testKey)
		req.Trailer = http.Header{"X-Checksum": {"7"}}
		if resp, err := g.http.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 401 {
				t.Errorf("%d", resp.StatusCode)
			}
		}
		if e := g.log.wait(i, delivered); e.End.Request == nil {
			t.Error("the upload is not on the record")
		}
	}
}
