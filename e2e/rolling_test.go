package e2e

import (
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

// balancer is an HAProxy before gateways, which asks each for /readyz.
type balancer struct {
	url, stats string
}

// startBalancer starts one; the test is skipped where there is no HAProxy. It makes
// no second try for a request, so that whatever a gateway drops shows.
func startBalancer(t *testing.T, gateways map[string]*gateway) *balancer {
	t.Helper()
	bin, err := exec.LookPath("haproxy")
	if err != nil {
		bin, err = exec.LookPath("/usr/sbin/haproxy") // not on every user's PATH
	}
	if err != nil {
		t.Skip("haproxy is not installed (Debian's package haproxy)")
	}
	front, stats := freePort(t), freePort(t)
	b := &balancer{fmt.Sprintf("http://127.0.0.1:%d", front), fmt.Sprintf("http://127.0.0.1:%d/stats;csv", stats)}
	var text strings.Builder
	fmt.Fprintf(&text, `defaults
  mode http
  retries 0
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend clients
  bind 127.0.0.1:%d
  default_backend gateways
frontend stats
  bind 127.0.0.1:%d
  stats enable
  stats uri /stats
backend gateways
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
`, front, stats)
	for name, g := range gateways {
		fmt.Fprintf(&text, "  server %s %s check inter 200ms fall 1 rise 2\n", name, strings.TrimPrefix(g.url, "http://"))
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(bin, "-db", "-f", config)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = said, said, ownGroup()
	if err := cmd.Start(); err != nil {
		t.Fatalf("start haproxy: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // an error says that it is gone
		cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(said.Name())
			t.Logf("haproxy wrote:\n%.4000s", text)
		}
	})
	for name := range gateways {
		b.waitUp(t, name)
	}
	return b
}

// waitUp waits until calls go to a gateway.
func (b *balancer) waitUp(t *testing.T, name string) {
	t.Helper()
	waitFor(t, 20*time.Second, "the balancer to find "+name+" ready", func() (bool, string) {
		resp, err := http.Get(b.stats)
		if err != nil {
			return false, err.Error()
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return false, err.Error()
		}
		for line := range strings.Lines(string(text)) {
			if cells := strings.Split(line, ","); len(cells) > 17 && cells[0] == "gateways" && cells[1] == name {
				return cells[17] == "UP", cells[17]
			}
		}
		return false, "it does not know it"
	})
}

// TestRolling restarts two gateways in turn behind one address, again and again:
// under load no request fails, every stream ends as it should, and each call is on
// one gateway's record, once.
func TestRolling(t *testing.T) {
	sim := startSim(t, "azure", eastKey)
	names := []string{"first", "second"}
	gateways := map[string]*gateway{}
	for _, name := range names {
		g := newGateway(t, []backend{{"east", "azure", sim.url, "", "${env:EAST_KEY}"}}, []route{{"gpt-4o", []string{"east"}}})
		g.amend(t, "name: weir-e2e", "name: "+name)
		g.amend(t, "drain_timeout: 2s", "drain_delay: 1s, drain_timeout: 30s")
		gateways[name] = g
		g.serve(t)
	}
	b := startBalancer(t, gateways)
	l := startLoad(&gateway{url: b.url}, 8, 6, 5*time.Millisecond)
	var stops []time.Time
	var took time.Duration
	for range rounds(3, 3) {
		for _, name := range names {
			time.Sleep(300 * time.Millisecond) // both are there for a moment
			stops = append(stops, time.Now())
			gateways[name].stop(t, 40*time.Second)
			took = max(took, time.Since(stops[len(stops)-1]))
			gateways[name].serve(t)
			b.waitUp(t, name)
		}
	}
	calls := l.end()
	across := 0
	for _, c := range calls {
		if c.status != 200 || !c.complete || c.text == "" {
			t.Errorf("%s (stream %v) from %s to %s: status %d, %v, %.300s", c.id, c.stream,
				c.sentAt.UTC().Format("15:04:05.000"), c.endedAt.UTC().Format("15:04:05.000"), c.status, c.err, c.body)
		}
		for _, at := range stops {
			if c.stream && c.sentAt.Before(at) && c.endedAt.After(at.Add(500*time.Millisecond)) {
				across++
			}
		}
	}
	t.Logf("%d calls while gateways restarted %d times, which took %v to stop at most; %d streams were under way then", len(calls), len(stops), took, across)
	if across == 0 {
		t.Error("no stream was under way when a gateway stopped: the test shows nothing")
	}
	onceInAll(t, gateways, calls)
}

// onceInAll checks that each call is on the record of one of the gateways, once
// and as its client saw it, and that each gateway has some.
func onceInAll(t *testing.T, gateways map[string]*gateway, calls []*call) {
	records := map[string][]row{}
	for name, g := range gateways {
		g.catchUp(t)
		rows := g.query(t, "WeirExchanges | project ClientRequestId, Outcome, Completion")
		if len(rows) == 0 {
			t.Errorf("%s had no call", name)
		}
		t.Logf("%s has %d records", name, len(rows))
		for _, r := range rows {
			id := r.text("ClientRequestId")
			records[id] = append(records[id], r)
		}
	}
	bad := 0
	for _, c := range calls {
		rows := records[c.id]
		delete(records, c.id)
		if len(rows) == 1 && rows[0].text("Outcome") == "completed" && rows[0].text("Completion") == c.text {
			continue
		}
		if bad++; bad <= 10 {
			t.Errorf("%s: %d records: %v; the client had %q", c.id, len(rows), rows, c.text)
		}
	}
	if len(records) > 0 {
		t.Errorf("%d records are of no call that a client made", len(records))
	}
}
