package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// standIn is a backend of a gateway: an HTTP server that passes each call on to a
// simulator's process, and the answer back as it comes, WebSockets too. What goes
// wrong with it (a mishap) is made at the network: it answers in the simulator's
// place, hands its connections over to nothing, or is not there at all.
type standIn struct {
	addr string
	pass *httputil.ReverseProxy

	mu     sync.Mutex // guards what follows
	now    mishap
	srv    *http.Server // nil while nobody listens
	counts arrivals
}

// arrivals are the calls that have reached a stand-in.
type arrivals struct {
	all  int
	well int // ended while it was well
	now  int // under way
	most int // at once, since the last look
}

// mishap is what becomes of the calls at a stand-in; the zero value is that they
// are answered well.
type mishap struct {
	name string
	// absent: nobody listens at its address.
	absent bool
	// answer takes the simulator's place, which does not learn of the call.
	answer http.HandlerFunc
	// dies has the simulator reset the connection in the midst of its answer.
	dies bool
	// slow has the first of the answer's body trickle.
	slow bool
}

// newStandIn starts one that is well.
func newStandIn(t testing.TB, s *simulator) *standIn {
	t.Helper()
	to, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	b := &standIn{addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	b.pass = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, FlushInterval: -1, Transport: transport,
		ErrorLog: log.New(io.Discard, "", 0), ErrorHandler: silent,
	}
	b.suffer(t, mishap{})
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.srv != nil {
			b.srv.Close()
		}
		transport.CloseIdleConnections()
	})
	return b
}

// silent stands for a simulator that gave no answer: neither does the stand-in.
func silent(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }

// suffer changes what becomes of calls that arrive from now on. One that becomes
// absent drops those that are under way.
func (b *standIn) suffer(t testing.TB, m mishap) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = m
	switch {
	case m.absent && b.srv != nil:
		b.srv.Close()
		b.srv = nil
	case !m.absent && b.srv == nil:
		l, err := net.Listen("tcp", b.addr)
		if err != nil {
			t.Errorf("listen again: %v", err)
			return
		}
		b.srv = &http.Server{Handler: b, ErrorLog: log.New(io.Discard, "", 0)}
		go b.srv.Serve(l)
	}
}

// look gives what has arrived so far.
func (b *standIn) look() arrivals {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.counts
	b.counts.most = b.counts.now
	return seen
}

// ServeHTTP implements http.Handler.
func (b *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	m := b.now
	b.counts.all++
	b.counts.now++
	b.counts.most = max(b.counts.most, b.counts.now)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.counts.now--
		if m.name == "" && b.now.name == "" {
			b.counts.well++
		}
	}()
	if m.answer != nil {
		m.answer(w, r)
		return
	}
	if m.dies {
		r.Header.Set("X-Sim-Die-After", strconv.Itoa(midst(r)))
	}
	if m.slow {
		w = &slowAnswer{ResponseWriter: w}
	}
	b.pass.ServeHTTP(w, r)
}

// longAnswer is what a call asks for whose answer is larger than the gateway
// waits for before it passes the first of it.
const longAnswer = "bytes=100000"

// midst is where the answer to a call is to break off: after so many events of a
// stream or messages of a WebSocket, or bytes of a plain body.
func midst(r *http.Request) int {
	if !strings.HasSuffix(r.URL.Path, "/chat/completions") {
		if r.Header.Get("Upgrade") == "" {
			return 100
		}
		return 4
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case bytes.Contains(body, []byte(`"stream":true`)):
		return 4
	case bytes.Contains(body, []byte(longAnswer)):
		return 60_000
	}
	return 300
}

// An answer that trickles takes trickleTime for its first bytes, in pieces of
// trickleBytes; what is left then comes at once.
const (
	trickleTime  = 1300 * time.Millisecond
	tricklePause = 50 * time.Millisecond
	trickleBytes = 32
)

// trickle is where the bytes of an answer go slowly.
type trickle struct{ until time.Time }

func (s *trickle) write(p []byte, to func([]byte) (int, error)) (n int, err error) {
	if s.until.IsZero() {
		s.until = time.Now().Add(trickleTime)
	}
	for n < len(p) && err == nil {
		end := len(p)
		if time.Now().Before(s.until) {
			end = min(end, n+trickleBytes)
			time.Sleep(tricklePause)
		}
		var m int
		m, err = to(p[n:end])
		n += m
	}
	return n, err
}

// slowAnswer is an answer whose body trickles, be it a WebSocket's messages.
type slowAnswer struct {
	http.ResponseWriter
	trickle
}

// Unwrap is for http.ResponseController.
func (w *slowAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *slowAnswer) Write(p []byte) (int, error) {
	return w.write(p, func(p []byte) (int, error) {
		n, err := w.ResponseWriter.Write(p)
		if err == nil {
			err = http.NewResponseController(w.ResponseWriter).Flush()
		}
		return n, err
	})
}

// Hijack implements http.Hijacker.
func (w *slowAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	return &slowConn{Conn: conn}, rw, err
}

// slowConn is a connection that is written to slowly.
type slowConn struct {
	net.Conn
	trickle
}

// Write implements io.Writer.
func (c *slowConn) Write(p []byte) (int, error) { return c.write(p, c.Conn.Write) }

// says answers with a status and an error's body.
func says(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // else the answer may be lost with the connection
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":"%d","message":"what the backend itself says"}}`, status)
	}
}

// saysLater is says, some time after the call has come.
func saysLater(d time.Duration, status int, header ...string) http.HandlerFunc {
	answer := says(status, header...)
	return func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(d)
		answer(w, r)
	}
}

// saysDate is 429 with an HTTP date so far ahead.
func saysDate(d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		says(http.StatusTooManyRequests, "Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat))(w, r)
	}
}

// hangs takes the call and says nothing until the gateway goes.
func hangs(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// onWire has do write what it will to the call's connection, which then ends.
func onWire(do func(c *net.TCPConn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		do(conn.(*net.TCPConn))
	}
}

// resets takes the call's head and resets the connection.
func resets(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// writes answers with bytes that are no answer, or not a whole one.
func writes(text string) http.HandlerFunc {
	return onWire(func(c *net.TCPConn) { io.WriteString(c, text) })
}

// floods answers with 100 MB of header fields, or as many as are taken.
func floods() http.HandlerFunc {
	return onWire(func(c *net.TCPConn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		field := append([]byte("X-Filler: "), bytes.Repeat([]byte("x"), 1000)...)
		field = append(field, "\r\n"...)
		for range 100_000_000 / len(field) {
			if _, err := c.Write(field); err != nil {
				return
			}
		}
		io.WriteString(c, "Content-Length: 2\r\n\r\n{}")
	})
}

// pooled makes a gateway of stand-ins, whose names are given, with the lines of
// the config that say more of each backend, and the rest of it from deployments on.
func pooled(t testing.TB, names, urls, more []string, rest string) *gateway {
	t.Helper()
	g := newGateway(t, nil, nil)
	var b strings.Builder
	b.WriteString("backends:\n")
	for i, name := range names {
		fmt.Fprintf(&b, "  - {name: %s, kind: openai, url: \"%s/v1\", key: \"${env:EAST_KEY}\"%s}\n", name, urls[i], more[i])
	}
	g.amend(t, "backends:\ndeployments:\n", b.String()+rest)
	return g
}
