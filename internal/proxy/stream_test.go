package proxy

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/record"
	"weir/internal/upstream"
)

// events is a stream: each is written and flushed for itself.
func events(w http.ResponseWriter, list ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range list {
		io.WriteString(w, e)
		w.(http.Flusher).Flush()
	}
}

const (
	roleEvent    = `data: {"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}` + "\n\n"
	contentEvent = `data: {"id":"x","choices":[{"index":0,"delta":{"content":"ho"}}],"usage":null}` + "\n\n"
	usageEvent   = `data: {"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}` + "\n\n"
	doneEvent    = "data: [DONE]\n\n"
)

func TestStream(t *testing.T) {
	var sent string
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		sent = string(b)
		events(w, roleEvent, contentEvent, usageEvent, doneEvent)
	}})
	resp := g.post(chatPath, streamBody)
	if b := readAll(t, resp); b != roleEvent+contentEvent+doneEvent {
		t.Errorf("the client got %q", b)
	}
	if want := `{"stream_options":{"include_usage":true},` + streamBody[1:]; sent != want {
		t.Errorf("the backend got %s", sent)
	}
	e := g.log.wait(0, delivered)
	if string(e.ResponseBody) != roleEvent+contentEvent+usageEvent+doneEvent {
		t.Errorf("captured %q", e.ResponseBody)
	}
	if !e.End.UsageAdded || !e.End.Streamed || !e.Begin.Stream || e.End.Events != 3 || e.End.FirstToken == 0 || e.End.Outcome != record.Completed {
		t.Errorf("end %+v", e.End)
	}
}

// TestTerminalHeld: while the commit is under way the client has all events but
// the terminal one.
func TestTerminalHeld(t *testing.T) {
	log := newMemLog()
	committing, proceed := make(chan bool), make(chan bool)
	log.end = func() error { close(committing); <-proceed; return nil }
	g := newRigWith(t, Config{}, log, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		events(w, contentEvent, doneEvent)
	}})
	resp := g.post(chatPath, streamBody)
	r := bufio.NewReader(resp.Body)
	for range strings.Count(contentEvent, "\n") {
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	<-committing
	if r.Buffered() > 0 {
		t.Fatalf("%d bytes came before the commit", r.Buffered())
	}
	close(proceed)
	if rest, err := io.ReadAll(r); err != nil || string(rest) != doneEvent {
		t.Errorf("%q %v", rest, err)
	}
}

// TestUsageHeldBack: the event that include_usage adds is passed to a client
// that asked for it and to no other, and captured in both cases.
func TestUsageHeldBack(t *testing.T) {
	withChoice := `data: {"choices":[{"delta":{"content":"x"}}],"usage":{"total_tokens":1}}` + "\n\n"
	filters := `data: {"choices":[],"prompt_filter_results":[],"usage":null}` + "\n\n"
	for _, tt := range []struct {
		name, version, body string
		sent, want          string
	}{
		{"not asked", "2024-10-21", streamBody, filters + contentEvent + usageEvent + doneEvent, filters + contentEvent + doneEvent},
		{"asked", "2024-10-21", `{"stream":true,"stream_options":{"include_usage":true}}`, contentEvent + usageEvent + doneEvent, contentEvent + usageEvent + doneEvent},
		{"an old version", "2024-06-01", streamBody, contentEvent + usageEvent + doneEvent, contentEvent + usageEvent + doneEvent},
		{"usage with a choice", "2024-10-21", streamBody, withChoice + usageEvent + doneEvent, withChoice + doneEvent},
		{"CRLF", "2024-10-21", streamBody, strings.ReplaceAll(contentEvent+usageEvent+doneEvent, "\n", "\r\n"), strings.ReplaceAll(contentEvent+doneEvent, "\n", "\r\n")},
		{"no terminal event", "2024-10-21", streamBody, contentEvent + usageEvent, contentEvent},
		{"no blank line at its end", "2024-10-21", streamBody, contentEvent + strings.TrimSuffix(usageEvent, "\n\n"), contentEvent},
	} {
		for _, step := range []int{1, 7, len(tt.sent)} {
			g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
				for rest := tt.sent; rest != ""; {
					n := min(step, len(rest))
					events(w, rest[:n])
					rest = rest[n:]
				}
			}})
			resp := g.post("/openai/deployments/gpt/chat/completions?api-version="+tt.version, tt.body)
			if b := readAll(t, resp); b != tt.want {
				t.Errorf("%s, %d bytes a write: %q", tt.name, step, b)
			}
			if e := g.log.wait(0, delivered); string(e.ResponseBody) != tt.sent {
				t.Errorf("%s: captured %q", tt.name, e.ResponseBody)
			}
		}
	}
}

// TestUsageHeldBackWhenBroken: a stream that breaks off in its usage event shows
// no more of it than one that ends there.
func TestUsageHeldBackWhenBroken(t *testing.T) {
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		events(w, contentEvent, strings.TrimSuffix(usageEvent, "\n\n"))
		panic(http.ErrAbortHandler)
	}})
	resp := g.post(chatPath, streamBody)
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != contentEvent {
		t.Errorf("%q %v", b, err)
	}
	if e := g.log.wait(0, delivered); !strings.Contains(string(e.ResponseBody), "total_tokens") {
		t.Errorf("captured %q", e.ResponseBody)
	}
}

// openEnd is an answer's body whose backend does not end it.
type openEnd struct {
	sent   io.Reader
	closed chan bool
	once   sync.Once
	atEnd  func()
}

func (b *openEnd) Read(p []byte) (int, error) {
	if n, err := b.sent.Read(p); err == nil {
		return n, nil
	}
	b.once.Do(b.atEnd)
	<-b.closed
	return 0, net.ErrClosed
}

func (b *openEnd) Close() error {
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// flushed is a recorder that takes a flush as a server's writer does.
type flushed struct{ *httptest.ResponseRecorder }

func (w flushed) FlushError() error { w.Flush(); return nil }

// TestEndNotDelayed: a backend that does not end its answer after the terminal
// event holds up neither the client's end nor the record.
func TestEndNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, cat := newMemLog(), catalog.New()
		callers, _ := identity.New(identity.Config{})
		logger := slog.New(slog.DiscardHandler)
		backends, err := upstream.New(upstream.Config{}, Paths(cat), nil, logger)
		if err != nil {
			t.Fatal(err)
		}
		p := New(Setup{Callers: callers, Upstream: backends, Clients: front.NewClients(front.Config{})}, Parts{
			Catalog: cat, Log: log, Metrics: prometheus.NewRegistry(), Logger: logger,
		})
		w := flushed{httptest.NewRecorder()}
		x := new(exchange)
		x.init(p, w, httptest.NewRequest("POST", chatPath, nil))
		x.match = cat.Match("POST", x.r.URL)
		if f := x.writeBegin(); f != nil {
			t.Fatal(f)
		}
		begun := time.Now()
		told, sent := false, ""
		x.pass(&http.Response{
			StatusCode: 200, ContentLength: -1, Header: http.Header{"Content-Type": {"text/event-stream"}},
			Body: &openEnd{sent: strings.NewReader(contentEvent + doneEvent), closed: make(chan bool), atEnd: func() {
				if w.Flushed {
					sent = w.Body.String()
				}
				told = log.wait(0, func(*record.Exchange) bool { return true }).Delivered != nil
			}},
		})
		if took := time.Since(begun); took > 10*time.Millisecond {
			t.Errorf("the client's end came after %v", took)
		}
		if !told || sent != contentEvent+doneEvent {
			t.Errorf("before the backend's end: on the record %v, sent %q", told, sent)
		}
	})
}

// TestNoDelay: each event, and each comment, is with the client before the
// backend sends the next.
func TestNoDelay(t *testing.T) {
	next := make(chan bool)
	list := []string{": keep-alive\n", "\n", contentEvent, ": ping\n\n", contentEvent}
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		for i, e := range list {
			if i > 0 {
				<-next
			}
			events(w, e)
		}
		<-next
		events(w, doneEvent)
	}})
	resp := g.post(chatPath, streamBody) // the header comes with the first bytes
	for i, e := range list {
		if i > 0 {
			next <- true
		}
		got := make([]byte, len(e))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != e {
			t.Fatalf("%q %v, want %q", got, err, e)
		}
	}
	next <- true
	if b := readAll(t, resp); b != doneEvent {
		t.Errorf("%q", b)
	}
}

// TestOddStreams: what is not as it should be passes as it is.
func TestOddStreams(t *testing.T) {
	long := "data: " + strings.Repeat("x", 300<<10) + "\n\n"
	for _, tt := range []struct {
		name, sent, want string
		outcome          record.Outcome
	}{
		{"garbage", "not an event at all", "not an event at all", record.Interrupted},
		{"binary", "\x00\xff\n\n\x01", "\x00\xff\n\n\x01", record.Interrupted},
		{"a long event", long + doneEvent, long + doneEvent, record.Completed},
		{"no terminal event", contentEvent, contentEvent, record.Interrupted},
		{"terminal without blank line", contentEvent + "data: [DONE]", contentEvent + "data: [DONE]", record.Completed},
		{"more behind the terminal event", contentEvent + doneEvent + ": bye\n\n", contentEvent + doneEvent, record.Completed},
		{"error event", `data: {"error":{"message":"x"}}` + "\n\n", `data: {"error":{"message":"x"}}` + "\n\n", record.Interrupted},
	} {
		g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			w.(http.Flusher).Flush()
			io.WriteString(w, tt.sent)
		}})
		resp := g.post(chatPath, streamBody)
		if b := readAll(t, resp); b != tt.want {
			t.Errorf("%s: %d bytes, %.60q", tt.name, len(b), b)
		}
		e := g.log.wait(0, delivered)
		if e.End.Outcome != tt.outcome || !strings.HasPrefix(string(e.ResponseBody), tt.want) || (e.End.LastError != nil) != (tt.outcome == record.Interrupted) {
			t.Errorf("%s: %s %+v, captured %.60q", tt.name, e.End.Outcome, e.End.LastError, e.ResponseBody)
		}
	}
}

// TestErrorToStreamRequest: a plain error passes as a plain body.
func TestErrorToStreamRequest(t *testing.T) {
	g := newRig(t, backend{handler: status(400)})
	resp := g.post(chatPath, streamBody)
	if b := readAll(t, resp); resp.StatusCode != 400 || b != "Bad Request" || resp.ContentLength != 11 {
		t.Errorf("%d %q %d", resp.StatusCode, b, resp.ContentLength)
	}
	if e := g.log.wait(0, delivered); e.End.Streamed || !e.Begin.Stream || e.End.Outcome != record.Completed {
		t.Errorf("%+v", e.End)
	}
}
