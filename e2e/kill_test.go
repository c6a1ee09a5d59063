package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// load makes calls from several clients at once until it is told to stop.
type load struct {
	g    *gateway
	stop chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex
	calls []*call
}

// startLoad has slow clients stream answers of some seconds, and fast ones make
// plain and streamed calls, each with a pause after each call.
func startLoad(g *gateway, slow, fast int, pause time.Duration) *load {
	l := &load{g: g, stop: make(chan struct{})}
	for i := range slow {
		l.client(fmt.Sprintf("slow%d", i), pause, func(c *call) {
			c.stream, c.tokens, c.sim = true, 80, "tokens=80,chunk_delay=40ms"
		})
	}
	for i := range fast {
		l.client(fmt.Sprintf("fast%d", i), pause, func(c *call) {
			c.stream, c.tokens, c.sim = i%2 == 1, 20, "tokens=20"
		})
	}
	return l
}

// client makes calls, one after the other; shape says what kind.
func (l *load) client(name string, pause time.Duration, shape func(*call)) {
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		http := newClient()
		defer http.CloseIdleConnections()
		for n := 0; ; n++ {
			id := fmt.Sprintf("%s-%d", name, n)
			c := &call{id: id, prompt: "unique prompt of " + id}
			shape(c)
			c.do(http, l.g.url)
			l.mu.Lock()
			l.calls = append(l.calls, c)
			l.mu.Unlock()
			select {
			case <-l.stop:
				return
			case <-time.After(pause):
			}
		}
	}()
}

// end stops the clients, waits for their calls, and gives all of them.
func (l *load) end() []*call {
	close(l.stop)
	l.wg.Wait()
	return l.calls
}

// rounds is how often a kill loop kills: fewer times with the race detector,
// under which the program is several times slower.
func rounds(most, withRace int) int {
	if n, err := strconv.Atoi(os.Getenv("WEIR_E2E_ROUNDS")); err == nil && n > 0 {
		return n
	}
	if testing.Short() {
		return 3
	}
	if raceDetector {
		return withRace
	}
	return most
}

// TestKill kills the gateway with -9 under load, again and again, and accounts
// for every call afterwards.
func TestKill(t *testing.T) {
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := twoBackends(t, east, west)
	g.serve(t)
	l := startLoad(g, 5, 4, 10*time.Millisecond)
	var kills []time.Time
	var waits []time.Duration
	for range rounds(20, 8) {
		time.Sleep(time.Duration(700+rand.IntN(1100)) * time.Millisecond)
		kills = append(kills, time.Now())
		g.kill()
		restart := time.Now()
		g.serve(t)
		g.catchUpUnderLoad(t)
		waits = append(waits, time.Since(restart))
	}
	calls := l.end()
	slices.Sort(waits)
	t.Logf("%d kills under load; from the start of the next gateway until its store had caught up: %v at best, %v in the middle, %v at worst",
		len(kills), waits[0], waits[len(waits)/2], waits[len(waits)-1])

	account(t, g, calls, kills, east, west)
	g.catchUp(t)
	g.noDoubles(t)
	g.stop(t, 30*time.Second)
	nothingLeft(t, g)
	want := recordsIn(t, g)

	// What the next start finds is the same once more; so is what is rebuilt
	// from the journal alone.
	g.serve(t)
	account(t, g, calls, kills, east, west)
	g.kill()
	nothingLeft(t, g)
	if err := os.RemoveAll(filepath.Join(g.data, "store")); err != nil {
		t.Fatal(err)
	}
	g.serve(t)
	g.catchUp(t)
	account(t, g, calls, kills, east, west)
	g.noDoubles(t)
	g.stop(t, 30*time.Second)
	if got := recordsIn(t, g); got != want {
		t.Errorf("there are %s records after the store was rebuilt, there were %s", got, want)
	}
}

// recordsIn counts the records of a folder that no server runs on.
func recordsIn(t *testing.T, g *gateway) string {
	t.Helper()
	out, stderr, code := runWeir(t, nil, "query", "WeirExchanges | summarize Records = count(), Ids = dcount(CorrelationId)", "-data", g.data, "-format", "csv")
	if code != 0 {
		t.Fatalf("weir query -data: exit %d\n%s", code, stderr)
	}
	return out
}

func twoBackends(t *testing.T, east, west *simulator) *gateway {
	return newGateway(t, []backend{
		{"east", "azure", east.url, "2024-10-21", "${env:EAST_KEY}"},
		{"west", "openai", west.url + "/v1", "", "${env:WEST_KEY}"},
	}, []route{{"gpt-4o", []string{"east", "west"}}})
}

// account checks that the record has every call that a client saw complete or
// that a simulator received, exactly once and with its text; and of those that a
// kill broke, what the client had received a second before.
func account(t *testing.T, g *gateway, calls []*call, kills []time.Time, sims ...*simulator) {
	t.Helper()
	var must []string
	complete, broken := 0, 0
	for _, c := range calls {
		if c.complete && c.status == 200 {
			must = append(must, c.id)
		}
	}
	forwarded := map[string]bool{}
	for _, s := range sims {
		for _, c := range s.calls(t) {
			id := c.Headers["x-ms-client-request-id"]
			if id == "" {
				t.Fatalf("a simulator received a call without x-ms-client-request-id: %+v", c)
			}
			if strings.HasPrefix(id, "alone-") {
				continue
			}
			if forwarded[id] {
				t.Errorf("%s was forwarded twice", id)
			}
			forwarded[id] = true
			must = append(must, id)
		}
	}
	behind := &lags{}
	records := g.settle(t, "Outcome, ResponseCode, Completion, UsageSource, CompletionTokens, Head = substring(Prompt, 0, 80), Size = strlen(Prompt)", must)
	bad := 0
	fail := func(format string, args ...any) {
		if bad++; bad <= 20 {
			t.Errorf(format, args...)
		}
	}
	for _, c := range calls {
		rows := records[c.id]
		if len(rows) > 1 {
			fail("%s: %d records", c.id, len(rows))
		}
		if len(rows) == 0 {
			if c.text != "" {
				fail("%s: no record, yet the client received %q", c.id, c.text)
			}
			continue
		}
		r := rows[0]
		got := r.text("Completion")
		if c.status == 200 && !strings.Contains(r.text("Head"), c.prompt[:min(40, len(c.prompt))]) || c.status == 200 && r.number("Size") < float64(len(c.prompt)) {
			fail("%s: the prompt on the record begins with %q and has %v characters", c.id, r.text("Head"), r["Size"])
		}
		switch {
		case c.complete && c.status == 200:
			complete++
			if r.text("Outcome") != "completed" || got != c.text {
				fail("%s: the client saw it complete with %q; the record is %s with %q", c.id, c.text, r.text("Outcome"), got)
			}
		case c.text != "":
			broken++
			checkBroken(t, fail, behind, c, r, kills, sims[0])
		}
	}
	if bad > 20 {
		t.Errorf("and %d more", bad-20)
	}
	t.Logf("%d calls: %d complete, %d broken after some text, %d forwarded", len(calls), complete, broken, len(forwarded))
	if len(kills) == 0 {
		return
	}
	t.Logf("of the broken ones %d had text a second before the kill; their records end at most %v before it", behind.long, behind.worst)
	if behind.long == 0 {
		t.Error("no stream had text for a second when it was killed: the test shows nothing")
	}
}

// lags sums up how far the records of broken streams are behind the kills.
type lags struct {
	long  int // streams with text a second before the kill
	worst time.Duration
}

// add takes a call that the kill at k broke, its record's text, and what the
// client had a second before.
func (l *lags) add(c *call, k time.Time, got, early string) {
	if early == "" {
		return
	}
	l.long++
	had := 0
	for _, p := range c.pieces {
		if had += len(p.text); had > len(got) {
			l.worst = max(l.worst, k.Sub(p.at)) // the first piece that the record lacks
			return
		}
	}
}

// checkBroken checks the record of a stream that a kill broke: it begins as the
// whole answer does, and reaches to what the client had a second before the kill.
func checkBroken(t *testing.T, fail func(string, ...any), behind *lags, c *call, r row, kills []time.Time, s *simulator) {
	t.Helper()
	got := r.text("Completion")
	if o := r.text("Outcome"); o != "interrupted" && o != "completed" {
		fail("%s: outcome %q of a stream that a kill broke", c.id, o)
	}
	whole, err := c.alone(s, eastKey, fmt.Sprintf("tokens=%d", c.tokens))
	if err != nil {
		fail("%s: %v", c.id, err)
		return
	}
	if !strings.HasPrefix(whole, got) {
		fail("%s: the record has %q, no beginning of the answer %q", c.id, got, whole)
	}
	for _, k := range kills {
		if k.Before(c.sentAt) || k.After(c.endedAt) {
			continue
		}
		early := c.before(k.Add(-time.Second))
		if !strings.HasPrefix(got, early) {
			fail("%s: a second before the kill the client had %q, the record has %q", c.id, early, got)
		}
		behind.add(c, k, got, early)
		break
	}
	if got != "" && r.number("CompletionTokens") <= 0 {
		fail("%s: tokens of a broken answer are not counted: %v by %q", c.id, r["CompletionTokens"], r.text("UsageSource"))
	}
}

// nothingLeft checks that no process of the gateway runs and its ports are free.
func nothingLeft(t *testing.T, g *gateway) {
	t.Helper()
	waitFor(t, 10*time.Second, "every process to be gone", func() (bool, string) {
		pids, known := marked(g.mark)
		if !known {
			return true, ""
		}
		return len(pids) == 0, fmt.Sprintf("processes %v are left", pids)
	})
	for _, url := range []string{g.url, g.api, g.metrics} {
		addr := strings.TrimPrefix(url, "http://")
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("%s is still held: %v", addr, err)
			continue
		}
		l.Close()
	}
}
