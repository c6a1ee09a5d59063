package proxy

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weir/internal/capture"
	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/upstream"
)

// Owners remembers which backend holds what, by [catalog.Key].
type Owners interface {
	Get(key string) (backend string, ok bool)
	Put(key, backend string)
}

// askTime is how long a backend may take to say whether it holds an object.
const askTime = 10 * time.Second

// locate gives the backend that holds an object: as it was learned, else as the
// backends say when they are asked; "" where none of them has it.
func (p *Proxy) locate(x *exchange, kind, id string) (string, *fault.Error) {
	key := catalog.Key(kind, id)
	if backend, ok := p.Owners.Get(key); ok && x.set.Upstream.Backend(backend) != nil {
		return backend, nil
	}
	find, ok := p.Catalog.Finder(kind)
	named := id != x.match.Object
	if !ok {
		return "", nil
	}
	if at, asked := p.nowhere.Get(key); named && asked && time.Since(at) < nowhereLife {
		return "", nil
	}
	backend, silent := p.ask(x, find, id)
	switch {
	case backend != "" && kind == "named_deployment": // only what is made becomes callable
	case backend != "":
		p.Owners.Put(key, backend)
	case silent != "":
		return "", unasked(kind, id, silent)
	case named:
		p.nowhere.Add(key, time.Now())
	}
	return backend, nil
}

// ask asks every backend for an object. silent is one that gave no answer from
// which it could be known.
func (p *Proxy) ask(x *exchange, find int, id string) (backend, silent string) {
	type answer struct {
		backend string
		status  int
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), askTime)
	defer cancel()
	answers := make(chan answer)
	trace := []string{x.traceparent()} // it notes what it made, so that it is not for several goroutines
	asked := 0
	for _, m := range x.set.Upstream.Backends() {
		call := upstream.Call{Operation: find, Surface: x.call.Surface, Version: x.call.Version, Params: []string{id}}
		plan, ok := m.Plan(&call)
		if !ok {
			continue
		}
		asked++
		go func() {
			status := p.fetchStatus(ctx, m, plan.URL, trace)
			answers <- answer{m.Backend, status}
		}()
	}
	for range asked {
		a := <-answers
		switch {
		case a.status/100 == 2:
			backend = a.backend
			cancel() // the others need not be waited for long
		case !denies[a.status]:
			silent = a.backend
		}
	}
	return backend, silent
}

// denies lists the statuses by which a backend says that it does not hold what it
// was asked for. Any other one (its key has expired, say) leaves that open.
var denies = map[int]bool{
	http.StatusBadRequest: true, http.StatusNotFound: true, http.StatusMethodNotAllowed: true,
	http.StatusGone: true, http.StatusNotImplemented: true,
}

// fetchStatus gives the status of a GET to a backend; 0 when it did not answer.
func (p *Proxy) fetchStatus(ctx context.Context, m *upstream.Member, u *url.URL, trace []string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0
	}
	req.Header = m.Header(http.Header{}, &upstream.Call{}, trace)
	resp, done, err := side(m, req)
	if err != nil {
		if ctx.Err() == nil { // else another backend has it, or the client left
			p.metrics.asked.WithLabelValues(m.Backend, "0xx").Inc()
		}
		return 0
	}
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes) // only the status matters
	done(nil)
	p.metrics.asked.WithLabelValues(m.Backend, string('0'+rune(resp.StatusCode/100))+"xx").Inc()
	return resp.StatusCode
}

// owned gives the backend that has a callable name of its own: one that was
// learned, or that looks like a fine-tuned model's and is found by asking.
func (p *Proxy) owned(x *exchange, name string) ([]*upstream.Member, *fault.Error) {
	backend, ok := p.Owners.Get(catalog.NameKey(name))
	if !ok && (strings.HasPrefix(name, "ft:") || strings.Contains(name, ".ft-")) && catalog.PlainID(name) {
		var f *fault.Error
		if backend, f = p.locate(x, "model", name); f != nil {
			return nil, f
		}
	}
	if m := x.set.Upstream.Named(backend, name); m != nil {
		return []*upstream.Member{m}, nil
	}
	return nil, deploymentNotFound()
}

// learns says whether the answer is looked at for the ids of objects.
func (x *exchange) learns() bool {
	op := x.match.Op
	if op.Tickets {
		return x.end.Status/100 == 2
	}
	return len(op.Learns) > 0 && (!op.LearnsStored || x.shape.Store) && x.end.Status/100 == 2
}

// learn remembers the objects that an answer, or its beginning, names.
func (x *exchange) learn(body []byte) {
	catalog.Learned(body, x.match.Op.Learns, func(path, id string) {
		key := id
		switch {
		case path == "fine_tuned_model":
			key = catalog.NameKey(id)
		case x.match.Op.LearnsNames:
			x.learnDeployment(id)
			return
		}
		x.p.Owners.Put(key, x.end.Backend)
	})
}

// learnDeployment remembers a deployment that was made through the gateway. One
// that Resource Manager made is on the backend whose host has its account's name.
func (x *exchange) learnDeployment(name string) {
	if x.call.Surface != upstream.ARM {
		x.p.Owners.Put(catalog.NameKey(name), x.end.Backend)
		return
	}
	account := x.match.Params[2]
	for _, m := range x.set.Upstream.Backends() {
		if host, _, _ := strings.Cut(m.Host(), "."); strings.EqualFold(host, account) || strings.EqualFold(m.Backend, account) {
			x.p.Owners.Put(catalog.NameKey(name), m.Backend)
		}
	}
}

// learnEvent is learn for an event of a stream.
func (x *exchange) learnEvent(event []byte) {
	if data, ok := capture.Data(event); ok {
		x.learn(data)
	}
}

// found remembers that the object which the path names is on the backend that
// answered.
func (x *exchange) found() {
	if x.match.Object != "" && x.end.Status/100 == 2 && x.end.Backend != "" {
		key := catalog.Key(x.match.Kind, x.match.Object)
		if key != x.match.Object {
			return // a name becomes callable only when it is made
		}
		if _, known := x.p.Owners.Get(key); !known {
			x.p.Owners.Put(key, x.end.Backend)
		}
	}
}
