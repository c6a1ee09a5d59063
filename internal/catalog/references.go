package catalog

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Owner keys: ids are random, so that they are keys as they are; names that
// calls use as deployments stand behind a prefix.
const namePrefix = "model/"

// NameKey is the key under which the owner of a callable name is kept: a
// fine-tuned model's, or that of a deployment made through the gateway.
func NameKey(name string) string { return namePrefix + name }

// Key is the key under which the owner of a kind's object is kept.
func Key(kind, id string) string {
	if kind == "model" || kind == "named_deployment" {
		return NameKey(id)
	}
	return id
}

// References calls each for every object that a request's body names: the
// strings that are the value of a member called one of names, or stand in its
// array, or are the id in its object, at any depth. data is a body that
// [ReadBody] took. kind is one of [Kinds].
func References(data []byte, names []string, each func(kind, id string)) {
	found := false
	for _, name := range names {
		if bytes.Contains(data, []byte(name)) {
			found = true
			break
		}
	}
	if !found {
		return
	}
	s := scanner{data: data}
	for s.pos < len(data) {
		if data[s.pos] != '"' {
			s.pos++
			continue
		}
		start := s.pos + 1
		s.pos = start
		if s.str() != nil {
			return
		}
		key := data[start : s.pos-1]
		s.space()
		if s.pos == len(data) || data[s.pos] != ':' {
			continue
		}
		s.pos++
		s.space()
		if free[string(key)] {
			if s.value(0) != nil {
				return
			}
			continue
		}
		switch name := oneOf(key, names); {
		case name == "":
		case name == "source" && s.pos < len(data) && data[s.pos] != '{': // some other source
		default:
			s.named(kindOfName[name], each)
		}
	}
	if bytes.Contains(data, []byte(itemReference)) {
		var v any
		if json.Unmarshal(data, &v) == nil {
			itemReferences(v, each)
		}
	}
}

// itemReferences finds {"type":"item_reference","id":…} at any depth.
func itemReferences(v any, each func(kind, id string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			itemReferences(e, each)
		}
	case map[string]any:
		if id, ok := v["id"].(string); ok && v["type"] == itemReference {
			each("item", id)
		}
		for key, e := range v {
			if !free[key] {
				itemReferences(e, each)
			}
		}
	}
}

// free lists the members whose value is the caller's own: what stands there under
// the name of an object's id is none.
var free = map[string]bool{"metadata": true, "parameters": true, "schema": true, "arguments": true, "attributes": true}

// PlainID says whether a string may be an object's id: what may stand in a path,
// and no longer than ids are.
func PlainID(id string) bool { return len(id) <= maxID && plainSegment(id) }

const maxID = 256

// ModelIn finds the value of model in the object that the body's member has; the
// zero span where there is none. data is a body that [ReadBody] took.
func ModelIn(data []byte, member string) (at Span) {
	s := scanner{data: data}
	s.space()
	s.pos++
	_, _ = s.members(func(key []byte, _ int) error { // the body is valid
		if string(key) != member || s.data[s.pos] != '{' {
			return s.value(0)
		}
		s.pos++
		_, err := s.members(func(key []byte, _ int) error {
			from := s.pos
			err := s.value(0)
			if string(key) == "model" {
				at = Span{from, s.pos}
			}
			return err
		})
		return err
	})
	return at
}

func oneOf(key []byte, names []string) string {
	text := string(key)
	if bytes.IndexByte(key, '\\') >= 0 {
		text = unquote(key)
	}
	for _, name := range names {
		if text == name {
			return name
		}
	}
	return ""
}

// named gives the ids in the value at pos, which is left in front of it where it
// may hold further members.
func (s *scanner) named(kind string, each func(kind, id string)) {
	if s.pos == len(s.data) {
		return
	}
	in := scanner{data: s.data, pos: s.pos}
	switch s.data[s.pos] {
	case '"':
		if id, ok := in.text(); ok {
			each(kind, id)
			s.pos = in.pos
		}
	case '[':
		in.pos++
		for in.space(); in.pos < len(in.data) && in.data[in.pos] != ']'; in.space() {
			if id, ok := in.text(); ok {
				each(kind, id)
			} else if in.value(0) != nil {
				return
			}
			if in.space(); in.pos < len(in.data) && in.data[in.pos] == ',' {
				in.pos++
			}
		}
	case '{':
		in.pos++
		_, _ = in.members(func(key []byte, _ int) error { // the body is valid
			if string(key) == "id" {
				if id, ok := in.text(); ok {
					each(kind, id)
					return nil
				}
			}
			return in.value(0)
		})
	}
}

// text reads the string at pos; ok is false, and pos unmoved, where there is none.
func (s *scanner) text() (string, bool) {
	if s.pos == len(s.data) || s.data[s.pos] != '"' {
		return "", false
	}
	start := s.pos + 1
	s.pos = start
	if s.str() != nil {
		s.pos = start - 1
		return "", false
	}
	return unquote(s.data[start : s.pos-1]), true
}

// Learned calls each for the strings at the dotted paths in an answer, or in the
// beginning of one: what stands behind its end is not looked for.
func Learned(data []byte, paths []string, each func(path, id string)) {
	s := scanner{data: data}
	s.space()
	if s.pos < len(data) && data[s.pos] == '{' {
		s.pos++
		s.learn("", paths, each)
	}
}

func (s *scanner) learn(prefix string, paths []string, each func(path, id string)) {
	_, _ = s.members(func(key []byte, _ int) error { // an answer may break off
		path := prefix + string(key)
		exact, below := false, false
		for _, p := range paths {
			exact = exact || p == path
			below = below || strings.HasPrefix(p, path) && len(p) > len(path) && p[len(path)] == '.'
		}
		switch {
		case exact && s.pos < len(s.data) && s.data[s.pos] != '{':
			at := s.pos
			s.named(path, each)
			s.pos = at
		case below && s.pos < len(s.data):
			in := scanner{data: s.data, pos: s.pos}
			in.below(path+".", paths, each)
		}
		return s.value(0)
	})
}

// below learns from the object at pos, or from those in the array there.
func (s *scanner) below(prefix string, paths []string, each func(path, id string)) {
	if s.data[s.pos] == '{' {
		s.pos++
		s.learn(prefix, paths, each)
		return
	}
	if s.data[s.pos] != '[' {
		return
	}
	s.pos++
	for s.space(); s.pos < len(s.data) && s.data[s.pos] != ']'; s.space() {
		in := scanner{data: s.data, pos: s.pos + 1}
		if s.data[s.pos] == '{' {
			in.learn(prefix, paths, each)
		}
		if s.value(0) != nil {
			return
		}
		if s.space(); s.pos < len(s.data) && s.data[s.pos] == ',' {
			s.pos++
		}
	}
}
