package sim

import (
	"encoding/base64"
	"math"
	"slices"
)

// rtItem is an item of a conversation: what was said and counted, and how events
// show it. Sound is not kept.
type rtItem struct {
	id, kind, role string
	text           string
	textTokens     int
	audioTokens    int
	images         int
	doc            jsonDoc
}

// roleIn is the item's role as a chat's message would have it.
func (i *rtItem) roleIn() string {
	switch i.kind {
	case "function_call_output":
		return "tool"
	case "function_call":
		return "assistant"
	}
	return i.role
}

// readItem reads an item that a client gives.
func (rt *realtime) readItem(doc jsonDoc, where string) (*rtItem, *apiError) {
	word := func(name string) string { s, _ := doc[name].(string); return s }
	i := &rtItem{id: either(word("id"), randomID("item_", 21)), kind: word("type"), role: word("role"), doc: doc}
	if len(i.id) > 64 {
		return nil, errInvalid(where+".id", "string_above_max_length", "Invalid '%s.id': string too long.", where)
	}
	switch i.kind {
	case "message":
		if i.role != "user" && i.role != "assistant" && i.role != "system" {
			return nil, errInvalid(where+".role", "invalid_value", "Invalid value for '%s.role'. Supported values are: 'system', 'user', and 'assistant'.", where)
		}
		if err := rt.readContent(i, where); err != nil {
			return nil, err
		}
	case "function_call":
		i.text = word("name") + word("arguments")
	case "function_call_output":
		if word("call_id") == "" {
			return nil, errMissing(v1, where+".call_id")
		}
		i.text = word("output")
	default:
		return nil, errInvalid(where+".type", "invalid_value", "Invalid value for '%s.type'. Supported values are: 'message', 'function_call', and 'function_call_output'.", where)
	}
	i.textTokens = tokensPerMessage + countTokens(i.text)
	i.doc["id"], i.doc["object"], i.doc["status"] = i.id, "realtime.item", "completed"
	return i, nil
}

// readContent reads a message's parts.
func (rt *realtime) readContent(i *rtItem, where string) *apiError {
	parts, ok := i.doc["content"].([]any)
	if !ok {
		return errMissing(v1, where+".content")
	}
	for n, raw := range parts {
		part, _ := raw.(jsonDoc)
		kind, _ := part["type"].(string)
		text, _ := part["text"].(string)
		switch kind {
		case "input_text", "text", "output_text":
			i.text += text
		case "input_audio", "audio", "output_audio":
			sound, _ := part["audio"].(string)
			data, err := base64.StdEncoding.DecodeString(sound)
			if err != nil {
				return errInvalid(where+".content", "invalid_value", "Invalid '%s.content[%d].audio': expected a base64-encoded string.", where, n)
			}
			transcript, _ := part["transcript"].(string)
			i.text += transcript
			i.audioTokens += audioTokens(rt.milliseconds(int64(len(data))))
			delete(part, "audio")
		case "input_image":
			i.images++
		default:
			return errInvalid(where+".content", "invalid_value", "Invalid value for '%s.content[%d].type'. Supported values are: 'input_text', 'input_audio', 'input_image', 'text' and 'output_text'.", where, n)
		}
	}
	return nil
}

// audioTokens is what so many milliseconds of heard sound count.
func audioTokens(ms int64) int { return int(math.Ceil(float64(ms) * heardPerSecond / 1000)) }

// index is an item's place, or -1.
func (rt *realtime) index(id string) int {
	return slices.IndexFunc(rt.items, func(i *rtItem) bool { return i.id == id })
}

// add puts an item after another, "" for the end and "root" for the beginning, and
// tells the client.
func (rt *realtime) add(i *rtItem, after string) error {
	place := len(rt.items)
	switch {
	case after == "root":
		place = 0
	case after != "":
		if place = rt.index(after) + 1; place == 0 {
			return errInvalid("previous_item_id", "item_not_found", "Error adding item: the previous item with id '%s' does not exist.", after)
		}
	}
	if rt.index(i.id) >= 0 {
		return errInvalid("item.id", "item_already_exists", "Error adding item: an item with id '%s' already exists.", i.id)
	}
	if len(rt.items) >= maxItemsKept {
		return errInvalid("item", "conversation_too_long", "The simulator keeps %d items of a conversation.", maxItemsKept)
	}
	rt.items = slices.Insert(rt.items, place, i)
	return rt.tellOf(i, i.doc["status"] == "completed")
}

// before is the id of the item before one, nil when there is none.
func (rt *realtime) before(i *rtItem) any {
	if place := slices.Index(rt.items, i); place > 0 {
		return rt.items[place-1].id
	}
	return nil
}

// tellOf sends what says that an item is there: one event in the preview, later
// two, of which the second waits until the item is whole.
func (rt *realtime) tellOf(i *rtItem, whole bool) error {
	before := rt.before(i)
	if !rt.session.ga {
		return rt.emit("conversation.item.created", jsonDoc{"previous_item_id": before, "item": i.doc}, 0)
	}
	if err := rt.emit("conversation.item.added", jsonDoc{"previous_item_id": before, "item": i.doc}, 0); err != nil || !whole {
		return err
	}
	return rt.emit("conversation.item.done", jsonDoc{"previous_item_id": before, "item": i.doc}, 0)
}

func (rt *realtime) createItem(ev *clientEvent) error {
	if ev.Item == nil {
		return errMissing(v1, "item")
	}
	i, err := rt.readItem(ev.Item, "item")
	if err != nil {
		return err
	}
	after := ""
	if ev.PreviousItemID != nil {
		after = *ev.PreviousItemID
	}
	return rt.add(i, after)
}

func errNoItem(id string) *apiError {
	return errInvalid("item_id", "item_not_found", "Item with item_id '%s' not found.", id)
}

func (rt *realtime) retrieveItem(ev *clientEvent) error {
	i := rt.index(ev.ItemID)
	if i < 0 {
		return errNoItem(ev.ItemID)
	}
	return rt.emit("conversation.item.retrieved", jsonDoc{"item": rt.items[i].doc}, 0)
}

func (rt *realtime) deleteItem(ev *clientEvent) error {
	i := rt.index(ev.ItemID)
	if i < 0 {
		return errNoItem(ev.ItemID)
	}
	rt.items = slices.Delete(rt.items, i, i+1)
	return rt.emit("conversation.item.deleted", jsonDoc{"item_id": ev.ItemID}, 0)
}

func (rt *realtime) truncateItem(ev *clientEvent) error {
	i := rt.index(ev.ItemID)
	switch {
	case i < 0:
		return errNoItem(ev.ItemID)
	case rt.items[i].roleIn() != "assistant" || rt.items[i].audioTokens == 0:
		return errInvalid("item_id", "invalid_item", "Only an assistant's message with audio can be truncated.")
	case ev.AudioEndMS < 0 || audioTokens(int64(ev.AudioEndMS)) > rt.items[i].audioTokens:
		return errInvalid("audio_end_ms", "invalid_value", "Audio content of %d ms is shorter than %d ms.", rt.items[i].audioTokens*1000/heardPerSecond, ev.AudioEndMS)
	}
	// What was not heard has not been said.
	rt.items[i].audioTokens = audioTokens(int64(ev.AudioEndMS))
	rt.items[i].text, rt.items[i].textTokens = "", tokensPerMessage
	return rt.emit("conversation.item.truncated", jsonDoc{"item_id": ev.ItemID, "content_index": ev.ContentIndex, "audio_end_ms": ev.AudioEndMS}, 0)
}
