package pages

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/internal/fault"
)

// object is one of a backend's.
type object struct {
	id      string
	created int64 // 0: without a date
}

// backend is a list as a backend keeps it, with the ways in which it may misbehave.
type backend struct {
	name    string
	objects []object // in the list's ascending order; those of one second as they come

	ignoreAfter, ignoreLimit, noHasMore, lies bool

	mu      sync.Mutex
	fetches int
	fail    error
}

func (b *backend) item(o object) string {
	date := ""
	if o.created != 0 {
		date = fmt.Sprintf(`"created_at":%d, `, o.created)
	}
	return fmt.Sprintf(`{ "object":"file", %s"id":%q,"at":%q }`, date, o.id, b.name)
}

func (b *backend) index(id string) int {
	return slices.IndexFunc(b.objects, func(o object) bool { return o.id == id })
}

// page answers as OpenAI's API does.
func (b *backend) page(ask Ask) (body string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fetches++
	if b.fail != nil {
		return "", b.fail
	}
	if ask.Limit > 100 {
		return "", &fault.Error{Kind: fault.BadRequest, Message: "limit above 100"}
	}
	list := slices.Clone(b.objects)
	if ask.Order != Ascending {
		slices.Reverse(list)
	}
	if ask.After != "" && !b.ignoreAfter {
		i := slices.IndexFunc(list, func(o object) bool { return o.id == ask.After })
		if i < 0 {
			return "", &fault.Error{Kind: fault.NotFound, Message: "no such object"}
		}
		list = list[i+1:]
	}
	more := b.lies
	if ask.Limit > 0 && len(list) > ask.Limit && !b.ignoreLimit {
		list, more = list[:ask.Limit], true
	}
	var items []string
	for _, o := range list {
		items = append(items, b.item(o))
	}
	body = fmt.Sprintf(`{"object":"list","data":[%s],"x_backend":%q`, strings.Join(items, ","), b.name)
	if !b.noHasMore {
		body += fmt.Sprintf(`,"has_more":%v`, more)
	}
	return body + "}", nil
}

func (b *backend) source() Source {
	return Source{Backend: b.name, Fetch: func(_ context.Context, ask Ask) (Page, error) {
		body, err := b.page(ask)
		if err != nil {
			return Page{}, err
		}
		return ParsePage([]byte(body), "")
	}}
}

// listOf asks backends, with the owners known to nobody but them.
func listOf(q Query, backends ...*backend) List {
	l := List{Query: q, Scope: "GET /files"}
	for _, b := range backends {
		l.Sources = append(l.Sources, b.source())
	}
	l.Item = func(_ context.Context, name, id string) (int64, error) {
		for _, b := range backends {
			if b.name == name && b.index(id) >= 0 {
				return b.objects[b.index(id)].created, nil
			}
		}
		return 0, &fault.Error{Kind: fault.NotFound, Message: "no such object"}
	}
	return l
}

// answer is a merged list as a client reads it.
type answer struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	FirstID *string           `json:"first_id"`
	LastID  *string           `json:"last_id"`
	HasMore bool              `json:"has_more"`
	Backend string            `json:"x_backend"`
	ids     []string
}

func merge(t testing.TB, m *Merger, l List) answer {
	t.Helper()
	body, err := m.Merge(context.Background(), l)
	if err != nil {
		t.Fatalf("%+v: %v", l.Query, err)
	}
	return read(t, body)
}

func read(t testing.TB, body []byte) (a answer) {
	t.Helper()
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, raw := range a.Data {
		var o struct{ ID string }
		_ = json.Unmarshal(raw, &o) // some are no objects
		a.ids = append(a.ids, o.ID)
	}
	if n := len(a.ids); n > 0 && a.FirstID != nil && (*a.FirstID != a.ids[0] || *a.LastID != a.ids[n-1]) {
		t.Errorf("first_id %s, last_id %s of %v", *a.FirstID, *a.LastID, a.ids)
	}
	return a
}

// union is what the merged list should be.
func union(order string, backends ...*backend) (ids []string) {
	var all []object
	for _, b := range backends {
		all = append(all, b.objects...)
	}
	slices.SortFunc(all, func(a, b object) int {
		return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.id, b.id))
	})
	if order != Ascending {
		slices.Reverse(all)
	}
	for _, o := range all {
		ids = append(ids, o.id)
	}
	return slices.Compact(ids)
}

// randomBackends have up to n objects each, many of one second, in no order
// within it.
func randomBackends(r *rand.Rand, count, n int) (all []*backend) {
	for i := range count {
		b := &backend{name: fmt.Sprintf("b%d", i)}
		date := int64(1_700_000_000)
		for range r.IntN(n + 1) {
			if r.IntN(3) == 0 {
				date += int64(r.IntN(3))
			}
			b.objects = append(b.objects, object{fmt.Sprintf("file-%08x", r.Uint32()), date})
		}
		all = append(all, b)
	}
	return all
}
