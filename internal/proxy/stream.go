package proxy

import (
	"io"
	"net/http"
	"time"

	"weir/internal/capture"
)

// drainTime is how long a backend may take to end its answer after the
// terminal event, before its connection is given up: its end mostly lies there
// already, and the client waits for its own meanwhile.
const drainTime = 10 * time.Millisecond

// stream is a server-sent event stream on its way.
type stream struct {
	x        *exchange
	resp     *http.Response
	s        *capture.Splitter
	terminal []string
	hold     bool // the usage event is not the client's
	within   bool // an event longer than a buffer is under way
	ending   bool // it is the terminal one
	learning int  // events that are still looked at for the ids of objects
}

// learnEvents is in how many of its first events a stream names the objects that
// it makes.
const learnEvents = 8

// passStream passes events as they come. The terminal event is held back until
// the exchange's end is committed; without one, the connection's end is.
func (x *exchange) passStream(resp *http.Response) {
	s := x.p.splitters.Get()
	defer x.p.splitters.Put(s)
	st := &stream{x: x, resp: resp, s: s, terminal: x.match.Op.Terminal, hold: x.end.UsageAdded}
	if x.learns() {
		st.learning = learnEvents
	}
	for !x.hungUp {
		before := time.Now()
		n, err := resp.Body.Read(s.Space())
		now := time.Now()
		x.end.BackendTime += now.Sub(before)
		if n > 0 {
			x.firstByte(now)
			x.unprime()
			if x.cap.Write(s.Fed(n)) != nil {
				x.unrecorded()
				return
			}
			if last := st.pieces(now); last != nil {
				st.end(last, err == io.EOF)
				return
			}
		}
		if err == io.EOF {
			st.unended()
			return
		}
		if err != nil {
			st.broken(err)
			return
		}
	}
	x.leave()
}

// pieces writes what has arrived, in one go but for what is held back; it gives
// the terminal event when it finds it.
func (st *stream) pieces(now time.Time) (terminal []byte) {
	x := st.x
	var run []byte
	for {
		p, kind, ok := st.s.Next()
		if !ok {
			break
		}
		if kind == capture.Fragment && !st.within {
			st.within, st.ending = true, capture.IsTerminal(p, st.terminal)
		}
		if kind == capture.Event {
			if st.ending || !st.within && capture.IsTerminal(p, st.terminal) {
				terminal = p // of a long one, its last piece: without that it is none
				break
			}
			st.within = false
			if st.learning > 0 {
				st.learning--
				x.learnEvent(p)
			}
			if st.hold && capture.IsUsage(p) {
				st.write(run)
				run = nil
				continue
			}
			x.end.Events++
			if x.end.FirstToken == 0 && capture.HasToken(p) {
				x.end.FirstToken = now.Sub(x.start)
			}
		}
		if run == nil {
			run = p
		} else {
			run = run[:len(run)+len(p)] // pieces lie one behind the other
		}
	}
	st.write(run)
	return terminal
}

func (st *stream) write(run []byte) {
	if len(run) > 0 && st.x.write(run) {
		st.x.flush()
	}
}

// end commits the exchange and then gives the client the terminal event. What
// a backend sends after it is read, so that its connection can be used again,
// and goes nowhere.
func (st *stream) end(terminal []byte, eof bool) {
	x := st.x
	if x.hungUp {
		x.leave()
		return
	}
	x.end.Events++
	if x.commit(nil) != nil {
		x.cut = true
		return
	}
	x.write(terminal)
	if !eof {
		x.flush()
		x.deliver()
		t := time.AfterFunc(drainTime, func() { _ = st.resp.Body.Close() })
		_, _ = io.CopyN(io.Discard, st.resp.Body, drainBytes) // only the connection matters
		t.Stop()
	}
	x.trailers(st.resp)
}

// unended ends a stream that came to its end without a terminal event. Where
// HTTP says that the body is whole the client sees the same end; where only the
// connection ended it cannot know, and is cut.
func (st *stream) unended() {
	x := st.x
	rest := st.rest()
	whole := len(st.terminal) == 0 || st.ending || !st.within && capture.IsTerminal(rest, st.terminal) || st.resp.StatusCode != http.StatusOK
	if !whole {
		x.interrupted(io.ErrUnexpectedEOF)
		x.cut = st.resp.ContentLength < 0 && len(st.resp.TransferEncoding) == 0 && st.resp.ProtoMajor == 1
	}
	if x.commit(nil) != nil {
		x.cut = true
		return
	}
	if x.write(rest) && x.cut {
		x.flush()
	}
	x.trailers(st.resp)
}

// rest is what the client gets of an event that did not end.
func (st *stream) rest() []byte {
	rest := st.s.Rest()
	if st.hold && capture.IsUsage(rest) {
		return nil
	}
	return rest
}

// broken ends a stream that broke off; all that came is captured already.
func (st *stream) broken(err error) {
	x := st.x
	if x.gone() {
		x.leave()
		return
	}
	x.interrupted(err)
	x.cut = true
	if x.commit(nil) == nil && x.write(st.rest()) {
		x.flush()
	}
}
