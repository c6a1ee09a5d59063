package transcript

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// op is how the values that a stream's events give a member become one.
type op int

const (
	last   op = iota // the last value counts; null and "" take back no other
	join             // strings are joined, and so are the elements of arrays
	join64           // as join, of strings that are base64 each
	fields           // of objects, each member on its own, by rule.kids
	items            // of arrays, elements with the same index, by rule.kids; in order of index
	fixed            // what is written is rule.unset, whatever the events say
	drop             // is not written
	apart            // as last, but written by another hand
	spread           // as last, and its members are written as the parent's, but usage
	either           // true when it ever was
	worst            // the gravest of the content filter's severities
	least            // the smallest number
	most             // the largest number
)

// rule says how the values of one member fold into one, and how that is written.
type rule struct {
	name string // in the events
	also string // its other name in them, if any
	as   string // in the answer, when that is another
	op   op
	kids []rule
	rest *rule // of members that kids does not name; nil: the last value counts
	// unset is what is written when no event had the member: JSON, or "" for
	// leaving it out.
	unset string
	// nullBy names the siblings beside which an empty text is null.
	nullBy []string
	// repeats says that the value tells a state and not a step, so that the same
	// one again adds nothing.
	repeats bool
}

// What bounds the work that a hostile stream can make, far above what backends
// send: the highest index that is told from those above it, how many items a
// list has, and how many members an object has that no rule names. What is
// beyond is left out.
const (
	maxIndex   = 1 << 30
	maxItems   = 4096
	maxUnnamed = 1000
)

// node is a member of the answer in the making.
type node struct {
	rule  *rule
	name  string // in the answer
	seen  bool
	raw   string // the last value that counted
	built []byte // by join: the inside of the string or array
	array bool   // built is of an array
	item  bool   // an element of an array, by whose rule it is made
	kids  []node // members in the order to write, or items by index
	index int64  // of an item
	hint  int    // where in kids the next member is likely to stand
}

// newNode makes the node of an object with the members that r names, all unset.
func newNode(r *rule, name string) node {
	n := node{rule: r, name: name}
	n.openMembers()
	return n
}

func (n *node) openMembers() {
	n.hint = 0
	n.kids = make([]node, len(n.rule.kids), len(n.rule.kids)+4)
	for i := range n.rule.kids {
		r := &n.rule.kids[i]
		n.kids[i] = node{rule: r, name: cmp.Or(r.as, r.name)}
	}
}

// read folds the value at i of a text that was checked into n, and gives its end.
// It goes over the text once, whatever the depth: this is the store's hot path.
func (n *node) read(s string, i int) int {
	switch {
	case n.same(s[i:]):
		return i + len(n.raw)
	case n.rule.op == fields && s[i] == '{':
		n.seen = true
		return n.readMembers(s, i)
	case n.rule.op == items && s[i] == '[':
		n.seen = true
		return n.readItems(s, i)
	}
	end := skip(s, i)
	n.add(s[i:end])
	return end
}

// same reports whether s begins with the value that n has, where that one again
// adds nothing. Only values with an end of their own can be told by it.
func (n *node) same(s string) bool {
	switch n.rule.op {
	case last, fixed:
		return isString(n.raw) && strings.HasPrefix(s, n.raw)
	case fields:
		return n.rule.repeats && isObject(n.raw) && strings.HasPrefix(s, n.raw)
	}
	return false
}

func (n *node) readMembers(s string, i int) int {
	from := i
	if n.kids == nil {
		n.openMembers()
	}
	for i = space(s, i+1); s[i] != '}'; {
		end := skipString(s, i)
		name := s[i+1 : end-1]
		if strings.IndexByte(name, '\\') >= 0 {
			name = unquote(s[i:end])
		}
		i = space(s, space(s, end)+1)
		if kid := n.kid(name); kid != nil {
			i = kid.read(s, i)
		} else {
			i = skip(s, i)
		}
		if i = space(s, i); s[i] == ',' {
			i = space(s, i+1)
		}
	}
	n.raw = s[from : i+1]
	return i + 1
}

func (n *node) readItems(s string, i int) int {
	n.raw = "[]"
	at := int64(0)
	for i = space(s, i+1); s[i] != ']'; at++ {
		if item := n.itemOf(s[i:], at); item != nil {
			i = item.readMembers(s, i)
		} else {
			i = skip(s, i)
		}
		if i = space(s, i); s[i] == ',' {
			i = space(s, i+1)
		}
	}
	return i + 1
}

// add folds in a value that has no members or items of its own to fold.
func (n *node) add(raw string) {
	takes := !n.seen || n.raw == "" || n.raw == "null" // else it depends on op
	n.seen = true
	switch n.rule.op {
	case join, join64:
		n.join(raw)
		return
	case either:
		takes = takes || raw == "true"
	case worst:
		takes = takes || severity(raw) >= severity(n.raw)
	case least:
		takes = takes || raw != "null" && number(raw) < number(n.raw)
	case most:
		takes = takes || raw != "null" && number(raw) > number(n.raw)
	default:
		takes = takes || raw != "null" && raw != `""`
	}
	if takes {
		n.raw = raw
	}
}

func (n *node) join(raw string) {
	switch {
	case isString(raw) && !n.array:
		n.built = append(n.built, raw[1:len(raw)-1]...)
		n.raw = `""`
	case isArray(raw) && (n.array || len(n.built) == 0):
		inside := strings.Trim(raw[1:len(raw)-1], " \t\r\n")
		if inside != "" && len(n.built) > 0 {
			n.built = append(n.built, ',')
		}
		n.built = append(n.built, inside...)
		n.array, n.raw = true, "[]"
	case n.raw == "" || raw != "null":
		n.raw = raw
	}
}

// kid gives the member of n that the events call name; nil when there are too many.
func (n *node) kid(name string) *node {
	for k := range n.kids {
		at := n.hint + k
		if at >= len(n.kids) {
			at -= len(n.kids)
		}
		kid := &n.kids[at]
		r := kid.rule
		if r.name == name || r.name == "" && kid.name == name || r.also != "" && r.also == name {
			n.hint = at + 1
			return kid
		}
	}
	r := n.rule.rest
	if r == nil {
		r = &rule{op: last}
	}
	if len(n.kids) >= len(n.rule.kids)+maxUnnamed {
		return nil
	}
	n.kids = append(n.kids, node{rule: r, name: name})
	n.hint = len(n.kids)
	return &n.kids[len(n.kids)-1]
}

// itemOf gives the item that element, the at-th of its array, belongs to; what
// follows the element may follow in the text. Some
// backends leave the index out: then an id that is new begins an item, and what
// has none goes on with the last one. It gives nil for what is no item.
func (n *node) itemOf(element string, at int64) *node {
	if !isObject(element) {
		return nil
	}
	index := at
	if raw := first(element, "index"); !isNothing(raw) {
		index = max(0, min(number(raw), maxIndex))
	} else if len(n.kids) > 0 && at == 0 {
		index = n.kids[len(n.kids)-1].index
		if id := first(element, "id"); len(id) > len(`""`) && id != n.kids[len(n.kids)-1].value("id") {
			index++
		}
	}
	return n.itemAt(index)
}

// itemAt gives the item of that index, a new one when there is none; nil when
// there are too many.
func (n *node) itemAt(index int64) *node {
	i, found := slices.BinarySearchFunc(n.kids, index, func(k node, index int64) int {
		return cmp.Compare(k.index, index)
	})
	if !found {
		if len(n.kids) == maxItems {
			return nil
		}
		kid := newNode(n.rule, "")
		kid.item, kid.index = true, index
		n.kids = slices.Insert(n.kids, i, kid)
	}
	return &n.kids[i]
}

// value gives the last raw value of the member that the events call name, or "".
func (n *node) value(name string) string {
	for i := range n.kids {
		if kid := &n.kids[i]; kid.rule.name == name || kid.rule.name == "" && kid.name == name {
			return kid.raw
		}
	}
	return ""
}

// has reports whether the events gave the member a value.
func (n *node) has(name string) bool { return !isNothing(n.value(name)) }

// append writes n's value; nothing for a member that is left out.
func (n *node) append(b []byte) []byte {
	switch {
	case n.rule.op == fixed, !n.seen:
		return append(b, n.rule.unset...)
	case n.rule.op == items && len(n.kids) > 0:
		b = append(b, '[')
		for i := range n.kids {
			b = n.kids[i].appendItem(appendElement(b, ""))
		}
		return append(b, ']')
	case n.rule.op == fields && n.kids != nil:
		return n.appendMembers(b)
	case n.array:
		return append(b, compact("["+string(n.built)+"]")...)
	case n.rule.op == join64 && len(n.built) > 0:
		return append(append(append(b, '"'), joined64(n.built)...), '"')
	case len(n.built) > 0:
		return append(append(append(b, '"'), whole(n.built)...), '"')
	}
	return append(b, compact(n.raw)...)
}

// appendItem writes an item: its members, or all of it where it came whole.
func (n *node) appendItem(b []byte) []byte {
	if n.kids == nil {
		return append(b, compact(n.raw)...)
	}
	return n.appendMembers(b)
}

func (n *node) appendMembers(b []byte) []byte {
	b = append(b, '{')
	for i := range n.kids {
		kid := &n.kids[i]
		switch r := kid.rule; {
		case r.op == spread:
			b = appendWithout(b, cmp.Or(kid.raw, r.unset), "usage")
		case r.op == drop || r.op == apart || !kid.seen && r.unset == "":
		case len(kid.built) == 0 && slices.ContainsFunc(r.nullBy, n.has):
			b = append(appendName(b, kid.name), "null"...)
		default:
			b = kid.append(appendName(b, kid.name))
		}
	}
	return append(b, '}')
}

// severity ranks the content filter's severities; -1 for what is none.
func severity(raw string) int {
	switch raw {
	case `"safe"`:
		return 0
	case `"low"`:
		return 1
	case `"medium"`:
		return 2
	case `"high"`:
		return 3
	}
	return -1
}

// number gives a raw number as an integer, 0 when it is none.
func number(raw string) int64 {
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return 0
	}
	return int64(max(-1<<53, min(f, 1<<53)))
}
