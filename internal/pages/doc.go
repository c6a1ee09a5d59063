// Package pages merges the lists that several backends give of the same kind of
// object into one list with OpenAI's paging (limit, order, after, before;
// has_more, first_id, last_id). It knows nothing of HTTP: how a backend is asked
// is a func.
//
// The merged list is the union of the backends' lists sorted by the date that
// the list is ordered by, then by id, both descending by default. So a place in
// it is a date and an id, and a page depends on nothing but its query. Backends
// order objects of one second as they like, which is why a reader takes all
// objects of a second before it gives one of them.
//
// A backend knows only its own objects as cursors. Where its part of the next
// page begins is remembered in memory for pages lately given; where that is not
// known (a restart, a cursor from within a page, another replica) the backends'
// lists are read from their start until they are past the cursor, at most 10,000
// objects each.
//
// What always holds:
//
//   - Objects pass byte for byte.
//   - Pages that follow each other give every object that was there all the
//     time exactly once, if each backend's list is sorted by date.
//   - Whatever a backend answers, the number of calls is bounded, and memory by
//     a page and the answers that are being read.
//
// Lists whose objects carry no date are put one after the other, in the order
// of the backends.
package pages
