package pages

import (
	"fmt"
	"strconv"

	"weir/internal/fault"
)

// The orders of a list.
const (
	Ascending  = "asc"
	Descending = "desc"
)

const (
	// defaultMax is the most objects that most operations give at once.
	defaultMax = 100
	// maxCursor bounds an id given as a cursor, in bytes.
	maxCursor = 512
)

// Defaults say how an operation's list is paged (OpenAI's API reference, the
// query parameters of each list operation).
type Defaults struct {
	// Limit is the page's size where the client gives none; 0 for operations
	// without paging, whose parameters are then not read.
	Limit int
	// Max is the greatest limit; 0 means 100.
	Max int
	// Order is the order without the client's word: "desc" if empty.
	Order string
	// Ordered says that clients may choose the order, and walk back by `before`.
	Ordered bool
	// OrderBy is the member of an object that holds the date by which the list
	// is sorted. Empty means created_at, or createdAt or created instead.
	OrderBy string
}

// Query is which page of a list is wanted.
type Query struct {
	// Limit is the page's size in objects. Without Limited all are wanted.
	Limit   int
	Limited bool
	// Max is the greatest limit that a backend takes; 0 means 100.
	Max int
	// Order is "asc" or "desc" (also if empty); Ordered says that backends are
	// to be told.
	Order   string
	Ordered bool
	// After and Before are ids of objects: the page begins after the one or ends
	// before the other. One of them at most is set.
	After, Before string
	// OrderBy is as in [Defaults].
	OrderBy string
}

// ParseQuery reads a client's query, whose parameters get gives, "" for those
// that are not there. Errors are *fault.Error of kind BadRequest, with Param.
func ParseQuery(get func(name string) string, d Defaults) (Query, error) {
	q := Query{Limit: d.Limit, Limited: d.Limit > 0, Max: d.Max, Order: d.Order, Ordered: d.Ordered, OrderBy: d.OrderBy}
	if q.Max == 0 {
		q.Max = defaultMax
	}
	if q.Order == "" {
		q.Order = Descending
	}
	if !q.Limited {
		return q, nil
	}
	if text := get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > q.Max {
			return q, badParam("limit", fmt.Sprintf("Invalid 'limit': expected an integer from 1 to %d.", q.Max))
		}
		q.Limit = n
	}
	q.After = get("after")
	if d.Ordered {
		q.Before = get("before")
		if o := get("order"); o == Ascending || o == Descending {
			q.Order = o
		} else if o != "" {
			return q, badParam("order", "Invalid 'order': expected 'asc' or 'desc'.")
		}
	}
	if q.After != "" && q.Before != "" {
		return q, badParam("before", "Give either 'after' or 'before', not both.")
	}
	if len(q.After) > maxCursor || len(q.Before) > maxCursor {
		return q, badParam(q.cursorParam(), fmt.Sprintf("Invalid '%s': no id is that long.", q.cursorParam()))
	}
	return q, nil
}

// cursorParam names the parameter that the cursor came in.
func (q *Query) cursorParam() string {
	if q.Before != "" {
		return "before"
	}
	return "after"
}

func badParam(param, message string) *fault.Error {
	return &fault.Error{Kind: fault.BadRequest, Code: "invalid_value", Message: message, Param: param, Source: "gateway", Reason: "InvalidQuery"}
}
