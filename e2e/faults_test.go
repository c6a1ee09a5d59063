package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// faultMemory is what a gateway may take through its part of TestFaults.
const faultMemory = 200 << 20

// faultKinds are the calls of each cell of the matrix.
var faultKinds = []string{"plain", "large", "stream", "upload", "socket"}

// faultCase is a row of the matrix: how backends are bad, and how one attempt at
// them ends. What follows from that for a call is [faultCase.expect]'s.
type faultCase struct {
	name string
	// make gives the mishap of the backend that is tried as the at-th, from 0.
	make func(at int) mishap
	url  string // in place of the stand-in's
	more string // of the bad backends' config

	status int      // of each attempt, 0 where there is no answer
	reason string   // of each attempt; "" for one that does not fail
	either []string // further reasons that will do
	// each takes the place of status and reason where the backends differ.
	each []faultTry
	// late says that an answer which passes as it comes has begun by then.
	late bool
	// verdict is the gateway's own answer when all are bad; 0 where the backend's
	// passes as it is.
	verdict int
	// wait is the Retry-After of that answer, from and to; tell the attempts' own.
	wait [2]int
	tell func(at int, told string) bool
}

const connection = "BackendConnectionFailure"

// faultCases are the rows. Where backends say when to come again, the second says
// the least.
func faultCases(elsewhere string) []faultCase {
	all := func(m mishap) func(int) mishap { return func(int) mishap { return m } }
	answers := func(f http.HandlerFunc) func(int) mishap { return all(mishap{name: "bad", answer: f}) }
	told := func(want ...string) func(int, string) bool {
		return func(at int, told string) bool { return told == want[at] }
	}
	patient := ", timeout: 400ms"
	return []faultCase{
		{name: "refusing", make: all(mishap{name: "bad", absent: true}), reason: connection, verdict: 502},
		{name: "no such host", make: all(mishap{name: "bad", absent: true}), url: "http://no-such-host.invalid", more: ", timeout: 3s",
			reason: connection, either: []string{"Timeout"}, verdict: 502},
		{name: "resetting", make: answers(resets), reason: connection, verdict: 502},
		{name: "429 in seconds", make: func(at int) mishap {
			return mishap{name: "bad", answer: says(429, "Retry-After", []string{"9", "7", "8"}[at])}
		}, status: 429, reason: "429", wait: [2]int{4, 7}, tell: told("9", "7", "8")},
		{name: "429 with a date", make: func(at int) mishap {
			return mishap{name: "bad", answer: saysDate([]time.Duration{50, 30, 40}[at] * time.Second)}
		}, status: 429, reason: "429", wait: [2]int{25, 30}, tell: func(_ int, told string) bool { _, err := http.ParseTime(told); return err == nil }},
		{name: "429 in ms", make: func(at int) mishap {
			return mishap{name: "bad", answer: says(429, "retry-after-ms", []string{"9500", "6500", "8500"}[at])}
		}, status: 429, reason: "429", wait: [2]int{4, 7}},
		{name: "429 alone", make: answers(says(429)), status: 429, reason: "429", wait: [2]int{7, 10}},
		{name: "500", make: answers(says(500)), status: 500, reason: "500"},
		{name: "503", make: answers(says(503)), status: 503, reason: "503"},
		{name: "hanging", make: answers(hangs), more: patient, reason: "Timeout", verdict: 504},
		{name: "dying", make: all(mishap{name: "bad", dies: true}), status: 200, reason: connection, late: true, verdict: 502},
		{name: "slow", make: all(mishap{name: "bad", slow: true}), more: ", timeout: 1s", status: 200},
		{name: "each otherwise", make: func(at int) mishap {
			return mishap{name: "bad", answer: []http.HandlerFunc{says(500), resets, says(429, "Retry-After", "7")}[at]}
		}, each: []faultTry{{Status: 500, Reason: "500"}, {Reason: connection}, {Status: 429, Reason: "429"}}, verdict: 503, wait: [2]int{4, 7}},
		{name: "redirecting", make: answers(says(302, "Location", elsewhere)), status: 302, reason: "Redirect", verdict: 502},
		{name: "garbage", make: answers(writes("\x00\x16\x03 no HTTP at all\r\n\r\n")), reason: connection, verdict: 502},
		{name: "100 MB of header", make: answers(floods()), reason: connection, verdict: 502},
		{name: "half a status line", make: answers(writes("HTTP/1.1 2")), reason: connection, verdict: 502},
	}
}

// faultTry is what the record has of an attempt.
type faultTry struct {
	Status  int
	Reason  string
	Backend string
	// RetryAfter is as the backend wrote it.
	RetryAfter      string
	StartMs, TimeMs int64
}

// faultSight is what a client sees of its call.
type faultSight struct {
	id     string
	status int
	header http.Header
	body   []byte // of an error
	right  bool   // a whole answer, and the right one
	cut    bool   // the connection ended in its midst
	err    error
}

// faultWant is what must come of a cell.
type faultWant struct {
	status     int
	right, cut bool
	own        bool // the gateway's own error
	wait       [2]int
	outcome    string // on the record
	tries      []faultTry
}

// expect says what must come of a call of a kind with so many of three backends
// bad, which are those that it tries first.
func (f *faultCase) expect(kind string, bad int) faultWant {
	well := faultTry{Status: 200}
	if kind == "socket" {
		well.Status = 101
	}
	each := f.each
	if each == nil {
		each = slices.Repeat([]faultTry{{Status: f.status, Reason: f.reason}}, 3)
	}
	w := faultWant{status: well.Status, right: true, outcome: "completed"}
	switch {
	case each[0].Reason == "":
		w.tries = []faultTry{well}
	case f.late && kind != "plain" && kind != "upload":
		w.right, w.cut, w.outcome, w.tries = false, true, "interrupted", []faultTry{{Status: well.Status, Reason: f.reason}}
	case bad < 3:
		w.tries = append(slices.Clone(each[:bad]), well)
	default:
		w.tries = slices.Clone(each)
		w.status, w.right, w.wait = f.verdict, false, f.wait
		if w.own = f.verdict != 0; w.own {
			w.outcome = "failed"
		} else {
			w.status, w.tries[2].Reason = f.status, "" // it passed
		}
	}
	return w
}

// faultMatrix is the test: one gateway for each row and number of bad backends, so
// that no breaker knows of another cell. Its deployments are the kinds' names.
type faultMatrix struct {
	sim   *simulator
	names []string // of the backends, in the order in which uploads try them
	file  []byte
	sum   string

	mu    sync.Mutex
	table map[string][]string // row and kind: how it looked with 1, 2 and 3 bad
	peak  int64
}

// TestFaults is the matrix of faults: ways in which backends are bad, by kinds of
// call, by how many of three are bad. Each cell's client sees the right answer of
// another backend, or one clear error, and the record has every attempt.
func TestFaults(t *testing.T) {
	var strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	m := &faultMatrix{table: map[string][]string{}, names: []string{"north", "south", "middle"}}
	m.sim = startSim(t, "azure", eastKey, "-deployment", "plain=gpt-4o", "-deployment", "large=gpt-4o", "-deployment", "stream=gpt-4o", "-deployment", "socket=gpt-4o-realtime-preview")
	m.file, _ = io.ReadAll(io.LimitReader(letters{}, 3<<20)) // above what is kept in memory
	m.sum = fmt.Sprintf("%x", sha256.Sum256(m.file))
	m.scout(t)
	cases := faultCases(elsewhere.URL)
	t.Run("cells", func(t *testing.T) {
		for _, f := range cases {
			for bad := 1; bad <= 3; bad++ {
				t.Run(fmt.Sprintf("%s/%d of 3", f.name, bad), func(t *testing.T) {
					t.Parallel()
					m.cells(t, f, bad)
				})
			}
		}
	})
	if n := strayed.Load(); n > 0 {
		t.Errorf("%d requests followed a redirect", n)
	}
	m.show(t, cases)
}

// scout finds the order in which the caller's uploads try the backends: it is the
// same with every gateway, since it is made of their names.
func (m *faultMatrix) scout(t *testing.T) {
	g, _ := m.gateway(t, faultCase{make: func(int) mishap { return mishap{name: "bad", answer: says(500)} }}, 3)
	s := m.upload(g, "scout")
	tries := faultTries(t, g.settle(t, "Attempts", []string{s.id})[s.id][0])
	if s.status != 500 || len(tries) != 3 {
		t.Fatalf("status %d, attempts %+v, %v", s.status, tries, s.err)
	}
	for i, a := range tries {
		m.names[i] = a.Backend
	}
	g.stop(t, 30*time.Second)
}

// gateway starts one whose first backends, as many as bad says, are bad. Weights
// make them the first for chats as well.
func (m *faultMatrix) gateway(t *testing.T, f faultCase, bad int) (*gateway, []*standIn) {
	stands, urls, more := make([]*standIn, 3), make([]string, 3), make([]string, 3)
	for i := range stands {
		stands[i] = newStandIn(t, m.sim)
		urls[i] = "http://" + stands[i].addr + "/openai"
		if i >= bad {
			continue
		}
		stands[i].suffer(t, f.make(i))
		more[i] = f.more
		if f.url != "" {
			urls[i] = f.url
		}
	}
	rest := "deployments:\n"
	for _, name := range []string{"plain", "large", "stream", "socket"} {
		rest += fmt.Sprintf("  - {name: %s, backends: [{backend: %s, weight: 3}, {backend: %s, weight: 2}, {backend: %s}]}\n", name, m.names[0], m.names[1], m.names[2])
	}
	g := pooled(t, m.names, urls, more, rest)
	g.serve(t)
	return g, stands
}

// cells makes the calls of all kinds, and checks what they and the record saw.
func (m *faultMatrix) cells(t *testing.T, f faultCase, bad int) {
	g, stands := m.gateway(t, f, bad)
	sights := make([]*faultSight, len(faultKinds))
	ids := make([]string, len(faultKinds))
	var wg sync.WaitGroup
	for i, kind := range faultKinds {
		wg.Go(func() {
			name := fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(f.name, " ", "-"), kind, bad)
			sights[i] = map[string]func(*gateway, string) *faultSight{"plain": m.chat, "large": m.chat, "stream": m.chat, "upload": m.upload, "socket": m.socket}[kind](g, name)
			ids[i] = sights[i].id
		})
	}
	wg.Wait()
	records := g.settle(t, "Outcome, ResponseCode, Attempts, LastErrorReason, Completion", ids)
	arrived := 0
	for i, kind := range faultKinds {
		s, r := sights[i], records[ids[i]]
		if len(r) != 1 {
			t.Errorf("%s: %d records", kind, len(r))
			continue
		}
		tries := faultTries(t, r[0])
		arrived += len(tries)
		m.note(f.name, kind, bad, s, r[0], tries)
		f.verify(t, kind, bad, m.names, s, r[0], tries)
	}
	if seen := stands[0].look().all + stands[1].look().all + stands[2].look().all; !f.make(0).absent && seen != arrived {
		t.Errorf("the backends had %d requests, the record has %d attempts", seen, arrived)
	}
	if f.status == 429 && bad == 3 {
		m.tripped(t, g, stands, f.wait)
	}
	m.memory(t, g)
}

// verify compares a cell with what is expected.
func (f *faultCase) verify(t *testing.T, kind string, bad int, names []string, s *faultSight, r row, tries []faultTry) {
	w := f.expect(kind, bad)
	fail := func(format string, args ...any) {
		t.Errorf("%s: %s\nthe client: status %d, right %v, cut %v, %v, %.300s\nthe record: %v %v %s, attempts %+v", kind, fmt.Sprintf(format, args...),
			s.status, s.right, s.cut, s.err, s.body, r["Outcome"], r["ResponseCode"], r.text("LastErrorReason"), tries)
	}
	timedOut := len(f.either) > 0 && w.own && s.status == 504
	if s.status != w.status && !timedOut || s.right != w.right || s.cut != w.cut {
		fail("want status %d, right %v, cut %v", w.status, w.right, w.cut)
	}
	if r.text("Outcome") != w.outcome || r.number("ResponseCode") != float64(s.status) {
		fail("want the outcome %s, the client's status", w.outcome)
	}
	if len(tries) != len(w.tries) {
		fail("want %d attempts", len(w.tries))
		return
	}
	for i, a := range tries {
		will := a.Reason == w.tries[i].Reason || w.tries[i].Reason != "" && slices.Contains(f.either, a.Reason)
		if a.Status != w.tries[i].Status || !will || a.Backend != names[i] {
			fail("attempt %d: want status %d, reason %q, at %s", i, w.tries[i].Status, w.tries[i].Reason, names[i])
		}
		if f.tell != nil && i < bad && !f.tell(i, a.RetryAfter) {
			fail("attempt %d: RetryAfter %q", i, a.RetryAfter)
		}
	}
	if !w.right && !w.cut {
		if why := faultAnswer(s, w.own, w.wait); why != "" {
			fail("%s", why)
		}
	}
	if w.cut && r.text("LastErrorReason") == "" {
		fail("want the reason why it was cut")
	}
}

// faultAnswer says what is wrong with an error's answer.
func faultAnswer(s *faultSight, own bool, wait [2]int) string {
	var e struct {
		StatusCode int
		Message    string
		Error      struct{ Code, Message string }
	}
	err := json.Unmarshal(s.body, &e)
	switch {
	case err != nil || e.Error.Message == "" || e.Error.Code != strconv.Itoa(s.status):
		return "no error that a client can read"
	case own != (e.StatusCode == s.status && e.Message != ""):
		return fmt.Sprintf("the gateway's own error: want %v", own)
	}
	after, err := strconv.Atoi(s.header.Get("Retry-After"))
	if wait != [2]int{} && (err != nil || after < wait[0] || after > wait[1]) {
		return fmt.Sprintf("Retry-After %q, want %d to %d", s.header.Get("Retry-After"), wait[0], wait[1])
	}
	return ""
}

// tripped calls a deployment all of whose backends are throttled: no backend is
// asked, and the client is told when to come again.
func (m *faultMatrix) tripped(t *testing.T, g *gateway, stands []*standIn, wait [2]int) {
	before := stands[0].look().all + stands[1].look().all + stands[2].look().all
	s := m.chat(g, "again-plain-3")
	if why := faultAnswer(s, true, [2]int{1, wait[1]}); s.status != 429 || why != "" {
		t.Errorf("a call while all are throttled: status %d, %s, %.300s", s.status, why, s.body)
	}
	r := g.settle(t, "Outcome, AttemptCount", []string{s.id})[s.id][0]
	if after := stands[0].look().all + stands[1].look().all + stands[2].look().all; after != before || r.number("AttemptCount") != 0 || r.text("Outcome") != "failed" {
		t.Errorf("%d requests reached throttled backends; the record: %v", after-before, r)
	}
}

// memory notes what the gateway took.
func (m *faultMatrix) memory(t *testing.T, g *gateway) {
	peak, known := peakMemory(g.cmd.Process.Pid)
	if known && peak > faultMemory && !raceDetector {
		t.Errorf("the gateway took %d MiB", peak>>20)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = max(m.peak, peak)
}

// note keeps how a cell looked, for the table.
func (m *faultMatrix) note(fault, kind string, bad int, s *faultSight, r row, tries []faultTry) {
	look := strconv.Itoa(s.status)
	if s.cut {
		look += " cut"
	}
	if s.right {
		look += " right"
	}
	if v := s.header.Get("Retry-After"); v != "" {
		look += ", after " + v + "s"
	}
	look += fmt.Sprintf(" (%s;", r.text("Outcome"))
	for _, a := range tries {
		look += fmt.Sprintf(" %d", a.Status)
		if a.Reason != "" && a.Reason != strconv.Itoa(a.Status) {
			look += " " + a.Reason
		}
		look += ","
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := fault + " × " + kind
	if m.table[key] == nil {
		m.table[key] = make([]string, 3)
	}
	m.table[key][bad-1] = strings.TrimSuffix(look, ",") + ")"
}

// show writes the table.
func (m *faultMatrix) show(t *testing.T, cases []faultCase) {
	var b strings.Builder
	for _, f := range cases {
		for _, kind := range faultKinds {
			if cells := m.table[f.name+" × "+kind]; cells != nil {
				fmt.Fprintf(&b, "%-27s 1 bad: %s\n%27s 2 bad: %s\n%27s 3 bad: %s\n", f.name+" × "+kind, cells[0], "", cells[1], "", cells[2])
			}
		}
	}
	t.Logf("status that the client saw (outcome; attempts):\n%sthe gateways took %d MiB at most", b.String(), m.peak>>20)
}

// faultTries reads the attempts of a record.
func faultTries(t testing.TB, r row) (tries []faultTry) {
	t.Helper()
	text, ok := r["Attempts"].(string)
	if !ok {
		b, _ := json.Marshal(r["Attempts"])
		text = string(b)
	}
	if text == "" || text == "null" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &tries); err != nil {
		t.Fatalf("Attempts %.500s: %v", text, err)
	}
	return tries
}

// chat makes a chat call, streamed or of a large answer where its name says so.
func (m *faultMatrix) chat(g *gateway, name string) *faultSight {
	c := &call{id: "fault-" + name, prompt: "unique prompt of " + name, model: "plain", tokens: 12}
	switch {
	case strings.Contains(name, "stream"):
		c.stream, c.model = true, "stream"
	case strings.Contains(name, "large"):
		c.sim, c.model = longAnswer, "large"
	}
	client := newClient()
	defer client.CloseIdleConnections()
	c.do(client, g.url)
	s := &faultSight{id: c.id, status: c.status, header: c.header, body: c.body, err: c.err}
	if c.status != 200 {
		return s
	}
	want, err := c.alone(m.sim, eastKey, c.sim)
	if err != nil {
		s.err = fmt.Errorf("what the simulator says by itself: %w", err)
		return s
	}
	s.right = c.complete && c.text == want
	s.cut = !c.complete && c.err != nil && strings.HasPrefix(want, c.text)
	if c.model == "large" {
		s.cut = s.cut && len(s.body) > 32<<10
	}
	return s
}

// upload sends a file that is larger than what is kept in memory.
func (m *faultMatrix) upload(g *gateway, name string) *faultSight {
	s := &faultSight{id: "fault-" + name}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("purpose", "assistants")
	p, _ := w.CreateFormFile("file", "notes.txt")
	p.Write(m.file)
	w.Close()
	req, _ := http.NewRequest("POST", g.url+"/v1/files", &form)
	for k, v := range map[string]string{"Content-Type": w.FormDataContentType(), "api-key": callerKey, "x-ms-client-request-id": s.id} {
		req.Header.Set(k, v)
	}
	client := newClient()
	client.Timeout = time.Minute
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if s.err = err; err != nil {
		return s
	}
	defer resp.Body.Close()
	s.status, s.header = resp.StatusCode, resp.Header
	s.body, s.err = io.ReadAll(resp.Body)
	s.cut = s.err != nil
	var file struct{ ID string }
	if json.Unmarshal(s.body, &file) == nil && file.ID != "" {
		s.right, s.err = m.has(file.ID)
	}
	return s
}

// has says whether the simulator has the file whole.
func (m *faultMatrix) has(id string) (bool, error) {
	resp, err := http.Get(m.sim.url + "/sim/files")
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	var files []struct{ ID, SHA256 string }
	if err := json.NewDecoder(resp.Body).Decode(&files); err != nil {
		return false, err
	}
	for _, f := range files {
		if f.ID == id {
			return f.SHA256 == m.sum, nil
		}
	}
	return false, nil
}

// socket opens a realtime connection, asks one question and reads the answer.
func (m *faultMatrix) socket(g *gateway, name string) *faultSight {
	s := &faultSight{id: "fault-" + name}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	header := http.Header{"Authorization": {"Bearer " + callerKey}, "X-Ms-Client-Request-Id": {s.id}}
	conn, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(g.url, "http")+"/v1/realtime?model=socket", &websocket.DialOptions{HTTPHeader: header})
	if resp != nil {
		s.status, s.header = resp.StatusCode, maps.Clone(resp.Header)
	}
	if err != nil {
		if s.err = err; resp != nil && resp.Body != nil {
			s.body, _ = io.ReadAll(resp.Body)
		}
		return s
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 24)
	for _, said := range []string{
		`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Tell me about rivers."}]}}`,
		`{"type":"response.create"}`,
	} {
		if s.err = conn.Write(ctx, websocket.MessageText, []byte(said)); s.err != nil {
			break
		}
	}
	for !s.right {
		_, data, err := conn.Read(ctx)
		if err != nil {
			s.err, s.cut = err, websocket.CloseStatus(err) < 0 && ctx.Err() == nil
			return s
		}
		s.right = digText(parseJSON(data), "type") == "response.done"
	}
	s.err = conn.Close(websocket.StatusNormalClosure, "")
	return s
}
