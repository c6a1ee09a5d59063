package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/front"
	"weir/internal/record"
)

// TestEndHeld: while the end frame is not durable no client has its answer's
// end, whatever the answer's form.
func TestEndHeld(t *testing.T) {
	long := strings.Repeat("0123456789", 20<<10)
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		whole   string
		before  int // bytes that may be there before the commit; -1 not even the status
	}{
		{"plain", answerPlain, answerJSON, -1},
		{"empty", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, "", -1},
		{"empty with length", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "0") }, "", -1},
		{"large", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			io.WriteString(w, long)
		}, long, len(long) - 1},
		{"chunked", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, answerJSON)
		}, answerJSON, -1},
		{"stream without terminal event", func(w http.ResponseWriter, r *http.Request) { events(w, contentEvent) }, contentEvent, len(contentEvent)},
		{"stream", func(w http.ResponseWriter, r *http.Request) { events(w, contentEvent, doneEvent) }, contentEvent + doneEvent, len(contentEvent)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := newMemLog()
			committing, proceed := make(chan bool), make(chan bool)
			log.end = func() error { close(committing); <-proceed; return nil }
			g := newRigWith(t, Config{}, log, backend{handler: tt.handler})
			var status atomic.Int32
			var got atomic.Int64
			done := make(chan string)
			go func() {
				resp, err := g.http.Do(g.request(chatPath, streamBody))
				if err != nil {
					done <- err.Error()
					return
				}
				defer resp.Body.Close()
				status.Store(int32(resp.StatusCode))
				var all bytes.Buffer
				buf := make([]byte, 4<<10)
				for {
					n, err := resp.Body.Read(buf)
					all.Write(buf[:n])
					got.Add(int64(n))
					if err == io.EOF {
						done <- all.String()
						return
					}
					if err != nil {
						done <- err.Error()
						return
					}
				}
			}()
			<-committing
			time.Sleep(10 * time.Millisecond) // a wrong byte would come now; a right gateway passes at any time
			select {
			case s := <-done:
				t.Fatalf("the answer ended before the commit: %.80q", s)
			default:
			}
			if tt.before < 0 && status.Load() != 0 || int(got.Load()) > max(tt.before, 0) {
				t.Fatalf("status %d and %d bytes came before the commit", status.Load(), got.Load())
			}
			close(proceed)
			if s := <-done; s != tt.whole {
				t.Errorf("%d bytes, %.80q", len(s), s)
			}
		})
	}
}

// TestCommitFails: an answer whose end cannot be recorded has none.
func TestCommitFails(t *testing.T) {
	long := strings.Repeat("0123456789", 20<<10)
	for name, h := range map[string]http.HandlerFunc{
		"plain":  answerPlain,
		"stream": func(w http.ResponseWriter, r *http.Request) { events(w, contentEvent, doneEvent) },
		"large":  func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, long) },
	} {
		log := newMemLog()
		log.end = func() error { return errors.New("disk") }
		g := newRigWith(t, Config{}, log, backend{handler: h})
		resp, err := g.http.Do(g.request(chatPath, streamBody))
		if err != nil && name == "plain" {
			continue // cut before its status
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil || strings.Contains(string(b), "[DONE]") || len(b) >= len(long) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}

// TestPartFails: an answer that cannot be captured any more is cut.
func TestPartFails(t *testing.T) {
	long := strings.Repeat("0123456789", 100<<10)
	log := newMemLog()
	log.part = func() error { return errors.New("disk") }
	g := newRigWith(t, Config{}, log, backend{handler: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, long) }})
	resp, err := g.http.Do(g.request(chatPath, plainBody))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil || len(b) > 512<<10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func (g *rig) request(path, body string) *http.Request {
	req, err := http.NewRequest("POST", g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("api-key", testKey)
	return req
}

// TestBackendDies: what came is passed and recorded, and the client sees that
// the answer is not whole.
func TestBackendDies(t *testing.T) {
	half := contentEvent + contentEvent[:40]
	long := strings.Repeat("0123456789", 20<<10)
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		got     string
	}{
		{"stream", func(w http.ResponseWriter, r *http.Request) {
			events(w, contentEvent, half[len(contentEvent):])
			panic(http.ErrAbortHandler)
		}, half},
		{"large", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			io.WriteString(w, long)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, long},
	} {
		g := newRig(t, backend{handler: tt.handler})
		resp := g.post(chatPath, streamBody)
		b, err := io.ReadAll(resp.Body)
		if err == nil {
			t.Errorf("%s: the client takes the answer as whole", tt.name)
		}
		if string(b) != tt.got {
			t.Errorf("%s: the client got %d bytes, %.80q", tt.name, len(b), b)
		}
		e := g.log.wait(0, delivered)
		if e.End.Outcome != record.Interrupted || e.End.LastError == nil || e.End.LastError.Reason != "BackendConnectionFailure" || e.End.Status != 200 || string(e.ResponseBody) != tt.got {
			t.Errorf("%s: %+v, %+v, %d bytes", tt.name, e.End, e.End.LastError, len(e.ResponseBody))
		}
	}
}

// TestCloseDelimited: a stream that ends with its connection, without a
// terminal event, cannot be known to be whole, and is cut.
func TestCloseDelimited(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.Read(make([]byte, 64<<10))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"+contentEvent)
	}()
	g := newRig(t, backend{url: "http://" + ln.Addr().String()})
	resp := g.post(chatPath, streamBody)
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != contentEvent {
		t.Errorf("%q %v", b, err)
	}
}

// TestHangUp: a client that goes is noticed at once, also while the backend is
// silent; the call upstream is cancelled, and the record has what was sent.
func TestHangUp(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 5} { // events before the hang-up; -1: before the header, which waits for the first event
		reached, cancelled := make(chan bool), make(chan bool)
		g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			close(reached)
			if n >= 0 {
				events(w)
				w.(http.Flusher).Flush()
			}
			for range n {
				events(w, contentEvent)
			}
			<-r.Context().Done()
			close(cancelled)
		}})
		req := g.request(chatPath, streamBody)
		conn, err := net.Dial("tcp", req.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		if err := req.Write(conn); err != nil {
			t.Fatal(err)
		}
		want := n * len(contentEvent)
		<-reached
		var got []byte
		for buf := make([]byte, 4096); n > 0 && strings.Count(string(got), contentEvent) < n; {
			m, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:m]...)
		}
		conn.Close()
		<-cancelled
		e := g.log.wait(0, delivered)
		if e.End.Outcome != record.Cancelled || e.End.LastError == nil || e.End.LastError.Reason != "ClientConnectionFailure" || !e.Delivered.HungUp {
			t.Errorf("%d events: %+v %+v %+v", n, e.End, e.End.LastError, e.Delivered)
		}
		if string(e.ResponseBody) != strings.Repeat(contentEvent, max(n, 0)) || e.Delivered.ResponseSize != int64(max(want, 0)) {
			t.Errorf("%d events: captured %q, %d bytes delivered", n, e.ResponseBody, e.Delivered.ResponseSize)
		}
	}
}

// TestHangUpWhileSending: a client that goes in the middle of its own request.
func TestHangUpWhileSending(t *testing.T) {
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) { t.Error("forwarded") }})
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST "+chatPath+" HTTP/1.1\r\nHost: x\r\napi-key: "+testKey+"\r\nContent-Length: 1000\r\n\r\n{\"a\":")
	conn.Close()
	e := g.log.wait(0, delivered)
	if e.End.Outcome != record.Cancelled || e.End.LastError.Section != "inbound" || e.End.Status != 0 {
		t.Errorf("%+v %+v", e.End, e.End.LastError)
	}
}

// TestStopping: a call that is cut because the gateway stops is interrupted;
// one whose client hangs up while the gateway drains is cancelled.
func TestStopping(t *testing.T) {
	for _, tt := range []struct {
		name    string
		drain   time.Duration
		hangUp  bool
		outcome record.Outcome
		reason  string
	}{
		{"cut", time.Millisecond, false, record.Interrupted, "GatewayStopped"},
		{"hang-up", time.Minute, true, record.Cancelled, "ClientConnectionFailure"},
	} {
		g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
			events(w, contentEvent)
			<-r.Context().Done()
		}})
		s, err := front.Listen(t.Context(), front.Config{Listen: "127.0.0.1:0", DrainTimeout: tt.drain}, g.proxy, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- s.Serve(ctx, front.Stop{Cut: g.proxy.Stopping}) }()
		g.url = "http://" + s.Addr().String()
		resp := g.post(chatPath, streamBody)
		stop()
		for err == nil { // until it drains: then it takes no connections
			var c net.Conn
			if c, err = net.Dial("tcp", s.Addr().String()); err == nil {
				c.Close()
			}
		}
		if tt.hangUp {
			resp.Body.Close()
		}
		e := g.log.wait(0, delivered)
		if e.End.Outcome != tt.outcome || e.End.LastError.Reason != tt.reason {
			t.Errorf("%s: %+v %+v", tt.name, e.End, e.End.LastError)
		}
		if err := <-stopped; err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestSlowClient: a client that does not read holds the backend back, and
// memory does not grow with what the backend would send.
func TestSlowClient(t *testing.T) {
	var sent atomic.Int64
	piece := []byte("data: " + strings.Repeat("x", 32<<10) + "\n\n")
	const total = 256 << 20
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for sent.Load() < total {
			n, err := w.Write(piece)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	}})
	// What the log keeps is not the gateway's memory.
	g.log.part = func() error { return nil }
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := g.request(chatPath, streamBody).Write(conn); err != nil {
		t.Fatal(err)
	}
	last, same := int64(-1), 0
	for same < 5 { // until nothing moves any more
		time.Sleep(20 * time.Millisecond)
		if now := sent.Load(); now == last && now > 0 {
			same++
		} else {
			last, same = now, 0
		}
	}
	if last >= total/2 {
		t.Errorf("%d bytes were sent to a client that reads none", last)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapInuse > 128<<20 {
		t.Errorf("%d bytes of heap", m.HeapInuse)
	}
}

// TestStall: a client that takes nothing for long is taken as gone.
func TestStall(t *testing.T) {
	piece := strings.Repeat("x", 64<<10)
	g := newRigWith(t, Config{ClientStall: 50 * time.Millisecond}, newMemLog(), backend{handler: func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := g.request(chatPath, plainBody).Write(conn); err != nil {
		t.Fatal(err)
	}
	e := g.log.wait(0, delivered)
	if e.End.Outcome != record.Cancelled || !e.Delivered.HungUp {
		t.Errorf("%+v %+v", e.End, e.Delivered)
	}
}

// TestPanic: a failure of the gateway's own code costs one exchange, which is
// on the record.
func TestPanic(t *testing.T) {
	const own = `{"statusCode":500,"message":"The gateway failed to handle the request.","error":{"code":"500","message":"The gateway failed to handle the request."}}`
	for _, tt := range []struct {
		name     string
		hook     func(*memLog, func() error)
		answered bool
	}{
		{"before the record", func(l *memLog, f func() error) { l.ready = f }, true},
		{"at its beginning", func(l *memLog, f func() error) { l.begin = f }, true},
		{"at its end", func(l *memLog, f func() error) { l.end = f }, false},
	} {
		log := newMemLog()
		var calls atomic.Int32
		tt.hook(log, func() error {
			if calls.Add(1) == 1 {
				panic("secret")
			}
			return nil
		})
		g := newRigWith(t, Config{}, log, backend{handler: answerPlain})
		resp, err := g.http.Do(g.request(chatPath, plainBody))
		if (err == nil) != tt.answered {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil {
			if b := readAll(t, resp); resp.StatusCode != 500 || b != own {
				t.Errorf("%s: %d %s", tt.name, resp.StatusCode, b)
			}
			resp.Body.Close()
			if e := log.wait(0, delivered); e.End.Outcome != record.Failed || e.End.LastError.Reason != "InternalError" {
				t.Errorf("%s: %+v %+v", tt.name, e.End, e.End.LastError)
			}
		}
		if resp := g.post(chatPath, plainBody); resp.StatusCode != 200 || readAll(t, resp) != answerJSON {
			t.Errorf("%s: afterwards %d", tt.name, resp.StatusCode)
		}
	}
}
