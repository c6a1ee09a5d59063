package pages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
)

// walk is one Merge: readers over the backends' lists, and the page as it grows.
type walk struct {
	list *List
	// asc is the direction of the walk, back that it is against the client's order.
	asc, back bool
	// from is the place after which the page begins; nil is the list's start.
	from *position
	// undated says that the objects have no dates: the lists follow each other.
	undated bool
	readers []*reader
	out     []Item
	seen    map[string]bool // the ids in out
}

// key is a place in the merged list.
type key struct {
	created int64
	id      string
}

func (it *Item) key() key { return key{it.Created, it.ID} }

// compare orders keys in the walk's direction.
func (w *walk) compare(a, b key) int {
	c := cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.id, b.id))
	if !w.asc {
		return -c
	}
	return c
}

// earlier says that a date comes before another in the walk's direction.
func (w *walk) earlier(a, b int64) bool {
	if w.asc {
		return a < b
	}
	return a > b
}

// open reads the first page of every backend, learns whether the objects have
// dates, and brings each reader to its first object.
func (w *walk) open(ctx context.Context) error {
	for i, s := range w.list.Sources {
		w.readers = append(w.readers, newReader(w, i, s))
	}
	if err := w.each(ctx, (*reader).first); err != nil {
		return err
	}
	w.undated = w.areUndated()
	if err := w.each(ctx, (*reader).begin); err != nil {
		return err
	}
	for _, r := range w.readers {
		r.markStart()
	}
	return nil
}

func (w *walk) areUndated() bool {
	if w.from != nil {
		return w.from.undated
	}
	some := false
	for _, r := range w.readers {
		for _, it := range r.page.Items {
			if it.Dated {
				return false
			}
			some = true
		}
	}
	return some
}

// collect takes the page's objects from the readers, always the first of all.
func (w *walk) collect(ctx context.Context) error {
	for q := &w.list.Query; !q.Limited || len(w.out) < q.Limit; {
		if err := w.each(ctx, (*reader).fill); err != nil {
			return err
		}
		r := w.next()
		if r == nil {
			return nil
		}
		it := r.pop()
		if w.seen[it.ID] {
			continue // two backends are one, or a list says it twice
		}
		if it.ID != "" {
			w.seen[it.ID] = true
		}
		w.out = append(w.out, it)
	}
	return nil
}

// next finds the reader with the first object, nil at the end.
func (w *walk) next() (best *reader) {
	for _, r := range w.readers {
		if len(r.ready) == 0 {
			continue
		}
		switch {
		case best == nil,
			w.undated && w.back, // the last backend's list first
			!w.undated && w.compare(r.ready[0].key(), best.ready[0].key()) < 0:
			best = r
		}
	}
	return best
}

// more says whether anything follows the page.
func (w *walk) more() bool {
	for _, r := range w.readers {
		if r.hasMore() {
			return true
		}
	}
	return false
}

// like gives the members of the first list object that came.
func (w *walk) like() []member {
	for _, r := range w.readers {
		if r.page.members != nil {
			return r.page.members
		}
	}
	return nil
}

// each runs a step of all readers that it concerns, at the same time, and drops
// those that fail where the list may be partial.
func (w *walk) each(ctx context.Context, step func(*reader, context.Context) error) error {
	var busy []*reader
	for _, r := range w.readers {
		if r.needs() {
			busy = append(busy, r)
		}
	}
	if len(busy) == 0 {
		return nil
	}
	errs := together(ctx, len(busy), !w.list.Partial, func(ctx context.Context, i int) error {
		return step(busy[i], ctx)
	})
	err := firstError(errs, func(i int) string { return busy[i].Backend })
	if err == nil || !w.list.Partial || ctx.Err() != nil {
		return err
	}
	for i, r := range busy {
		if errs[i] != nil {
			r.drop()
		}
	}
	for _, r := range w.readers {
		if !r.dropped {
			return nil
		}
	}
	return err
}

// together runs n funcs at the same time and waits for all; with stop, the first
// error ends the others.
func together(ctx context.Context, n int, stop bool, f func(ctx context.Context, i int) error) []error {
	errs := make([]error, n)
	if n == 1 {
		errs[0] = f(ctx, 0)
		return errs
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if errs[i] = f(ctx, i); errs[i] != nil && stop {
				cancel()
			}
		})
	}
	wg.Wait()
	return errs
}

// firstError picks the error of the first backend that failed by itself, not
// because another one had.
func firstError(errs []error, name func(i int) string) (err error) {
	for i, e := range errs {
		if e == nil {
			continue
		}
		own := !errors.Is(e, context.Canceled)
		if err == nil || own {
			err = fmt.Errorf("list of backend %s: %w", name(i), e)
		}
		if own {
			return err
		}
	}
	return err
}
