package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// inputItem is an item of a response's input or of a conversation: as it is shown, and
// what is heard of it.
type inputItem struct {
	doc     document
	message message
}

// itemPrefixes are those of items' ids by type; others have "item_".
var itemPrefixes = map[string]string{
	"message": "msg_", "function_call": "fc_", "function_call_output": "fco_", "reasoning": "rs_", "file_search_call": "fs_",
	"web_search_call": "ws_", "computer_call": "cu_", "image_generation_call": "ig_", "code_interpreter_call": "ci_",
	"mcp_call": "mcp_", "compaction": "cmp_",
}

// readItems reads the argument of that name: a text, or a list of items.
func (c *call) readItems(name string) ([]*inputItem, error) {
	raw := c.raw(name)
	if raw == nil {
		return nil, nil
	}
	if raw[0] == '"' {
		in, err := c.readItem(fmt.Appendf(nil, `{"role":"user","content":%s}`, raw), name)
		return []*inputItem{in}, err
	}
	list, ok := elements(raw)
	if !ok {
		return nil, errType(name, "a string or an array of items")
	}
	var out []*inputItem
	for i, e := range list {
		in, err := c.readItem(e, fmt.Sprintf("%s[%d]", name, i))
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

// readItem reads an item and gives it an id, where it has none.
func (c *call) readItem(raw []byte, where string) (*inputItem, error) {
	list, ok := members(raw)
	if !ok {
		return nil, errType(where, "an object")
	}
	in := &inputItem{doc: document{}}
	for _, f := range list {
		in.doc[f.name] = json.RawMessage(bytes.Clone(f.raw))
	}
	kind := in.doc.text("type")
	switch {
	case kind == "item_reference":
		return c.referred(in.doc.text("id"), where)
	case kind == "" && in.doc.text("role") == "":
		return nil, errMissing(c.surface, where+".type")
	case kind == "":
		kind = "message"
		in.doc["type"] = kind
	}
	if kind == "message" {
		if role := in.doc.text("role"); !chatRoles[role] || role == "tool" || role == "function" {
			return nil, errInvalid(where+".role", "invalid_value", "Invalid value for '%s.role'. Supported values are: 'assistant', 'system', 'developer', and 'user'.", where)
		}
		if content := in.doc.raw("content"); len(content) > 0 && content[0] == '"' {
			part := "input_text"
			if in.doc.text("role") == "assistant" {
				part = "output_text"
			}
			in.doc["content"] = []document{{"type": part, "text": json.RawMessage(content)}}
		}
		if in.doc.text("status") == "" {
			in.doc["status"] = "completed"
		}
	}
	in.message = messageOf(in.doc)
	if in.doc.text("id") == "" {
		in.doc["id"] = randomID(either(itemPrefixes[kind], "item_"), 48)
	}
	return in, nil
}

// referred is an item of before: of a response, or of the conversation.
func (c *call) referred(id, where string) (*inputItem, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.get("item", "", id); o != nil {
		return o.more.(*inputItem), nil
	}
	for _, conversation := range s.list("conversation", "") {
		if o := s.get("conversation.item", conversation.id, id); o != nil {
			return o.more.(*inputItem), nil
		}
	}
	return nil, c.badRef(c.kind("item"), where+".id", id)
}

// messageOf is what is heard of an item; nothing, of those that say nothing.
func messageOf(doc document) message {
	switch doc.text("type") {
	case "message":
		raw := doc.raw("content")
		m := message{role: doc.text("role")}
		for _, name := range []string{"text", "refusal"} {
			m.text += strings.Join(idsAt(raw, name), "\n")
		}
		for _, kind := range idsAt(raw, "type") {
			if kind == "input_image" {
				m.images++
			}
		}
		return m
	case "function_call":
		return message{role: "assistant", text: doc.text("name") + " " + doc.text("arguments")}
	case "function_call_output":
		raw := doc.raw("output")
		return message{role: "tool", text: strings.Join(append(idsAt(raw, ""), idsAt(raw, "text")...), "\n")}
	}
	return message{}
}

// responseTools reads tools and tool_choice, which are flatter than a chat's.
func (c *call) responseTools(q *chat) (toolRequest, error) {
	var list []struct {
		Type       string  `json:"type"`
		Name       string  `json:"name"`
		Parameters *schema `json:"parameters"`
	}
	if _, err := c.get("tools", &list); err != nil {
		return toolRequest{}, err
	}
	var all []tool
	for i, t := range list {
		if t.Type != "function" {
			continue
		}
		if t.Name == "" {
			return toolRequest{}, errMissing(c.surface, fmt.Sprintf("tools[%d].name", i))
		}
		one := tool{Type: t.Type}
		one.Function.Name, one.Function.Parameters = t.Name, t.Parameters
		all = append(all, one)
	}
	var named tool
	named.Function.Name = strings.Join(idsAt(c.raw("tool_choice"), "name"), "")
	word := strings.Join(idsAt(c.raw("tool_choice"), ""), "")
	if len(all) == 0 {
		return toolRequest{}, nil
	}
	return q.decide(all, word, named)
}

// responseFormat is the schema that text.format asks for.
func (c *call) responseFormat() (*schema, error) {
	var text struct {
		Format struct {
			Type   string  `json:"type"`
			Schema *schema `json:"schema"`
		} `json:"format"`
	}
	if _, err := c.get("text", &text); err != nil {
		return nil, err
	}
	switch text.Format.Type {
	case "json_object":
		return answerSchema(), nil
	case "json_schema":
		if text.Format.Schema == nil {
			return nil, errMissing(c.surface, "text.format.schema")
		}
		return text.Format.Schema, nil
	}
	return nil, nil
}
