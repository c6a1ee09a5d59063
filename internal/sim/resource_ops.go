package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// surfaces is a set of them.
type surfaces uint8

const (
	onClassic surfaces = 1 << classic
	onV1      surfaces = 1 << v1
	onNative  surfaces = 1 << native
	onAzure            = onClassic | onV1
	onNew              = onV1 | onNative
	onAll              = onClassic | onV1 | onNative
)

func (s surfaces) has(on surface) bool { return s&(1<<on) != 0 }

// route is one operation on stateful objects.
type route struct {
	// name is the operation's id before it is put in lower case.
	name, method string
	// path stands behind /openai, /openai/v1 and /v1.
	path string
	on   surfaces
	// since is the first classic api-version, by date; versions the only ones.
	since    string
	versions []string
	kind     string
	// created are the surfaces where success is 201, located those where it is
	// 200; on the classic one both come with a Location.
	created, located surfaces
	// needs is what the model must be able to do that the body names; empty
	// when it names none.
	needs ability
	// bare: nothing is read of the body.
	bare bool
	// refs are the ids in the body that must be on this simulator: pairs of a
	// path to them and a kind, path=kind.
	refs string
	// from and to are the statuses of a transition.
	from, to string
	do       func(c *call, r *route) (*reply, error)
}

// operation is the route as the rest of the simulator knows operations.
func (r *route) operation() operation {
	op := operation{name: r.name, verb: r.kind, method: r.method, since: r.since, versions: r.versions, answer: r.answer}
	if r.needs != noAbility {
		// The call reads the body then, and finds the deployment.
		k := kindTable()[r.kind]
		op.needs, op.arguments = r.needs, arguments(k.takes)
		for _, f := range k.settable {
			op.arguments = append(op.arguments, argument{name: f.name})
		}
	}
	if r.on.has(classic) {
		op.classic = "/openai" + r.path
	}
	if r.on.has(v1) {
		op.v1 = "/openai/v1" + r.path
	}
	if r.on.has(native) {
		op.native = "/v1" + r.path
	}
	if strings.HasPrefix(r.path, armPrefix) {
		op.classic = r.path
	}
	return op
}

// resourceOperations are the rows of routes.
func resourceOperations() []operation {
	var ops []operation
	for _, r := range routes() {
		ops = append(ops, r.operation())
	}
	return ops
}

// answer reads the body and answers.
func (r *route) answer(c *call) (*reply, error) {
	if !r.bare && r.method != http.MethodGet && r.method != http.MethodDelete {
		if r.needs == noAbility {
			if err := c.readObject(); err != nil {
				return nil, err
			}
		}
		if err := c.checkRefs(r.refs); err != nil {
			return nil, err
		}
	}
	a, err := r.do(c, r)
	if err != nil {
		return nil, err
	}
	if r.created.has(c.surface) && a.status == 0 {
		a.status = http.StatusCreated
	}
	return a, nil
}

// doCreate makes and stores an object.
func doCreate(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	owner, err := c.owner(k)
	if err != nil {
		return nil, err
	}
	o, err := c.newObject(k, owner.ident())
	if err != nil {
		return nil, err
	}
	s.put(o)
	return c.showCreated(r, o), nil
}

// showCreated answers with a new object, with its address where that is due.
func (c *call) showCreated(r *route, o *object) *reply {
	a := c.show(o)
	if c.surface == classic && (r.created | r.located).has(classic) {
		a.header = [][2]string{{"Location", c.base() + strings.TrimSuffix(c.r.URL.Path, "/import") + "/" + o.id + "?api-version=" + c.version}}
	}
	return a
}

// doGet shows an object, one status further than before.
func doGet(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	if err := c.advance(o); err != nil {
		return nil, err
	}
	return c.show(o), nil
}

// doModify sets some members.
func doModify(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	may := strings.Fields(o.kind.modify)
	for _, f := range c.args {
		if !slices.Contains(may, f.name) {
			return nil, errUnknownArgument(c.surface, f.name)
		}
		o.doc[f.name] = json.RawMessage(bytes.Clone(f.raw))
	}
	return c.show(o), nil
}

// doRemove deletes an object with all that belongs to it.
func doRemove(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	o, err := c.find(k)
	if err != nil {
		return nil, err
	}
	s.drop(k.name, o.parent, o.id)
	return jsonReply(document{either(k.deletedID, "id"): o.id, "object": k.deleted, "deleted": true}), nil
}

// doTransit moves an object from one status to another, as cancel, pause and resume
// do.
func doTransit(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(strings.Fields(r.from), o.status()) {
		verb, _, _ := strings.Cut(strings.ToLower(r.path[strings.LastIndexByte(r.path, '/')+1:]), "{")
		return nil, errStatus(c.surface, o, either(verb, "cancel"))
	}
	o.enter(r.to)
	if o.kind.entered != nil {
		if err := o.kind.entered(c, o); err != nil {
			return nil, err
		}
	}
	return c.show(o), nil
}

// errStatus says that an object's status does not allow what was asked.
func errStatus(on surface, o *object, verb string) *apiError {
	noun := o.kind.name[strings.LastIndexByte(o.kind.name, '.')+1:]
	e := &apiError{status: http.StatusBadRequest, kind: invalidRequest, message: fmt.Sprintf("Cannot %s %s with status '%s'.", verb, noun, o.status())}
	if o.kind.authoring && on == classic {
		return &apiError{status: http.StatusConflict, code: "unexpectedEntityState", message: e.message}
	}
	return e
}
