package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What TestAffinity runs: sequences, workers, and after how many sequences the
// gateway is killed, and later loses its state.
const (
	affinitySequences = 200
	affinityWorkers   = 4
	affinityKill      = 70
	affinityForget    = 130
)

// TestAffinity runs sequences of calls on stateful objects against two simulators
// that know nothing of each other's. Whatever becomes of the gateway meanwhile (it
// is killed; it forgets who holds what), no call may reach a backend that does not
// hold its object, which would be a 404, nor be refused for naming objects of both,
// which would be a 409.
func TestAffinity(t *testing.T) {
	g, sims := startPair(t, "-first-token", "10ms")
	g.serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	made := pythonSDK(t)
	cmd := exec.CommandContext(ctx, made.Path, "python/affinity.py", "7", strconv.Itoa(affinitySequences), strconv.Itoa(affinityWorkers))
	cmd.Env = append(os.Environ(), "WEIR_URL="+g.url, "WEIR_KEYS="+strings.Join(resourceKeys, ","), "PYTHONWARNINGS=ignore")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last struct {
		Statuses map[string]int
		Objects  int
	}
	sequences := 0
	for s := bufio.NewScanner(out); s.Scan(); {
		var l struct {
			Sequence, Team int
			Client, Detail string
			OK             bool
			Statuses       map[string]int
			Objects        int
		}
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatalf("not a line of JSON: %s\n%s", s.Text(), stderr.String())
		}
		if l.Statuses != nil {
			last.Statuses, last.Objects = l.Statuses, l.Objects
			continue
		}
		if !l.OK {
			t.Errorf("sequence %d of %s by %s: %s", l.Sequence, resourceTeams[l.Team], l.Client, l.Detail)
		}
		switch sequences++; sequences {
		case affinityKill:
			g.kill()
			g.serve(t)
			t.Logf("killed and started again after %v", time.Since(began).Round(time.Millisecond))
		case affinityForget:
			g.stop(t, 20*time.Second)
			if err := os.RemoveAll(filepath.Join(g.data, "state")); err != nil {
				t.Fatal(err)
			}
			g.serve(t)
			t.Logf("stopped, bereft of its state and started again after %v", time.Since(began).Round(time.Millisecond))
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("affinity.py: %v\n%s", err, stderr.String())
	}
	if sequences != affinitySequences {
		t.Errorf("%d sequences ran, want %d", sequences, affinitySequences)
	}
	for _, status := range []string{"404", "409"} {
		if n := last.Statuses[status]; n > 0 {
			t.Errorf("the clients saw %d answers with status %s", n, status)
		}
	}
	t.Logf("%d sequences, %d objects, answers by status %v in %v", sequences, last.Objects, last.Statuses, time.Since(began).Round(time.Millisecond))
	checkShares(t, g, sims)
}

// checkShares reads the log of the sequences: nothing was missed or in conflict,
// both backends had their part, and each had about what the simulator there had.
func checkShares(t *testing.T, g *gateway, sims []*simulator) {
	t.Helper()
	g.catchUp(t)
	for _, r := range g.query(t, `WeirExchanges | where ResponseCode in (404, 409) or BackendResponseCode in (404, 409)
		| project OperationId, ResponseCode, Url, LastErrorMessage, BackendId | take 5`) {
		t.Errorf("on the record: %v", r)
	}
	calls := 0.0
	rows := g.query(t, `WeirExchanges | where BackendId in ('east', 'west')
		| summarize Calls = count(), Made = countif(ResourceId != '' and Method == 'POST' and ResponseCode < 300) by BackendId`)
	for _, r := range rows {
		calls += r.number("Calls")
		t.Logf("%s: %v calls; %v made an object or added to one", r.text("BackendId"), r["Calls"], r["Made"])
	}
	for _, r := range rows {
		if share := r.number("Calls") / calls; share < 0.2 || share > 0.8 {
			t.Errorf("%s had %.0f%% of the calls", r.text("BackendId"), 100*share)
		}
	}
	if len(rows) != len(sims) {
		t.Errorf("%d backends were called", len(rows))
	}
	g.noDoubles(t)
	broken := g.query(t, `WeirExchanges | where Outcome == 'interrupted' | summarize Calls = count()`)[0]
	questions := g.questions(t)
	t.Logf("%v calls broke off when the gateway was killed; the last one found %d objects by asking", broken["Calls"], questions)
	if questions == 0 {
		t.Error("nothing was asked for after the state was lost: it was not lost")
	}
}

// questions is how often a backend said, since the gateway started, that it holds
// an object.
func (g *gateway) questions(t testing.TB) int {
	t.Helper()
	resp, err := http.Get(g.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, m := range foundByAsking.FindAllStringSubmatch(string(text), -1) {
		n, _ := strconv.Atoi(m[1])
		total += n
	}
	return total
}

var foundByAsking = regexp.MustCompile(`(?m)^weir_gateway_owner_questions_total\{[^}]*status="2xx"\} (\d+)$`)
