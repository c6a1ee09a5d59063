package sim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// document is a stateful object as the API shows it. Values that came with a
// request are raw JSON.
type document map[string]any

// text is the string of that name, "" for anything else.
func (d document) text(name string) string {
	switch v := d[name].(type) {
	case string:
		return v
	case json.RawMessage:
		if len(v) > 0 && v[0] == '"' {
			return unquote(v)
		}
	}
	return ""
}

// raw is the JSON of the member of that name, nil for none.
func (d document) raw(name string) []byte {
	switch v := d[name].(type) {
	case nil:
		return nil
	case json.RawMessage:
		return v
	default:
		return encode(v)
	}
}

// firstMembers are those that documents begin with, as the service's do.
var firstMembers = []string{"id", "type", "sequence_number", "object", "created_at", "status"}

// MarshalJSON writes the members: the first ones first, others sorted.
func (d document) MarshalJSON() ([]byte, error) {
	names := make([]string, 0, len(d))
	for name := range d {
		names = append(names, name)
	}
	rank := func(name string) int {
		if i := slices.Index(firstMembers, name); i >= 0 {
			return i
		}
		return len(firstMembers)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = append(b, encode(d[name])...)
	}
	return append(b, '}'), nil
}

// encode is JSON with characters as they are.
func encode(v any) []byte {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Documents hold maps, strings, numbers and JSON that was checked.
		panic(err)
	}
	return []byte(strings.TrimSuffix(out.String(), "\n"))
}

// object is a stateful object. The store's lock guards it.
type object struct {
	kind   *kind
	parent string // the id of the object that it belongs to, or ""
	id     string
	seq    int
	doc    document
	blob   *blob // of what has content
	more   any   // what its kind keeps beside the document
}

func (o *object) status() string { return o.doc.text("status") }

type objectKey struct{ kind, parent, id string }

type listKey struct{ kind, parent string }

// store is all stateful objects of a simulator.
type store struct {
	kinds map[string]*kind

	mu      sync.Mutex
	seq     int
	objects map[objectKey]*object
	lists   map[listKey][]*object // oldest first

	space space
}

func newStore(bytes int64) *store {
	s := &store{kinds: kindTable(), space: space{limit: bytes}}
	s.reset()
	return s
}

// reset forgets everything. Bytes are free again when nothing holds them.
func (s *store) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		o.blob.release()
	}
	s.objects, s.lists = map[objectKey]*object{}, map[listKey][]*object{}
}

// put adds an object, in place of one with the same id.
func (s *store) put(o *object) {
	s.seq++
	o.seq = s.seq
	s.drop(o.kind.name, o.parent, o.id)
	s.objects[objectKey{o.kind.name, o.parent, o.id}] = o
	l := listKey{o.kind.name, o.parent}
	s.lists[l] = append(s.lists[l], o)
}

// get finds an object, nil for none.
func (s *store) get(kind, parent, id string) *object { return s.objects[objectKey{kind, parent, id}] }

// list is the objects of a kind that belong to parent, oldest first.
func (s *store) list(kind, parent string) []*object { return s.lists[listKey{kind, parent}] }

// drop removes an object and what belongs to it.
func (s *store) drop(kind, parent, id string) {
	o := s.get(kind, parent, id)
	if o == nil {
		return
	}
	o.blob.release()
	delete(s.objects, objectKey{kind, parent, id})
	l := listKey{kind, parent}
	s.lists[l] = slices.DeleteFunc(slices.Clone(s.lists[l]), func(x *object) bool { return x == o })
	for _, k := range s.kinds {
		if k.parent == kind {
			for _, child := range s.list(k.name, id) {
				s.drop(k.name, id, child.id)
			}
			delete(s.lists, listKey{k.name, id})
		}
	}
}

// File is what the simulator stored of a file, or of a part of one.
type File struct {
	ID string `json:"id"`
	// Kind is "file", "upload.part" or "container.file".
	Kind     string `json:"kind"`
	Filename string `json:"filename,omitempty"`
	Purpose  string `json:"purpose,omitempty"`
	Bytes    int64  `json:"bytes"`
	// SHA256 is the content's digest in hexadecimal; empty for a file put
	// together of parts that were not kept.
	SHA256 string `json:"sha256"`
	// Kept says whether the content is in memory and can be had again.
	Kept bool `json:"kept"`
}

// Files lists what has content, oldest first.
func (s *Simulator) Files() []File {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	var found []*object
	for _, o := range s.store.objects {
		if o.blob != nil {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *object) int { return cmp.Compare(a.seq, b.seq) })
	out := []File{}
	for _, o := range found {
		out = append(out, File{ID: o.id, Kind: o.kind.name, Filename: cmp.Or(o.doc.text("filename"), o.doc.text("path")),
			Purpose: o.doc.text("purpose"), Bytes: o.blob.size, SHA256: o.blob.sha256, Kept: o.blob.kept})
	}
	return out
}
