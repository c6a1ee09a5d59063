package transcript

import "strings"

// typed says how a stream whose events have types becomes one answer.
type typed struct {
	rule  rule              // of the answer
	steps map[string][]step // what an event does, by its type
	// named: an event's type is the name of its event field; else it is the
	// member "type" of its data.
	named bool
	// main names the member of the rule that holds the answer's object with the
	// usage; "" when that is the answer itself.
	main string
}

// step is one thing that an event does to the answer in the making.
type step struct {
	take take
	from string // the event's member that has the value; "" for the event itself
	// to is the value's place in the answer: names, parted by slashes. [x] is the
	// item of an array at the index, or with the id, that the event's x says; [+]
	// is a new one.
	to string
}

// take is how a value gets to its place.
type take int

const (
	adding    take = iota // is folded in, as the place's rule says
	opening               // is folded in unless something is there
	replacing             // takes the place of what is there
	ending                // as replacing, and ends the stream
)

// row is what the events of the types do that are named, parted by spaces.
type row struct {
	types string
	steps []step
}

func stepsOf(rows ...row) map[string][]step {
	all := map[string][]step{}
	for _, r := range rows {
		for name := range strings.FieldsSeq(r.types) {
			all[name] = r.steps
		}
	}
	return all
}

// othersRule is for the events of types that a table does not name, so that
// they are not lost.
var othersRule = rule{name: "events", op: items}

const others = "events/[+]"

// typedFold is an answer in the making of typed events.
type typedFold struct {
	t    *typed
	root node
	ids  map[string]int64 // the index that an id got, by the array's name and the id
	over bool
}

func newTypedFold(t *typed) *typedFold {
	return &typedFold{t: t, root: newNode(&t.rule, "")}
}

func (f *typedFold) ended() bool { return f.over }

func (f *typedFold) addEvent(name, data string) (more bool, fault string) {
	kind := name
	if !f.t.named {
		if raw := first(data, "type"); isString(raw) {
			kind = text(raw)
		}
	}
	if kind == "error" || strings.Contains(data, `"error"`) {
		fault = eventError(kind, data)
	}
	if fault != "" {
		f.root.open()
		if kid := f.root.kid("error"); kid != nil {
			kid.add(fault)
		}
		if fault == data {
			return false, fault
		}
	}
	steps, known := f.t.steps[kind]
	if !known {
		if fault == "" {
			f.step(step{replacing, "", others}, data)
		}
		return fault == "", fault
	}
	for _, s := range steps {
		f.step(s, data)
	}
	return true, fault
}

func (f *typedFold) step(s step, data string) {
	raw := data
	if s.from != "" {
		raw = first(data, s.from)
	}
	f.over = f.over || s.take == ending
	if raw == "" {
		return
	}
	n, item := f.place(s.to, data)
	if n == nil {
		return
	}
	switch {
	case s.take == replacing || s.take == ending:
		n.replace(raw)
	case s.take == opening && n.filled():
	case item || n == &f.root:
		n.open()
		if isObject(raw) {
			n.seen = true
			n.readMembers(raw, 0)
		}
	default:
		n.open()
		n.read(raw, 0)
	}
}

// place finds, or makes, the node at a path; item reports whether it is one of an
// array. It gives nil where the event's index is none, or there are too many.
func (f *typedFold) place(path, data string) (n *node, item bool) {
	n = &f.root
	var way [8]*node // longer than any path
	steps := 0
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		n.open()
		index, is := strings.CutPrefix(name, "[")
		switch {
		case is && n.rule.op == items:
			n = f.item(n, strings.TrimSuffix(index, "]"), data)
		case is:
			n = nil
		default:
			if n.kids == nil {
				n.openMembers() // what was there is no object
			}
			n = n.kid(name)
		}
		if n == nil {
			return nil, false
		}
		way[steps], item = n, is
		steps++
	}
	for _, n := range way[:steps] {
		n.seen = true
	}
	return n, item
}

func (f *typedFold) item(n *node, member, data string) *node {
	if member == "+" {
		index := int64(0)
		if len(n.kids) > 0 {
			index = n.kids[len(n.kids)-1].index + 1
		}
		return n.itemAt(index)
	}
	raw := first(data, member)
	if isNumber(raw) {
		return n.itemAt(max(0, min(number(raw), maxIndex)))
	}
	if !isString(raw) {
		return nil
	}
	key := n.name + raw
	index, known := f.ids[key]
	if !known {
		if len(n.kids) == maxItems {
			return nil
		}
		if f.ids == nil {
			f.ids = map[string]int64{}
		}
		index = int64(len(n.kids))
		f.ids[key] = index
	}
	return n.itemAt(index)
}

// open takes a value apart that came whole, so that more can be folded in.
func (n *node) open() {
	raw := n.raw
	switch op := n.rule.op; {
	case n.kids != nil || len(n.built) > 0:
	case op == join && len(raw) > 2:
		n.raw = ""
		n.join(raw)
	case op == items && !n.item && isArray(raw):
		n.readItems(raw, 0)
	case (op == fields || n.item) && isObject(raw):
		n.readMembers(raw, 0)
	case op == fields:
		n.openMembers()
	}
}

// replace puts a value in n's place. Items that it has not, as of a response that
// failed, stay: they were sent.
func (n *node) replace(raw string) {
	old := n.kids
	n.kids, n.built, n.array = nil, nil, false
	n.raw, n.seen = raw, true
	for _, k := range old {
		if k.rule.op != items || len(k.kids) == 0 || n.rule.op != fields {
			continue
		}
		if v := compact(get(raw, k.name)); v == "" || v == "[]" {
			n.open()
			if kid := n.kid(k.name); kid != nil {
				*kid = k
			}
		}
	}
}

// filled reports whether n got a value before.
func (n *node) filled() bool { return n.raw != "" || len(n.built) > 0 }

// object gives the node of the object that has the usage.
func (f *typedFold) object() *node {
	if f.t.main == "" {
		return &f.root
	}
	return f.root.kid(f.t.main)
}

func (f *typedFold) usage() string {
	n := f.object()
	if n.kids == nil {
		return get(n.raw, "usage")
	}
	return n.value("usage")
}

func (f *typedFold) body(answered bool) string {
	if f.root.kids == nil && answered {
		return string(append(appendWithout([]byte{'{'}, f.root.raw, "usage"), '}'))
	}
	return f.root.body(answered)
}
