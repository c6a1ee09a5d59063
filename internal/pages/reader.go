package pages

import (
	"context"
	"fmt"
	"slices"

	"weir/internal/fault"
)

const (
	// scanLimit is the size of the pages in which a list is read through.
	scanLimit = 100
	// maxScan is how many objects of a backend are read for one page, besides
	// those that the page may hold.
	maxScan = 10_000
)

// reader reads one backend's list from a place on. Between fetch and delivery
// objects stand in rest, in the backend's order, and then in ready: all objects
// of one second, sorted by id.
type reader struct {
	Source
	w     *walk
	index int

	after   string // where the next fetch begins
	limit   int    // of the next fetch
	more    bool   // the backend may have more
	fetched int    // objects so far
	page    Page   // the first page; its items are dropped when they are read

	skipping bool  // still among objects before w.from
	date     int64 // of the last object, for those without

	rest, ready []Item
	// run is the second that ready holds, in the backend's order.
	run struct {
		first, last string
		created     int64
	}

	// delivered is an object of the backend's list up to which all have been
	// delivered, or lie before w.from: where the next page can begin.
	delivered string
	start     start
	dropped   bool
}

// start is what stood first: where a walk back from this page can begin.
type start struct {
	first, next string
	created     int64
}

func newReader(w *walk, index int, s Source) *reader {
	r := &reader{Source: s, w: w, index: index, more: true}
	q := &w.list.Query
	if q.Limited {
		r.limit = min(q.Limit+1, r.max()) // one more tells whether the last second is complete
	}
	from := w.from
	switch {
	case from == nil:
	case !from.undated:
		r.skipping, r.date = true, from.created
		if r.after = from.anchors[s.Backend]; r.after == "" {
			r.limit = min(scanLimit, r.max())
		}
	case s.Backend == from.owner:
		r.after = from.id
	case w.isPast(index):
		r.drop()
	}
	r.delivered = r.after
	return r
}

// isPast says that an undated list lies wholly before the cursor.
func (w *walk) isPast(index int) bool {
	owner := slices.IndexFunc(w.list.Sources, func(s Source) bool { return s.Backend == w.from.owner })
	if w.back {
		return index > owner
	}
	return index < owner
}

func (r *reader) max() int {
	if m := r.w.list.Query.Max; m > 0 {
		return m
	}
	return defaultMax
}

// needs says that something must be read before the first object is known.
func (r *reader) needs() bool { return len(r.ready) == 0 && (r.more || len(r.rest) > 0) }

func (r *reader) drop() {
	r.dropped, r.more, r.rest, r.ready, r.page = true, false, nil, nil, Page{}
}

// fetch asks the backend for the next page.
func (r *reader) fetch(ctx context.Context) (Page, error) {
	if r.fetched >= maxScan+r.w.list.Query.Limit {
		return Page{}, r.w.tooDeep()
	}
	ask := Ask{After: r.after, Limit: r.limit}
	if q := &r.w.list.Query; q.Ordered || r.w.back {
		ask.Order = Descending
		if r.w.asc {
			ask.Order = Ascending
		}
	}
	p, err := r.Fetch(ctx, ask)
	r.fetched += len(p.Items)
	return p, err
}

// tooDeep is the error for a page that cannot be found with bounded effort.
func (w *walk) tooDeep() error {
	q := &w.list.Query
	if !q.Limited {
		return &fault.Error{
			Kind: fault.BadGateway, Message: fmt.Sprintf("A backend's list has more than %d objects.", maxScan),
			Source: "backend", Reason: "InvalidList", Section: "backend",
		}
	}
	return &fault.Error{
		Kind: fault.BadRequest, Code: "cursor_too_deep", Param: q.cursorParam(),
		Message: fmt.Sprintf("This place in the list is no longer known, and lies more than %d objects deep. Begin the list anew.", maxScan),
		Source:  "gateway", Reason: "CursorTooDeep",
	}
}

// first fetches the first page. A remembered place may have been deleted since:
// then the list is read from its start.
func (r *reader) first(ctx context.Context) (err error) {
	r.page, err = r.fetch(ctx)
	if err == nil || r.after == "" || r.w.from.undated {
		return err
	}
	if k := fault.Of(err).Kind; k != fault.NotFound && k != fault.BadRequest {
		return err
	}
	r.after, r.delivered, r.limit = "", "", min(scanLimit, r.max())
	r.page, err = r.fetch(ctx)
	return err
}

// begin reads the first page, and on to the first object of the walk.
func (r *reader) begin(ctx context.Context) error {
	r.add(r.page)
	r.page.Items = nil
	return r.fill(ctx)
}

// fill brings the next objects to ready, unless the list has ended.
func (r *reader) fill(ctx context.Context) error {
	for !r.take() && r.more {
		r.limit = min(scanLimit, r.max())
		p, err := r.fetch(ctx)
		if err != nil {
			return err
		}
		r.add(p)
	}
	return nil
}

// add puts a page's objects into rest, less those before the walk's start.
func (r *reader) add(p Page) {
	items := p.Items
	r.more = p.more
	if !p.told {
		r.more = r.limit > 0 && len(items) >= r.limit
	}
	asked := r.after
	if len(items) > 0 {
		r.after = items[len(items)-1].ID
	}
	if len(items) == 0 || r.after == "" || r.after == asked {
		r.more = false // nowhere to go on from
	}
	if i := slices.IndexFunc(items, func(it Item) bool { return it.ID == asked }); asked != "" && i >= 0 {
		items = items[i+1:] // the backend took no notice of `after`
	}
	for _, it := range items {
		if !it.Dated {
			it.Created = r.date // beside its neighbour
		}
		r.date = it.Created
		if r.skipping && !r.w.undated && r.w.earlier(it.Created, r.w.from.created) {
			r.pass(it.ID)
			continue
		}
		r.skipping = false
		r.rest = append(r.rest, it)
	}
}
