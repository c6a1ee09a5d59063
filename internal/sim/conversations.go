package sim

import "maps"

// maxNewItems is how many items a call may put into a conversation.
const maxNewItems = 20

// newItems reads the items that a body has for a conversation.
func (c *call) newItems() ([]*inputItem, error) {
	items, err := c.readItems("items")
	if err == nil && len(items) > maxNewItems {
		err = errInvalid("items", "array_above_max_length", "Invalid 'items': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxNewItems, len(items))
	}
	return items, err
}

// createConversation makes a conversation with its first items.
func createConversation(c *call, r *route) (*reply, error) {
	items, err := c.newItems()
	if err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.newObject(c.kind(r.kind), "")
	if err != nil {
		return nil, err
	}
	s.put(o)
	c.putItems(o.id, items)
	return c.show(o), nil
}

// putItems puts items at the end of a conversation.
func (c *call) putItems(conversation string, items []*inputItem) []*object {
	var out []*object
	for _, in := range items {
		o := &object{kind: c.kind("conversation.item"), parent: conversation, id: in.doc.text("id"), doc: in.doc, more: in}
		c.sim.store.put(o)
		out = append(out, o)
	}
	return out
}

// createItems puts items into a conversation and lists them.
func createItems(c *call, r *route) (*reply, error) {
	if err := c.require("items"); err != nil {
		return nil, err
	}
	items, err := c.newItems()
	if err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, err := c.owner(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	var data []any
	var ids []string
	for _, o := range c.putItems(owner.id, items) {
		data, ids = append(data, o.doc), append(ids, o.id)
	}
	return jsonReply(listOf(data, ids, false)), nil
}

// deleteItem takes an item out and shows the conversation.
func deleteItem(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	owner := s.get("conversation", "", o.parent)
	s.drop(o.kind.name, o.parent, o.id)
	return c.show(owner), nil
}

// converse puts what a response heard and said into the conversation that the
// request names.
func (c *call) converse(w *modelResponse) {
	id := c.conversationID()
	if id == "" || c.sim.store.get("conversation", "", id) == nil {
		return
	}
	c.putItems(id, w.input)
	for _, doc := range w.output {
		c.putItems(id, []*inputItem{{doc: maps.Clone(doc), message: messageOf(doc)}})
	}
}
