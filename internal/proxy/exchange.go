package proxy

import (
	"errors"
	"net/http"
	"time"

	"weir/internal/capture"
	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/identity"
	"weir/internal/payload"
	"weir/internal/record"
	"weir/internal/upstream"
)

// keepMeta is the largest buffer for metadata that is kept between exchanges.
const keepMeta = 64 << 10

// exchange is one request under way.
type exchange struct {
	p         *Proxy
	set       *Setup
	w         http.ResponseWriter
	r         *http.Request
	id        record.ID
	idText    string
	start     time.Time
	query     query
	match     catalog.Match
	caller    *identity.Caller
	ticket    *ticket              // of a caller who showed a short-lived key
	body      []byte               // the request's, where it is whole in memory
	src       *source              // the request's, where it is not
	spool     *payload.File        // where a body that is in memory is kept, too large for the journal
	coded     *counted             // the body as it came, where it had a content coding
	announced http.Header          // the names of the fields that are to follow a body in the spool
	looked    []byte               // the beginning of an answer that is looked at for ids
	behind    http.Header          // the fields behind the answer's body, once they have come
	shape     catalog.Body         // of a JSON body
	form      *catalog.FormField   // the deployment's name in a form
	scan      *catalog.FormScanner // that looked for it when a backend needed it
	pool      *upstream.Pool
	order     []*upstream.Member
	balanced  bool          // its backend is chosen by the pool
	session   string        // by which its backend is chosen, where the deployment has an affinity
	again     time.Duration // when to come again, where
	sooner    bool          // it is sooner than the answer that passes says
	newCookie string        // that the answer sets, to name the session from now on
	call      upstream.Call
	at        *attempt           // the last one, whose answer passes
	buf       *[bufferBytes]byte // for the first of an answer
	trace     string

	begin   record.Begin
	end     record.End
	lastErr record.LastError
	meta    []byte
	cap     *capture.Capture

	begun     bool // the begin frame is written
	ended     bool // the end frame was tried
	headed    bool // the client has the answer's status
	hungUp    bool // the client took no more
	delivered bool // the delivered frame is written
	cut       bool // the client's connection must end without the answer's end
	sent      int64
	writing   time.Duration
	stallAt   time.Time // the client's present deadline
}

func (x *exchange) init(p *Proxy, w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	x.p, x.w, x.r, x.start, x.set = p, w, r, now, p.setup.Load()
	x.id = record.NewID(now)
	x.idText = x.id.String()
	x.query.parse(r.URL.RawQuery)
	x.begin.Time = now
	x.begin.Gateway, x.begin.Region = x.set.Config.Name, x.set.Config.Region
}

// release makes x ready for another request, keeping its buffers.
func (x *exchange) release() {
	p := x.p
	if x.buf != nil {
		p.buffers.Put(x.buf)
	}
	clear(x.order)
	clear(x.query.pairs)
	clear(x.begin.Headers)
	clear(x.end.ResponseHeaders)
	clear(x.end.BackendRequestHeaders)
	clear(x.end.BackendResponseHeaders)
	meta := x.meta[:0]
	if cap(meta) > keepMeta {
		meta = nil
	}
	*x = exchange{
		query: query{x.query.pairs[:0]}, order: x.order[:0], meta: meta,
		begin: record.Begin{Headers: x.begin.Headers[:0]},
		end: record.End{
			ResponseHeaders:        x.end.ResponseHeaders[:0],
			BackendRequestHeaders:  x.end.BackendRequestHeaders[:0],
			BackendResponseHeaders: x.end.BackendResponseHeaders[:0],
			Edits:                  x.end.Edits[:0],
			RequestTrailers:        x.end.RequestTrailers[:0],
			ResponseTrailers:       x.end.ResponseTrailers[:0],
			Attempts:               x.end.Attempts[:0],
		},
	}
	p.exchanges.Put(x)
}

// run is the life of a request.
func (x *exchange) run() {
	if x.preflight() {
		return
	}
	if f := x.admit(); f != nil {
		x.refuse(f)
		return
	}
	if x.writeBegin() != nil {
		x.turnAway(false)
		return
	}
	if x.match.Op.Own {
		x.answerModels()
		return
	}
	if x.match.Op.Lists != "" && len(x.set.Upstream.Backends()) > 1 {
		x.answerList()
		return
	}
	resp, f := x.forward()
	switch {
	case x.gone() && (f == nil || f.Kind != fault.RequestTimeout):
		x.leave()
	case f != nil:
		x.fail(f)
	default:
		x.pass(resp)
	}
}

// gone says whether the client hung up, or the gateway cut it off.
func (x *exchange) gone() bool { return x.r.Context().Err() != nil }

// elapsed is the time since the exchange began.
func (x *exchange) elapsed() time.Duration { return time.Since(x.start) }

// noteError says on the record what decided the exchange.
func (x *exchange) noteError(f *fault.Error) {
	x.lastErr = record.LastError{
		Elapsed: x.elapsed(), Message: f.Message, Reason: f.Reason, Section: f.Section, Source: f.Source,
		Scope: "api",
	}
	if f.Err != nil {
		x.lastErr.Message = f.Err.Error()
	}
	x.end.LastError = &x.lastErr
}

// clientGone is the error of a client that hung up.
func clientGone(section string) *fault.Error {
	return &fault.Error{
		Source: "forward-request", Reason: "ClientConnectionFailure", Section: section,
		Message: "The client closed the connection.",
	}
}

// cutOff is the error of a call that was in flight when the gateway stopped.
func cutOff() *fault.Error {
	return &fault.Error{
		Source: "gateway", Reason: "GatewayStopped", Section: "outbound",
		Message: "The gateway stopped before the answer ended.",
	}
}

// leave records an exchange whose client is gone.
func (x *exchange) leave() {
	x.hungUp = true
	x.cut = true
	if x.p.stopping.Load() {
		x.end.Outcome = record.Interrupted
		x.noteError(cutOff())
	} else {
		x.end.Outcome = record.Cancelled
		section := "outbound"
		if !x.headed {
			section = "backend"
		}
		x.noteError(clientGone(section))
	}
	x.tryCommit(nil)
}

// commit puts the exchange's end on stable storage; rest is the last of the
// answer, where it was not captured yet.
func (x *exchange) commit(rest []byte) error {
	x.ended = true
	now := time.Now()
	x.end.Time = now
	x.end.ResponseBytes = x.cap.Total() + int64(len(rest))
	if len(x.behind) > 0 {
		x.end.ResponseTrailers = recorded(x.end.ResponseTrailers[:0], x.behind)
	}
	err := x.settleRequest()
	if err == nil {
		x.end.Answer, err = x.cap.Finish(rest)
	}
	if x.end.Answer != nil {
		rest = nil
	}
	x.meta = x.end.Append(x.meta[:0])
	if err == nil {
		err = x.cap.End(now, x.meta, rest)
	} else {
		x.cap.Drop()
	}
	x.cap = nil
	if err != nil {
		x.p.metrics.lost.Inc()
		x.p.log.Error("an exchange's end could not be recorded", "exchange", x.idText, "err", err)
	}
	return err
}

// settleRequest brings what the spool has of the request to stable storage.
func (x *exchange) settleRequest() (err error) {
	switch {
	case x.src != nil:
		x.end.Request, err = x.src.settle(x.stopReading)
	case x.spool != nil:
		if err = x.spool.Sync(); err == nil {
			p := x.spool.Payload()
			x.end.Request = &p
		}
	}
	// Only now: the server writes them while it reads the body's end.
	if len(x.r.Trailer) > 0 {
		x.end.RequestTrailers = recorded(x.end.RequestTrailers[:0], x.r.Trailer)
	}
	return err
}

// stopReading makes a read of the request's body return.
func (x *exchange) stopReading() {
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now()) // HTTP/2 ends it with the stream
}

// closeRequest gives up what the request's body was read to.
func (x *exchange) closeRequest() {
	if x.src != nil {
		x.src.close(x.stopReading, !x.begun) // nothing reads on once the handler has returned
	}
	if x.spool != nil {
		giveUp(x.spool, !x.begun)
	}
}

// giveUp closes a file of the spool. One that no record names is removed.
func giveUp(f *payload.File, unnamed bool) {
	if unnamed {
		_ = f.Remove() // what is left over is found at the store's next start
		return
	}
	_ = f.Close() // what matters of it is synced
}

// tryCommit is commit where nothing depends on its success any more.
func (x *exchange) tryCommit(rest []byte) { _ = x.commit(rest) }

// deliver records what became of the answer, once.
func (x *exchange) deliver() {
	if !x.begun || x.delivered {
		return
	}
	x.delivered = true
	now := time.Now()
	d := record.Delivered{Time: now, ResponseSize: x.sent, ClientTime: x.writing, HungUp: x.hungUp}
	x.meta = d.Append(x.meta[:0])
	x.p.Log.Delivered(x.id, now, x.meta)
}

// failed records an exchange in which the gateway's code panicked, and answers
// if nothing was answered yet. cut says that the connection must be ended. What
// panics once may do so again here; then nothing more is tried.
func (x *exchange) failed() (cut bool) {
	defer func() {
		if recover() != nil {
			cut = true
		}
	}()
	f := fault.Of(errors.New("the gateway's own code failed"))
	switch {
	case x.ended:
		return true
	case x.headed:
		x.end.Outcome = record.Interrupted
		x.noteError(f)
		x.tryCommit(nil)
		return true
	case !x.begun:
		if x.writeBegin() != nil {
			x.turnAway(false)
			return x.cut
		}
	}
	x.end.Outcome = ""
	x.fail(f)
	return x.cut
}

// settle ends the last attempt, and with it its answer.
func (x *exchange) settle() {
	if x.at != nil {
		x.at.end()
		x.at = nil
	}
}

// brokeOff says why an answer that had begun to pass broke off, and tells its
// backend's breaker.
func (x *exchange) brokeOff(err error) (reason string) {
	if x.at == nil {
		return reasonOf(err)
	}
	reason = reasonOf(x.at.told(err))
	x.end.Attempts[len(x.end.Attempts)-1].Reason = reason
	what := reason
	if what != "Timeout" {
		what = answerBroken
	}
	x.at.member.Broke(time.Now(), x.at.ticket, what)
	return reason
}
