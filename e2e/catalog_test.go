package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/catalog"
)

// operationCase is one call of a row of the catalog, and what its record has.
type operationCase struct {
	opCall
	// name tells the cases of one row apart.
	name string
	// surfaces are those on which the case is called, by their names; empty: all
	// that the row has.
	surfaces string
	// needs are fixtures that must be there, of which the answer names each;
	// fresh are those that are made anew for this case.
	needs, fresh string
	// home is the backend that the caller's objects lie on, where it is not the
	// surface's own.
	home string

	// asks says that a model is asked, stream that the answer is one, creates that
	// the call's object is the one that the answer names.
	asks, stream, creates bool
	// prompt is in Prompt.
	prompt string
	// said is where the answer's text is, which is in Completion; in a stream of
	// each event.
	said string
	// parameters are the body's members that Parameters has as they are.
	parameters string
	// check looks at what is special.
	check func(t *testing.T, m *made, r row)
}

// made is a case that was called.
type made struct {
	*operationCase
	op       *catalog.Operation
	route    catalog.Route
	e        *exchange
	resource string
	listed   []string // what the answer must name
	socket   bool
}

// catalogModels are the deployments of all three backends.
var catalogModels = []string{
	"gpt-4o", "gpt-35-turbo-instruct", "text-embedding-3-small", "dall-e-2", "dall-e-3", "gpt-image-1", "whisper-1",
	"gpt-4o-transcribe", "tts-1", "gpt-4o-mini-tts", "gpt-realtime", "gpt-4o-realtime-preview", "omni-moderation-latest",
}

// subscribers is how many subscriptions there are, so that each backend is the
// home of one.
const subscribers = 16

// TestCatalog calls each row of the catalog on each of its surfaces through the
// gateway, before two simulators of Azure OpenAI, one of OpenAI and one of Azure
// Resource Manager, and reads the record of each call.
func TestCatalog(t *testing.T) {
	t.Parallel()
	run := newCatalogRun(t)
	cases := operationCases()
	checkCases(t, run, cases)
	var all []*made
	routes := 0
	for i := range run.operations {
		op := &run.operations[i]
		for _, route := range op.Routes {
			routes++
			for j := range cases {
				if cases[j].op != op.ID || !cases[j].on(route.Surface) {
					continue
				}
				for range cases[j].times(op) {
					all = append(all, run.make(&cases[j], op, route))
				}
			}
		}
	}
	records := run.records()
	for _, m := range all {
		t.Run(strings.Join(strings.Fields(m.op.ID+" "+m.route.Surface.String()+" "+m.name), "/"), func(t *testing.T) {
			m.check(t, records)
		})
	}
	records.once(t, run.sent)
	t.Logf("%d rows of the catalog, %d routes, %d calls of cases, %d calls with those that make objects, %d records, by backend %v",
		len(run.operations), routes, len(all), len(run.sent), len(records.rows), records.backends())
}

// checkCases names the rows and routes that no case calls, and the cases that
// name no row.
func checkCases(t *testing.T, run *catalogRun, cases []operationCase) {
	t.Helper()
	for _, op := range run.operations {
		for _, route := range op.Routes {
			if !slices.ContainsFunc(cases, func(c operationCase) bool { return c.op == op.ID && c.on(route.Surface) }) {
				t.Errorf("no case calls %s on the surface %s", op.ID, route.Surface)
			}
		}
	}
	for _, c := range cases {
		if len(run.routesOf(c.op)) == 0 {
			t.Errorf("the case %q %q names no row of the catalog", c.op, c.name)
		}
		for name := range strings.FieldsSeq(c.surfaces) {
			if !slices.ContainsFunc(run.routesOf(c.op), func(r catalog.Route) bool { return r.Surface.String() == name }) {
				t.Errorf("the case %q %q names the surface %s, which its row does not have", c.op, c.name, name)
			}
		}
	}
}

func (c *operationCase) on(s catalog.Surface) bool {
	return c.surfaces == "" || slices.Contains(strings.Fields(c.surfaces), s.String())
}

// times is how often a case is called: one whose deployment decides where it goes
// on each of that's backends, which are taken in turn.
func (c *operationCase) times(op *catalog.Operation) int {
	if c.model != "" && !op.Stateful {
		return 3
	}
	return 1
}

// exchange is one call through the gateway, and what the client saw of it.
type exchange struct {
	name, method, url string
	sent              []byte
	key               string
	id                string // apim-request-id
	status            int
	header            http.Header
	body              []byte
	doc               any   // the answer as JSON; of a stream the last event, or the response in it
	events            []any // the data of a stream's events
	err               error
}

// catalogRun is the processes of a run through the catalog, and all calls so far.
type catalogRun struct {
	t          *testing.T
	g          *gateway
	sims       []*simulator
	operations []catalog.Operation
	keys       map[string]string // of a caller whose home the backend is
	bags       map[string]*bag
	client     *http.Client
	sent       []*exchange
}

func newCatalogRun(t *testing.T) *catalogRun {
	var deployments []string
	var to []route
	for _, m := range catalogModels {
		deployments = append(deployments, "-deployment", m)
		to = append(to, route{m, []string{"east", "west", "north"}})
	}
	east, west, north := startSim(t, "azure", eastKey, deployments...), startSim(t, "azure", westKey, deployments...), startSim(t, "openai", westKey, deployments...)
	g := newGateway(t, []backend{
		{"east", "azure", east.url, "2025-04-01-preview", "${env:EAST_KEY}"},
		{"west", "azure", west.url, "", "${env:WEST_KEY}"},
		{"north", "openai", north.url + "/v1", "", "${env:WEST_KEY}"},
		{"management", "management", east.url, "", "${env:EAST_KEY}"},
	}, to)
	for i := range subscribers {
		g.subscribe(t, fmt.Sprintf("team-%d", i), fmt.Sprintf("%s-%d", callerKey, i))
	}
	g.serve(t)
	run := &catalogRun{t: t, g: g, sims: []*simulator{east, west, north}, operations: catalog.Operations(),
		keys: map[string]string{}, bags: map[string]*bag{}, client: newClient()}
	run.client.Timeout = 30 * time.Second
	run.findHomes()
	return run
}

// findHomes has each subscription make an object, and learns from the record
// which backend is its home.
func (run *catalogRun) findHomes() {
	run.t.Helper()
	made := map[string]string{}
	for i := range subscribers {
		e := &exchange{name: "find homes", method: "POST", url: run.g.url + "/v1/vector_stores", sent: []byte(`{"name":"home"}`), key: fmt.Sprintf("%s-%d", callerKey, i)}
		run.do(e, "application/json")
		made[e.id] = e.key
	}
	run.g.catchUp(run.t)
	for _, r := range run.g.query(run.t, "WeirExchanges | project CorrelationId, BackendId") {
		run.keys[r.text("BackendId")] = made[r.text("CorrelationId")]
	}
	for _, name := range []string{"east", "west", "north"} {
		if run.keys[name] == "" {
			run.t.Fatalf("no caller's home is %s: %v", name, run.keys)
		}
	}
}

func (run *catalogRun) routesOf(op string) []catalog.Route {
	for i := range run.operations {
		if run.operations[i].ID == op {
			return run.operations[i].Routes
		}
	}
	return nil
}

// homeOf is the backend that a caller on a surface has as home: so each of the
// backends' own surfaces is in use.
func homeOf(s catalog.Surface) string {
	switch s {
	case catalog.OpenAI:
		return "north"
	case catalog.AzureV1:
		return "west"
	}
	return "east"
}

func (run *catalogRun) bag(s catalog.Surface, home string) *bag {
	key := s.String() + " " + home
	if run.bags[key] == nil {
		run.bags[key] = &bag{run: run, surface: s, home: home, values: map[string]string{}}
	}
	return run.bags[key]
}

// make makes a case's call on one route.
func (run *catalogRun) make(c *operationCase, op *catalog.Operation, route catalog.Route) *made {
	home := c.home
	if home == "" {
		home = homeOf(route.Surface)
	}
	b := run.bag(route.Surface, home)
	if c.fresh != "" {
		b = b.without(strings.Fields(c.fresh))
	}
	m := &made{operationCase: c, op: op, route: route, socket: op.Socket}
	for name := range strings.FieldsSeq(c.needs) {
		m.listed = append(m.listed, b.get(name))
	}
	if op.Socket {
		m.e = run.talk(b, &c.opCall, route)
		m.resource = digText(m.e.doc, "session.id")
		return m
	}
	m.e = b.call(&c.opCall, op, route)
	for name := range paramsOf(route.Pattern) {
		if m.resource == "" && isKind(name) {
			m.resource = b.param(&c.opCall, name)
		}
	}
	if m.resource == "" && c.creates {
		m.resource = digText(m.e.doc, "id")
	}
	return m
}

func isKind(name string) bool {
	return slices.ContainsFunc(catalog.Kinds(), func(k catalog.Kind) bool { return k.Name == name })
}

// paramsOf ranges over the names in braces of a pattern.
func paramsOf(pattern string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for seg := range strings.SplitSeq(pattern, "/") {
			if strings.HasPrefix(seg, "{") && !yield(strings.Trim(seg, "{}")) {
				return
			}
		}
	}
}

// do sends a call and reads its answer.
func (run *catalogRun) do(e *exchange, contentType string) {
	run.sent = append(run.sent, e)
	req, err := http.NewRequestWithContext(run.t.Context(), e.method, e.url, strings.NewReader(string(e.sent)))
	if err != nil {
		run.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("api-key", e.key)
	req.Header.Set("x-team", "catalogue")
	resp, err := run.client.Do(req)
	if err != nil {
		e.err = err
		return
	}
	defer resp.Body.Close()
	e.status, e.header, e.id = resp.StatusCode, resp.Header, resp.Header.Get("apim-request-id")
	if e.body, e.err = io.ReadAll(resp.Body); e.err == nil {
		e.read(strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"))
	}
}

// read reads the answer as JSON.
func (e *exchange) read(stream bool) {
	if !stream {
		e.doc = parseJSON(e.body)
		return
	}
	for line := range strings.Lines(string(e.body)) {
		data, ok := strings.CutPrefix(line, "data: ")
		if doc := parseJSON([]byte(data)); ok && doc != nil {
			e.events = append(e.events, doc)
			e.doc = doc
			if r := dig(doc, "response"); r != nil {
				e.doc = r
			}
		}
	}
}

func parseJSON(text []byte) any {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var doc any
	if d.Decode(&doc) != nil {
		return nil
	}
	return doc
}

// dig gives the value at a dotted path of a document, where a number is an
// array's index; nil when there is none.
func dig(doc any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch v := doc.(type) {
		case map[string]any:
			doc = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(v) {
				return nil
			}
			doc = v[i]
		default:
			return nil
		}
	}
	return doc
}

func digText(doc any, path string) string {
	s, _ := dig(doc, path).(string)
	return s
}

func digNumber(doc any, path string) float64 {
	n, _ := dig(doc, path).(json.Number)
	f, _ := n.Float64()
	return f
}

// said gives the text at a path of the answer, or of each event of a stream.
func (e *exchange) said(path string) string {
	if len(e.events) == 0 {
		return digText(e.doc, path)
	}
	var b strings.Builder
	for _, ev := range e.events {
		b.WriteString(digText(ev, path))
	}
	return b.String()
}

// first gives the first value that is something at one of the paths, in the
// answer or the events of a stream.
func (e *exchange) first(paths ...string) any {
	docs := e.events
	if len(docs) == 0 {
		docs = []any{e.doc}
	}
	for _, doc := range docs {
		for _, path := range paths {
			if v := dig(doc, path); v != nil && v != "" {
				return v
			}
		}
	}
	return nil
}

// address gives the URL of a route for a call.
func (b *bag) address(c *opCall, op *catalog.Operation, route catalog.Route) string {
	path := route.Pattern
	for name := range paramsOf(route.Pattern) {
		value := c.model
		if name != "deployment" {
			value = b.param(c, name)
		}
		path = strings.Replace(path, "{"+name+"}", url.PathEscape(value), 1)
	}
	var query []string
	if version := c.versionOn(route.Surface); version != "" {
		query = append(query, "api-version="+version)
	}
	if op.Target == catalog.InQuery && route.Surface == catalog.Azure {
		query = append(query, "deployment="+c.model)
	} else if op.Target == catalog.InQuery {
		query = append(query, "model="+c.model)
	}
	if c.query != "" {
		query = append(query, b.fill(c.query))
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return b.run.g.url + path
}
