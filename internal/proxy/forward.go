package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/record"
	"weir/internal/upstream"
)

// drainBytes is how much of an answer that is not passed on is read, so that
// its connection can be used again.
const drainBytes = 64 << 10

// forward tries the backends until one answers, or keeps the request beyond its
// time. The last one's answer is given whatever it is.
func (x *exchange) forward() (*http.Response, *fault.Error) {
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
			if f := x.brokenUpload(); f != nil {
				at.Reason = f.Reason
				return nil, f
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

// retryable says whether another backend may do better.
func retryable(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500
}

// try sends the request to one backend.
func (x *exchange) try(m *upstream.Member) (*http.Response, error) {
	plan, _ := m.Plan(&x.call) // those that have no such operation were left out
	e := &x.end
	e.Edits, e.UsageAdded = e.Edits[:0], false
	switch {
	case x.shape.Open > 0:
		e.Edits, e.UsageAdded = edits(e.Edits, x.body, &x.shape, &plan, x.match.Op)
	case plan.Model != "":
		e.Edits = x.nameInForm(e.Edits, plan.Model)
	}
	h := m.Header(x.r.Header, &x.call, []string{x.trace})
	if x.ticket != nil {
		delete(h, "Api-Key")
		h["Authorization"] = []string{"Bearer " + x.ticket.key}
	}
	e.Backend, e.BackendURL, e.BackendMethod = m.Backend, plan.Text, x.r.Method
	e.BackendRequestHeaders = recorded(e.BackendRequestHeaders[:0], h)
	e.BackendStatus, e.BackendProtocol = 0, ""

	from := x.r
	if x.src != nil {
		// The server may write the request's trailers while it is copied.
		from = &http.Request{Method: x.r.Method, Proto: x.r.Proto, ProtoMajor: x.r.ProtoMajor, ProtoMinor: x.r.ProtoMinor}
	}
	req := from.WithContext(x.r.Context()) // a shallow copy: everything that matters is set
	req.URL, req.Host, req.RequestURI = plan.URL, "", ""
	req.Header, req.Trailer, req.TransferEncoding, req.Close = h, nil, nil, false
	x.attach(req)

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

// nameInForm appends the edit by which a form names the deployment as the backend
// does: in the place of what it names, or in a part before all others. A form
// whose deployment stands in the path is looked through only now; what is wrong
// with it is the backend's to say.
func (x *exchange) nameInForm(dst []record.Edit, model string) []record.Edit {
	boundary, ok := catalog.Boundary(x.r.Header.Get("Content-Type"))
	if !ok {
		return dst
	}
	if x.form == nil && x.scan == nil {
		x.scan = catalog.NewFormScanner(boundary)
		if x.src != nil {
			_ = scanForm(x.src, x.scan)
		} else {
			_, _ = x.scan.Write(x.body)
		}
		x.form = x.scan.Model
	}
	switch f := x.form; {
	case f == nil && x.scan.First >= 0:
		part := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n" + model + "\r\n"
		dst = append(dst, record.Edit{Offset: int(x.scan.First), New: part})
	case f != nil && f.Value != model:
		dst = append(dst, record.Edit{Offset: int(f.Start), Old: int(f.End - f.Start), New: model})
	}
	return dst
}

// attach gives a backend's request its body, with the edits that it needs.
func (x *exchange) attach(req *http.Request) {
	changes := slices.Clone(x.end.Edits) // an attempt that failed may still read its own
	if x.src != nil {
		src := x.src
		req.Body, req.ContentLength = src.open(changes), -1
		if x.r.ContentLength >= 0 && x.coded == nil {
			req.ContentLength = x.r.ContentLength
			for _, e := range changes {
				req.ContentLength += int64(len(e.New) - e.Old)
			}
		}
		req.GetBody = func() (io.ReadCloser, error) { return src.open(changes), nil }
	} else {
		body := x.body
		req.Body, req.ContentLength = edited(body, changes)
		// For a transport that finds its idle connection closed before it wrote.
		req.GetBody = func() (io.ReadCloser, error) { b, _ := edited(body, changes); return b, nil }
	}
	names := x.announced
	if x.src == nil {
		names = x.r.Trailer
	}
	if len(names) > 0 {
		req.ContentLength = -1 // they follow chunks only (RFC 9112, 7.1.2)
		t := &trailed{ReadCloser: req.Body, r: x.r, to: http.Header{}}
		t.fill(names)
		req.Body, req.GetBody, req.Trailer = t, nil, t.to
	}
	if req.ContentLength == 0 {
		req.Body, req.GetBody = http.NoBody, nil
	}
}

// trailed is a body that is followed by fields, which are known at its end.
type trailed struct {
	io.ReadCloser
	r  *http.Request // the client's
	to http.Header
}

func (t *trailed) fill(from http.Header) {
	for name, v := range from {
		if !upstream.Secret(name) && !upstream.HopByHop(name) {
			t.to[name] = v
		}
	}
}

func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err == io.EOF {
		t.fill(t.r.Trailer)
	}
	return n, err
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
