package sim

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The page of a list, where the kind does not say otherwise.
const (
	defaultPage = 20
	maxPage     = 100
)

// doList shows a page of the objects of a kind.
func doList(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	owner, err := c.owner(k)
	if err != nil {
		return nil, err
	}
	return c.listReply(k, s.list(k.name, owner.ident()))
}

// listReply is a page of the objects, which are oldest first.
func (c *call) listReply(k *kind, all []*object) (*reply, error) {
	query := c.r.URL.Query()
	kept := make([]*object, 0, len(all))
	for _, o := range all {
		if k.matches(c.sim.store.view(o), query) {
			kept = append(kept, o)
		}
	}
	ids, byID := make([]string, len(kept)), map[string]*object{}
	for i, o := range kept {
		ids[i], byID[o.id] = o.id, o
	}
	from, to, more, err := page(k, ids, query)
	if err != nil {
		return nil, err
	}
	docs := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		docs = append(docs, byID[ids[i]].doc)
	}
	return jsonReply(listOf(docs, ids[from:to], more)), nil
}

// listOf is the envelope of a list.
func listOf(data []any, ids []string, more bool) document {
	d := document{"object": "list", "data": data, "has_more": more, "first_id": nil, "last_id": nil}
	if len(ids) > 0 {
		d["first_id"], d["last_id"] = ids[0], ids[len(ids)-1]
	}
	return d
}

// matches says whether a list with that query holds the document.
func (k *kind) matches(d document, query url.Values) bool {
	for filter := range strings.FieldsSeq(k.filters) {
		member, name, differ := strings.Cut(filter, "<")
		if !differ {
			name = member
		}
		if want := query.Get(name); want != "" && d.text(member) != want {
			return false
		}
	}
	for name, values := range query {
		key, ok := strings.CutPrefix(name, "metadata[")
		if !ok {
			continue
		}
		var got string
		for _, f := range membersOf(d.raw("metadata")) {
			if f.name == strings.TrimSuffix(key, "]") && f.raw[0] == '"' {
				got = unquote(f.raw)
			}
		}
		if got != values[0] {
			return false
		}
	}
	return true
}

// membersOf is members, and nothing for what is no object.
func membersOf(raw []byte) []field {
	if len(raw) == 0 {
		return nil
	}
	list, _ := members(raw)
	return list
}

// page sorts ids, which come oldest first, as the query wants them, and says
// where its page begins and ends.
func page(k *kind, ids []string, query url.Values) (from, to int, more bool, err error) {
	limit := either(query.Get("limit"), strconv.Itoa(max(k.limit, defaultPage)))
	n, convErr := strconv.Atoi(limit)
	if most := max(k.most, maxPage); convErr != nil || n < 1 || n > most {
		return 0, 0, false, errInvalid("limit", "invalid_value", "Invalid 'limit': expected a whole number from 1 to %d.", most)
	}
	order := query.Get("order")
	if order == "" && k.ascending {
		order = "asc"
	}
	switch order {
	case "asc":
	case "", "desc":
		slices.Reverse(ids)
	default:
		return 0, 0, false, errInvalid("order", "invalid_value", "Invalid value for 'order'. Supported values are: 'asc' and 'desc'.")
	}
	to = len(ids)
	if after := query.Get("after"); after != "" {
		if from = slices.Index(ids, after) + 1; from == 0 {
			return 0, 0, false, errInvalid("after", "invalid_value", "Invalid 'after': no object of this list has the id '%s'.", after)
		}
	}
	if before := query.Get("before"); before != "" {
		if to = slices.Index(ids, before); to < 0 {
			return 0, 0, false, errInvalid("before", "invalid_value", "Invalid 'before': no object of this list has the id '%s'.", before)
		}
		from = max(from, to-n)
	}
	from = min(from, to)
	if to-from > n {
		to, more = from+n, true
	}
	return from, to, more, nil
}

// hasMember says whether raw is an object with that member.
func hasMember(raw []byte, name string) bool {
	return slices.ContainsFunc(membersOf(raw), func(f field) bool { return f.name == name })
}
