package proxy

import (
	"strconv"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/upstream"
)

// aim decides which backends the call may go to, in the order in which they are
// tried: the one that holds the objects that it names, else those that serve its
// deployment, else, for a call that names neither, the caller's home first.
func (x *exchange) aim() *fault.Error {
	if f := x.nameDeployment(); f != nil {
		return f
	}
	members, f := x.candidates()
	if f != nil {
		return f
	}
	holder, f := x.holder()
	if f != nil {
		return f
	}
	switch {
	case holder.backend != "":
		m := upstream.On(members, holder.backend)
		if m == nil {
			return elsewhere(x.begin.Deployment, holder)
		}
		x.order = append(x.order[:0], m)
	case x.pool != nil && !x.match.Op.Stateful:
		x.balanced = true
		x.nameSession()
		x.order = x.pool.Order(x.order[:0], x.start, x.session)
	default:
		x.order = upstream.Home(x.order[:0], members, x.begin.Subscription)
	}
	x.keepAble()
	if len(x.order) == 0 {
		return notFound()
	}
	return nil
}

// nameDeployment finds the name of the deployment, and says where it is missing.
func (x *exchange) nameDeployment() *fault.Error {
	switch op := x.match.Op; {
	case x.match.Deployment != "":
		x.begin.Deployment = x.match.Deployment
	case op.Target == catalog.InQuery:
		if x.begin.Deployment = x.query.get("deployment"); x.begin.Deployment == "" {
			x.begin.Deployment = x.query.get("model")
		}
		if x.begin.Deployment == "" && x.ticket == nil {
			return badRequest("ModelMissing", "The query must name a deployment in model (or deployment).", "model")
		}
	case op.Target == catalog.Model && x.begin.Deployment == "":
		return badRequest("ModelMissing", "The body must name a deployment in model, as a string.", "model")
	}
	return nil
}

// candidates gives the backends that serve what the call asks for.
func (x *exchange) candidates() ([]*upstream.Member, *fault.Error) {
	name := x.begin.Deployment
	up := x.set.Upstream
	switch {
	case x.ticket != nil && up.Backend(x.ticket.backend) != nil:
		m := up.Backend(x.ticket.backend)
		if pool := up.Pool(name); pool != nil && upstream.On(pool.Members(), m.Backend) != nil {
			m = upstream.On(pool.Members(), m.Backend)
		}
		return []*upstream.Member{m}, nil
	case name == "" && x.call.Surface == upstream.ARM:
		return up.Backends(), nil
	case name == "":
		return up.Resources(), nil
	}
	if x.pool = up.Pool(name); x.pool != nil {
		return x.pool.Members(), nil
	}
	// A fine-tuned model, or a deployment that was made through the gateway.
	return x.p.owned(x, name)
}

// keepAble leaves out the backends that do not have the operation.
func (x *exchange) keepAble() {
	able := x.order[:0]
	for _, m := range x.order {
		if m.Able(&x.call) {
			able = append(able, m)
		}
	}
	clear(x.order[len(able):])
	x.order = able
}

// maxNamed is how many objects a body may name.
const maxNamed = 256

// held is an object and the backend that holds it.
type held struct{ kind, id, backend string }

// holder finds the backend that holds the objects which the call names; the
// answer's backend is empty where it names none that any backend has.
func (x *exchange) holder() (held, *fault.Error) {
	if len(x.set.Upstream.Backends()) == 1 || x.call.Surface == upstream.ARM {
		return held{}, nil
	}
	var first held
	var failed *fault.Error
	var seen map[string]bool // made for the few calls that name an object
	see := func(kind, id string) {
		if failed != nil || seen[id] || !catalog.PlainID(id) {
			return
		}
		if len(seen) == maxNamed {
			failed = badRequest("TooManyObjects", "The body names more than "+strconv.Itoa(maxNamed)+" objects.", "")
			return
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[id] = true
		backend, f := x.p.locate(x, kind, id)
		switch {
		case f != nil && id != x.match.Object:
			// What only looks like an object's id must not stop a call.
		case f != nil:
			failed = f
		case backend == "" || backend == first.backend:
		case first.backend == "":
			first = held{kind, id, backend}
		default:
			failed = conflict(first, held{kind, id, backend})
		}
	}
	if x.match.Object != "" {
		see(x.match.Kind, x.match.Object)
	}
	if len(x.match.Op.Names) > 0 && len(x.body) > 0 && x.src == nil && x.shape.Open > 0 {
		catalog.References(x.body, x.match.Op.Names, see)
	}
	return first, failed
}

func spoken(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

// conflict refuses a call that no single backend can serve.
func conflict(a, b held) *fault.Error {
	return &fault.Error{
		Kind: fault.Conflict, Code: "ResourcesOnDifferentBackends", Param: b.id,
		Message: "The call names objects of two backends: the " + spoken(a.kind) + " " + a.id + " is on " + a.backend + ", the " +
			spoken(b.kind) + " " + b.id + " on " + b.backend + ". Create them again so that they lie together: what one subscription creates without naming another object does.",
		Source: "gateway", Reason: "ResourcesOnDifferentBackends", Section: "inbound",
	}
}

// elsewhere refuses a call whose object is where its deployment is not.
func elsewhere(deployment string, h held) *fault.Error {
	return &fault.Error{
		Kind: fault.Conflict, Code: "ResourcesOnDifferentBackends", Param: "model",
		Message: "The " + spoken(h.kind) + " " + h.id + " is on " + h.backend + ", which does not serve the deployment " + deployment + ". Name a deployment that it serves.",
		Source:  "gateway", Reason: "ResourcesOnDifferentBackends", Section: "inbound",
	}
}

// unasked refuses a call whose object may be on a backend that does not answer.
func unasked(kind, id, backend string) *fault.Error {
	return &fault.Error{
		Kind: fault.Unavailable, Code: "503", RetryAfter: 5 * time.Second,
		Message: "It is not known which backend holds the " + spoken(kind) + " " + id + ", and " + backend + " did not answer when it was asked. Please retry after 5 seconds.",
		Source:  "gateway", Reason: "OwnerUnknown", Section: "inbound",
	}
}
