package pages

import (
	"context"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"weir/internal/fault"
)

const (
	// maxRemembered is how many places are remembered: two a page given.
	maxRemembered = 8192
	// maxRemember bounds what one of them may take, in bytes.
	maxRemember = 4096
)

// position is a place in the merged list.
type position struct {
	key
	// undated: objects have no dates, and the place is that of an object in the
	// list of its owner.
	undated bool
	owner   string
	// anchors are, by backend, an object of its list after which to read on.
	// Reading from before the place is right too, as what lies before it is
	// passed over; so one that is not here costs only time.
	anchors map[string]string
}

// cursors remembers places by the ids that clients may name.
type cursors struct {
	lru *lru.Cache[cursorKey, *position]
}

// cursorKey tells places of different lists apart, and of one list in its two
// directions.
type cursorKey struct {
	scope, id string
	asc       bool
}

func newCursors(size int) *cursors {
	c, err := lru.New[cursorKey, *position](size)
	if err != nil {
		panic(err) // the size is a constant above 0
	}
	return &cursors{c}
}

func (c *cursors) put(k cursorKey, p *position) {
	size := len(k.scope) + len(k.id)
	for _, id := range p.anchors {
		size += len(id)
	}
	if k.id != "" && size <= maxRemember {
		c.lru.Add(k, p)
	}
}

// remember keeps the page's end, for the next page, and its start, for the one
// before.
func (m *Merger) remember(w *walk) {
	if len(w.out) == 0 {
		return
	}
	q := w.list
	first, last := &w.out[0], &w.out[len(w.out)-1]
	end := &position{key: last.key(), undated: w.undated, owner: last.owner, anchors: map[string]string{}}
	begin := &position{key: first.key(), undated: w.undated, owner: first.owner, anchors: map[string]string{}}
	for _, r := range w.readers {
		if r.delivered != "" {
			end.anchors[r.Backend] = r.delivered
		}
		back := r.start.first
		if r.start.created == first.Created {
			back = r.start.next // one of the same second may lie on either side
		}
		if back != "" {
			begin.anchors[r.Backend] = back
		}
	}
	m.cursors.put(cursorKey{q.Scope, last.ID, w.asc}, end)
	m.cursors.put(cursorKey{q.Scope, first.ID, !w.asc}, begin)
}

// locate finds the place that the query's cursor names: nil without one.
func (m *Merger) locate(ctx context.Context, w *walk) (*position, error) {
	l := w.list
	id := l.Query.After + l.Query.Before // one of them is empty
	if id == "" {
		return nil, nil
	}
	if p, ok := m.cursors.lru.Get(cursorKey{l.Scope, id, w.asc}); ok {
		return p, nil
	}
	if l.Item == nil {
		return nil, unknownCursor(&l.Query)
	}
	owner := ""
	if l.Owner != nil {
		owner, _ = l.Owner(id)
	}
	// The owner first; then, as it may be no backend any more, the others.
	var first, others []string
	for _, s := range l.Sources {
		if s.Backend == owner {
			first = append(first, owner)
		} else {
			others = append(others, s.Backend)
		}
	}
	for _, backends := range [][]string{first, others} {
		p, err := l.find(ctx, id, backends)
		if p != nil || err != nil {
			return p, err
		}
	}
	return nil, unknownCursor(&l.Query)
}

// find asks backends for an object: nil where none has it.
func (l *List) find(ctx context.Context, id string, backends []string) (*position, error) {
	created := make([]int64, len(backends))
	errs := together(ctx, len(backends), false, func(ctx context.Context, i int) (err error) {
		created[i], err = l.Item(ctx, backends[i], id)
		return err
	})
	var failed error
	for i, err := range errs {
		if err == nil {
			return &position{key: key{created[i], id}, undated: created[i] == 0, owner: backends[i]}, nil
		}
		if failed == nil && fault.Of(err).Kind != fault.NotFound {
			failed = fmt.Errorf("list of backend %s: %w", backends[i], err)
		}
	}
	return nil, failed
}

// unknownCursor says that no backend has the object that the cursor names.
func unknownCursor(q *Query) error {
	return badParam(q.cursorParam(), fmt.Sprintf("Invalid '%s': there is no such object.", q.cursorParam()))
}
