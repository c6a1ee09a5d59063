package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// assistantMade looks whether the assistant's model is there.
func assistantMade(c *call, o *object) error {
	return c.checkModel(o.doc.text("model"))
}

// checkModel says whether a model can be called. The error is the one of a call.
func (c *call) checkModel(name string) error {
	d := c.sim.deployment(name, c.surface)
	if d == nil {
		return errNoDeployment(c.surface, name)
	}
	if !slices.Contains(d.model.can, chats) {
		return errNotSupported(c.surface, c.op, d.Model)
	}
	return nil
}

// threadMade puts the first messages into a thread.
func threadMade(c *call, o *object) error { return c.addMessages(o.id, c.raw("messages"), "messages") }

// addMessages puts a list of messages into a thread. When one of them is wrong the
// thread does not come to be, or gets none.
func (c *call) addMessages(thread string, raw []byte, where string) error {
	if raw == nil {
		return nil
	}
	list, ok := elements(raw)
	if !ok {
		return errType(where, "an array of objects")
	}
	var made []*object
	for i, e := range list {
		args, ok := members(e)
		if !ok {
			return errType(fmt.Sprintf("%s[%d]", where, i), "an object")
		}
		in := &call{sim: c.sim, surface: c.surface, args: args}
		o, err := in.newObject(c.kind("message"), thread)
		if err != nil {
			return err
		}
		made = append(made, o)
	}
	for _, o := range made {
		c.sim.store.put(o)
	}
	return nil
}

// messageMade brings a message's content into the shape that is shown.
func messageMade(c *call, o *object) error {
	o.doc["thread_id"], o.doc["completed_at"] = o.parent, o.doc["created_at"]
	if role := o.doc.text("role"); role != "user" && role != "assistant" {
		return errInvalid("role", "invalid_value", "Invalid value for 'role'. Supported values are: 'user' and 'assistant'.")
	}
	raw := o.doc.raw("content")
	if raw[0] == '"' {
		o.doc["content"] = []document{textContent(json.RawMessage(raw))}
		return nil
	}
	list, ok := elements(raw)
	if !ok || len(list) == 0 {
		return errType("content", "a string or an array of parts")
	}
	var parts []any
	for _, e := range list {
		if text := idsAt(e, "text"); len(text) > 0 {
			parts = append(parts, textContent(text[0]))
			continue
		}
		parts = append(parts, json.RawMessage(bytes.Clone(e)))
	}
	o.doc["content"] = parts
	return nil
}

func textContent(value any) document {
	return document{"type": "text", "text": document{"value": value, "annotations": []any{}}}
}

// createMessage adds a message to a thread that no run is at.
func createMessage(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	owner, err := c.owner(k)
	if err != nil {
		return nil, err
	}
	if run := s.activeRun(owner.id); run != nil {
		return nil, &apiError{status: http.StatusBadRequest, kind: invalidRequest, message: "Can't add messages to " + owner.id + " while a run " + run.id + " is active."}
	}
	o, err := c.newObject(k, owner.id)
	if err != nil {
		return nil, err
	}
	s.put(o)
	return c.show(o), nil
}

// activeRun is the run that a thread waits for, nil for none.
func (s *store) activeRun(thread string) *object {
	for _, o := range s.list("run", thread) {
		if slices.Contains([]string{"queued", "in_progress", "requires_action", "cancelling"}, o.status()) {
			return o
		}
	}
	return nil
}

// heardOf is the messages of a thread as a model hears them.
func (s *store) heardOf(thread string) []message {
	var out []message
	for _, o := range s.list("message", thread) {
		raw := o.doc.raw("content")
		m := message{role: o.doc.text("role"), text: strings.Join(idsAt(raw, "text.value"), "\n")}
		for _, kind := range idsAt(raw, "type") {
			if strings.HasPrefix(kind, "image_") {
				m.images++
			}
		}
		out = append(out, m)
	}
	return out
}
