package pages

import (
	"bytes"
	"encoding/json"
)

// write gives the merged list as JSON, with the members of the first backend's
// list object in their order. Lists without paging get has_more, first_id and
// last_id only where the backends have them.
func write(like []member, items []Item, more, limited bool) ([]byte, error) {
	first, last := json.RawMessage("null"), json.RawMessage("null")
	if n := len(items); n > 0 {
		first, last = idOf(items[0]), idOf(items[n-1])
	}
	hasMore := json.RawMessage("false")
	if more {
		hasMore = json.RawMessage("true")
	}
	ours := []member{{"object", json.RawMessage(`"list"`)}, {"data", nil}, {"first_id", first}, {"last_id", last}, {"has_more", hasMore}}

	size := 256
	for _, it := range items {
		size += len(it.Raw) + 1
	}
	w := writer{out: bytes.NewBuffer(make([]byte, 0, size)), items: items}
	w.out.WriteByte('{')
	written := map[string]bool{}
	for _, m := range like {
		for _, o := range ours[1:] { // object is as they have it
			if o.name == m.name {
				m.value = o.value
			}
		}
		w.member(m)
		written[m.name] = true
	}
	for _, m := range ours {
		if needed := limited || m.name == "object" || m.name == "data"; needed && !written[m.name] {
			w.member(m)
		}
	}
	w.out.WriteByte('}')
	return w.out.Bytes(), w.err
}

// idOf is an object's id as it stands in first_id and last_id.
func idOf(it Item) json.RawMessage {
	if it.ID == "" {
		return json.RawMessage("null")
	}
	text, _ := json.Marshal(it.ID) // a string can always be written
	return text
}

// writer writes members after each other.
type writer struct {
	out   *bytes.Buffer
	items []Item
	err   error
}

func (w *writer) member(m member) {
	if w.out.Len() > 1 {
		w.out.WriteByte(',')
	}
	name, err := json.Marshal(m.name)
	if err != nil {
		w.err = err
	}
	w.out.Write(name)
	w.out.WriteByte(':')
	if m.name != "data" {
		w.out.Write(m.value)
		return
	}
	w.out.WriteByte('[')
	for i, it := range w.items {
		if i > 0 {
			w.out.WriteByte(',')
		}
		w.out.Write(it.Raw)
	}
	w.out.WriteByte(']')
}
