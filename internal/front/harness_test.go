package front

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// rig is a server under test.
type rig struct {
	*Server
	t    *testing.T
	addr string
	stop func()     // ends Serve's context
	done chan error // of Serve

	opened atomic.Int32 // connections so far
}

func serve(t *testing.T, cfg Config, stop Stop, h http.HandlerFunc) *rig {
	t.Helper()
	return serveLogged(t, cfg, stop, discard(), h)
}

func serveLogged(t *testing.T, cfg Config, stop Stop, log *slog.Logger, h http.HandlerFunc) *rig {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	if ps := cfg.Check(); len(ps) > 0 {
		t.Fatalf("the config has problems: %+v", ps)
	}
	s, err := Listen(t.Context(), cfg, h, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{Server: s, t: t, addr: s.Addr().String(), stop: cancel, done: make(chan error, 1)}
	s.srv.ConnState = func(_ net.Conn, now http.ConnState) {
		if now == http.StateNew {
			r.opened.Add(1)
		}
	}
	ended := make(chan bool)
	go func() { r.done <- s.Serve(ctx, stop); close(ended) }()
	t.Cleanup(func() {
		cancel()
		_ = s.srv.Close()
		<-ended
	})
	return r
}

// dial opens a connection that ends with the test, with a deadline.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// say sends text on a new connection and gives all that comes back.
func (r *rig) say(text string) string {
	r.t.Helper()
	c := r.dial()
	_, _ = io.WriteString(c, text) // a refusal shows in the answer
	got, _ := io.ReadAll(c)
	return string(got)
}

// eventually waits for ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so in time: %s", what)
		}
	}
}

// within gives what comes of c, which must come.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("did not come: %s", what)
		panic("unreachable")
	}
}

// client is an HTTP client that trusts a; change may alter it.
func (a *authority) client(change func(*http.Transport)) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool()}, ForceAttemptHTTP2: true}
	if change != nil {
		change(tr)
	}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// h2c is an HTTP/2 client without TLS.
func h2c(t *testing.T) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// get gives the body of an answer, and its protocol.
func get(t *testing.T, c *http.Client, url string) (body, proto string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), resp.Proto
}

// answerOf reads one answer and its body from a connection.
func answerOf(t *testing.T, c net.Conn) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// logbook keeps what was logged.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
