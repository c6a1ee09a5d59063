package front

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestListenFails(t *testing.T) {
	for text, cfg := range map[string]Config{
		"opening the gateway's listener": {Listen: "256.0.0.1:1"},
		"setting up TLS":                 {Listen: "127.0.0.1:0", TLS: TLS{CertFile: "/none", KeyFile: "/none"}},
	} {
		_, err := Listen(t.Context(), cfg, nil, discard())
		if err == nil || !strings.Contains(err.Error(), text) || errors.Unwrap(err) == nil {
			t.Errorf("%v", err)
		}
	}
}

// held is a handler whose answer begins, and ends when the test says so.
type held struct {
	inside, proceed chan bool
	cut             atomic.Bool // the request's context ended first
}

func hold() *held { return &held{inside: make(chan bool, 1), proceed: make(chan bool)} }

func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/stream" {
		io.WriteString(w, "short")
		return
	}
	io.WriteString(w, "begin ")
	_ = http.NewResponseController(w).Flush()
	h.inside <- true
	select {
	case <-h.proceed:
		io.WriteString(w, "end")
	case <-r.Context().Done():
		h.cut.Store(true)
	}
}

// clients gives a client for each protocol.
func clients(t *testing.T) map[string]*http.Client {
	return map[string]*http.Client{"HTTP/1.1": newAuthority(t).client(nil), "HTTP/2.0": h2c(t)}
}

func read(resp *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// TestDrain: a stream in flight ends before the server does, which takes no new
// connections; then what the server does not know ends.
func TestDrain(t *testing.T) {
	for proto, c := range clients(t) {
		h := hold()
		idle, sockets := make(chan bool, 1), make(chan bool)
		r := serve(t, Config{H2C: true}, Stop{
			Idle: func(ctx context.Context) {
				idle <- true
				<-sockets
			},
			Cut: func() { t.Error("told of a cut") },
		}, h.ServeHTTP)
		resp, err := c.Get("http://" + r.addr + "/stream")
		if err != nil {
			t.Fatal(err)
		}
		<-h.inside
		r.stop()
		eventually(t, "the listener is closed", func() bool {
			c, err := net.Dial("tcp", r.addr)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		select {
		case err := <-r.done:
			t.Fatalf("%s: stopped with a call in flight: %v", proto, err)
		case <-idle:
			t.Fatalf("%s: asked for others with a call in flight", proto)
		default:
		}
		close(h.proceed)
		if got, err := read(resp, nil); got != "begin end" || err != nil {
			t.Errorf("%s: %q, %v", proto, got, err)
		}
		within(t, "the question for others", idle)
		select {
		case err := <-r.done:
			t.Fatalf("%s: stopped with a socket open: %v", proto, err)
		default:
		}
		close(sockets)
		if err := within(t, "the end", r.done); err != nil {
			t.Errorf("%s: %v", proto, err)
		}
	}
}

// TestCut: a call that does not end in time is cut, and that is announced before.
func TestCut(t *testing.T) {
	for proto, c := range clients(t) {
		h := hold()
		var told atomic.Int32
		r := serve(t, Config{DrainTimeout: brief, H2C: true}, Stop{Cut: func() {
			if told.Add(1); h.cut.Load() {
				t.Errorf("%s: a call was cut before that was announced", proto)
			}
		}}, h.ServeHTTP)
		resp, err := c.Get("http://" + r.addr + "/stream")
		if err != nil {
			t.Fatal(err)
		}
		<-h.inside
		r.stop()
		if err := within(t, "the end", r.done); err != nil {
			t.Errorf("%s: %v", proto, err)
		}
		if _, err := read(resp, nil); err == nil || told.Load() != 1 {
			t.Errorf("%s: the client was not cut, told %d times", proto, told.Load())
		}
		eventually(t, "the handler sees it", h.cut.Load)
	}
}

// TestCutOthers: what the server does not know is cut, too, when time is over.
func TestCutOthers(t *testing.T) {
	cut := make(chan bool, 1)
	r := serve(t, Config{DrainTimeout: brief}, Stop{
		Idle: func(ctx context.Context) { <-ctx.Done() },
		Cut:  func() { cut <- true },
	}, hello)
	r.stop()
	within(t, "the cut", cut)
	if err := within(t, "the end", r.done); err != nil {
		t.Error(err)
	}
}

// TestDrainDelay: during the delay calls are taken, on new connections and on
// those that are kept, and their answers turn the clients away.
func TestDrainDelay(t *testing.T) {
	h := hold()
	r := serve(t, Config{H2C: true, DrainDelay: time.Hour}, Stop{}, h.ServeHTTP)
	kept := r.dial()
	from := bufio.NewReader(kept)
	ask := func() *http.Response {
		io.WriteString(kept, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // it is short
		return resp
	}
	if ask().Close {
		t.Error("turned away before the end")
	}
	two := h2c(t)
	resp, err := two.Get("http://" + r.addr + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	<-h.inside
	r.stop()
	eventually(t, "it drains", r.draining.Load)
	if !ask().Close {
		t.Error("HTTP/1.1: not turned away")
	}
	if _, err := from.ReadByte(); err != io.EOF {
		t.Errorf("the connection is not closed: %v", err)
	}
	opened := r.opened.Load()
	for range 3 { // the first may use the old connection, on which a GOAWAY follows it
		if got, err := read(two.Get("http://" + r.addr)); got != "short" || err != nil {
			t.Errorf("HTTP/2: %q, %v", got, err)
		}
	}
	eventually(t, "HTTP/2 clients are turned away", func() bool {
		_, err := read(two.Get("http://" + r.addr))
		return err == nil && r.opened.Load() > opened
	})
	if got := r.say(request); !strings.Contains(got, "short") {
		t.Errorf("a new connection: %q", got)
	}
	close(h.proceed)
	if got, err := read(resp, nil); got != "begin end" || err != nil {
		t.Errorf("the stream: %q, %v", got, err)
	}
	select {
	case err := <-r.done:
		t.Errorf("ended before the delay: %v", err)
	default:
	}
}

// TestServeFails: a listener that dies is an error.
func TestServeFails(t *testing.T) {
	r := serve(t, Config{}, Stop{}, hello)
	r.gate.Listener.Close()
	if err := within(t, "the end", r.done); err == nil || !strings.Contains(err.Error(), "serving") {
		t.Errorf("%v", err)
	}
}

// TestApplyTimes: the times that hold are those of the last config.
func TestApplyTimes(t *testing.T) {
	h := hold()
	r := serve(t, Config{DrainDelay: time.Hour, DrainTimeout: time.Hour}, Stop{}, h.ServeHTTP)
	resp, err := http.Get("http://" + r.addr + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := r.Apply(Config{DrainTimeout: brief}); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if err := within(t, "the end", r.done); err != nil {
		t.Error(err)
	}
}
