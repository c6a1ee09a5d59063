package proxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
	"weir/internal/upstream"
)

// pooled is a gateway whose deployment gpt has the given settings and backends.
func pooled(t *testing.T, cfg upstream.Config, d upstream.Deployment, handlers ...http.HandlerFunc) *rig {
	t.Helper()
	d.Name = "gpt"
	given := d.Backends // their order and priorities, where they are given
	d.Backends = nil
	for i, h := range handlers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		name := string(rune('a' + i))
		cfg.Backends = append(cfg.Backends, upstream.Backend{Name: name, Kind: upstream.KindAzure, URL: s.URL})
		target := upstream.Target{Backend: name}
		if len(given) > 0 {
			target.Priority = given[i].Priority
		}
		d.Backends = append(d.Backends, target)
	}
	cfg.Deployments = append(cfg.Deployments, d)
	log := newMemLog()
	p, url := newGateway(t, Config{}, log, cfg)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &rig{t, log, p, url, &http.Client{Transport: tr}}
}

// TestRounds: after each backend was tried once, all are tried again, as often
// as the policy says.
func TestRounds(t *testing.T) {
	for _, tt := range []struct {
		attempts, well int // the call from which on the backends are well
		status         int
		made           int
	}{{0, 3, 503, 2}, {3, 3, 200, 3}, {5, 5, 200, 5}, {5, 9, 503, 5}, {1, 2, 503, 1}} {
		var calls atomic.Int32
		h := func(w http.ResponseWriter, r *http.Request) {
			if int(calls.Add(1)) < tt.well {
				status(503)(w, r)
				return
			}
			answerPlain(w, r)
		}
		g := pooled(t, upstream.Config{CircuitBreaker: upstream.BreakerConfig{Disabled: true}},
			upstream.Deployment{Retry: upstream.RetryConfig{Attempts: tt.attempts, Interval: time.Millisecond}}, h, h)
		resp := g.post(chatPath, plainBody)
		e := g.log.wait(0, delivered)
		if resp.StatusCode != tt.status || len(e.End.Attempts) != tt.made || int(calls.Load()) != tt.made {
			t.Errorf("%d attempts, well from call %d: %d after %d attempts", tt.attempts, tt.well, resp.StatusCode, len(e.End.Attempts))
		}
	}
}

// TestTripped: when no backend may be tried, the client learns why and when to
// come again, nothing is forwarded, and the exchange is on the record.
func TestTripped(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		calls  int // until the breaker trips
		want   int
		after  string
		reason string
	}{
		{"throttled", 429, 1, 429, "30", "BackendsThrottled"},
		{"ill", 500, 5, 503, "10", "BackendsUnavailable"},
	} {
		var calls atomic.Int32
		g := pooled(t, upstream.Config{}, upstream.Deployment{}, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			status(tt.status, "Retry-After", "30")(w, r)
		})
		for range tt.calls {
			if resp := g.post(chatPath, plainBody); resp.StatusCode != tt.status {
				t.Errorf("%s: %d", tt.name, resp.StatusCode)
			}
		}
		resp := g.post(chatPath, plainBody)
		body := readAll(t, resp)
		if resp.StatusCode != tt.want || resp.Header.Get("Retry-After") != tt.after || !strings.Contains(body, "Please retry after "+tt.after+" seconds.") {
			t.Errorf("%s: %d, Retry-After %q, %s", tt.name, resp.StatusCode, resp.Header.Get("Retry-After"), body)
		}
		e := g.log.wait(tt.calls, delivered)
		if int(calls.Load()) != tt.calls || len(e.End.Attempts) != 0 || e.End.Outcome != record.Failed || e.End.LastError.Reason != tt.reason {
			t.Errorf("%s: %d calls reached the backend; %+v %+v", tt.name, calls.Load(), e.End, e.End.LastError)
		}
	}
}

// TestDeploymentsApart: throttling of one deployment does not keep calls to
// another on the same backend.
func TestDeploymentsApart(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/busy/") {
			status(429, "Retry-After", "30")(w, r)
			return
		}
		answerPlain(w, r)
	}))
	defer s.Close()
	g := pooled(t, upstream.Config{
		Backends: []upstream.Backend{{Name: "z", Kind: upstream.KindAzure, URL: s.URL}},
		Deployments: []upstream.Deployment{
			{Name: "busy", Backends: []upstream.Target{{Backend: "z"}}}, {Name: "free", Backends: []upstream.Target{{Backend: "z"}}},
		},
	}, upstream.Deployment{}, answerPlain)
	for deployment, want := range map[string]int{"busy": 429, "free": 200} {
		for range 3 {
			if resp := g.post(strings.Replace(chatPath, "gpt", deployment, 1), plainBody); resp.StatusCode != want {
				t.Errorf("%s: %d", deployment, resp.StatusCode)
			}
		}
	}
}

// TestSession: the calls of a session go to one backend, whatever names it; a
// cookie that names none is set.
func TestSession(t *testing.T) {
	named := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") != "" {
				t.Error("the client's cookie went to a backend")
			}
			w.Header().Set("X-Name", name)
			answerPlain(w, r)
		}
	}
	backends := []http.HandlerFunc{named("a"), named("b"), named("c")}
	where := func(g *rig, header ...string) string {
		return g.post(chatPath, plainBody, header...).Header.Get("X-Name")
	}
	spread := map[string]bool{}
	g := pooled(t, upstream.Config{}, upstream.Deployment{Affinity: upstream.Affinity{Header: "x-session-id"}}, backends...)
	for i := range 30 {
		id := string(rune('A' + i))
		first := where(g, "X-Session-Id", id)
		spread[first] = true
		for range 3 {
			if again := where(g, "X-Session-Id", id); again != first {
				t.Errorf("session %s moved from %s to %s", id, first, again)
			}
		}
	}
	if len(spread) != 3 {
		t.Errorf("30 sessions on %v", spread)
	}
	g = pooled(t, upstream.Config{}, upstream.Deployment{Affinity: upstream.Affinity{Caller: true}}, backends...)
	if first, second, third := where(g), where(g), where(g); second != first || third != first {
		t.Error("a caller's calls went to several backends")
	}
	g = pooled(t, upstream.Config{}, upstream.Deployment{Affinity: upstream.Affinity{Cookie: "SessionId"}}, backends...)
	for range 10 {
		resp := g.post(chatPath, plainBody)
		set := resp.Cookies()
		if len(set) != 1 || set[0].Name != "SessionId" || !set[0].HttpOnly {
			t.Fatalf("cookies %v", set)
		}
		again := g.post(chatPath, plainBody, "Cookie", "SessionId="+set[0].Value)
		if d := cmp.Diff(resp.Header.Get("X-Name"), again.Header.Get("X-Name")); d != "" || len(again.Cookies()) != 0 {
			t.Errorf("the session moved or was named anew: %s %v", d, again.Cookies())
		}
	}
	e := g.log.wait(0, delivered)
	for _, h := range e.End.ResponseHeaders {
		if h.Name == "Set-Cookie" && h.Value != mask {
			t.Errorf("the cookie is on the record: %s", h.Value)
		}
	}
}

// TestSpillOver: what a provisioned deployment cannot take goes to the next
// group, and comes back when there is room again.
func TestSpillOver(t *testing.T) {
	var full atomic.Bool
	var asked atomic.Int32
	g := pooled(t, upstream.Config{}, upstream.Deployment{Backends: []upstream.Target{{Priority: 1}, {Priority: 2}}}, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if full.Load() {
			status(429, "Retry-After-Ms", "150")(w, r)
			return
		}
		w.Header().Set("X-Name", "provisioned")
		answerPlain(w, r)
	}, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Name", "standard"); answerPlain(w, r) })
	name := func() string { return g.post(chatPath, plainBody).Header.Get("X-Name") }
	for range 4 {
		if n := name(); n != "provisioned" {
			t.Errorf("with room: %s", n)
		}
	}
	full.Store(true)
	begun := time.Now()
	for range 4 {
		if n := name(); n != "standard" {
			t.Errorf("without room: %s", n)
		}
	}
	if n := asked.Load(); n != 5 && time.Since(begun) < 150*time.Millisecond {
		t.Errorf("the full backend was asked %d times", n-4)
	}
	full.Store(false)
	for name() != "provisioned" { // when the time that it said is over
		if time.Since(begun) > 10*time.Second {
			t.Fatal("the calls did not come back")
		}
	}
}
