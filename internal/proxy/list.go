package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/pages"
	"weir/internal/record"
	"weir/internal/upstream"
)

// maxList is the largest answer of a backend's list that is read.
const maxList = 64 << 20

// pageParams are the query's parameters that say which page is wanted.
var pageParams = []string{"limit", "order", "after", "before"}

// lister asks the backends for their parts of a list.
type lister struct {
	x      *exchange
	filter string // the query's rest

	mu sync.Mutex // guards the exchange's attempts
}

// answerList answers for all backends: a client sees one list of what they hold.
func (x *exchange) answerList() {
	op := x.match.Op
	q, err := pages.ParseQuery(x.query.get, pages.Defaults{Limit: op.Page.Size, Max: op.Page.Max, Ordered: op.Page.Ordered})
	if err != nil {
		x.refuse(fault.Of(err))
		return
	}
	l := &lister{x: x, filter: x.query.without(pageParams)}
	list := pages.List{Scope: op.ID + "?" + l.filter, Query: q, Owner: x.p.Owners.Get, Item: l.item}
	var names []string
	for _, m := range x.set.Upstream.Backends() {
		if _, ok := m.Plan(&x.call); ok {
			names = append(names, m.Backend)
			list.Sources = append(list.Sources, pages.Source{Backend: m.Backend, Fetch: func(ctx context.Context, ask pages.Ask) (pages.Page, error) {
				return l.fetch(ctx, m, q, ask)
			}})
		}
	}
	x.end.Backend, x.end.BackendMethod = strings.Join(names, ","), http.MethodGet
	begun := x.elapsed()
	body, err := x.p.merger.Merge(x.r.Context(), list)
	x.end.BackendTime = x.elapsed() - begun // the backends are asked at the same time
	switch {
	case x.gone():
		x.leave()
	case err != nil:
		x.fail(fault.Of(err))
	default:
		x.end.Outcome, x.end.BackendStatus = record.Completed, http.StatusOK
		x.answer(http.StatusOK, nil, body)
	}
}

// fetch gets one page of a backend's list.
func (l *lister) fetch(ctx context.Context, m *upstream.Member, q pages.Query, ask pages.Ask) (pages.Page, error) {
	v := url.Values{}
	if ask.After != "" {
		v.Set("after", ask.After)
	}
	if ask.Order != "" && q.Ordered {
		v.Set("order", ask.Order)
	}
	if ask.Limit > 0 {
		v.Set("limit", strconv.Itoa(ask.Limit))
	}
	call := l.x.call
	call.Query = v.Encode()
	if l.filter != "" && call.Query != "" {
		call.Query += "&"
	}
	call.Query += l.filter
	body, err := l.get(ctx, m, &call)
	if err != nil {
		return pages.Page{}, err
	}
	page, err := pages.ParsePage(body, q.OrderBy)
	if err != nil {
		return page, err
	}
	for _, item := range page.Items {
		if key := catalog.Key(l.x.match.Op.Lists, item.ID); item.ID != "" && key == item.ID {
			if backend, known := l.x.p.Owners.Get(key); !known || backend != m.Backend {
				l.x.p.Owners.Put(key, m.Backend)
			}
		}
	}
	return page, nil
}

// item gives the date of an object on a backend.
func (l *lister) item(ctx context.Context, backend, id string) (int64, error) {
	find, ok := l.x.p.Catalog.Finder(l.x.match.Op.Lists)
	m := l.x.set.Upstream.Backend(backend)
	if !ok || m == nil {
		return 0, &fault.Error{Kind: fault.NotFound, Message: "No backend has this object."}
	}
	call := upstream.Call{Operation: find, Surface: l.x.call.Surface, Version: l.x.call.Version, Params: []string{id}}
	body, err := l.get(ctx, m, &call)
	if err != nil {
		return 0, err
	}
	page, err := pages.ParsePage([]byte(`{"data":[`+string(body)+`]}`), "")
	if err != nil || len(page.Items) != 1 {
		return 0, err
	}
	return page.Items[0].Created, nil
}

// get asks a backend; the call is an attempt of the exchange.
func (l *lister) get(ctx context.Context, m *upstream.Member, call *upstream.Call) ([]byte, error) {
	x := l.x
	var refused *fault.Error
	plan, ok := m.Plan(call)
	if !ok {
		return nil, &fault.Error{Kind: fault.NotFound, Message: "The backend has no such list."}
	}
	most, _ := m.Timeouts(false)
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, plan.Text, nil)
	if err != nil {
		return nil, err
	}
	req.Header = m.Header(x.r.Header, call, []string{x.trace})
	// The client's wishes for the whole answer are not the parts'.
	for _, name := range [...]string{"Accept-Encoding", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"} {
		delete(req.Header, name)
	}
	begin := x.elapsed()
	resp, done, err := side(m, req)
	if errors.As(err, &refused) {
		return nil, err // it was not asked
	}
	at := record.Attempt{Backend: m.Backend, Start: begin}
	var body []byte
	if err == nil {
		at.Status = resp.StatusCode
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxList+1))
		done(err)
	}
	at.Time = x.elapsed() - begin
	if err != nil {
		at.Reason = reasonOf(err)
		if errors.Is(err, context.Canceled) {
			at.Reason = "Cancelled" // another backend failed, or the client went
		}
	}
	l.mu.Lock()
	x.end.Attempts = append(x.end.Attempts, at)
	l.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err // another backend failed, or the client went: that is the error
	case err != nil:
		return nil, noAnswer(err)
	case len(body) > maxList:
		return nil, noAnswer(errors.New("the list is too large"))
	case resp.StatusCode/100 != 2:
		return nil, refusedBy(m.Backend, resp)
	}
	return body, nil
}

// refusedBy is the error of a backend that did not give its part of a list.
func refusedBy(backend string, resp *http.Response) *fault.Error {
	f := &fault.Error{
		Kind: fault.BadGateway, Message: "The backend " + backend + " answered with status " + strconv.Itoa(resp.StatusCode) + " when it was asked for its part of the list.",
		Source: "forward-request", Reason: strconv.Itoa(resp.StatusCode), Section: "backend",
	}
	switch resp.StatusCode {
	case http.StatusBadRequest:
		f.Kind = fault.BadRequest
	case http.StatusNotFound:
		f.Kind = fault.NotFound
	case http.StatusTooManyRequests:
		f.Kind = fault.TooManyRequests
		f.RetryAfter = max(0, upstream.RetryAfter(resp.Header, time.Now()))
	}
	return f
}
