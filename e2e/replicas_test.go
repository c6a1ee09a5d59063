package e2e

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// replica is one gateway of several, which runs without a store.
type replica struct {
	*gateway
	name string
	sim  *simulator
	load *load

	mu      sync.Mutex
	uploads []upload
}

// upload is a file that a client sent, and saw taken.
type upload struct {
	id   string // apim-request-id
	file []byte
}

func newReplica(t *testing.T, name string) *replica {
	sim := startSim(t, "azure", eastKey)
	g := newGateway(t, []backend{{"east", "azure", sim.url, "2024-10-21", "${env:EAST_KEY}"}}, []route{{"gpt-4o", []string{"east"}}})
	g.amend(t, "name: weir-e2e", "name: "+name)
	return &replica{gateway: g, name: name, sim: sim}
}

// run starts the gateway's process alone, and waits until it takes calls.
func (r *replica) run(t *testing.T) {
	t.Helper()
	r.process = start(t, "weir serve --role gateway of "+r.name, []string{r.mark, "EAST_KEY=" + eastKey}, "serve", "-config", r.config, "-role", "gateway")
	waitFor(t, 30*time.Second, r.name+" to be ready", func() (bool, string) {
		if !r.running() {
			t.Fatalf("%s ended at once: %v\n%s", r.name, r.err, r.output(60))
		}
		resp, err := http.Get(r.metrics + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode == 200, resp.Status
	})
}

// runStore starts a store by the config of a gateway, whose API it serves.
func runStore(t *testing.T, r *replica) *process {
	return start(t, "weir serve --role store", []string{r.mark, "EAST_KEY=" + eastKey}, "serve", "-config", r.config, "-role", "store")
}

// startLoad has clients stream slowly, stream and call fast, and upload files
// above the inline limit.
func (r *replica) startLoad() {
	r.load = &load{g: r.gateway, stop: make(chan struct{})}
	for i := range 4 {
		r.load.client(fmt.Sprintf("%s-slow%d", r.name, i), 10*time.Millisecond, func(c *call) {
			c.stream, c.tokens, c.sim = true, 80, "tokens=80,chunk_delay=40ms"
		})
	}
	for i := range 4 {
		r.load.client(fmt.Sprintf("%s-fast%d", r.name, i), 10*time.Millisecond, func(c *call) {
			c.stream, c.tokens, c.sim = i%2 == 1, 20, "tokens=20"
		})
	}
	r.load.wg.Add(1)
	go func() {
		defer r.load.wg.Done()
		for n := 0; ; n++ {
			file := []byte(strings.Repeat(fmt.Sprintf("{\"of\":%q,\"n\":%d}\n", r.name, n), 100_000))
			if id, ok := r.sendFile(fmt.Sprintf("%s-file%d", r.name, n), file); ok {
				r.mu.Lock()
				r.uploads = append(r.uploads, upload{id, file})
				r.mu.Unlock()
			}
			select {
			case <-r.load.stop:
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	}()
}

// sendFile uploads a file, and says whether the answer came whole.
func (r *replica) sendFile(id string, file []byte) (string, bool) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("purpose", "batch")
	p, _ := w.CreateFormFile("file", "calls.jsonl")
	p.Write(file)
	w.Close()
	req, _ := http.NewRequest("POST", r.url+"/openai/files?api-version=2024-10-21", &form)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("api-key", callerKey)
	req.Header.Set("x-ms-client-request-id", id)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header.Get("apim-request-id"), err == nil && resp.StatusCode/100 == 2
}

// seen lists the ids that clients of the gateway got with complete answers.
func (r *replica) seen(calls []*call) []string {
	var ids []string
	for _, c := range calls {
		if c.complete && c.status == 200 {
			ids = append(ids, c.header.Get("apim-request-id"))
		}
	}
	for _, u := range r.uploads {
		ids = append(ids, u.id)
	}
	return ids
}

// TestReplicas runs two gateways side by side and one store over both, kills each
// of the three with -9 under load, and accounts for every call of both.
func TestReplicas(t *testing.T) {
	a, b := newReplica(t, "weir-a"), newReplica(t, "weir-b")
	a.amend(t, "backends:\n", fmt.Sprintf("store: {gateways: [{data: %q}]}\nbackends:\n", b.data))
	store := runStore(t, a) // before there is any data folder
	a.run(t)
	b.run(t)
	both := []*replica{a, b}
	for _, r := range both {
		r.startLoad()
	}
	var kills []time.Time
	pause := 1800 * time.Millisecond // a slow stream has text for a second by then
	for range rounds(2, 1) {
		for _, r := range both {
			time.Sleep(pause)
			kills = append(kills, time.Now())
			r.kill()
			store.kill()
			r.run(t)
			store = runStore(t, a)
			time.Sleep(pause / 2)
			store.kill() // while it catches up
			store = runStore(t, a)
		}
	}
	time.Sleep(pause)
	var calls []*call
	want := map[string]string{} // the gateway, by apim-request-id
	for _, r := range both {
		its := r.load.end()
		for _, id := range r.seen(its) {
			want[id] = r.name
		}
		calls = append(calls, its...)
	}
	a.catchUp(t)
	account(t, a.gateway, calls, kills, a.sim, b.sim)
	eachOnce(t, a.gateway, want)
	for _, r := range both {
		if len(r.uploads) == 0 {
			t.Fatalf("no client of %s saw an upload taken", r.name)
		}
		u := r.uploads[len(r.uploads)-1]
		a.whole(t, u.id, u.file)
	}
	fresh(t, a, b)

	// The next store finds the same; so does a reader of the folder, when none runs.
	before := recordsOf(a.gateway.query(t, callsByGateway))
	store.stop(t, 30*time.Second)
	store = runStore(t, a)
	a.catchUp(t)
	if got := recordsOf(a.gateway.query(t, callsByGateway)); got != before {
		t.Errorf("after a restart the records are %s, they were %s", got, before)
	}
	for _, p := range []*process{a.process, b.process, store} {
		p.stop(t, 30*time.Second)
	}
	total := recordsIn(t, a.gateway)
	if all := sumOf(before); !strings.Contains(total, fmt.Sprintf("%d,%d", all, all)) {
		t.Errorf("the folder has %q, the store had %s", total, before)
	}
}

// eachOnce checks that every exchange stands there once, with the gateway that
// handled it, in both tables.
func eachOnce(t *testing.T, g *gateway, want map[string]string) {
	t.Helper()
	times := map[string]int{}
	for _, r := range g.query(t, "WeirExchanges | project CorrelationId, Gateway") {
		id := r.text("CorrelationId")
		times[id]++
		if w := want[id]; w != "" && w != r.text("Gateway") {
			t.Errorf("%s was handled by %s, the record says %s", id, w, r.text("Gateway"))
		}
	}
	lost, doubled := 0, 0
	for id := range want {
		if times[id] == 0 {
			lost++
		}
	}
	for _, n := range times {
		if n > 1 {
			doubled++
		}
	}
	if lost+doubled > 0 {
		t.Errorf("of %d calls that clients saw complete %d are not there, and %d records are doubled", len(want), lost, doubled)
	}
	rows := g.query(t, "ApiManagementGatewayLogs | summarize Records = count(), Ids = dcount(CorrelationId)")
	if len(rows) != 1 || rows[0].number("Records") != float64(len(times)) {
		t.Errorf("the log's table has %v, want %d", rows, len(times))
	}
	t.Logf("%d calls were seen complete, %d are on the record", len(want), len(times))
}

const callsByGateway = "WeirExchanges | summarize Records = count(), Ids = count_distinct(CorrelationId) by Gateway | sort by Gateway asc"

func recordsOf(rows []row) string {
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%s:%v:%v", r.text("Gateway"), r.number("Records"), r.number("Ids")))
	}
	return strings.Join(out, " ")
}

func sumOf(records string) (n int) {
	for _, f := range strings.Fields(records) {
		parts := strings.Split(f, ":")
		var k int
		fmt.Sscan(parts[1], &k)
		n += k
	}
	return n
}

// fresh checks that a call of either gateway can be asked for within a second of
// its answer: one of three, since the machine may be busy with another test.
func fresh(t *testing.T, store *replica, other *replica) {
	t.Helper()
	for _, r := range []*replica{store, other} {
		best := time.Hour
		for i := range 3 {
			c := &call{id: fmt.Sprintf("%s-fresh%d", r.name, i), prompt: "How fresh?", tokens: 5}
			c.do(newClient(), r.url)
			id := c.header.Get("apim-request-id")
			took := waitFor(t, 20*time.Second, "a call to be on the record", func() (bool, string) {
				rows, err := store.ask("WeirExchanges | where CorrelationId == '" + id + "' | project Gateway")
				return err == nil && len(rows) == 1 && rows[0].text("Gateway") == r.name, fmt.Sprint(rows, err)
			})
			best = min(best, took)
		}
		t.Logf("a call of %s could be asked for after %v", r.name, best)
		if best > time.Second && !raceDetector {
			t.Errorf("a call of %s could be asked for only after %v", r.name, best)
		}
	}
}
