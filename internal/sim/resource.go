package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// kind is one kind of stateful object: data that the handlers of resource_ops.go
// go by. A further one is a further row of kindTable.
type kind struct {
	// name is how routes and references call it; param the path's wildcard for
	// its id.
	name, param string
	prefix      string // of ids
	digits      int    // letters and digits of an id behind the prefix
	object      string // the member "object"
	deleted     string // the same in the answer to a deletion
	deletedID   string // the name of the id there; "id" when empty
	parent      string // the kind that it belongs to, or ""
	// missing is said of an id that is not there, which stands for %s; code and
	// missingParam go with it.
	missing, code, missingParam string
	// authoring kinds have errors of their own shape on the classic surface.
	authoring bool
	// fields are the members that a body may set, with their defaults; fixed
	// those that it may not. Both are JSON objects.
	fields, fixed string
	required      string // names that a body must have
	// takes are further names that a body may have; kinds without any take all.
	takes  string
	modify string // names that a later body may set
	// lifecycle is chains of statuses; each GET goes one further.
	lifecycle []string
	born      string // the member with the time of creation; "created_at" when empty
	limit     int    // of a list's page, when none is asked for; 20 when 0
	most      int    // that may be asked for; 100 when 0
	ascending bool   // lists are oldest first unless told otherwise
	filters   string // members that a list's query may ask for, member<query where they differ
	// made completes an object before it is stored; entered does what a new
	// status brings; refresh brings up to date what is shown. All are called
	// with the store's lock held.
	made    func(c *call, o *object) error
	entered func(c *call, o *object) error
	refresh func(s *store, o *object)

	next            map[string]string // status to status, of lifecycle
	settable, given []field           // of fields, fixed
}

// prepare reads what the row says as text.
func (k *kind) prepare() {
	k.settable, _ = fields([]byte(either(k.fields, "{}")))
	k.given, _ = fields([]byte(either(k.fixed, "{}")))
	k.next = map[string]string{}
	for _, chain := range k.lifecycle {
		words := strings.Fields(chain)
		for i := range len(words) - 1 {
			k.next[words[i]] = words[i+1]
		}
	}
}

// newID makes an id. Ids are left to chance, so that no two simulators make the
// same.
func (k *kind) newID() string { return randomID(k.prefix, k.digits) }

// notFound is the answer to an id that is not there.
func (k *kind) notFound(on surface, id string) *apiError {
	message := fmt.Sprintf(k.missing, id)
	if k.authoring && on == classic {
		return &apiError{status: http.StatusNotFound, code: "notFound", message: message}
	}
	return &apiError{status: http.StatusNotFound, kind: invalidRequest, code: k.code, param: k.missingParam, message: message}
}

func now() int64 { return time.Now().Unix() }

// newObject makes an object of the call's arguments.
func (c *call) newObject(k *kind, parent string) (*object, error) {
	if err := c.require(k.required); err != nil {
		return nil, err
	}
	if err := c.checkTaken(k); err != nil {
		return nil, err
	}
	o := &object{kind: k, parent: parent, id: k.newID(), doc: document{}}
	for _, f := range k.given {
		o.doc[f.name] = json.RawMessage(f.raw)
	}
	for _, f := range k.settable {
		o.doc[f.name] = json.RawMessage(f.raw)
		if raw := c.raw(f.name); raw != nil {
			o.doc[f.name] = json.RawMessage(bytes.Clone(raw))
		}
	}
	o.doc["id"], o.doc["object"] = o.id, k.object
	o.doc[either(k.born, "created_at")] = now()
	if k.made != nil {
		if err := k.made(c, o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// checkTaken refuses what a kind does not take.
func (c *call) checkTaken(k *kind) error {
	if k.takes == "" {
		return nil
	}
	for _, a := range c.args {
		known := slices.ContainsFunc(k.settable, func(f field) bool { return f.name == a.name })
		if !known && !slices.Contains(strings.Fields(k.takes), a.name) {
			return errUnknownArgument(c.surface, a.name)
		}
	}
	return nil
}

// require says which of the names is missing in the body.
func (c *call) require(names string) error {
	for name := range strings.FieldsSeq(names) {
		if c.raw(name) == nil {
			return errMissing(c.surface, name)
		}
	}
	return nil
}

// kind is a row of the table.
func (c *call) kind(name string) *kind { return c.sim.store.kinds[name] }

// owner is the object that those of a kind belong to, by the path; nil for kinds
// that belong to none.
func (c *call) owner(k *kind) (*object, error) {
	if k.parent == "" {
		return nil, nil
	}
	return c.find(c.kind(k.parent))
}

func (o *object) ident() string {
	if o == nil {
		return ""
	}
	return o.id
}

// find is the object that the path names.
func (c *call) find(k *kind) (*object, error) {
	owner, err := c.owner(k)
	if err != nil {
		return nil, err
	}
	id := c.r.PathValue(k.param)
	o := c.sim.store.get(k.name, owner.ident(), id)
	if o == nil {
		return nil, k.notFound(c.surface, id)
	}
	return o, nil
}

// enter gives an object a status, and the time of it where the kind has a member
// for that.
func (o *object) enter(status string) {
	o.doc["status"] = status
	if at := status + "_at"; o.has(at) {
		o.doc[at] = now()
	}
}

func (o *object) has(name string) bool {
	_, ok := o.doc[name]
	return ok
}

// advance goes one status further, where there is one.
func (c *call) advance(o *object) error {
	next := o.kind.next[o.status()]
	if next == "" {
		return nil
	}
	o.enter(next)
	if o.kind.entered != nil {
		return o.kind.entered(c, o)
	}
	return nil
}

// view is the object as it is shown.
func (s *store) view(o *object) document {
	if o.kind.refresh != nil {
		o.kind.refresh(s, o)
	}
	return o.doc
}

// show answers with an object.
func (c *call) show(o *object) *reply { return jsonReply(c.sim.store.view(o)) }

func jsonReply(v any) *reply { return &reply{plain: &body{open: encode(v)}} }

// readObject reads a body that is a JSON object, or empty.
func (c *call) readObject() error {
	data, err := readBody(c.w, c.r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	args, ok := fields(data)
	if !ok {
		return errNotJSON()
	}
	c.args = args
	if err := c.controls.setBody(args); err != nil {
		return errControl(err)
	}
	return c.injected()
}
