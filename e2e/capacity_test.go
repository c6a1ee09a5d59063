package e2e

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// spillOver makes a gateway of the example that the documentation has, with
// simulators in the place of its resources.
func spillOver(t *testing.T, resources map[string]*simulator) *gateway {
	t.Helper()
	example, err := os.ReadFile("../docs/examples/spill-over.yaml")
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, nil, nil)
	text, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "backends:\n")
	here := []string{"${env:PTU_KEY}", "${env:EAST_KEY}", "${env:TEAM_A_KEY_SHA256}", fmt.Sprintf("%x", sha256.Sum256([]byte(callerKey)))}
	for resource, s := range resources {
		here = append(here, "https://"+resource+".openai.azure.com", s.url)
	}
	config := head + strings.NewReplacer(here...).Replace(string(example))
	if strings.Contains(config, "openai.azure.com") {
		t.Fatal("the example has further resources")
	}
	if err := os.WriteFile(g.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestSpillOver runs the example of a provisioned deployment, which has a limit,
// before standard ones: what is beyond the limit goes to these, no client sees a
// 429, and when the limit allows calls again they come back.
func TestSpillOver(t *testing.T) {
	t.Parallel()
	const admitted = 5 // calls in any 10 s, by 5,000 tokens a minute
	ptu := startSim(t, "azure", eastKey, "-deployment", "gpt-4o-ptu=gpt-4o:5000")
	east, west := startSim(t, "azure", eastKey), startSim(t, "azure", westKey)
	g := spillOver(t, map[string]*simulator{"contoso-ptu": ptu, "contoso-east": east, "contoso-west": west})
	g.serve(t)

	client := newClient()
	began := time.Now()
	var ids []string
	one := func(name string) {
		c := &call{id: name, prompt: "prompt", tokens: 1}
		ids = append(ids, name)
		if c.do(client, g.url); c.status != 200 || !c.complete {
			t.Errorf("%s: status %d, %v", name, c.status, c.err)
		}
	}
	for i := range 30 {
		one(fmt.Sprintf("burst-%d", i))
	}
	took := time.Since(began)
	had, refused := answered(t, ptu)
	if took < 8*time.Second && (had != admitted || refused != 1) {
		t.Errorf("the provisioned deployment answered %d calls and refused %d, want %d and 1: the rest was not to reach it", had, refused, admitted)
	}
	toEast, _ := answered(t, east)
	toWest, _ := answered(t, west)
	if toEast+toWest != len(ids)-had || toEast <= toWest {
		t.Errorf("the standard deployments answered %d and %d calls, want the other %d, two thirds in the east", toEast, toWest, len(ids)-had)
	}
	// The refusal says how long; behind that calls go to the better group again.
	waitFor(t, 20*time.Second, "calls to come back", func() (bool, string) {
		one(fmt.Sprintf("later-%d", len(ids)))
		time.Sleep(200 * time.Millisecond)
		n, _ := answered(t, ptu)
		return n > had, fmt.Sprintf("%d calls", n)
	})
	t.Logf("of 30 calls within %v the provisioned deployment took %d; they came back %v after the first", took, had, time.Since(began))
	if back := time.Since(began); back < 8*time.Second {
		t.Errorf("calls came back after %v, before the deployment's 10 s were over", back)
	}

	spilled := 0
	for id, rows := range g.settle(t, "BackendId, Attempts", ids) {
		tries := faultTries(t, rows[0])
		if len(tries) < 2 {
			continue
		}
		spilled++
		if tries[0].Backend != "provisioned" || tries[0].Status != 429 || tries[0].RetryAfter == "" || !strings.HasPrefix(tries[1].Backend, "standard-") || tries[1].Status != 200 {
			t.Errorf("%s: attempts %+v", id, tries)
		}
	}
	if _, refused := answered(t, ptu); spilled != refused {
		t.Errorf("%d calls spilled over, the provisioned deployment refused %d", spilled, refused)
	}
}

// answered says how many calls a simulator answered and refused.
func answered(t *testing.T, s *simulator) (well, refused int) {
	t.Helper()
	for _, c := range s.calls(t) {
		switch c.Status {
		case http.StatusOK:
			well++
		case http.StatusTooManyRequests:
			refused++
		}
	}
	return well, refused
}

// TestCapacity has two backends of the same weight, one of which says that little
// is left of its limit: it gets clearly fewer calls, before it has to refuse any.
func TestCapacity(t *testing.T) {
	t.Parallel()
	const limit, calls = 1_000_000, 200
	low := startSim(t, "azure", eastKey, "-deployment", fmt.Sprintf("gpt-4o=gpt-4o:%d", limit))
	high := startSim(t, "azure", westKey, "-deployment", fmt.Sprintf("gpt-4o=gpt-4o:%d", limit))
	// Another gateway's calls have used up all but 3% of its minute.
	other := &call{id: "other", prompt: "prompt", tokens: limit / 100 * 97, sim: "tokens=1"}
	req := other.request(t.Context(), low.url+"/openai")
	req.Header.Set("Authorization", "Bearer "+eastKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if left := resp.Header.Get("x-ratelimit-remaining-tokens"); resp.StatusCode != 200 || len(left) != 5 {
		t.Fatalf("status %d, %s tokens left", resp.StatusCode, left)
	}

	g := newGateway(t, []backend{
		{"low", "azure", low.url, "", "${env:EAST_KEY}"},
		{"high", "azure", high.url, "", "${env:WEST_KEY}"},
	}, []route{{"gpt-4o", []string{"low", "high"}}})
	g.serve(t)
	client := newClient()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range calls / 4 {
				c := &call{id: fmt.Sprintf("steer-%d-%d", i, n), prompt: "prompt", tokens: 1}
				if c.do(client, g.url); c.status != 200 || !c.complete {
					t.Errorf("%s: status %d, %v", c.id, c.status, c.err)
				}
			}
		})
	}
	wg.Wait()
	had, refused := answered(t, low)
	had-- // the other's
	more, refusedToo := answered(t, high)
	t.Logf("of %d calls %d went to the backend with 3%% left", calls, had)
	if refused+refusedToo > 0 {
		t.Errorf("%d calls were refused", refused+refusedToo)
	}
	if had+more != calls || had == 0 || had > calls*3/10 {
		t.Errorf("%d calls went to the backend with 3%% left, %d to the other", had, more)
	}
}
