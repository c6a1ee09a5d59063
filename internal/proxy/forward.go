package proxy

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"weir/internal/fault"
	"weir/internal/record"
	"weir/internal/upstream"
)

// drainBytes is how much of an answer that is not passed on is read, so that
// its connection can be used again.
const drainBytes = 64 << 10

// redirected is the reason of an attempt that was answered with a redirect, which
// is never followed: it would take the request where no config sends it.
const redirected = "Redirect"

// answerBroken is what a breaker is told of an answer that broke off after it had
// begun to pass.
const answerBroken = "AnswerBroken"

// forward tries the backends until one gives an answer whose first bytes are
// there. Each is tried once, in their order; then, as far as the policy goes, all
// of them again after a pause.
func (x *exchange) forward() (*http.Response, *fault.Error) {
	policy := x.set.Upstream.Retry()
	if x.pool != nil {
		policy = x.pool.Retry()
	}
	t := tries{x: x, left: policy.Attempts, until: time.Now().Add(policy.Budget)}
	if t.left == 0 {
		t.left = len(x.order)
	}
	for round := 1; ; round++ {
		for _, m := range x.order {
			if t.spent() {
				break
			}
			ticket, ok := m.Admit(time.Now())
			if !ok {
				continue
			}
			resp, done, f := t.try(m, ticket)
			if done {
				return resp, f
			}
		}
		if t.spent() || round >= policy.Attempts || t.hopeless() || !t.pause(policy.Pause(round, rand.Float64())) {
			return t.verdict()
		}
		if x.balanced {
			x.order = x.pool.Order(x.order[:0], time.Now(), x.session)
			x.keepAble()
		}
	}
}

// tries are the attempts of an exchange.
type tries struct {
	x     *exchange
	made  int
	left  int
	until time.Time // then no further one begins

	resp   *http.Response // the last one's answer, nil where there was none
	err    error          // why there was none
	alike  bool           // all ended in the same way
	status int            // the first one's; 0 without an answer
	said   time.Duration  // of coming again, by the last one; -1 for nothing
	words  []word         // what the backends said last of coming again
}

// word is when a backend said that it can be asked again.
type word struct {
	member *upstream.Member
	at     time.Time
}

// spent says whether no further attempt may begin.
func (t *tries) spent() bool { return t.left == 0 || t.made > 0 && !time.Now().Before(t.until) }

// hopeless says whether no backend can be asked again within the budget.
func (t *tries) hopeless() bool {
	now := time.Now()
	for _, m := range t.x.order {
		if wait, _ := m.Recovery(now); now.Add(wait).Before(t.until) {
			return false
		}
	}
	return true
}

// pause waits between two rounds; false when the client left or the time is over.
func (t *tries) pause(d time.Duration) bool {
	if time.Now().Add(d).After(t.until) {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.x.r.Context().Done():
		return false
	}
}

// try makes an attempt; done says that what it came to is the client's.
func (t *tries) try(m *upstream.Member, ticket upstream.Ticket) (resp *http.Response, done bool, f *fault.Error) {
	x := t.x
	t.drop()
	t.left--
	t.made++
	resp, t.err = x.try(m, ticket)
	at := &x.end.Attempts[len(x.end.Attempts)-1]
	now := x.start.Add(at.Start + at.Time)
	t.said = -1
	if t.err == nil && resp.StatusCode >= http.StatusBadRequest {
		t.said = upstream.RetryAfter(resp.Header, now)
	}
	outcome := upstream.Outcome{RetryAfter: t.said}
	upload := x.brokenUpload()
	switch {
	case t.err != nil && upload != nil:
		m.Release(ticket)
		at.Reason = upload.Reason
		return nil, true, t.over(upload)
	case x.gone():
		m.Release(ticket)
		at.Reason = "ClientConnectionFailure"
		return nil, true, t.over(clientGone("backend"))
	case t.err != nil:
		outcome.Reason = reasonOf(t.err)
		if t.err == errRedirect {
			outcome.Status = at.Status
		}
	default:
		outcome.Status = resp.StatusCode
	}
	m.Report(now, ticket, outcome)
	if t.err == nil && !retryable(resp.StatusCode) {
		return resp, true, nil
	}
	t.note(m, resp, at, outcome.Reason, now)
	return nil, false, nil
}

// note keeps what the verdict needs of an attempt that failed.
func (t *tries) note(m *upstream.Member, resp *http.Response, at *record.Attempt, reason string, now time.Time) {
	x, status := t.x, 0
	t.resp = resp
	if t.err == nil {
		status = resp.StatusCode
		at.Reason = strconv.Itoa(status)
		at.RetryAfter = short(retryAfterText(resp.Header), shortField)
	} else {
		at.Reason = reason
		x.p.log.Warn("a backend did not answer", "backend", m.Backend, "reason", at.Reason, "cause", cause(t.err))
	}
	x.p.metrics.retried(m.Backend, at.Reason)
	if t.made == 1 {
		t.status, t.alike = status, true
	}
	t.alike = t.alike && t.status == status
	t.words = slices.DeleteFunc(t.words, func(w word) bool { return w.member == m })
	if t.said >= 0 {
		t.words = append(t.words, word{m, now.Add(t.said)})
	}
}

// retryAfterText is what an answer says of coming again: the milliseconds that
// Azure OpenAI adds, as seconds, else Retry-After as it is.
func retryAfterText(h http.Header) string {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 && ms < 1e12 {
		return strconv.FormatFloat(ms/1000, 'f', -1, 64)
	}
	return h.Get("Retry-After")
}

// drop gives up the last attempt and its answer.
func (t *tries) drop() {
	if t.resp != nil {
		late := time.AfterFunc(drainTime, t.x.at.cancel)
		_, _ = io.CopyN(io.Discard, t.resp.Body, drainBytes) // only the connection matters
		late.Stop()
		t.resp = nil
	}
	t.x.settle()
}

// over gives up the last attempt before an error that is the client's.
func (t *tries) over(f *fault.Error) *fault.Error {
	t.x.settle()
	return f
}

// retryable says whether another backend may do better. What a backend says of
// credentials (401) is said of the gateway's own.
func retryable(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusUnauthorized || status >= 500
}

// verdict is what the client gets when no attempt succeeded. Where all ended
// alike, it is the last one's answer; where they did not, that nothing is to be
// had now.
func (t *tries) verdict() (*http.Response, *fault.Error) {
	x := t.x
	if x.gone() {
		return nil, t.over(clientGone("backend"))
	}
	wait, throttled := t.recovery()
	switch {
	case t.made == 0:
		return nil, tripped(wait, throttled)
	case !t.alike:
		return nil, t.over(unlike(wait))
	case t.resp == nil:
		return nil, t.over(noAnswer(t.err))
	}
	if t.err = x.primeLast(t.resp); t.err != nil {
		x.end.Attempts[len(x.end.Attempts)-1].Reason = reasonOf(t.err)
		return nil, t.over(noAnswer(t.err))
	}
	if t.status == http.StatusTooManyRequests && wait >= 0 && (t.said < 0 || wait < t.said-time.Second/2) {
		x.again, x.sooner = wait, true
	}
	x.end.Attempts[len(x.end.Attempts)-1].Reason = ""
	return t.resp, nil
}

// recovery is when the first of the backends can be expected to take a call
// again, as it said or as its breaker has it, and whether all are throttled; -1
// when nothing is known.
func (t *tries) recovery() (wait time.Duration, throttled bool) {
	now := time.Now()
	wait, throttled = -1, true
	for _, w := range t.words {
		if left := max(0, w.at.Sub(now)); wait < 0 || left < wait {
			wait = left
		}
	}
	for _, m := range t.x.order {
		w, busy := m.Recovery(now)
		throttled = throttled && busy
		if w > 0 && (wait < 0 || w < wait) {
			wait = w
		}
	}
	return wait, throttled
}

// lastTime is how long the body of an answer may take that passes though the call
// failed.
const lastTime = 5 * time.Second

// primeLast reads the first of such an answer.
func (x *exchange) primeLast(resp *http.Response) error {
	late := time.AfterFunc(lastTime, func() {
		x.at.expired.Store(true)
		x.at.cancel()
	})
	defer late.Stop()
	return x.at.told(x.prime(resp))
}

// secondsAndMillis says in h when to come again, in both ways in which clients look.
func secondsAndMillis(h http.Header, wait time.Duration) {
	h["Retry-After"] = []string{strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)}
	h["Retry-After-Ms"] = []string{strconv.FormatInt(int64((wait+time.Millisecond-1)/time.Millisecond), 10)}
	delete(h, "X-Ms-Retry-After-Ms")
}

// brokenUpload is the error of a body that did not reach a backend because its
// client, or the spool, failed; nil where neither did.
func (x *exchange) brokenUpload() *fault.Error {
	if x.src == nil {
		return nil
	}
	err := x.src.failure()
	if err == nil {
		return nil
	}
	return x.badSource(err)
}

// reasonOf says why a backend gave no answer, in API Management's words where it
// has one.
func reasonOf(err error) string {
	var n net.Error
	var c *upstream.CredentialError
	switch {
	case err == errRedirect:
		return redirected
	case errors.As(err, &c):
		return "CredentialUnavailable"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout():
		return "Timeout"
	}
	return "BackendConnectionFailure"
}

// cause gives what may be told of a transport's error: what the network said.
// Any other error may quote what a backend sent.
func cause(err error) string {
	var op *net.OpError
	var dns *net.DNSError
	var c *upstream.CredentialError
	switch {
	case errors.As(err, &op):
		return op.Error()
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &c):
		return c.Error()
	case err == errRedirect, errors.Is(err, quietError{}):
		return err.Error()
	}
	return ""
}

// causeOf is cause as an error, nil where nothing may be told.
func causeOf(err error) error {
	if s := cause(err); s != "" {
		return text(s)
	}
	return nil
}

// firstByte notes the time of the answer's first byte.
func (x *exchange) firstByte(now time.Time) {
	if x.end.FirstByte == 0 {
		x.end.FirstByte = now.Sub(x.start)
	}
}
