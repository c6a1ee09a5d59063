package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const secondKey = "e2e-second-caller"

// throttled is a backend that has no capacity for the next fifty minutes.
func throttled(t *testing.T) (url string, calls *atomic.Int64) {
	calls = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "3000")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, `{"error":{"code":"429","message":"Please retry after 3000 seconds."}}`)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, calls
}

// reloader changes the config of a running gateway.
type reloader struct {
	*gateway
	texts [2]string // two configs that are right
	last  int       // the one in use
}

// newReloader writes the two configs: the second has other weights, a further
// backend with a probe, a deployment on it and a subscription.
func newReloader(t *testing.T, east, west *simulator, busy string) *reloader {
	g := newGateway(t, []backend{
		{"east", "azure", east.url, "2024-10-21", "${env:EAST_KEY}"},
		{"west", "openai", west.url + "/v1", "", "${env:WEST_KEY}"},
		{"busy", "azure", busy, "2024-10-21", "none"},
	}, []route{{"gpt-4o", []string{"east", "west"}}, {"gpt-busy", []string{"busy=gpt-4o", "east=gpt-4o"}}})
	r := &reloader{gateway: g}
	// east stands in for busy only while that is tripped.
	r.amend(t, "{backend: busy, deployment: gpt-4o, weight: 1}\n      - {backend: east, deployment: gpt-4o, weight: 1}",
		"{backend: busy, deployment: gpt-4o}\n      - {backend: east, deployment: gpt-4o, priority: 2}")
	r.amend(t, "labels:", "reload: {watch: 100ms}\nlabels:")
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	r.texts[0] = string(text)
	second := r.texts[0]
	for _, edit := range [][2]string{
		{"{backend: east, deployment: gpt-4o, weight: 1}", "{backend: east, deployment: gpt-4o, weight: 5}"},
		{"deployments:\n", "  - {name: more, kind: azure, url: \"" + backendURL(t, second, "east") + "\", key: \"${env:EAST_KEY}\", probe: {path: /sim/counts, interval: 1s}}\n" +
			"deployments:\n  - {name: gpt-more, backends: [{backend: more, deployment: gpt-4o}]}\n"},
		{"subscriptions:\n", fmt.Sprintf("subscriptions:\n  - {name: team-b, product: standard, keys: [\"sha256:%x\"]}\n", sha256.Sum256([]byte(secondKey)))},
	} {
		if !strings.Contains(second, edit[0]) {
			t.Fatalf("the config has no %q:\n%s", edit[0], second)
		}
		second = strings.Replace(second, edit[0], edit[1], 1)
	}
	r.texts[1] = second
	return r
}

func backendURL(t *testing.T, config, name string) string {
	t.Helper()
	_, rest, _ := strings.Cut(config, "{name: "+name+", ")
	_, rest, _ = strings.Cut(rest, "url: \"")
	url, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("no backend %s in\n%s", name, config)
	}
	return url
}

// write puts a text in the place of the config, as editors and tools do.
func (r *reloader) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(r.config+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.config+".new", r.config); err != nil {
		t.Fatal(err)
	}
}

// metric reads one sample of the gateway's metrics.
func (r *reloader) metric(t *testing.T, name string) float64 {
	t.Helper()
	resp, err := http.Get(r.gateway.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

const (
	reloadsOK     = `weir_config_reloads_total{result="ok"}`
	reloadsFailed = `weir_config_reloads_total{result="failed"}`
)

// next has the gateway take the other config, by one of the triggers, and checks
// that it works by it.
func (r *reloader) next(t *testing.T, i int) {
	t.Helper()
	before := r.metric(t, reloadsOK)
	r.last = 1 - r.last
	r.write(t, r.texts[r.last])
	switch {
	case i%3 == 0: // the file alone
	case i%3 == 1:
		if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	case i%10 == 0:
		if out, stderr, code := runWeir(t, nil, "reload", "-config", r.config); code != 0 || !strings.Contains(out, "is in use: ") {
			t.Fatalf("weir reload: exit %d, %s%s", code, out, stderr)
		}
	default:
		resp, err := http.Post(r.gateway.metrics+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatalf("POST /-/reload: %d %s", resp.StatusCode, text)
		}
	}
	waitFor(t, 10*time.Second, "the reload", func() (bool, string) {
		now := r.metric(t, reloadsOK)
		return now > before && r.metric(t, "weir_config_last_reload_successful") == 1, fmt.Sprintf("%v reloads, %v before", now, before)
	})
	if got := r.models(t, secondKey); got == "" == (r.last == 1) || r.last == 1 && !strings.Contains(got, `"gpt-more"`) {
		t.Errorf("reload %d: the gateway does not work by config %d; the second caller sees %q", i, r.last, got)
	}
}

// models lists the deployments as a caller sees them, "" when they are refused.
func (r *reloader) models(t *testing.T, key string) string {
	t.Helper()
	req, _ := http.NewRequest("GET", r.url+"/v1/models", nil)
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 && resp.StatusCode != 401 {
		t.Fatalf("GET /v1/models: %d %v", resp.StatusCode, err)
	}
	if resp.StatusCode == 401 {
		return ""
	}
	return string(text)
}

// broken puts a broken config there for a while: everything goes on by the former
// one, and a store that dies meanwhile comes back.
func (r *reloader) broken(t *testing.T) {
	t.Helper()
	before := r.metric(t, reloadsFailed)
	bad := strings.Replace(r.texts[1-r.last], "kind: azure", "kind: azur", 1)
	bad = strings.Replace(bad, "name: weir-e2e", "name: another", 1)
	r.write(t, bad)
	waitFor(t, 10*time.Second, "the broken config to be refused", func() (bool, string) {
		return r.metric(t, reloadsFailed) > before && r.metric(t, "weir_config_last_reload_successful") == 0, "it was not"
	})
	stdout, stderr, code := runWeir(t, nil, "reload", "-config", r.config)
	if code != 1 || stdout != "" || !strings.Contains(stderr, r.config+":2: gateway.name: it cannot change while the gateway runs; restart it\n") ||
		!strings.Contains(stderr, r.config+":6: backends[0].kind: \"azur\" is no kind of backend") {
		t.Errorf("weir reload of a broken config: exit %d, %q, %q", code, stdout, stderr)
	}
	if log := r.output(1000); !strings.Contains(log, "line=6 field=backends[0].kind") {
		t.Error("the log does not say why the config was not taken")
	}
	pids, _ := marked(r.mark)
	for _, pid := range pids {
		if parent(pid) == r.cmd.Process.Pid {
			if p, err := os.FindProcess(pid); err == nil {
				p.Kill()
			}
		}
	}
	r.catchUpUnderLoad(t)
	// So do readiness and the calls.
	if resp, err := http.Get(r.url + "/readyz"); err != nil || resp.StatusCode != 200 {
		t.Errorf("/readyz: %v %v", resp, err)
	} else {
		resp.Body.Close()
	}
}

// breaker gives how the throttled backend stands, as `weir backends` tells it.
func (r *reloader) breaker(t *testing.T) (circuit, until string) {
	t.Helper()
	out, stderr, code := runWeir(t, nil, "backends", "-config", r.config, "-json")
	var all []struct{ Backend, Deployment, Circuit, Until string }
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 {
		t.Fatalf("weir backends: exit %d, %v\n%s", code, err, stderr)
	}
	for _, s := range all {
		if s.Backend == "busy" && s.Deployment == "gpt-4o" {
			return s.Circuit, s.Until
		}
	}
	t.Fatalf("weir backends does not tell of busy: %s", out)
	return "", ""
}

// TestReload reloads a gateway under load again and again: no call fails, each is
// on the record once, an open breaker stays open, and nothing grows.
func TestReload(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGHUP")
	}
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	busy, busyCalls := throttled(t)
	r := newReloader(t, east, west, busy)
	r.serve(t)

	trip := &call{id: "trip", prompt: "trip the breaker", model: "gpt-busy"}
	trip.do(newClient(), r.url)
	circuit, until := r.breaker(t)
	if trip.status != 200 || circuit != "open" || busyCalls.Load() != 1 {
		t.Fatalf("the first call: %d; the breaker is %s after %d calls", trip.status, circuit, busyCalls.Load())
	}

	warm := &load{g: r.gateway, stop: make(chan struct{})}
	for i := range 7 {
		warm.client(fmt.Sprintf("warm%d", i), 5*time.Millisecond, func(c *call) { c.stream, c.tokens = i%2 == 1, 20 })
	}
	time.Sleep(2 * time.Second)
	calls := append(warm.end(), trip)
	goroutines, memory := r.settled(t, 0), r.metric(t, "process_resident_memory_bytes")

	l := startLoad(r.gateway, 3, 4, 5*time.Millisecond)
	l.client("busy", 5*time.Millisecond, func(c *call) { c.model, c.tokens = "gpt-busy", 20 })
	began := time.Now()
	reloads := rounds(100, 20)
	for i := range reloads {
		r.next(t, i)
		if i == reloads/2 {
			r.broken(t)
		}
	}
	took := time.Since(began)
	calls = append(calls, l.end()...)
	after := r.settled(t, goroutines+30)
	memoryAfter := r.metric(t, "process_resident_memory_bytes")
	t.Logf("%v reloads in %v beside %d calls; goroutines %v before, %v after; memory %.0f MiB before, %.0f MiB after",
		r.metric(t, reloadsOK), took, len(calls), goroutines, after, memory/(1<<20), memoryAfter/(1<<20))
	if memoryAfter > 1.5*memory+64<<20 {
		t.Error("memory has grown")
	}
	if circuit, still := r.breaker(t); circuit != "open" || still != until || busyCalls.Load() != 1 {
		t.Errorf("the breaker is %s until %s, was open until %s; the backend had %d calls", circuit, still, until, busyCalls.Load())
	}
	r.account(t, calls)
}

// settled waits until no more than that many goroutines are there, 0 for any
// number, and gives how many.
func (r *reloader) settled(t *testing.T, most float64) float64 {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	var last float64
	waitFor(t, 15*time.Second, "goroutines to end", func() (bool, string) {
		now := r.metric(t, "go_goroutines")
		still := now == last
		last = now
		return still && (most == 0 || now <= most), fmt.Sprintf("there are %v, wanted %v at most", now, most)
	})
	return last
}

// account checks that every call was answered whole, and is on the record once.
func (r *reloader) account(t *testing.T, calls []*call) {
	t.Helper()
	var ids []string
	failed := 0
	for _, c := range calls {
		ids = append(ids, c.id)
		if c.status == 200 && c.complete && c.err == nil && c.text != "" {
			continue
		}
		if failed++; failed <= 5 {
			t.Errorf("%s failed: status %d, complete %v, %v %.300s", c.id, c.status, c.complete, c.err, c.body)
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d calls failed", failed, len(calls))
	}
	records := r.settle(t, "Outcome, ResponseCode, Completion", ids)
	for _, c := range calls {
		rows := records[c.id]
		if len(rows) != 1 || rows[0].text("Outcome") != "completed" || rows[0].text("Completion") != c.text {
			t.Errorf("%s: the record has %v, the client got %q", c.id, rows, c.text)
		}
	}
	r.noDoubles(t)
}

// TestStopTwice: a gateway that is told to stop says so to balancers and waits for
// a stream; told again, it cuts it and has it on the record as interrupted.
func TestStopTwice(t *testing.T) {
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := twoBackends(t, east, west)
	g.amend(t, "drain_timeout: 2s", "drain_timeout: 60s, drain_delay: 2s")
	g.serve(t)
	c := &call{id: "long", prompt: "a long answer", stream: true, sim: "tokens=2000,chunk_delay=50ms"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.do(newClient(), g.url)
	}()
	waitFor(t, 10*time.Second, "the stream to begin", func() (bool, string) {
		for _, s := range []*simulator{east, west} {
			for _, k := range s.calls(t) {
				if k.Events > 5 {
					return true, ""
				}
			}
		}
		return false, "no events"
	})
	g.cmd.Process.Signal(syscall.SIGTERM)
	for _, url := range []string{g.url, g.metrics} {
		waitFor(t, 1500*time.Millisecond, "balancers to be told", func() (bool, string) {
			resp, err := http.Get(url + "/status-0123456789abcdef")
			if err != nil {
				return false, err.Error()
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			return resp.StatusCode == 503 && bytes.Contains(text, []byte("stopping")), resp.Status
		})
	}
	select {
	case <-g.ended:
		t.Fatal("the gateway ended in the midst of a stream")
	case <-time.After(2500 * time.Millisecond):
	}
	began := time.Now()
	g.stop(t, 5*time.Second) // the second SIGTERM
	<-done
	t.Logf("the second SIGTERM ended it in %v", time.Since(began))
	if c.complete || c.text == "" {
		t.Errorf("the client got %q, complete %v", c.text, c.complete)
	}
	out, stderr, code := runWeir(t, nil, "query", "WeirExchanges | where ClientRequestId == 'long' | project Outcome, Completion", "-data", g.data, "-format", "csv")
	if code != 0 || !strings.Contains(out, "interrupted,") || !strings.Contains(out, strings.ReplaceAll(strings.TrimSpace(c.text), `"`, `""`)) {
		t.Errorf("exit %d %s\n%.300s", code, stderr, out)
	}
}
