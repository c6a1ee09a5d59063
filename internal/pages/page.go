package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"weir/internal/fault"
)

// Page is one answer of one backend.
type Page struct {
	// Items are the objects in the backend's order.
	Items []Item
	// more is the answer's has_more, told whether it stood there.
	more, told bool
	// members are all of the list object's, in its order; data's value is dropped.
	members []member
}

// Item is an object of a list.
type Item struct {
	// Raw is the object as it came.
	Raw json.RawMessage
	// ID is its id, "" where it has none.
	ID string
	// Created is the date that the list is ordered by, in seconds since 1970
	// (or whatever unit the backends use); Dated says whether it has one.
	Created int64
	Dated   bool

	owner string // the backend that gave it
}

// ParsePage reads a list object: {"object":"list","data":[…],"has_more":…,…}.
// orderBy is as in [Defaults]. Its errors are *fault.Error of kind BadGateway
// and quote nothing of the body.
func ParsePage(body []byte, orderBy string) (Page, error) {
	p, err := parsePage(body, orderBy)
	if err != nil {
		return Page{}, &fault.Error{
			Kind: fault.BadGateway, Message: "A backend answered with a list that cannot be read.",
			Source: "backend", Reason: "InvalidList", Section: "backend", Err: err,
		}
	}
	return p, nil
}

func parsePage(body []byte, orderBy string) (p Page, err error) {
	if p.members, err = members(body); err != nil {
		return p, err
	}
	names := map[string]bool{}
	for i := range p.members {
		m := &p.members[i]
		if names[m.name] {
			return p, errors.New("a member of the list stands there twice") // parsers differ on which counts
		}
		names[m.name] = true
		switch m.name {
		case "has_more":
			p.told = json.Unmarshal(m.value, &p.more) == nil && string(m.value) != "null"
		case "data":
			if p.Items, err = parseItems(m.value, orderBy); err != nil {
				return p, err
			}
			m.value = nil
		}
	}
	if !names["data"] {
		return p, errors.New("the list has no data")
	}
	return p, nil
}

func parseItems(data []byte, orderBy string) ([]Item, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("data is no array: %w", shapeOnly(err))
	}
	items := make([]Item, len(raw))
	for i, r := range raw {
		items[i] = parseItem(r, orderBy)
	}
	return items, nil
}

// dateNames are the members in which operations give an object's date, the
// best first: most have created_at, videos createdAt, models created.
var dateNames = [...]string{"created_at", "createdAt", "created"}

// parseItem finds an object's id and date. What is no object has neither.
func parseItem(raw json.RawMessage, orderBy string) Item {
	item := Item{Raw: raw}
	all, err := members(raw)
	if err != nil {
		return item
	}
	best := len(dateNames)
	for _, m := range all {
		if m.name == "id" && json.Unmarshal(m.value, &item.ID) != nil {
			item.ID = ""
		}
		rank := rankOf(m.name, orderBy)
		if rank > best || rank == len(dateNames) {
			continue
		}
		if date, ok := parseDate(m.value); ok {
			item.Created, item.Dated, best = date, true, rank
		}
	}
	return item
}

// rankOf says how good a member's name is for the date; len(dateNames) is none.
func rankOf(name, orderBy string) int {
	if orderBy != "" {
		if name == orderBy {
			return 0
		}
		return len(dateNames)
	}
	for i, n := range dateNames {
		if n == name {
			return i
		}
	}
	return len(dateNames)
}

// parseDate reads a number, or a time as RFC 3339 has it.
func parseDate(value json.RawMessage) (int64, bool) {
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return n, true
	}
	if f, err := strconv.ParseFloat(string(value), 64); err == nil && math.Abs(f) < 1<<62 {
		return int64(f), true
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.Unix(), err == nil
}
