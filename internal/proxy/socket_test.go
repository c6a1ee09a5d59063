package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"weir/internal/record"
)

const (
	socketPath  = "/openai/v1/realtime?model=gpt"
	doneMessage = `{"type":"response.done","event_id":"e1","response":{"status":"completed"}}`
)

// said is a message as a test looks at it.
type said struct {
	Client bool
	Kind   string // text, bytes, close, open
	Data   string
}

// conversation reads the messages of an exchange, pieces joined.
func conversation(t testing.TB, content []byte) []said {
	t.Helper()
	var all []said
	var open [2]bytes.Buffer // by direction
	var begun [2]bool
	var at time.Duration
	for len(content) > 0 {
		m, rest, ok := record.ParseMessage(content)
		if !ok {
			t.Fatalf("%d bytes are no message", len(content))
		}
		if m.At < at {
			t.Errorf("a message at %v behind one at %v", m.At, at)
		}
		content, at = rest, m.At
		s := said{m.FromClient, "text", string(m.Data)}
		if m.Binary {
			s.Kind = "bytes"
		}
		if m.Close {
			s.Kind = "close"
			all = append(all, s)
			continue
		}
		dir := 0
		if m.FromClient {
			dir = 1
		}
		open[dir].Write(m.Data)
		begun[dir] = m.More
		if m.More {
			continue
		}
		s.Data = open[dir].String()
		open[dir].Reset()
		all = append(all, s)
	}
	for dir, more := range begun {
		if more {
			all = append(all, said{dir == 1, "open", open[dir].String()})
		}
	}
	return all
}

func ended(e *record.Exchange) bool { return e.End != nil && e.Delivered != nil }

// dial opens a WebSocket through the gateway.
func (g *rig) dial(opts *websocket.DialOptions) *websocket.Conn {
	g.t.Helper()
	if opts == nil {
		opts = &websocket.DialOptions{}
	}
	opts.HTTPHeader = http.Header{"Api-Key": {testKey}}
	c, resp, err := websocket.Dial(g.t.Context(), "ws"+strings.TrimPrefix(g.url, "http")+socketPath, opts)
	if err != nil {
		g.t.Fatal(err)
	}
	if resp.Header.Get("Apim-Request-Id") == "" {
		g.t.Error("the handshake's answer names no exchange")
	}
	c.SetReadLimit(-1)
	g.t.Cleanup(func() { c.CloseNow() })
	return c
}

// accept is a backend that speaks WebSocket.
func accept(t testing.TB, f func(ctx context.Context, c *websocket.Conn, r *http.Request)) backend {
	return backend{handler: func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"realtime"}, CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		f(r.Context(), c, r)
	}}
}

// echo gives back what comes.
func echo(ctx context.Context, c *websocket.Conn, _ *http.Request) {
	for {
		kind, data, err := c.Read(ctx)
		if err != nil || c.Write(ctx, kind, data) != nil {
			return
		}
	}
}

func TestSocketEcho(t *testing.T) {
	header := make(chan http.Header, 1)
	g := newRig(t, accept(t, func(ctx context.Context, c *websocket.Conn, r *http.Request) {
		header <- r.Header
		echo(ctx, c, r)
	}))
	c := g.dial(&websocket.DialOptions{Subprotocols: []string{"realtime"}, CompressionMode: websocket.CompressionContextTakeover})
	if c.Subprotocol() != "realtime" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	if h := <-header; h.Get("Sec-WebSocket-Extensions") != "" || h.Get("Api-Key") == testKey || h.Get("Sec-WebSocket-Protocol") != "realtime" {
		t.Errorf("the backend got %v", h)
	}
	var want []said
	for i, data := range []string{"hello", "", strings.Repeat("é", 300), strings.Repeat("x", 70<<10)} {
		kind, name := websocket.MessageText, "text"
		if i == 3 {
			kind, name = websocket.MessageBinary, "bytes"
		}
		if err := c.Write(t.Context(), kind, []byte(data)); err != nil {
			t.Fatal(err)
		}
		k, got, err := c.Read(t.Context())
		if err != nil || k != kind || string(got) != data {
			t.Fatalf("%v, kind %v, %d bytes of %d", err, k, len(got), len(data))
		}
		want = append(want, said{true, name, data}, said{false, name, data})
	}
	ctx := c.CloseRead(t.Context())
	if err := c.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	c.Close(4000, "bye")
	e := g.log.wait(0, ended)
	want = append(want, said{true, "close", "\x0f\xa0bye"}, said{false, "close", "\x0f\xa0bye"})
	if got := conversation(t, e.ResponseBody); !slices.Equal(got, want) {
		t.Errorf("recorded %.2000v", got)
	}
	if n := e.End; n.Outcome != record.Completed || n.Status != 101 || n.BackendStatus != 101 || !n.Socket || n.Events != 4 || n.FirstByte == 0 || n.LastError != nil {
		t.Errorf("end %+v", n)
	}
	if d := e.Delivered; d.ResponseSize != 5+600+70<<10+5 || d.HungUp {
		t.Errorf("delivered %+v", d)
	}
}

// TestSocketLarge: a message larger than what the journal takes passes, and is on
// the record in pieces.
func TestSocketLarge(t *testing.T) {
	g := newRig(t, accept(t, echo))
	c := g.dial(nil)
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	go func() { _ = c.Write(t.Context(), websocket.MessageText, data) }() // a failure shows below
	_, got, err := c.Read(t.Context())
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%v, %d bytes", err, len(got))
	}
	c.Close(websocket.StatusNormalClosure, "")
	e := g.log.wait(0, ended)
	if e.End.Answer == nil {
		t.Fatal("it is not in the spool")
	}
	f, err := g.proxy.Spool.Open(e.ID, record.AnswerSide)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := make([]byte, e.End.Answer.Length)
	if _, err := f.ReadAt(all, 0); err != nil {
		t.Fatal(err)
	}
	copy(all, e.ResponseBody) // the file has a hole there
	msgs := conversation(t, all)
	if len(msgs) != 4 || msgs[0].Data != string(data) && msgs[1].Data != string(data) {
		t.Errorf("%d messages", len(msgs))
	}
}

// TestSocketCloseCodes: a close frame passes as it is, from either side.
func TestSocketCloseCodes(t *testing.T) {
	for _, code := range []websocket.StatusCode{1000, 1011, 3000, 4999} {
		g := newRig(t, accept(t, func(ctx context.Context, c *websocket.Conn, r *http.Request) {
			c.Close(code, "backend's reason")
		}))
		c := g.dial(nil)
		_, _, err := c.Read(t.Context())
		var ce websocket.CloseError
		if !errors.As(err, &ce) || ce.Code != code || ce.Reason != "backend's reason" {
			t.Errorf("the client got %v, want %d", err, code)
		}
		if e := g.log.wait(0, ended); e.End.Outcome != record.Completed {
			t.Errorf("backend's %d: %+v", code, e.End)
		}

		seen := make(chan error, 1)
		g = newRig(t, accept(t, func(ctx context.Context, c *websocket.Conn, r *http.Request) {
			_, _, err := c.Read(ctx)
			seen <- err
		}))
		c = g.dial(nil)
		c.Close(code, "client's reason")
		if err := <-seen; !errors.As(err, &ce) || ce.Code != code || ce.Reason != "client's reason" {
			t.Errorf("the backend got %v, want %d", err, code)
		}
		if e := g.log.wait(0, ended); e.End.Outcome != record.Completed {
			t.Errorf("client's %d: %+v", code, e.End)
		}
	}
}

// TestSocketRefused: a handshake that the backend refuses is answered as any call.
func TestSocketRefused(t *testing.T) {
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no such model", 404) }})
	_, resp, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(g.url, "http")+socketPath, &websocket.DialOptions{HTTPHeader: http.Header{"Api-Key": {testKey}}})
	if err == nil || resp == nil || resp.StatusCode != 404 {
		t.Fatalf("%v, %v", err, resp)
	}
	if e := g.log.wait(0, ended); e.End.Status != 404 || e.End.Socket || e.End.Outcome != record.Completed {
		t.Errorf("%+v", e.End)
	}
}

// rawBackend accepts any handshake and hands the connection over.
func rawBackend(conns chan<- net.Conn) backend {
	return backend{handler: func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
		conns <- c
	}}
}

const handshake = "GET " + socketPath + " HTTP/1.1\r\nHost: gateway\r\nApi-Key: " + testKey +
	"\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// dialRaw opens a WebSocket and gives its connection; early goes with the
// handshake.
func (g *rig) dialRaw(early string) net.Conn {
	g.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	io.WriteString(c, handshake+early)
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := c.Read(b); err != nil {
			g.t.Fatalf("%v behind %q", err, head)
		}
		head = append(head, b...)
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 Switching Protocols\r\n")) || !bytes.Contains(head, []byte("\r\nUpgrade: websocket\r\n")) || !bytes.Contains(head, []byte("\r\nConnection: Upgrade\r\n")) {
		g.t.Fatalf("%q", head)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// socketPair is both ends of a WebSocket that passes through a gateway.
func socketPair(t testing.TB, cfg Config, log *memLog, early string) (g *rig, client, server net.Conn) {
	conns := make(chan net.Conn, 1)
	g = newRigWith(t, cfg, log, rawBackend(conns))
	client = g.dialRaw(early)
	server = <-conns
	t.Cleanup(func() { server.Close() })
	server.SetDeadline(time.Now().Add(20 * time.Second))
	return g, client, server
}

func serverFrame(first byte, payload string) string {
	if len(payload) > 125 {
		return string([]byte{first, 126, byte(len(payload) >> 8), byte(len(payload))}) + payload
	}
	return string([]byte{first, byte(len(payload))}) + payload
}

func clientFrame(first byte, payload string) string {
	b := []byte(serverFrame(first, payload))
	b[1] |= 0x80
	at := len(b) - len(payload)
	b = slices.Insert(b, at, 1, 2, 3, 4)
	for i := range payload {
		b[at+4+i] ^= b[at+i%4]
	}
	return string(b)
}

func expect(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("%v: got %.200q, want %.200q", err, got[:n], want)
	}
}

func expectEOF(t testing.TB, c net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") || len(rest) > 0 {
		t.Fatalf("%v, and %q before the end", err, rest)
	}
}

// TestSocketBytes: what passes is byte by byte what came, fragments, pings and
// what breaks the protocol included; what came early passes too.
func TestSocketBytes(t *testing.T) {
	early := clientFrame(0x01, "frag")
	g, client, server := socketPair(t, Config{}, newMemLog(), early)
	expect(t, server, early)
	up := clientFrame(0x89, "are you there") + clientFrame(0x00, "") + clientFrame(0x80, "ments") + clientFrame(0x82, "\x00\xff")
	io.WriteString(client, up)
	expect(t, server, up)
	down := serverFrame(0x8a, "are you there") + serverFrame(0x01, "an") + serverFrame(0x89, "") + serverFrame(0x80, " answer")
	for i := range len(down) {
		io.WriteString(server, down[i:i+1])
	}
	expect(t, client, down)
	hostile := serverFrame(0xc1, "compressed") + "\x83\xff\xff\xff\xff\xff\xff\xff\xff\xff whatever"
	io.WriteString(server, hostile)
	expect(t, client, hostile)
	hostile2 := "\x81\x04bare" + clientFrame(0x81, "x")
	io.WriteString(client, hostile2)
	expect(t, server, hostile2)
	client.Close()
	e := g.log.wait(0, ended)
	want := []said{
		{true, "text", "fragments"}, {true, "bytes", "\x00\xff"}, {false, "text", "an answer"},
		{false, "open", hostile}, {true, "open", hostile2},
	}
	if got := conversation(t, e.ResponseBody); !slices.Equal(got, want) {
		t.Errorf("recorded %+v", got)
	}
}

func TestSocketClientVanishes(t *testing.T) {
	g, client, server := socketPair(t, Config{}, newMemLog(), "")
	io.WriteString(client, clientFrame(0x81, "hello")[:8])
	expect(t, server, clientFrame(0x81, "hello")[:8])
	client.Close()
	expectEOF(t, server)
	e := g.log.wait(0, ended)
	if n := e.End; n.Outcome != record.Cancelled || n.LastError.Reason != "ClientConnectionFailure" || !e.Delivered.HungUp {
		t.Errorf("%+v, %+v", n, e.Delivered)
	}
	if got := conversation(t, e.ResponseBody); !slices.Equal(got, []said{{true, "open", "he"}}) {
		t.Errorf("recorded %+v", got)
	}
}

// TestSocketBackendVanishes: the client has what came, and its connection's end
// when the exchange's is durable.
func TestSocketBackendVanishes(t *testing.T) {
	log := newMemLog()
	committing, proceed := make(chan bool), make(chan bool)
	log.end = func() error { close(committing); <-proceed; return nil }
	_, client, server := socketPair(t, Config{}, log, "")
	io.WriteString(server, serverFrame(0x81, "hello")+"\x81\x0aunfin")
	io.WriteString(client, clientFrame(0x81, "unread"))
	server.Close()
	<-committing
	expect(t, client, serverFrame(0x81, "hello")+"\x81\x0aunfin")
	client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := client.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		t.Fatalf("%d bytes, %v before the commit", n, err)
	}
	client.SetReadDeadline(time.Now().Add(20 * time.Second))
	close(proceed)
	expectEOF(t, client)
	client.Close()
	e := log.wait(0, ended)
	if n := e.End; n.Outcome != record.Interrupted || n.LastError.Reason != "BackendConnectionFailure" {
		t.Errorf("%+v", n)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// TestSocketAnswerHeld: the message that ends an answer reaches the client when
// it is durable with all before it, not before; what came before it passes. What
// the client says meanwhile passes once it is in the journal too.
func TestSocketAnswerHeld(t *testing.T) {
	long := `{"type":"response.done","text":"` + strings.Repeat("x", 60<<10) + `"}`
	for _, done := range []string{doneMessage, long} {
		log := newMemLog()
		syncing, proceed := make(chan bool), make(chan bool)
		log.sync = func() error { syncing <- true; <-proceed; return nil }
		_, client, server := socketPair(t, Config{}, log, "")
		delta, frame := serverFrame(0x81, `{"type":"delta"}`), serverFrame(0x81, done)
		io.WriteString(server, delta+frame)
		<-syncing
		expect(t, client, delta)
		client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		got, err := io.ReadAll(client)
		if !isTimeout(err) || len(got) >= len(frame) || done == doneMessage && len(got) > 0 {
			t.Fatalf("%d bytes, %v before the sync", len(got), err)
		}
		io.WriteString(client, clientFrame(0x81, "more"))
		client.SetReadDeadline(time.Now().Add(20 * time.Second))
		proceed <- true
		expect(t, client, frame[len(got):])
		expect(t, server, clientFrame(0x81, "more"))
		client.Close()
		e := log.wait(0, ended)
		i := slices.Index(conversation(t, e.ResponseBody), said{false, "text", done})
		if i < 0 || e.End.Events != 2 {
			t.Errorf("%d events", e.End.Events)
		}
	}
}

// TestSocketSyncFails: what cannot be made durable does not pass.
func TestSocketSyncFails(t *testing.T) {
	log := newMemLog()
	log.sync = func() error { return errors.New("disk full") }
	g, client, server := socketPair(t, Config{}, log, "")
	io.WriteString(server, serverFrame(0x81, doneMessage))
	expectEOF(t, client)
	client.Close()
	expectEOF(t, server)
	g.proxy.Wait()
	if e := log.wait(0, delivered); e.End != nil {
		t.Errorf("an end behind a hole: %+v", e.End)
	}
}

// TestSocketPartFails: the same of what the client says.
func TestSocketPartFails(t *testing.T) {
	log := newMemLog()
	log.part = func() error { return errors.New("disk full") }
	g, client, server := socketPair(t, Config{}, log, "")
	go func() {
		for range 1000 {
			if _, err := io.WriteString(client, clientFrame(0x82, strings.Repeat("x", 60<<10))); err != nil {
				return
			}
		}
	}()
	io.Copy(io.Discard, server)
	expectEOF(t, client)
	client.Close()
	g.proxy.Wait()
	if e := log.wait(0, delivered); e.End != nil {
		t.Errorf("an end behind a hole: %+v", e.End)
	}
}

// TestSocketCloseHeld: the backend's close frame is the end of everything: it
// passes when the end is durable, and then only the client's own passes back.
func TestSocketCloseHeld(t *testing.T) {
	log := newMemLog()
	committing, proceed := make(chan bool), make(chan bool)
	log.end = func() error { close(committing); <-proceed; return nil }
	_, client, server := socketPair(t, Config{}, log, "")
	io.WriteString(server, serverFrame(0x81, "last")+serverFrame(0x88, "\x03\xe8")+"beyond")
	<-committing
	expect(t, client, serverFrame(0x81, "last"))
	client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := client.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		t.Fatalf("%d bytes, %v before the commit", n, err)
	}
	client.SetReadDeadline(time.Now().Add(20 * time.Second))
	close(proceed)
	expect(t, client, serverFrame(0x88, "\x03\xe8"))
	io.WriteString(client, clientFrame(0x81, "too late")+clientFrame(0x88, "\x03\xe8")+clientFrame(0x81, "much too late"))
	expect(t, server, clientFrame(0x88, "\x03\xe8"))
	server.Close()
	expectEOF(t, client)
	client.Close()
	e := log.wait(0, ended)
	if got := conversation(t, e.ResponseBody); !slices.Equal(got, []said{{false, "text", "last"}, {false, "close", "\x03\xe8"}}) {
		t.Errorf("recorded %+v", got)
	}
	if e.End.Outcome != record.Completed || e.Delivered.ResponseSize != 6 {
		t.Errorf("%+v, %+v", e.End, e.Delivered)
	}
}

// TestSocketCommitFails: without a record there is no close frame.
func TestSocketCommitFails(t *testing.T) {
	log := newMemLog()
	log.end = func() error { return errors.New("disk full") }
	g, client, server := socketPair(t, Config{}, log, "")
	io.WriteString(server, serverFrame(0x81, "last")+serverFrame(0x88, "\x03\xe8"))
	expect(t, client, serverFrame(0x81, "last"))
	expectEOF(t, client)
	client.Close()
	g.proxy.Wait()
}

// TestSocketStops: both sides are told that the gateway goes away.
func TestSocketStops(t *testing.T) {
	t.Parallel()
	going := "\x03\xe9"
	for _, tt := range []struct {
		name string
		down string // what the backend had begun to send
		up   string
		own  func(server net.Conn) // what the backend does then
	}{
		{"the backend answers", "", "", func(server net.Conn) { io.WriteString(server, serverFrame(0x88, going)) }},
		{"the backend ends its message first", "\x01\x01a", "", func(server net.Conn) {
			io.WriteString(server, serverFrame(0x80, "b")+serverFrame(0x88, "\x03\xe8"))
		}},
		{"the backend vanishes", "", "", func(server net.Conn) { server.Close() }},
		{"the backend says nothing", "", "", func(net.Conn) {}},
		{"in a frame of the backend's", "\x81\x0aunfin", "", func(server net.Conn) { server.Close() }},
		{"in a frame of the client's", "", clientFrame(0x81, "hello")[:8], func(net.Conn) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, client, server := socketPair(t, Config{}, newMemLog(), "")
			io.WriteString(server, tt.down)
			expect(t, client, tt.down)
			io.WriteString(client, tt.up)
			expect(t, server, tt.up)
			g.proxy.Stopping()
			if tt.up == "" {
				frame := make([]byte, 8)
				if _, err := io.ReadFull(server, frame); err != nil || frame[0] != 0x88 || frame[1] != 0x82 {
					t.Fatalf("the backend got %v, %x", err, frame)
				}
				if frame[6]^frame[2] != going[0] || frame[7]^frame[3] != going[1] {
					t.Errorf("the backend got %x", frame)
				}
			}
			tt.own(server)
			want := []said{{true, "close", going}, {false, "close", going}}
			switch {
			case strings.HasPrefix(tt.down, "\x01"):
				expect(t, client, serverFrame(0x80, "b"))
				want = slices.Insert(want, 1, said{false, "text", "ab"})
				fallthrough
			case tt.down == "":
				expect(t, client, serverFrame(0x88, going))
			default:
				want = []said{{true, "close", going}, {false, "open", "unfin"}}
			}
			if tt.up != "" {
				want = []said{{false, "close", going}, {true, "open", "he"}}
			}
			expectEOF(t, client)
			client.Close()
			g.proxy.Wait()
			e := g.log.wait(0, ended)
			if n := e.End; n.Outcome != record.Interrupted || n.LastError == nil || n.LastError.Reason != "GatewayStopped" {
				t.Errorf("%+v", n)
			}
			if got := conversation(t, e.ResponseBody); !slices.Equal(got, want) {
				t.Errorf("recorded %+v", got)
			}
		})
	}
	// One that comes while the gateway stops ends at once.
	conns := make(chan net.Conn, 1)
	g := newRigWith(t, Config{}, newMemLog(), rawBackend(conns))
	g.proxy.Stopping()
	client := g.dialRaw("")
	server := <-conns
	if _, err := io.ReadFull(server, make([]byte, 8)); err != nil {
		t.Error(err)
	}
	server.Close()
	expect(t, client, serverFrame(0x88, going))
	client.Close()
	g.proxy.Wait()
}

// TestSocketStalls: a client that takes nothing is cut, and so is a backend.
func TestSocketStalls(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		backend bool
		outcome record.Outcome
		reason  string
	}{{false, record.Cancelled, "ClientConnectionFailure"}, {true, record.Interrupted, "Timeout"}} {
		t.Run(fmt.Sprint(tt.backend), func(t *testing.T) {
			t.Parallel()
			g, client, server := socketPair(t, Config{ClientStall: 300 * time.Millisecond}, newMemLog(), "")
			from, frame := server, serverFrame(0x82, strings.Repeat("x", 60<<10))
			if tt.backend {
				from, frame = client, clientFrame(0x82, strings.Repeat("x", 60<<10))
			}
			for {
				if _, err := io.WriteString(from, frame); err != nil {
					break
				}
			}
			client.Close()
			e := g.log.wait(0, ended)
			if e.End.Outcome != tt.outcome || e.End.LastError.Reason != tt.reason {
				t.Errorf("%+v, %+v", e.End, e.End.LastError)
			}
		})
	}
}

// TestSocketsAtOnce: many sockets talk at once, and each has its own record.
func TestSocketsAtOnce(t *testing.T) {
	g := newRig(t, accept(t, echo))
	var wg sync.WaitGroup
	const sockets, messages = 20, 50
	for i := range sockets {
		wg.Go(func() {
			c := g.dial(nil)
			for j := range messages {
				text := fmt.Sprintf(`{"type":"response.done","n":"%d/%d"}`, i, j)
				if c.Write(t.Context(), websocket.MessageText, []byte(text)) != nil {
					t.Error("write failed")
					return
				}
				if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
					t.Errorf("%v, %q", err, got)
					return
				}
			}
			c.Close(websocket.StatusNormalClosure, "")
		})
	}
	wg.Wait()
	for i := range sockets {
		e := g.log.wait(i, ended)
		msgs := conversation(t, e.ResponseBody)
		if len(msgs) != 2*messages+2 || e.End.Events != messages {
			t.Errorf("%d messages, %d events", len(msgs), e.End.Events)
			continue
		}
		for j, m := range msgs[:2*messages] {
			if m.Client != (j%2 == 0) || m.Data != msgs[j/2*2].Data {
				t.Fatalf("message %d: %+v", j, m)
			}
		}
	}
}
