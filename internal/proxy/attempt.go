package proxy

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/upstream"
)

// attempt is one try at one backend. It ends the call when the backend does
// nothing for too long: until the answer's headers, and then in the midst of its
// body. Only what the backend keeps waiting counts, not what the client does.
type attempt struct {
	member *upstream.Member
	ticket upstream.Ticket
	stream bool // one was asked for
	cancel context.CancelFunc
	answer watched       // its body, once it has come
	body   io.ReadCloser // that of the transport

	timer   *time.Timer
	tick    atomic.Int64 // between two looks, in nanoseconds
	taking  atomic.Int64 // reads of the request's body that wait for the client
	moves   atomic.Int64 // odd while the backend is waited for; grows with whatever moves
	expired atomic.Bool  // the backend's time was over
	over    atomic.Bool  // the attempt is

	mu    sync.Mutex // guards what follows, and the timer's first setting
	seen  int64      // moves at the last look
	quiet int        // looks in a row that saw nothing move
}

// ticks is how often the timer looks within the time that a backend has.
const ticks = 4

// begin makes an attempt at a member that has let the call through, and the
// context in which it runs.
func (x *exchange) beginAttempt(m *upstream.Member, t upstream.Ticket) (*attempt, context.Context) {
	a := &attempt{member: m, ticket: t, stream: x.begin.Stream, seen: 1}
	ctx, cancel := context.WithCancel(x.r.Context())
	a.cancel = cancel
	headers, _ := m.Timeouts(x.begin.Stream)
	a.moves.Store(1)
	a.tick.Store(int64(headers / ticks))
	a.mu.Lock()
	a.timer = time.AfterFunc(headers/ticks, a.look)
	a.mu.Unlock()
	return a, ctx
}

// look ends the attempt when the backend has done nothing for too long.
func (a *attempt) look() {
	if a.over.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	moves := a.moves.Load()
	switch {
	case moves != a.seen || moves&1 == 0 || a.taking.Load() > 0:
		a.seen, a.quiet = moves, 0
	case a.quiet < ticks-1:
		a.quiet++
	default:
		a.expired.Store(true)
		a.cancel()
		return
	}
	a.timer.Reset(time.Duration(a.tick.Load()))
}

// answered says that the answer's headers have come, and watches its body. A
// WebSocket may be silent for ever.
func (a *attempt) answered(resp *http.Response) {
	a.body = resp.Body
	a.moves.Add(1)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		a.over.Store(true)
		a.timer.Stop()
		return
	}
	a.answer = watched{ReadCloser: resp.Body, a: a}
	resp.Body = &a.answer
	headers, idle := a.member.Timeouts(a.stream)
	a.tick.Store(int64(idle / ticks))
	if idle < headers/ticks {
		a.timer.Reset(idle / ticks) // the look that is due comes too late
	}
}

// end gives back all that the attempt holds.
func (a *attempt) end() {
	a.over.Store(true)
	a.timer.Stop()
	if a.body != nil {
		_ = a.body.Close() // nobody reads it any more
	}
	a.cancel()
	a.member.Done()
}

// told gives the error of a read or of a round trip; where the attempt's time was
// over it is that.
func (a *attempt) told(err error) error {
	if err != nil && a.expired.Load() {
		return quietError{}
	}
	return err
}

// quietError is the error of a backend that did nothing for too long.
type quietError struct{}

func (quietError) Error() string   { return "the backend did nothing for too long" }
func (quietError) Timeout() bool   { return true } // net.Error
func (quietError) Temporary() bool { return false }

// watched is an answer's body; the attempt knows when it is waited for. What was
// read before it is passed comes first.
type watched struct {
	io.ReadCloser
	a     *attempt
	first []byte
	err   error // behind first
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	if len(w.first) > 0 {
		n := copy(p, w.first)
		w.first = w.first[n:]
		if len(w.first) > 0 {
			return n, nil
		}
		return n, w.err
	}
	if w.err != nil {
		return 0, w.err
	}
	w.a.moves.Add(1)
	n, err := w.ReadCloser.Read(p)
	w.a.moves.Add(1)
	return n, err
}

// primeTime is how long an answer of unknown length that trickles in is held back
// to become whole.
const primeTime = time.Second

// prime reads the first of the body into buf, and where it is of use only as a
// whole all that fits, so that a backend that breaks off before can be replaced
// by another one. size is the body's, -1 when it is not known.
func (w *watched) prime(buf []byte, size int64, whole bool) error {
	sized := size >= 0 && size <= int64(len(buf))
	if sized {
		buf = buf[:size]
	}
	var n int
	var err error
	begun := time.Now()
	for err == nil && n < len(buf) && (n == 0 || sized || whole && time.Since(begun) < primeTime) {
		var m int
		m, err = w.Read(buf[n:])
		n += m
	}
	if err == io.EOF && int64(n) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		return err
	}
	w.first, w.err = buf[:n], err
	return nil
}

// taken is a request's body; the attempt knows that it is being taken.
type taken struct {
	io.ReadCloser
	a *attempt
}

// Read implements io.Reader.
func (t taken) Read(p []byte) (int, error) {
	t.a.taking.Add(1)
	n, err := t.ReadCloser.Read(p)
	t.a.moves.Add(2)
	t.a.taking.Add(-1)
	return n, err
}
