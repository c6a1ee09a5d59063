package app

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weir/internal/identity"
)

// drainable is a gateway that serves, with a caller whose key it gives. stop tells
// it to stop, and served gives what came of it.
func drainable(t *testing.T, backend, delay string, hurry <-chan struct{}) (r *reloading, key string, stop func(), served <-chan error) {
	t.Helper()
	r = newReloading(t, backend)
	key, hash := identity.NewKey()
	r.text = strings.Replace(r.text, "drain_timeout: 5s", "drain_timeout: 5s, drain_delay: "+delay, 1)
	r.edit("sha256:8ce64dad1b7bc7f7a3ff1a1f0e9f5f4d9a9e0f7e8d5ac8a1e9d3ee1fc0f9a411", hash)
	if _, err := r.reload(byAdmin); err != nil {
		t.Fatal(err)
	}
	r.Hurry = hurry
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.serve(ctx) }()
	t.Cleanup(func() { cancel(); r.stop.run() })
	return r, key, cancel, ended
}

// slowStream answers with a stream that begins and goes on until more is closed.
func slowStream(t *testing.T, more <-chan struct{}) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-more:
			fmt.Fprint(w, "data: [DONE]\n\n")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestDrain: a call under way when the gateway is told to stop ends as it would
// have, unless the gateway is told twice.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name, delay string
		twice       bool
	}{
		{"ends by itself", "0s", false}, {"ends in the delay", "100ms", false}, {"cut", "0s", true}, {"cut in the delay", "1h", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			more, hurry := make(chan struct{}), make(chan struct{})
			r, key, stop, served := drainable(t, slowStream(t, more), c.delay, hurry)
			req, _ := http.NewRequest("POST", "http://"+r.front.Addr().String()+"/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
				strings.NewReader(`{"messages":[{"role":"user","content":"x"}],"stream":true}`))
			req.Header.Set("Api-Key", key)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body := bufio.NewReader(resp.Body)
			if line, err := body.ReadString('\n'); err != nil || !strings.Contains(line, "one") {
				t.Fatalf("%d %q %v", resp.StatusCode, line, err)
			}
			began := time.Now()
			stop()
			if c.twice {
				close(hurry)
			} else {
				close(more)
			}
			rest, err := io.ReadAll(body)
			if whole := strings.Contains(string(rest), "[DONE]") && err == nil; whole == c.twice {
				t.Errorf("%q %v", rest, err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("it took %v to stop", took)
			}
		})
	}
}

// socketBackend takes a WebSocket, says "one", and closes it when more is closed.
func socketBackend(t *testing.T, more <-chan struct{}) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455, 1.3
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x81\x03one",
			base64.StdEncoding.EncodeToString(sum[:]))
		<-more
		fmt.Fprint(conn, "\x88\x02\x03\xe8") // a close frame with 1000
		io.Copy(io.Discard, conn)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestDrainSocket: WebSockets have the drain's time as well.
func TestDrainSocket(t *testing.T) {
	for _, twice := range []bool{false, true} {
		t.Run(fmt.Sprint("twice=", twice), func(t *testing.T) {
			more, hurry := make(chan struct{}), make(chan struct{})
			r, key, stop, served := drainable(t, socketBackend(t, more), "0s", hurry)
			conn, err := net.Dial("tcp", r.front.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /openai/realtime?api-version=2024-10-01-preview&deployment=gpt-4o HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nApi-Key: %s\r\n\r\n", key)
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil || resp.StatusCode != 101 {
				t.Fatalf("%v %v", resp, err)
			}
			frame := make([]byte, 5)
			if _, err := io.ReadFull(in, frame); err != nil || string(frame) != "\x81\x03one" {
				t.Fatalf("%q %v", frame, err)
			}
			stop()
			select {
			case err := <-served:
				t.Fatalf("the gateway has stopped under a WebSocket: %v", err)
			case <-time.After(300 * time.Millisecond): // nothing tells that nothing happens
			}
			if twice {
				close(hurry)
				defer close(more)
			} else {
				close(more)
				if _, err := io.ReadFull(in, frame[:4]); err != nil || string(frame[:4]) != "\x88\x02\x03\xe8" {
					t.Errorf("%q %v", frame, err)
				}
				conn.Close()
			}
			select {
			case err := <-served:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(4 * time.Second):
				t.Error("the gateway does not stop")
			}
		})
	}
}
