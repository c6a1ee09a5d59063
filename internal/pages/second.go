package pages

import "slices"

// take moves the next second from rest to ready, if all of it is there. Objects
// that belong before the walk's start stay behind.
func (r *reader) take() bool {
	for len(r.ready) == 0 && len(r.rest) > 0 {
		n := r.runLength()
		if n == len(r.rest) && r.more && !r.w.undated {
			return false // the next page may go on with it
		}
		items := r.rest[:n:n]
		r.rest = r.rest[n:]
		r.run.first, r.run.last, r.run.created = items[0].ID, items[n-1].ID, items[0].Created
		if from := r.w.from; from != nil && !from.undated && items[0].Created == from.created {
			items = slices.DeleteFunc(items, func(it Item) bool { return r.w.compare(it.key(), from.key) <= 0 })
		}
		if !r.w.undated {
			slices.SortStableFunc(items, func(a, b Item) int { return r.w.compare(a.key(), b.key()) })
		}
		if r.ready = items; len(items) == 0 {
			r.pass(r.run.last)
		}
	}
	return len(r.ready) > 0
}

// runLength counts the objects at rest's head that have one date.
func (r *reader) runLength() int {
	if r.w.undated {
		return len(r.rest)
	}
	n := 1
	for n < len(r.rest) && r.rest[n].Created == r.rest[0].Created {
		n++
	}
	return n
}

// pop delivers the first object.
func (r *reader) pop() Item {
	it := r.ready[0]
	if r.ready = r.ready[1:]; len(r.ready) == 0 {
		r.pass(r.run.last)
	}
	it.owner = r.Backend
	return it
}

// pass notes up to where the list is delivered. Without an id it stays at an
// earlier place, which is right too.
func (r *reader) pass(id string) {
	if id != "" {
		r.delivered = id
	}
}

// hasMore says whether anything is left that the page does not hold already. It
// believes a backend that says so, rather than ask once more.
func (r *reader) hasMore() bool {
	for r.take() {
		if !r.w.seen[r.ready[0].ID] {
			return true
		}
		r.pop()
	}
	return r.more || len(r.rest) > 0
}

// markStart notes what stands first.
func (r *reader) markStart() {
	if len(r.ready) == 0 {
		return
	}
	r.start = start{first: r.run.first, created: r.run.created}
	if len(r.rest) > 0 {
		r.start.next = r.rest[0].ID
	}
}
