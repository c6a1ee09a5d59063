package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weir/internal/fault"
	"weir/internal/record"
	"weir/internal/upstream"
)

// correlation names the field by which a client learns the exchange's id.
const correlation = "Apim-Request-Id"

// pass brings a backend's answer to the client.
func (x *exchange) pass(resp *http.Response) {
	if x.call.Socket && resp.StatusCode == http.StatusSwitchingProtocols {
		x.passSocket(resp)
		return
	}
	x.end.Outcome = record.Completed
	x.header(resp)
	x.behind = resp.Trailer
	x.found()
	x.cap.Expect(resp.ContentLength)
	switch {
	case x.end.Streamed:
		x.passStream(resp)
	case x.match.Op.Tickets:
		x.passTicket(resp)
	case resp.ContentLength >= 0 && resp.ContentLength <= bufferBytes:
		x.passSmall(resp)
	default:
		x.passLarge(resp)
	}
}

// header prepares the answer's header: the backend's, less what belongs to its
// connection, with the exchange's id.
func (x *exchange) header(resp *http.Response) {
	e := &x.end
	e.Status = resp.StatusCode
	e.BackendResponseHeaders = recorded(e.BackendResponseHeaders[:0], resp.Header)
	e.Streamed = isEventStream(resp.Header)
	h := x.w.Header()
	_, lists := resp.Header["Connection"]
	for name, v := range resp.Header {
		if upstream.HopByHop(name) || lists && upstream.Listed(resp.Header, name) {
			continue
		}
		h[name] = v
	}
	if e.Streamed {
		delete(h, "Content-Length") // an event may be held back
	}
	if len(resp.Trailer) > 0 {
		names := make([]string, 0, len(resp.Trailer))
		for name := range resp.Trailer {
			names = append(names, name)
		}
		h["Trailer"] = names
	}
	for _, name := range [...]string{"Location", "Operation-Location", "Content-Location"} {
		if v := h[name]; len(v) > 0 {
			h[name] = []string{x.here(v[0], resp.Request)}
		}
	}
	x.keepSession(h)
	if x.sooner {
		secondsAndMillis(h, x.again)
	}
	x.identify(h)
	e.ResponseHeaders = recorded(e.ResponseHeaders[:0], h)
}

// here gives a URL on the backend as one on the gateway, so that a client who
// follows it stays on the record.
func (x *exchange) here(location string, sent *http.Request) string {
	u, err := url.Parse(location)
	if err != nil || sent == nil || u.Host == "" || u.Host != sent.URL.Host {
		return location
	}
	u.Scheme, u.Host = "http", x.r.Host
	if x.set.Clients.Secure(x.r) {
		u.Scheme = "https"
	}
	return u.String()
}

// identify puts the exchange's id and the client's own into h.
func (x *exchange) identify(h http.Header) {
	h[correlation] = []string{x.idText}
	if v := x.r.Header["X-Ms-Client-Request-Id"]; len(v) > 0 {
		h["X-Ms-Client-Request-Id"] = v
	}
	x.share(h)
}

// isEventStream says whether events can be read in the body. A compressed one
// passes as any other body.
func isEventStream(h http.Header) bool {
	t := h["Content-Type"]
	if len(t) == 0 || len(t[0]) < len("text/event-stream") || !strings.EqualFold(t[0][:len("text/event-stream")], "text/event-stream") {
		return false
	}
	enc := h["Content-Encoding"]
	return len(enc) == 0 || enc[0] == "identity"
}

// passSmall passes a body that fits one buffer: read whole, committed, written.
func (x *exchange) passSmall(resp *http.Response) {
	body, err := x.whole(resp)
	if err != nil {
		x.broken(err, body)
		return
	}
	if x.learns() {
		x.learn(body)
	}
	if x.commit(body) != nil {
		x.cut = true
		return
	}
	x.write(body)
	x.trailers(resp)
}

// whole gives a body that fits one buffer, which was mostly read already.
func (x *exchange) whole(resp *http.Response) ([]byte, error) {
	if w, ok := resp.Body.(*watched); ok && int64(len(w.first)) == resp.ContentLength {
		return w.first, nil
	}
	before := time.Now()
	n, err := io.ReadFull(resp.Body, x.buffer()[:resp.ContentLength])
	now := time.Now()
	x.end.BackendTime += now.Sub(before)
	x.firstByte(now)
	return x.buf[:n], err
}

// unprime gives the buffer back once what was read into it has been passed on.
func (x *exchange) unprime() {
	if x.buf != nil && x.at != nil && len(x.at.answer.first) == 0 {
		x.p.buffers.Put(x.buf)
		x.buf = nil
	}
}

// buffer gives the exchange's buffer for the first of an answer.
func (x *exchange) buffer() *[bufferBytes]byte {
	if x.buf == nil {
		x.buf = x.p.buffers.Get().(*[bufferBytes]byte)
	}
	return x.buf
}

// passLarge passes a body of unknown or great length, always one buffer behind,
// so that the last one can be held.
func (x *exchange) passLarge(resp *http.Response) {
	held := x.p.buffers.Get().(*[bufferBytes]byte)
	next := x.p.buffers.Get().(*[bufferBytes]byte)
	defer func() { x.p.buffers.Put(held); x.p.buffers.Put(next) }()
	flush := resp.ContentLength < 0
	n := 0 // bytes in held
	for {
		before := time.Now()
		m, err := resp.Body.Read(next[:])
		now := time.Now()
		x.end.BackendTime += now.Sub(before)
		if m > 0 {
			if len(x.looked) < bufferBytes && x.learns() {
				x.looked = append(x.looked, next[:m]...) // what names objects stands at its beginning
				x.learn(x.looked)
			}
			x.firstByte(now)
			x.unprime()
			if n > 0 && !x.passOn(held[:n], flush) {
				return
			}
			held, next, n = next, held, m
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			x.broken(err, held[:n])
			return
		}
	}
	if x.commit(held[:n]) != nil {
		x.cut = true
		return
	}
	x.write(held[:n])
	x.trailers(resp)
}

// passOn captures p and writes it to the client; false when the exchange has
// ended with that.
func (x *exchange) passOn(p []byte, flush bool) bool {
	if x.cap.Write(p) != nil {
		x.unrecorded()
		return false
	}
	if x.write(p) && flush {
		x.flush()
	}
	if x.hungUp {
		x.leave()
		return false
	}
	return true
}

// unrecorded ends an exchange whose answer could not be captured: the client
// does not get the rest.
func (x *exchange) unrecorded() {
	x.end.Outcome = record.Interrupted
	x.noteError(unavailable(nil))
	x.tryCommit(nil)
	x.cut = true
}

// broken ends an exchange whose answer broke off: what came is passed, and the
// client's connection ends without the answer's end. rest came last and was
// not captured yet.
func (x *exchange) broken(err error, rest []byte) {
	if x.gone() {
		if len(rest) > 0 {
			_ = x.cap.Write(rest) // a failure shows in the commit
		}
		x.leave()
		return
	}
	x.interrupted(err)
	x.cut = true
	if x.commit(rest) == nil && x.write(rest) {
		x.flush()
	}
}

func (x *exchange) interrupted(err error) {
	x.end.Outcome = record.Interrupted
	reason := x.brokeOff(err)
	x.noteError(&fault.Error{
		Source: "forward-request", Reason: reason, Section: "outbound",
		Message: "The backend's answer broke off.", Err: causeOf(err),
	})
	x.p.log.Warn("a backend's answer broke off", "backend", x.end.Backend, "reason", reason, "cause", cause(err))
}

// write writes p to the client, after the status if that is due; false when the
// client takes no more.
func (x *exchange) write(p []byte) bool {
	if x.hungUp {
		return false
	}
	before := time.Now()
	x.arm(before)
	defer x.disarm()
	x.head()
	if len(p) > 0 {
		n, err := x.w.Write(p)
		x.sent += int64(n)
		if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
			x.hungUp = true
		}
	}
	x.writing += time.Since(before)
	return !x.hungUp
}

// head writes the answer's status once.
func (x *exchange) head() {
	if !x.headed {
		x.headed = true
		x.w.WriteHeader(x.end.Status)
	}
}

// flush sends what was written.
func (x *exchange) flush() {
	f, ok := x.w.(interface{ FlushError() error })
	if !ok {
		return
	}
	before := time.Now()
	x.arm(before)
	defer x.disarm()
	if f.FlushError() != nil {
		x.hungUp = true
	}
	x.writing += time.Since(before)
}

// arm moves the client's deadline, not with every write.
func (x *exchange) arm(now time.Time) {
	stall := x.set.Config.ClientStall
	if x.stallAt.Sub(now) > stall/2 {
		return
	}
	if d, ok := x.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		x.stallAt = now.Add(stall)
		_ = d.SetWriteDeadline(x.stallAt) // without one, TCP's own time-out holds
	}
}

// disarm takes the deadline of an HTTP/2 stream back: there it ends the stream
// when it passes, also while nothing is written.
func (x *exchange) disarm() {
	if x.r.ProtoMajor < 2 {
		return
	}
	if d, ok := x.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		x.stallAt = time.Time{}
		_ = d.SetWriteDeadline(time.Time{}) // as it was set
	}
}

// trailers passes the backend's trailers.
func (x *exchange) trailers(resp *http.Response) {
	h := x.w.Header()
	for name, v := range resp.Trailer {
		if len(v) == 0 {
			continue
		}
		if announced := h["Trailer"]; !contains(announced, name) {
			name = http.TrailerPrefix + name
		}
		h[name] = v
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
