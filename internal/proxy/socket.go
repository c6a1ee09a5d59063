package proxy

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/capture"
	"weir/internal/fault"
	"weir/internal/record"
)

const (
	// An idle direction holds relayBytes. A busy one holds burstBytes more, and
	// that also when it falls silent behind a full read: an idle socket must stay
	// below 64 KiB whatever it did before.
	relayBytes = 4 << 10
	burstBytes = 16 << 10

	closeGrace = 5 * time.Second // for both connections to end behind a close frame
	stopGrace  = 2 * time.Second // for the backend to answer the gateway's close frame
	lingerTime = time.Second     // for the client to take the last of what it was sent
)

// socketEnd is what ended a socket, the first that did.
type socketEnd uint8

const (
	still          socketEnd = iota
	closed                   // a close frame, from either side
	clientVanished           // without one (RFC 6455, 7.1.5: that is no orderly end)
	backendVanished
	stopped    // the gateway
	unrecorded // what passed could not be put on the record
)

// socket is a WebSocket on its way: two connections, between which bytes pass as
// they come, and a tap in each direction that puts their messages on the record.
// One goroutine reads the client's connection and writes the backend's, the other
// the other way round, so each side is read only as fast as the other one takes
// it.
//
// Nothing limits how long a socket may be silent: TCP's keep-alive finds peers
// that are no more, and [Proxy.Run] cuts a socket whose peer takes nothing.
type socket struct {
	x       *exchange
	client  net.Conn
	backend io.ReadWriteCloser

	mu    sync.Mutex // guards x's capture and end, and what follows
	up    *capture.Tap
	down  *capture.Tap
	why   socketEnd
	err   error // the backend's, where it vanished
	ended bool  // the end frame was tried: nothing gets on the record any more
	clean bool  // then the backend had whole frames only

	said     bool        // the client has the backend's close frame; of the reader of the backend
	panicked bool        // the reader of the backend did
	over     atomic.Bool // the reader of the backend has ended
	stopping atomic.Bool // the gateway is
	stalled  atomic.Bool // the backend took nothing for too long

	// By clock, 0 for none: when the write under way began, and when the socket
	// must be over.
	sending, forwarding, limit atomic.Int64
}

// passSocket relays a WebSocket (RFC 6455) whose handshake the backend has
// accepted, until either side ends. The client's close is orderly where a close
// frame passed; the backend's close frame, and the end of its connection, reach
// the client when the exchange's end is on stable storage, and a message that
// ends an answer when that message and all before it are.
func (x *exchange) passSocket(resp *http.Response) {
	backend, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		_ = resp.Body.Close() // it is no connection
		x.fail(fault.Of(text("a backend's 101 came without a connection")))
		return
	}
	defer backend.Close()
	x.header(resp)
	h := x.w.Header()
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	x.end.ResponseHeaders = recorded(x.end.ResponseHeaders[:0], h)
	client, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.fail(fault.Of(err))
		return
	}
	defer client.Close()
	x.headed, x.end.Socket = true, true
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // what is buffered is there
	head := bytes.NewBufferString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(head) // a buffer takes everything
	head.WriteString("\r\n")

	s := &socket{
		x: x, client: client, backend: backend,
		up: capture.NewTap(true, nil), down: capture.NewTap(false, x.match.Op.Terminal),
	}
	// The server's write buffer lies idle from now on, as long as this runs.
	s.run(head.Bytes(), bytes.Clone(early), rw.AvailableBuffer())
}

// run is the life of a socket: head is the answer to the handshake, early what
// the client sent without waiting for it, spare a buffer to use.
func (s *socket) run(head, early, spare []byte) {
	_ = s.x.cap.Write(nil) // the recorder watches it from now on, and takes back its buffers
	s.x.p.sockets.add(s)
	defer s.x.p.sockets.remove(s)
	var wg sync.WaitGroup
	defer func() { s.cut(); wg.Wait() }() // also after a panic
	if s.send(head, 0) {
		if spare = spare[:cap(spare)]; len(spare) < relayBytes {
			spare = make([]byte, relayBytes)
		}
		wg.Go(func() { s.readBackend(spare) })
		s.readClient(early)
		wg.Wait()
	}
	if s.panicked {
		panic("the reader of a backend's socket failed")
	}
	s.settle()
}

// readClient passes on what the client sends, until its connection ends, or the
// backend's does, or the gateway.
func (s *socket) readClient(early []byte) {
	if len(early) > 0 && !s.forward(early) {
		return
	}
	err := s.relay(s.client, make([]byte, relayBytes), s.forward)
	switch {
	case err == nil, s.over.Load():
	case s.stopping.Load():
		s.goAway()
	case s.because(clientVanished, nil) == closed:
		// It has said what it had to say, and may still wait for the answer.
		s.expire(closeGrace)
		if c, ok := s.backend.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite() // the limit sees to the rest
		}
	default:
		_ = s.backend.Close() // wakes the other reader
	}
}

// readBackend passes on what the backend sends, until its connection ends or the
// client takes no more. It runs on a goroutine of its own.
func (s *socket) readBackend(buf []byte) {
	defer func() {
		if recover() != nil {
			s.panicked = true
			s.x.p.log.Error("an exchange failed in the gateway's own code", "exchange", s.x.idText, "stack", string(debug.Stack()))
		}
		s.over.Store(true)
		_ = s.client.SetReadDeadline(past) // wakes the other reader
	}()
	if err := s.relay(s.backend, buf, s.answer); err != nil {
		if s.stalled.Load() {
			err = os.ErrDeadlineExceeded
		}
		s.because(backendVanished, err)
	}
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// because notes what ended the socket, if nothing did before, and gives what did.
func (s *socket) because(why socketEnd, err error) socketEnd {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == still {
		s.why, s.err = why, err
	}
	return s.why
}

// goAway tells the backend that the gateway stops. The client is told in settle,
// when the backend has answered or its time is up.
func (s *socket) goAway() {
	why, say := s.mayGo()
	if say {
		frame := [8]byte{0x88, 0x80 | 2}
		rand.Read(frame[2:6]) // RFC 6455, 5.3: a client's masks are not to be foreseen
		copy(frame[6:], goingAway.Data)
		capture.Unmask(frame[6:], [4]byte(frame[2:6]))
		_, err := s.backend.Write(frame[:])
		say = err == nil
	}
	if why == stopped && !say {
		_ = s.backend.Close() // wakes the other reader
	}
}

// mayGo says whether the gateway's close frame can stand where the backend has
// read to, and puts it on the record then.
func (s *socket) mayGo() (why socketEnd, say bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == still {
		s.why = stopped
	}
	return s.why, s.why == stopped && s.up.Between() && s.note(&goingAway, true) == nil
}

// goingAway is the gateway's own close frame (RFC 6455, 7.4.1: 1001).
var goingAway = capture.Step{Piece: true, Close: true, Data: []byte{0x03, 0xe9}}

// settle brings a socket whose readers have ended to its end.
func (s *socket) settle() {
	if !s.ended {
		tell := s.why == stopped && !s.x.hungUp && s.down.Between() && s.note(&goingAway, false) == nil
		if s.commit() && tell {
			_ = s.client.SetWriteDeadline(time.Now().Add(lingerTime))
			s.send(append([]byte{0x88, 2}, goingAway.Data...), 2)
		}
	}
	s.x.deliver()
	if c, ok := s.client.(interface{ CloseWrite() error }); ok && !s.x.hungUp {
		// Closed with bytes unread, the connection would be reset, and with it go
		// what the client has not taken yet.
		_ = c.CloseWrite()
		_ = s.client.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, s.client)
	}
}

// commit puts the exchange's end on stable storage. The caller holds mu, or is
// alone.
func (s *socket) commit() bool {
	x := s.x
	s.ended, s.clean = true, s.up.Between()
	x.end.Outcome = record.Interrupted
	switch s.why {
	case closed:
		x.end.Outcome = record.Completed
	case clientVanished:
		x.hungUp = true
		x.end.Outcome = record.Cancelled
		x.noteError(clientGone("outbound"))
	case stopped:
		x.noteError(cutOff())
	case unrecorded:
		x.noteError(unavailable(nil))
	default:
		x.interrupted(s.err)
	}
	return x.commit(nil) == nil
}
