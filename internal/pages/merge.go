package pages

import (
	"context"
	"slices"
)

// Source is one backend's list.
type Source struct {
	// Backend is its name.
	Backend string
	// Fetch gets one page of it. Where the backend does not know ask.After, the
	// error is a *fault.Error of kind NotFound or BadRequest.
	Fetch func(ctx context.Context, ask Ask) (Page, error)
}

// Ask is which page of its own list a backend is asked for. What is zero is not
// sent.
type Ask struct {
	After string
	Order string
	Limit int
}

// List is one client's question for a list, and how to answer it.
type List struct {
	// Scope says which list this is, as far as the query does not: the operation
	// and its filters, such as purpose=batch. Cursors are remembered per scope.
	Scope string
	Query Query
	// Sources are the backends, always in the same order.
	Sources []Source
	// Owner tells which backend has an object, where that is known. May be nil.
	Owner func(id string) (backend string, ok bool)
	// Item asks a backend for an object and gives its date, that of
	// Query.OrderBy, in the list's unit; 0 where such objects have none. The
	// error is a *fault.Error of kind NotFound where the backend does not have it.
	Item func(ctx context.Context, backend, id string) (created int64, err error)
	// Partial leaves out backends that fail, unless all do. By default the list
	// fails as its first failing backend did: a list that lacks what a backend
	// holds looks as if it had been deleted, and clients act on that.
	Partial bool
}

// Merger merges lists, and remembers where pages ended. Its methods may be
// called at the same time.
type Merger struct{ cursors *cursors }

// New makes a Merger.
func New() *Merger { return &Merger{newCursors(maxRemembered)} }

// Merge answers a list's query: one JSON object. Errors are those of the funcs,
// wrapped with the backend's name, and *fault.Error of kind BadRequest for a
// cursor that no backend knows or that lies too deep.
func (m *Merger) Merge(ctx context.Context, l List) ([]byte, error) {
	w := &walk{list: &l, asc: l.Query.Order == Ascending, back: l.Query.Before != "", seen: map[string]bool{}}
	if w.back {
		// What ends before an object is what begins after it in the list turned
		// round. So backends need not agree on what `before` means.
		w.asc = !w.asc
	}
	from, err := m.locate(ctx, w)
	if err != nil {
		return nil, err
	}
	w.from = from
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	if err := w.collect(ctx); err != nil {
		return nil, err
	}
	if l.Query.Limited {
		m.remember(w)
	}
	if w.back {
		slices.Reverse(w.out)
	}
	return write(w.like(), w.out, w.more(), l.Query.Limited)
}
