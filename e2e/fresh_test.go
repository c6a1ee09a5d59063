package e2e

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestFresh measures the time from an answer's end until its record can be
// queried, at 200 calls a second.
func TestFresh(t *testing.T) {
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := twoBackends(t, east, west)
	g.serve(t)
	seconds := 6
	if testing.Short() {
		seconds = 2
	}
	const rate = 200
	client := newClient()
	var mu sync.Mutex
	answered := map[string]time.Time{}
	var calls []*call
	var wg sync.WaitGroup
	began := time.Now()
	wg.Go(func() {
		var each sync.WaitGroup
		for n := range rate * seconds {
			time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / rate)))
			each.Go(func() {
				id := fmt.Sprintf("fresh-%d", n)
				c := &call{id: id, prompt: "unique prompt of " + id, stream: n%2 == 0, tokens: 40, sim: "tokens=40"}
				c.do(client, g.url)
				mu.Lock()
				defer mu.Unlock()
				answered[id] = c.endedAt
				calls = append(calls, c)
			})
		}
		each.Wait()
	})
	seen := map[string]time.Time{}
	waitFor(t, 90*time.Second, "every call to be queryable", func() (bool, string) {
		rows, err := g.ask("WeirExchanges | where TimeGenerated > ago(20s) | project ClientRequestId")
		now := time.Now()
		if err != nil {
			return false, err.Error()
		}
		for _, r := range rows {
			if id := r.text("ClientRequestId"); seen[id].IsZero() {
				seen[id] = now
			}
		}
		return len(seen) >= rate*seconds, fmt.Sprintf("%d of %d are", len(seen), rate*seconds)
	})
	wg.Wait()
	var delays []time.Duration
	for id, at := range answered {
		if seen[id].IsZero() {
			t.Errorf("%s was never seen", id)
			continue
		}
		delays = append(delays, max(0, seen[id].Sub(at)))
	}
	slices.Sort(delays)
	t.Logf("answer to queryable under %d calls a second (race detector: %v): p50 %v, p99 %v, most %v", rate, raceDetector,
		delays[len(delays)/2], delays[len(delays)*99/100], delays[len(delays)-1])
	for _, c := range calls {
		if c.status != 200 || !c.complete {
			t.Errorf("%s: status %d, %v", c.id, c.status, c.err)
		}
	}
	account(t, g, calls, nil, east, west)
	g.noDoubles(t)
}

// storeOf gives the store child of a gateway; 0 when there is none.
func storeOf(g *gateway) int {
	pids, _ := marked(g.mark)
	for _, pid := range pids {
		if parent(pid) == g.cmd.Process.Pid {
			return pid
		}
	}
	return 0
}

// TestStoreKilled kills the store under load: no call fails, no record is lost.
func TestStoreKilled(t *testing.T) {
	t.Parallel()
	if _, known := marked("none"); !known {
		t.Skip("the store child is found by /proc, which is Linux's")
	}
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := twoBackends(t, east, west)
	g.serve(t)
	l := startLoad(g, 3, 3, 30*time.Millisecond)
	last := 0
	kills := rounds(10, 10)
	for range kills {
		pid := 0
		waitFor(t, 30*time.Second, "the store to run again", func() (bool, string) {
			pid = storeOf(g)
			s, err := g.status()
			return pid != 0 && pid != last && err == nil && s.Stored.Sequence > 0, fmt.Sprintf("pid %d, %+v, %v", pid, s, err)
		})
		child, err := os.FindProcess(pid)
		if err == nil {
			err = child.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
		last = pid
	}
	calls := l.end()
	waitFor(t, 30*time.Second, "the store to run again", func() (bool, string) {
		s, err := g.status()
		return err == nil && s.CaughtUp, fmt.Sprintf("%+v, %v", s, err)
	})
	failed := 0
	for _, c := range calls {
		if c.status != 200 || !c.complete {
			if failed++; failed <= 10 {
				t.Errorf("%s: status %d, %v", c.id, c.status, c.err)
			}
		}
	}
	t.Logf("%d calls while the store was killed %d times; %d failed", len(calls), kills, failed)
	account(t, g, calls, nil, east, west)
	g.noDoubles(t)
}
