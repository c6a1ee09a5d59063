package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/record"
	"weir/internal/upstream"
)

// errRedirect is the error of a backend that answered with a redirect.
var errRedirect = errors.New("the backend answered with a redirect; its url in the config must be the address that answers")

// errStatus is the error of a backend whose status is none of an answer.
var errStatus = errors.New("the backend's answer has a status that no answer has")

// redirects says whether an answer sends the client elsewhere.
func redirects(status int) bool {
	return status/100 == 3 && status != http.StatusNotModified
}

// try sends the request to one backend, and reads the first of its answer. The
// attempt is on the record, whatever became of it.
func (x *exchange) try(m *upstream.Member, ticket upstream.Ticket) (*http.Response, error) {
	a, ctx := x.beginAttempt(m, ticket)
	x.at = a
	plan, _ := m.Plan(&x.call) // those that have no such operation were left out
	e := &x.end
	e.Edits, e.UsageAdded = e.Edits[:0], false
	switch {
	case x.shape.Open > 0:
		e.Edits, e.UsageAdded = edits(e.Edits, x.body, &x.shape, &plan, x.match.Op)
	case plan.Model != "":
		e.Edits = x.nameInForm(e.Edits, plan.Model)
	}
	begin := x.elapsed()
	h := m.Header(x.r.Header, &x.call, []string{x.trace})
	var err error
	if x.ticket != nil {
		h["Authorization"] = []string{"Bearer " + x.ticket.key}
	} else {
		err = m.Prove(ctx, h)
	}
	e.Backend, e.BackendURL, e.BackendMethod = m.Backend, plan.Text, x.r.Method
	e.BackendRequestHeaders = recorded(e.BackendRequestHeaders[:0], h)
	e.BackendStatus, e.BackendProtocol = 0, ""

	from := x.r
	if x.src != nil {
		// The server may write the request's trailers while it is copied.
		from = &http.Request{Method: x.r.Method, Proto: x.r.Proto, ProtoMajor: x.r.ProtoMajor, ProtoMinor: x.r.ProtoMinor}
	}
	req := from.WithContext(ctx) // a shallow copy: everything that matters is set
	req.URL, req.Host, req.RequestURI = plan.URL, "", ""
	req.Header, req.Trailer, req.TransferEncoding, req.Close = h, nil, nil, false
	x.attach(req, a)

	var resp *http.Response
	if err == nil {
		resp, err = m.RoundTrip(req)
	}
	e.BackendTime += x.elapsed() - begin
	at := record.Attempt{Backend: m.Backend, Start: begin}
	if err == nil {
		at.Status = resp.StatusCode
		e.BackendStatus, e.BackendProtocol = resp.StatusCode, resp.Proto
		if resp.Body == http.NoBody {
			resp.ContentLength = 0 // that of HEAD tells of another answer's body
		}
		a.answered(resp)
		if x.ticket == nil {
			m.Answered(resp, x.start.Add(x.elapsed()))
		}
		if err = x.look(resp); err != nil {
			resp = nil
		}
	}
	at.Time = x.elapsed() - begin
	e.Attempts = append(e.Attempts, at)
	return resp, a.told(err)
}

// look reads the first of an answer that would pass.
func (x *exchange) look(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s == http.StatusSwitchingProtocols && x.call.Socket, retryable(s):
		return nil
	case s < http.StatusOK || s > 599:
		return errStatus
	case redirects(s):
		return errRedirect
	}
	return x.prime(resp)
}

// prime reads the first of an answer's body, whatever its status.
func (x *exchange) prime(resp *http.Response) error {
	body := &x.at.answer
	before := time.Now()
	err := body.prime(x.buffer()[:], resp.ContentLength, isJSON(resp.Header))
	now := time.Now()
	x.end.BackendTime += now.Sub(before)
	if err == nil && len(body.first) == 0 && len(x.match.Op.Terminal) > 0 && isEventStream(resp.Header) {
		err = io.ErrUnexpectedEOF // a stream without its first event
	}
	if err == nil {
		x.firstByte(now)
	}
	return err
}

func isJSON(h http.Header) bool {
	t := h["Content-Type"]
	if len(t) == 0 {
		return false
	}
	kind, _, _ := strings.Cut(t[0], ";")
	return strings.TrimSpace(kind) == "application/json"
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
func (x *exchange) attach(req *http.Request, a *attempt) {
	changes := slices.Clone(x.end.Edits) // an attempt that failed may still read its own
	if x.src != nil {
		src := x.src
		req.Body, req.ContentLength = taken{src.open(changes), a}, -1
		if x.r.ContentLength >= 0 && x.coded == nil {
			req.ContentLength = x.r.ContentLength
			for _, e := range changes {
				req.ContentLength += int64(len(e.New) - e.Old)
			}
		}
		req.GetBody = func() (io.ReadCloser, error) { return taken{src.open(changes), a}, nil }
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

// side makes a request beside the exchange's own: a question, a part of a list.
// done is to be called when the answer has been read, or could not be.
func side(m *upstream.Member, req *http.Request) (resp *http.Response, done func(error), err error) {
	ticket, ok := m.Admit(time.Now())
	if !ok {
		wait, throttled := m.Recovery(time.Now())
		return nil, nil, tripped(wait, throttled)
	}
	if err = m.Prove(req.Context(), req.Header); err == nil {
		resp, err = m.RoundTrip(req)
	}
	switch now := time.Now(); {
	case errors.Is(req.Context().Err(), context.Canceled):
		m.Release(ticket) // nobody waits for it any more
	case err != nil:
		m.Report(now, ticket, upstream.Outcome{Reason: reasonOf(err), RetryAfter: -1})
	default:
		m.Answered(resp, now)
		o := upstream.Outcome{Status: resp.StatusCode, RetryAfter: upstream.RetryAfter(resp.Header, now)}
		if redirects(o.Status) {
			o.Reason = redirected
		}
		m.Report(now, ticket, o)
	}
	if err != nil {
		m.Done()
		return nil, nil, err
	}
	return resp, func(err error) {
		if err != nil && req.Context().Err() == nil {
			m.Broke(time.Now(), ticket, answerBroken)
		}
		_ = resp.Body.Close() // it was read
		m.Done()
	}, nil
}
