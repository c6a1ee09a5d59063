package sim

import (
	"encoding/json"
	"strconv"
)

// storedChat is what is kept of a chat with store: true.
type storedChat struct{ messages []document }

// maxStoredChat is how long an answer may be that is kept.
const maxStoredChat = maxKeptBytes

// keepChat keeps a chat that asked for it.
func (c *call) keepChat(q *chat, choices []chatChoice, u usage) error {
	if string(c.raw("store")) != "true" || c.surface == inference {
		return nil
	}
	b := q.body(c, choices, u)
	if b.size() > maxStoredChat {
		return nil
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind("chat.completion")
	o := &object{kind: k, id: q.id, doc: document{}}
	for _, f := range membersOf(b.bytes()) {
		o.doc[f.name] = json.RawMessage(f.raw)
	}
	for _, name := range []string{"metadata", "tools", "tool_choice", "seed", "temperature", "top_p", "frequency_penalty", "presence_penalty", "response_format", "user"} {
		o.doc[name] = nil
		if raw := c.raw(name); raw != nil {
			o.doc[name] = json.RawMessage(raw)
		}
	}
	if o.doc["metadata"] == nil {
		o.doc["metadata"] = document{}
	}
	o.doc["request_id"] = c.requestID
	kept := &storedChat{}
	for i, m := range q.messages {
		kept.messages = append(kept.messages, document{"id": q.id + "-" + strconv.Itoa(i), "role": m.role, "content": m.text, "name": nil, "content_parts": nil})
	}
	o.more = kept
	s.put(o)
	return nil
}

// storedMessages lists what a stored chat asked.
func storedMessages(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	o, err := c.find(k)
	if err != nil {
		return nil, err
	}
	var ids []string
	byID := map[string]document{}
	for _, m := range o.more.(*storedChat).messages {
		id := m.text("id")
		ids, byID[id] = append(ids, id), m
	}
	from, to, more, err := page(k, ids, c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	data := []any{}
	for _, id := range ids[from:to] {
		data = append(data, byID[id])
	}
	return jsonReply(listOf(data, ids[from:to], more)), nil
}
