package sim

import (
	"fmt"
	"net/http"
	"strings"
)

// badRefs are the answers to an id in a body that is not on this simulator, where
// they differ from the kind's own 404.
var badRefs = map[string]apiError{
	"training_file":        {status: http.StatusBadRequest, code: "invalid_training_file", message: "invalid training_file: %s"},
	"validation_file":      {status: http.StatusBadRequest, code: "invalid_validation_file", message: "invalid validation_file: %s"},
	"input_file_id":        {status: http.StatusBadRequest, code: "invalid_input_file", message: "Invalid 'input_file_id': no such file '%s'."},
	"previous_response_id": {status: http.StatusBadRequest, code: "previous_response_not_found", message: "Previous response with id '%s' not found."},
}

// checkRefs looks for every id that the body refers to.
func (c *call) checkRefs(refs string) error {
	if refs == "" {
		return nil
	}
	c.sim.store.mu.Lock()
	defer c.sim.store.mu.Unlock()
	for ref := range strings.FieldsSeq(refs) {
		path, name, _ := strings.Cut(ref, "=")
		first, rest, _ := strings.Cut(path, ".")
		k := c.kind(name)
		for _, id := range idsAt(c.raw(first), rest) {
			if c.sim.store.get(name, "", id) == nil {
				return c.badRef(k, path, id)
			}
		}
	}
	return nil
}

// badRef is the answer to an id that is not there.
func (c *call) badRef(k *kind, path, id string) *apiError {
	e, ok := badRefs[path]
	if !ok {
		missing := k.notFound(c.surface, id)
		missing.param = path
		return missing
	}
	e.message, e.param, e.kind = fmt.Sprintf(e.message, id), path, invalidRequest
	return &e
}

// idsAt is the strings at a path of members; lists on the way are gone through.
func idsAt(raw []byte, path string) []string {
	if len(raw) == 0 {
		return nil
	}
	var out []string
	if list, ok := elements(raw); ok {
		for _, e := range list {
			out = append(out, idsAt(e, path)...)
		}
		return out
	}
	if path == "" {
		if raw[0] == '"' {
			out = append(out, unquote(raw))
		}
		return out
	}
	name, rest, _ := strings.Cut(path, ".")
	for _, f := range membersOf(raw) {
		if f.name == name {
			out = append(out, idsAt(f.raw, rest)...)
		}
	}
	return out
}
