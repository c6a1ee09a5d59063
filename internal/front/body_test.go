package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// brief is a body's timeout that a test can wait for several times.
const brief = 100 * time.Millisecond

// outlast streams for longer than the timeout, and ends with what became of the
// request's context.
func outlast(w http.ResponseWriter, r *http.Request) {
	for range 8 {
		io.WriteString(w, ".")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(brief / 4):
		}
	}
	fmt.Fprintf(w, "%v", r.Context().Err())
}

// TestStreamOutlastsBodyTimeout: nothing of the body's timeout is left when the
// answer begins, whatever the body was and however it was read.
func TestStreamOutlastsBodyTimeout(t *testing.T) {
	read := map[string]func(r *http.Request) error{
		"to its end": func(r *http.Request) error { _, err := io.Copy(io.Discard, r.Body); return err },
		"and again": func(r *http.Request) error {
			_, err := io.Copy(io.Discard, r.Body)
			if _, again := r.Body.Read(make([]byte, 1)); again != io.EOF {
				return fmt.Errorf("after the end: %v", again)
			}
			return err
		},
		"closed": func(r *http.Request) error { return r.Body.Close() },
		"not":    func(r *http.Request) error { return nil },
		"by bytes": func(r *http.Request) error {
			_, err := io.ReadFull(r.Body, make([]byte, max(0, r.ContentLength)))
			return err
		},
	}
	var wg sync.WaitGroup
	for how, f := range read {
		r := serve(t, Config{BodyTimeout: brief, H2C: true}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
			if err := f(r); err != nil {
				t.Errorf("%s: %v", how, err)
			}
			outlast(w, r)
		})
		for proto, c := range map[string]*http.Client{"HTTP/1.1": newAuthority(t).client(nil), "HTTP/2.0": h2c(t)} {
			for kind, body := range map[string]io.Reader{
				"none": nil, "length": strings.NewReader("{}"), "large": bytes.NewReader(make([]byte, 200<<10)),
				"chunked": io.MultiReader(strings.NewReader("{}")),
			} {
				wg.Go(func() {
					resp, err := c.Post("http://"+r.addr, "text/plain", body)
					if err != nil {
						t.Errorf("%s, read %s, %s: %v", kind, how, proto, err)
						return
					}
					defer resp.Body.Close()
					got, err := io.ReadAll(resp.Body)
					if want := strings.Repeat(".", 8) + "<nil>"; string(got) != want || err != nil || resp.Proto != proto {
						t.Errorf("%s, read %s, %s: %q, %v", kind, how, resp.Proto, got, err)
					}
				})
			}
		}
	}
	wg.Wait()
}

// TestBodyTimeout: a client that stops in the middle of its body is found, and
// can be told; one that is slow is not.
func TestBodyTimeout(t *testing.T) {
	read := make(chan error, 1)
	r := serve(t, Config{BodyTimeout: brief, H2C: true}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
		if err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
		}
	})
	for _, head := range []string{"Content-Length: 10\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"} {
		c := r.dial()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\n"+head)
		if err := within(t, "the end of the read", read); !errors.Is(err, ErrBodyTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: %v", head, err)
		}
		if got, _ := io.ReadAll(c); !strings.Contains(string(got), "HTTP/1.1 408") {
			t.Errorf("%q: %q", head, got)
		}
	}
	resp, err := h2c(t).Post("http://"+r.addr, "text/plain", blocked(t, "{"))
	if err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("HTTP/2: %v %v", resp, err)
	}
	if err := within(t, "the end of the read", read); !errors.Is(err, ErrBodyTimeout) {
		t.Errorf("HTTP/2: %v", err)
	}
	for _, c := range []*http.Client{newAuthority(t).client(nil), h2c(t)} {
		resp, err := c.Post("http://"+r.addr, "text/plain", &dripping{left: 6})
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("slow: %v %v", resp, err)
		}
		if err := within(t, "the end of the read", read); err != nil {
			t.Errorf("slow: %v", err)
		}
	}
}

// blocked is a body that begins with text and goes no further in the test.
func blocked(t *testing.T, text string) io.Reader {
	r, w := io.Pipe()
	go func() { _, _ = io.WriteString(w, text) }() // ends with the pipe
	t.Cleanup(func() { w.Close() })
	return r
}

// dripping is a body that comes byte by byte, and takes longer than the timeout.
type dripping struct{ left int }

func (d *dripping) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	d.left--
	time.Sleep(brief / 3)
	p[0] = 'x'
	return 1, nil
}

// TestSlowReader: time in which the handler does not read is not the client's.
func TestSlowReader(t *testing.T) {
	r := serve(t, Config{BodyTimeout: brief, H2C: true}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 200<<10)
		for range 2 {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				t.Errorf("%s: %v", r.Proto, err)
			}
			<-time.After(2 * brief)
		}
		rest, err := io.ReadAll(r.Body)
		if len(rest) != 200<<10 || err != nil {
			t.Errorf("%s: %d bytes, %v", r.Proto, len(rest), err)
		}
	})
	for _, c := range []*http.Client{newAuthority(t).client(nil), h2c(t)} {
		resp, err := c.Post("http://"+r.addr, "text/plain", bytes.NewReader(make([]byte, 600<<10)))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%v %v", resp, err)
		}
	}
}

// TestUnreadBody: a client that never sends the body that nobody reads does not
// hold its connection for ever, and the answer reaches it.
func TestUnreadBody(t *testing.T) {
	r := serve(t, Config{BodyTimeout: brief}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	})
	if got := r.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"); !strings.HasPrefix(got, "HTTP/1.1 401") {
		t.Errorf("%q", got)
	}
}

// TestEarlyAnswer: net/http treats a body that was left unread as it does without
// the guard: the connection is not used for what could be taken for a request.
func TestEarlyAnswer(t *testing.T) {
	for _, duplex := range []bool{false, true} {
		r := serve(t, Config{}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/smuggled" {
				t.Error("a body was taken for a request")
			}
			if duplex {
				_ = http.NewResponseController(w).EnableFullDuplex()
			}
			r.Body.Close()
			io.WriteString(w, strings.Repeat("x", 8<<10))
			_ = http.NewResponseController(w).Flush()
		})
		c := r.dial()
		go io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"+
			strings.Repeat("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", 10000000/36))
		_, _ = io.Copy(io.Discard, c) // ends, by a reset perhaps
	}
}

// TestExpectContinue: a body that is refused is not asked for.
func TestExpectContinue(t *testing.T) {
	r := serve(t, Config{BodyTimeout: brief}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 8<<10))
	})
	got := r.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if strings.Contains(got, "100 Continue") || !strings.Contains(got, "Connection: close") {
		t.Errorf("%.200q", got)
	}
}

// TestStopReading: a deadline that the handler sets ends its read, also one that
// begins afterwards.
func TestStopReading(t *testing.T) {
	read := make(chan error, 1)
	r := serve(t, Config{H2C: true}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 1)
		_, _ = io.ReadFull(r.Body, buf) // it was sent
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(-time.Second))
		_, err := r.Body.Read(buf)
		read <- err
	})
	for _, c := range []*http.Client{newAuthority(t).client(nil), h2c(t)} {
		resp, err := c.Post("http://"+r.addr, "text/plain", blocked(t, "{"))
		if err == nil {
			resp.Body.Close()
		}
		if err := within(t, "the end of the read", read); !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrBodyTimeout) {
			t.Errorf("%v", err)
		}
	}
}

// TestTrailers: trailers reach the handler, announced or not.
func TestTrailers(t *testing.T) {
	r := serve(t, Config{}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // shows in the trailers
		io.WriteString(w, r.Trailer.Get("X-Sum"))
	})
	for _, announce := range []string{"", "Trailer: X-Sum\r\n"} {
		got := r.say("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n" + announce + "\r\n1\r\n{\r\n0\r\nX-Sum: whole\r\n\r\n")
		if !strings.HasSuffix(got, "whole") {
			t.Errorf("%q: %q", announce, got)
		}
	}
}

// TestHangUp: a client that goes away after its body is still noticed.
func TestHangUp(t *testing.T) {
	gone := make(chan bool)
	r := serve(t, Config{}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // it was sent
		io.WriteString(w, "begin")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	})
	c := r.dial()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	_, _ = c.Read(make([]byte, 1)) // the answer has begun
	c.Close()
	within(t, "the hang-up", gone)
}

// TestHijackWithBody: a connection that is taken over has no deadline left.
func TestHijackWithBody(t *testing.T) {
	got := make(chan error, 1)
	r := serve(t, Config{BodyTimeout: brief}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer c.Close()
			_, err := io.ReadFull(rw, make([]byte, 3))
			got <- err
		}()
	})
	c := r.dial()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 10\r\n\r\n{")
	select {
	case err := <-got:
		t.Errorf("the read ended: %v", err)
	case <-time.After(2 * brief):
	}
	io.WriteString(c, "ab")
	if err := within(t, "the bytes", got); err != nil {
		t.Error(err)
	}
}

// TestKeptAlive: the timeout of one body is not there for the next request.
func TestKeptAlive(t *testing.T) {
	r := serve(t, Config{BodyTimeout: brief}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // it was sent
		io.WriteString(w, "ok")
	})
	dials := 0
	c := newAuthority(t).client(func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	for range 3 {
		resp, err := c.Post("http://"+r.addr, "text/plain", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // for the connection
		resp.Body.Close()
		<-time.After(2 * brief)
	}
	if dials != 1 {
		t.Errorf("%d connections", dials)
	}
}
