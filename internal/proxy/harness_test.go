package proxy

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/capture"
	"weir/internal/catalog"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/payload"
	"weir/internal/record"
	"weir/internal/upstream"
)

// memLog is a journal in memory. Its funcs, where set, are called before the
// frame of their kind is kept; an error refuses it.
type memLog struct {
	ready, begin, part, sync, end func() error

	mu        sync.Mutex
	changed   *sync.Cond
	exchanges []*record.Exchange
	parts     int
	spool     *payload.Spool // of the gateway that writes here
}

// body gives what the spool has of an exchange's side.
func (l *memLog) body(t testing.TB, e *record.Exchange, side string) string {
	t.Helper()
	f, err := l.spool.Open(e.ID, side)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func newMemLog() *memLog {
	l := &memLog{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (l *memLog) Ready() error { return call(l.ready) }

func (l *memLog) Begin(id [16]byte, _ time.Time, meta, body []byte) error {
	if err := call(l.begin); err != nil {
		return err
	}
	b, err := record.ParseBegin(meta)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.exchanges = append(l.exchanges, &record.Exchange{ID: id, Begin: b, RequestBody: append([]byte(nil), body...)})
	l.changed.Broadcast()
	return nil
}

func (l *memLog) find(id [16]byte) *record.Exchange {
	for _, e := range l.exchanges {
		if e.ID == id {
			return e
		}
	}
	panic("a frame without its begin")
}

func (l *memLog) Part(id [16]byte, _ time.Time, content []byte) error {
	if err := call(l.part); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.find(id)
	e.ResponseBody = append(e.ResponseBody, content...)
	l.parts++
	l.changed.Broadcast()
	return nil
}

func (l *memLog) Sync(id [16]byte, at time.Time, content []byte) error {
	if err := call(l.sync); err != nil {
		return err
	}
	return l.Part(id, at, content)
}

func (l *memLog) End(id [16]byte, _ time.Time, meta, content, more []byte) error {
	if err := call(l.end); err != nil {
		return err
	}
	n, err := record.ParseEnd(meta)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.find(id)
	if e.End != nil {
		panic("a second end")
	}
	e.ResponseBody = append(append(e.ResponseBody, content...), more...)
	e.End = n
	l.changed.Broadcast()
	return nil
}

func (l *memLog) Delivered(id [16]byte, _ time.Time, meta []byte) {
	d, err := record.ParseDelivered(meta)
	if err != nil {
		panic(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.find(id).Delivered = d
	l.changed.Broadcast()
}

// wait gives the i-th exchange once ok says so of it.
func (l *memLog) wait(i int, ok func(*record.Exchange) bool) *record.Exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.exchanges) <= i || !ok(l.exchanges[i]) {
		l.changed.Wait()
	}
	e := *l.exchanges[i]
	return &e
}

func delivered(e *record.Exchange) bool { return e.Delivered != nil }

const testKey = "a-subscription-key"

// rig is a gateway with its backends.
type rig struct {
	t     testing.TB
	log   *memLog
	proxy *Proxy
	url   string
	http  *http.Client
}

// backend is a server that a rig's deployment "gpt" uses.
type backend struct {
	kind, version, deployment string
	priority                  int
	url                       string
	handler                   http.HandlerFunc
	timeout, idle             time.Duration
}

func newRig(t testing.TB, backends ...backend) *rig {
	t.Helper()
	return newRigWith(t, Config{Name: "test", Region: "here"}, newMemLog(), backends...)
}

func newRigWith(t testing.TB, cfg Config, log *memLog, backends ...backend) *rig {
	t.Helper()
	up := upstream.Config{Deployments: []upstream.Deployment{{Name: "gpt", Model: "gpt-4o"}}}
	for i, b := range backends {
		name := string(rune('a' + i))
		if b.handler != nil {
			s := httptest.NewServer(b.handler)
			t.Cleanup(s.Close)
			b.url = s.URL
		}
		if b.kind == "" {
			b.kind = upstream.KindAzure
		}
		up.Backends = append(up.Backends, upstream.Backend{Name: name, Kind: b.kind, URL: b.url, APIVersion: b.version, Key: "backend-key-" + name, Timeout: b.timeout, IdleTimeout: b.idle})
		up.Deployments[0].Backends = append(up.Deployments[0].Backends, upstream.Target{Backend: name, Deployment: b.deployment, Priority: b.priority})
	}
	if log.spool == nil {
		spool, err := payload.OpenSpool(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		log.spool = spool
	}
	p, url := newGateway(t, cfg, log, up)
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &rig{t, log, p, url, &http.Client{Transport: tr}}
}

// newGateway is a gateway before the given backends, with two subscriptions.
func newGateway(t testing.TB, cfg Config, log capture.Log, up upstream.Config) (p *Proxy, url string) {
	t.Helper()
	cat := catalog.New()
	callers, problems := identity.New(identity.Config{Subscriptions: []identity.Subscription{
		{Name: "team", Product: "gold", Keys: []string{identity.Hash(testKey)}},
		{Name: "gone", Keys: []string{identity.Hash("suspended-key")}, State: "suspended"},
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	u, err := upstream.New(up, Paths(cat), nil, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	var spool *payload.Spool
	if m, ok := log.(*memLog); ok {
		spool = m.spool
	}
	if spool == nil {
		if spool, err = payload.OpenSpool(t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	p = New(Setup{Config: cfg, Callers: callers, Upstream: u, Clients: front.NewClients(front.Config{})}, Parts{
		Catalog: cat, Log: log, Spool: spool, Inline: testInline, Owners: &memOwners{},
		Metrics: prometheus.NewRegistry(), Logger: logger,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) })
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		s.Close()
		p.Wait()
		cancel()
		wg.Wait()
	})
	return p, s.URL
}

// testInline is the limit above which bodies go to the spool in tests.
const testInline = 1 << 20

// memOwners are owners in memory.
type memOwners struct{ m sync.Map }

func (o *memOwners) Get(key string) (string, bool) {
	v, ok := o.m.Load(key)
	s, _ := v.(string)
	return s, ok
}

func (o *memOwners) Put(key, backend string) { o.m.Store(key, backend) }

// post sends a body to a path with the test's key.
func (g *rig) post(path, body string, headers ...string) *http.Response {
	g.t.Helper()
	req, err := http.NewRequest("POST", g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("api-key", testKey)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := g.http.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func readAll(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return string(b)
}

const (
	chatPath   = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
	plainBody  = `{"messages":[{"role":"user","content":"hi"}]}`
	streamBody = `{"messages":[{"role":"user","content":"hi"}],"stream":true}`
	answerJSON = `{"id":"x","model":"gpt-4o-2024-08-06","choices":[{"message":{"content":"ho"}}],"usage":{"total_tokens":3}}`
)

func answerPlain(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, answerJSON)
}
