package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weir/internal/upstream"
)

func ask(h http.Handler, method, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, "http://127.0.0.1:8082"+path, nil)
	req.RemoteAddr = "127.0.0.1:50000"
	for _, c := range change {
		c(req)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// TestHealth: balancers get the same answers at both listeners, without a key.
func TestHealth(t *testing.T) {
	r := newReloading(t, "http://127.0.0.1:1")
	defer func() { r.stop.run() }()
	for name, h := range map[string]http.Handler{"gateway": r.entrance(), "telemetry": r.opsHandler()} {
		for _, c := range []struct {
			method, path string
			status       int
			text         string
		}{
			{"GET", "/healthz", 200, "ok\n"}, {"GET", "/readyz", 200, "ready\n"},
			{"GET", "/status-0123456789abcdef", 200, "Service Operational\n"},
			{"HEAD", "/readyz", 200, "ready\n"}, // net/http drops the body
			{"POST", "/readyz", 405, "use GET or HEAD\n"},
		} {
			w := ask(h, c.method, c.path)
			if w.Code != c.status || w.Body.String() != c.text || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s %s: %d %q %v", name, c.method, c.path, w.Code, w.Body, w.Header())
			}
		}
	}
	if s := r.journal.Stats(); s.Appends+s.Commits != 0 {
		t.Errorf("%d frames are on the record", s.Appends+s.Commits)
	}
	metric := func(want string) {
		t.Helper()
		if body := ask(r.opsHandler(), "GET", "/metrics").Body.String(); !strings.Contains(body, "\n"+want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
	metric("weir_gateway_ready 1")
	metric("weir_gateway_connections 0")
	metric("weir_config_last_reload_successful 1")
	metric(`weir_config_reloads_total{result="failed"} 0`)

	r.draining.Store(true)
	for _, path := range []string{"/readyz", "/status-0123456789abcdef"} {
		if w := ask(r.entrance(), "GET", path); w.Code != 503 || w.Body.String() != "the gateway is stopping\n" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	metric("weir_gateway_ready 0")
	if w := ask(r.entrance(), "GET", "/healthz"); w.Code != 200 {
		t.Errorf("/healthz: %d", w.Code)
	}
}

// TestNotReady: when no backend can be expected to answer.
func TestNotReady(t *testing.T) {
	r := newReloading(t, "http://127.0.0.1:1")
	defer func() { r.stop.run() }()
	now := time.Now()
	for _, m := range r.proxy.Upstream().Pool("gpt-4o").Members() {
		for range 10 {
			ticket, ok := m.Admit(now)
			if !ok {
				break
			}
			m.Report(now, ticket, upstream.Outcome{Reason: "BackendConnectionFailure", RetryAfter: -1})
			m.Done()
		}
	}
	if w := ask(r.entrance(), "GET", "/readyz"); w.Code != 503 || w.Body.String() != "no backend can serve\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	w := ask(r.opsHandler(), "GET", "/backends")
	var all []upstream.Status
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || len(all) != 2 || all[0].Backend != "east" || all[0].Circuit != "open" || all[0].Trips != 1 {
		t.Errorf("%v: %s", err, w.Body)
	}

	rebound := func(r *http.Request) { r.Host = "rebound.example:8082" }
	scraper := func(r *http.Request) { r.Host, r.RemoteAddr = "gateway.example:8082", "10.0.0.7:1" }
	if w := ask(r.opsHandler(), "GET", "/backends", rebound); w.Code != 403 || strings.Contains(w.Body.String(), "east") {
		t.Errorf("from a page under a foreign name: %d %q", w.Code, w.Body)
	}
	if w := ask(r.opsHandler(), "GET", "/backends", scraper); w.Code != 200 {
		t.Errorf("from another machine by name: %d %q", w.Code, w.Body)
	}

	// A reload forgets nothing of it.
	if _, err := r.reload(byAdmin); err != nil {
		t.Fatal(err)
	}
	if w := ask(r.entrance(), "GET", "/readyz"); w.Code != 503 {
		t.Errorf("after a reload: %d %q", w.Code, w.Body)
	}
}

// TestAdminReload: who may ask for a reload, and what they are told.
func TestAdminReload(t *testing.T) {
	r := newReloading(t, "http://127.0.0.1:1")
	defer func() { r.stop.run() }()
	h := r.opsHandler()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	from := func(addr, host string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr, r.Host = addr, host }
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		status int
		says   string
	}{
		{"from elsewhere", from("10.0.0.7:1", "10.0.0.1:8082"), 403, "own machine"},
		{"from no address", from("@", "localhost"), 403, "own machine"},
		{"from a page", header("Origin", "http://127.0.0.1:8082"), 403, "Origin"},
		{"through a proxy", header("X-Forwarded-For", "127.0.0.1"), 403, "X-Forwarded-For"},
		{"under a foreign name", from("127.0.0.1:1", "rebound.example:8082"), 403, "localhost or"},
		{"by name", from("127.0.0.1:1", "localhost:8082"), 200, "changed: nothing"},
		{"IPv6", from("[::1]:1", "[::1]:8082"), 200, "changed: nothing"},
		{"IPv4 in IPv6", from("[::ffff:127.0.0.1]:1", "127.0.0.1"), 200, "changed: nothing"},
	} {
		if w := ask(h, "POST", "/-/reload", c.change); w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %q", c.name, w.Code, w.Body)
		}
	}
	if w := ask(h, "GET", "/-/reload"); w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
	r.edit("data: data", "data: elsewhere\nnonsense: 1")
	w := ask(h, "POST", "/-/reload")
	want := fmt.Sprintf("%[1]s:1: data: it cannot change while the gateway runs; restart it\n%[1]s:2: nonsense: there is no such field; ", r.file)
	if w.Code != 422 || !strings.HasPrefix(w.Body.String(), want) {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
