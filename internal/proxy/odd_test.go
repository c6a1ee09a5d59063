package proxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
	"weir/internal/upstream"
)

// saying is a backend that answers each connection's first request with the given
// bytes, and then keeps the connection open, or not.
func saying(t *testing.T, answer string, open bool) backend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var kept []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 64<<10))
			io.WriteString(c, answer)
			if !open {
				c.Close()
				continue
			}
			mu.Lock()
			kept = append(kept, c)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
		for _, c := range kept {
			c.Close()
		}
	})
	return backend{url: "http://" + ln.Addr().String()}
}

// TestOddAnswers: what is no answer is followed by another backend, and costs no
// more than its own time.
func TestOddAnswers(t *testing.T) {
	const nothing = "BackendConnectionFailure"
	for _, tt := range []struct {
		name   string
		first  backend
		status int // of the first attempt
		reason string
	}{
		{"a status below 100", saying(t, "HTTP/1.1 042 x\r\nContent-Length: 2\r\n\r\nhi", false), 42, nothing},
		{"a status above 599", saying(t, "HTTP/1.1 999 x\r\nContent-Length: 2\r\n\r\nhi", false), 999, "999"},
		{"101 to a call that is no WebSocket", saying(t, "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", true), 101, nothing},
		{"a failure whose body does not come", saying(t, "HTTP/1.1 503 x\r\nContent-Length: 100\r\n\r\n", true), 503, "503"},
	} {
		g := newRig(t, tt.first, backend{handler: answerPlain})
		begun := time.Now()
		resp := g.post(chatPath, plainBody)
		if b := readAll(t, resp); resp.StatusCode != 200 || b != answerJSON || time.Since(begun) > 4*time.Second {
			t.Errorf("%s: %d %s after %v", tt.name, resp.StatusCode, b, time.Since(begun))
		}
		e := g.log.wait(0, delivered)
		if a := e.End.Attempts; len(a) != 2 || a[0].Status != tt.status || a[0].Reason != tt.reason {
			t.Errorf("%s: %+v", tt.name, a)
		}
	}
}

// TestHead: the length of an answer to HEAD is that of a body which does not
// come.
func TestHead(t *testing.T) {
	g := newRigWith(t, Config{UnknownOperations: passUnknown}, newMemLog(), backend{handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
	}})
	for range 4 { // a breaker that took them for broken would trip
		req, err := http.NewRequest("HEAD", g.url+"/openai/v1/things", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("api-key", testKey)
		resp, err := g.http.Do(req)
		if err != nil || resp.StatusCode != 200 || resp.ContentLength != 100 {
			t.Fatalf("%v %v", resp, err)
		}
		resp.Body.Close()
	}
	if e := g.log.wait(3, delivered); e.End.Outcome != record.Completed || e.End.Attempts[0].Reason != "" {
		t.Errorf("%+v", e.End)
	}
}

// TestWhoseWords: the record tells what the backend said from what the gateway
// made of it.
func TestWhoseWords(t *testing.T) {
	g := newRig(t, backend{handler: status(429, "Retry-After", "5")}, backend{handler: status(429, "Retry-After", "60")})
	resp := g.post(chatPath, plainBody)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "5" || resp.Header.Get("Retry-After-Ms") == "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	e := g.log.wait(0, delivered)
	find := func(list []record.Header, name string) (v []string) {
		for _, h := range list {
			if h.Name == name {
				v = append(v, h.Value)
			}
		}
		return v
	}
	if d := cmp.Diff([]string{"60"}, find(e.End.BackendResponseHeaders, "Retry-After")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"5"}, find(e.End.ResponseHeaders, "Retry-After")); d != "" {
		t.Error(d)
	}
}

// TestLastWord: of what a backend said several times, the last counts.
func TestLastWord(t *testing.T) {
	calls := 0
	g := pooled(t, upstream.Config{CircuitBreaker: upstream.BreakerConfig{Disabled: true}},
		upstream.Deployment{Retry: upstream.RetryConfig{Attempts: 2, Interval: time.Millisecond}}, func(w http.ResponseWriter, r *http.Request) {
			after := "0"
			if calls++; calls == 2 {
				after = "120"
			}
			status(429, "Retry-After", after)(w, r)
		})
	if resp := g.post(chatPath, plainBody); resp.Header.Get("Retry-After") != "120" || calls != 2 {
		t.Errorf("Retry-After %q after %d calls", resp.Header.Get("Retry-After"), calls)
	}
}

// TestHopeless: a call does not wait for backends that are back only after its
// budget.
func TestHopeless(t *testing.T) {
	g := pooled(t, upstream.Config{}, upstream.Deployment{Retry: upstream.RetryConfig{Attempts: 20, Interval: time.Second}}, status(429, "Retry-After", "600"))
	begun := time.Now()
	for range 3 {
		if resp := g.post(chatPath, plainBody); resp.StatusCode != 429 {
			t.Errorf("%d", resp.StatusCode)
		}
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestSilentStream: a stream whose backend is silent for longer than a client may
// stall goes on, over HTTP/2 too.
func TestSilentStream(t *testing.T) {
	for _, two := range []bool{false, true} {
		g := newRigWith(t, Config{ClientStall: 200 * time.Millisecond}, newMemLog(), backend{handler: func(w http.ResponseWriter, r *http.Request) {
			events(w, contentEvent)
			select {
			case <-time.After(600 * time.Millisecond):
			case <-r.Context().Done():
			}
			events(w, doneEvent)
		}})
		s := httptest.NewUnstartedServer(g.proxy)
		s.EnableHTTP2 = two
		s.StartTLS()
		g.url, g.http = s.URL, s.Client()
		resp := g.post(chatPath, streamBody)
		if b := readAll(t, resp); b != contentEvent+doneEvent || (resp.ProtoMajor == 2) != two {
			t.Errorf("HTTP/2 %v: %s %q", two, resp.Proto, b)
		}
		resp.Body.Close()
		if e := g.log.wait(0, delivered); e.End.Outcome != record.Completed {
			t.Errorf("HTTP/2 %v: %s", two, e.End.Outcome)
		}
		s.Close()
	}
}

// TestCutTicket: the key of a realtime session is not on the record where the
// answer breaks off in its midst.
func TestCutTicket(t *testing.T) {
	for _, whole := range []string{`{"value":"ek_0123456789"}`, `{"value":"ek_0123456789`} {
		if got := ticketKey.ReplaceAll([]byte(whole), []byte(`"***"`)); bytes.Contains(got, []byte("0123")) || !strings.Contains(string(got), "***") {
			t.Errorf("%s: %s", whole, got)
		}
	}
}
