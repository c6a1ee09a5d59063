package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"weir/internal/fault"
	"weir/internal/record"
	"weir/internal/upstream"
)

// drainBytes is how much of an answer that is not passed on is read, so that
// its connection can be used again.
const drainBytes = 64 << 10

// forward tries the deployment's backends until one answers, or keeps the
// request beyond its time. The last one's answer is given whatever it is.
func (x *exchange) forward() (*http.Response, *fault.Error) {
	x.order = x.pool.Order(x.order[:0])
	var err error
	for i, m := range x.order {
		last := i == len(x.order)-1
		var resp *http.Response
		resp, err = x.try(m)
		at := &x.end.Attempts[len(x.end.Attempts)-1]
		if err != nil {
			at.Reason = reasonOf(err)
			if x.gone() {
				at.Reason = "ClientConnectionFailure"
				return nil, clientGone("backend")
			}
			x.p.metrics.retried(m.Backend, at.Reason)
			x.p.log.Warn("a backend did not answer", "backend", m.Backend, "reason", at.Reason, "cause", cause(err))
			if at.Reason == "Timeout" && !upstream.Unsent(err) {
				break // the backend may be at work on it
			}
			continue
		}
		if last || !retryable(resp.StatusCode) {
			return resp, nil
		}
		at.Reason = strconv.Itoa(resp.StatusCode)
		at.RetryAfter = resp.Header.Get("Retry-After")
		x.p.metrics.retried(m.Backend, at.Reason)
		_, _ = io.CopyN(io.Discard, resp.Body, drainBytes) // only the connection matters
		_ = resp.Body.Close()
	}
	return nil, noAnswer(err)
}

// retryable says whether another backend may do better.
func retryable(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500
}

// try sends the request to one backend.
func (x *exchange) try(m *upstream.Member) (*http.Response, error) {
	plan := m.Plan(&x.call)
	e := &x.end
	e.Edits, e.UsageAdded = edits(e.Edits[:0], x.body, &x.shape, &plan, x.match.Op)
	h := m.Header(x.r.Header, &x.call, x.trace[:])
	e.Backend, e.BackendURL, e.BackendMethod = m.Backend, plan.Text, x.r.Method
	e.BackendRequestHeaders = recorded(e.BackendRequestHeaders[:0], h)
	e.BackendStatus, e.BackendProtocol = 0, ""

	req := x.r.WithContext(x.r.Context()) // a shallow copy: everything that matters is set
	req.URL, req.Host, req.RequestURI = plan.URL, "", ""
	req.Header, req.Trailer, req.TransferEncoding, req.Close = h, nil, nil, false
	req.Body, req.ContentLength = edited(x.body, e.Edits)
	body, changes := x.body, e.Edits
	// For a transport that finds its idle connection closed before it wrote.
	req.GetBody = func() (io.ReadCloser, error) { b, _ := edited(body, changes); return b, nil }

	begin := x.elapsed()
	resp, err := m.Transport().RoundTrip(req)
	took := x.elapsed() - begin
	e.BackendTime += took
	at := record.Attempt{Backend: m.Backend, Start: begin, Time: took}
	if err == nil {
		at.Status = resp.StatusCode
		e.BackendStatus, e.BackendProtocol = resp.StatusCode, resp.Proto
	}
	e.Attempts = append(e.Attempts, at)
	return resp, err
}

// reasonOf says why a backend gave no answer, in API Management's words.
func reasonOf(err error) string {
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		return "Timeout"
	}
	return "BackendConnectionFailure"
}

// cause gives what may be told of a transport's error: what the network said.
// Any other error may quote what a backend sent.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Error()
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

// noAnswer is what the client gets when no backend answered.
func noAnswer(err error) *fault.Error {
	f := &fault.Error{
		Kind: fault.BadGateway, Code: "502", Message: "No backend of this deployment could be reached.",
		Source: "forward-request", Reason: reasonOf(err), Section: "backend", Err: causeOf(err),
	}
	if f.Reason == "Timeout" {
		f.Kind, f.Code, f.Message = fault.Timeout, "504", "The backend did not answer in time."
	}
	return f
}

// firstByte notes the time of the answer's first byte.
func (x *exchange) firstByte(now time.Time) {
	if x.end.FirstByte == 0 {
		x.end.FirstByte = now.Sub(x.start)
	}
}
