package sim

import (
	"encoding/base64"
	"maps"
	"strings"
)

// give sends what the response consists of: calls of tools, or a message.
func (rt *realtime) give(r *rtResponse, q *chat) error {
	c := rt.c
	if len(q.tools.called) > 0 {
		for _, call := range q.tools.make(q.digest.rand()) {
			if err := rt.giveCall(r, call); err != nil || r.cancelled {
				return rt.ended(r, err, "")
			}
		}
		return rt.ended(r, nil, "")
	}
	c.controls.bytes = min(c.controls.bytes, maxMessage/8)
	t, finish := c.compose(q.digest, q.lastUser(), q.maxTokens, nil)
	if q.phrases.refusal {
		t = textOf(refusalText)
	}
	if q.phrases.filtered {
		t.halve()
		finish = "content_filter"
	}
	t.regroup(int(c.controls.chunks))
	return rt.ended(r, rt.giveMessage(r, &t), map[string]string{"length": "max_output_tokens", "content_filter": "content_filter"}[finish])
}

// ended ends a response that was given, as it went. why is a reason for its being
// incomplete.
func (rt *realtime) ended(r *rtResponse, err error, why string) error {
	switch {
	case err != nil:
		return err
	case r.cancelled:
		return rt.finish(r, "cancelled", jsonDoc{"type": "cancelled", "reason": "client_cancelled"})
	case why != "":
		return rt.finish(r, "incomplete", jsonDoc{"type": "incomplete", "reason": why})
	}
	return rt.finish(r, "completed", nil)
}

// open starts an item of the response.
func (rt *realtime) open(r *rtResponse, i *rtItem) error {
	i.doc["id"], i.doc["object"], i.doc["type"], i.doc["status"] = i.id, "realtime.item", i.kind, "in_progress"
	index := len(r.out)
	r.out = append(r.out, i)
	if err := rt.emit("response.output_item.added", jsonDoc{"response_id": r.id, "output_index": index, "item": i.doc}, 0); err != nil || r.apart {
		return err
	}
	return rt.add(i, "")
}

// close ends the item that was opened last.
func (rt *realtime) close(r *rtResponse, i *rtItem) error {
	i.doc["status"] = "completed"
	if r.cancelled {
		i.doc["status"] = "incomplete"
	}
	if err := rt.emit("response.output_item.done", jsonDoc{"response_id": r.id, "output_index": len(r.out) - 1, "item": i.doc}, 0); err != nil {
		return err
	}
	if rt.session.ga && !r.apart {
		return rt.emit("conversation.item.done", jsonDoc{"previous_item_id": rt.before(i), "item": i.doc}, 0)
	}
	return nil
}

// giveCall sends a call of a tool.
func (rt *realtime) giveCall(r *rtResponse, call toolCall) error {
	i := &rtItem{id: randomID("item_", 21), kind: "function_call", textTokens: tokensPerMessage,
		doc: jsonDoc{"name": call.name, "call_id": call.id, "arguments": ""}}
	if err := rt.open(r, i); err != nil {
		return err
	}
	ids := jsonDoc{"response_id": r.id, "item_id": i.id, "output_index": len(r.out) - 1, "call_id": call.id}
	r.usage.textOut += countTokens(call.name)
	var said strings.Builder
	for _, fragment := range splitTokens(call.arguments) {
		if err := rt.delta(r, "response.function_call_arguments.delta", ids, fragment, &r.usage.textOut, 1); err != nil {
			return err
		}
		if r.cancelled {
			break
		}
		said.WriteString(fragment)
	}
	i.text, i.doc["arguments"] = call.name+said.String(), said.String()
	i.textTokens += countTokens(i.text)
	done := maps.Clone(ids)
	done["arguments"], done["name"] = said.String(), call.name
	if err := rt.emit("response.function_call_arguments.done", done, 0); err != nil {
		return err
	}
	return rt.close(r, i)
}

// delta sends a piece of an answer that counts so many tokens, and waits.
func (rt *realtime) delta(r *rtResponse, kind string, ids jsonDoc, piece string, count *int, tokens int) error {
	ev := maps.Clone(ids)
	ev["delta"] = piece
	*count += tokens
	if err := rt.emit(kind, ev, tokens); err != nil {
		return err
	}
	_, each := rt.c.pace()
	return rt.pause(each)
}

// giveMessage sends a text, or speaks it.
func (rt *realtime) giveMessage(r *rtResponse, t *text) error {
	kind := "text"
	if r.audio {
		kind = "audio"
	}
	i := &rtItem{id: randomID("item_", 21), kind: "message", role: "assistant", textTokens: tokensPerMessage,
		doc: jsonDoc{"role": "assistant", "content": []any{}}}
	if err := rt.open(r, i); err != nil {
		return err
	}
	ids := jsonDoc{"response_id": r.id, "item_id": i.id, "output_index": len(r.out) - 1, "content_index": 0}
	with := func(more jsonDoc) jsonDoc {
		ev := maps.Clone(ids)
		maps.Copy(ev, more)
		return ev
	}
	words := map[string]string{"text": "text", "audio": "transcript"}[kind]
	if err := rt.emit("response.content_part.added", with(jsonDoc{"part": jsonDoc{"type": kind, words: ""}}), 0); err != nil {
		return err
	}
	said, err := rt.say(r, t, ids)
	if err != nil {
		return err
	}
	i.text = said
	i.textTokens += countTokens(said)
	i.audioTokens = r.usage.audioOut * heardPerSecond / spokenPerSecond
	part := jsonDoc{"type": kind, words: said}
	if r.audio {
		if err := rt.emit("response.audio.done", with(nil), 0); err != nil {
			return err
		}
		err = rt.emit("response.audio_transcript.done", with(jsonDoc{"transcript": said}), 0)
	} else {
		err = rt.emit("response.text.done", with(jsonDoc{"text": said}), 0)
	}
	if err != nil {
		return err
	}
	if err := rt.emit("response.content_part.done", with(jsonDoc{"part": part}), 0); err != nil {
		return err
	}
	shown := maps.Clone(part)
	if rt.session.ga {
		shown["type"] = "output_" + kind
	}
	i.doc["content"] = []any{shown}
	return rt.close(r, i)
}

// say sends the pieces of a text, and their sound, until the end or a
// cancellation.
func (rt *realtime) say(r *rtResponse, t *text, ids jsonDoc) (string, error) {
	sound := make([]byte, 400) // 50 ms of G.711
	if format, _ := r.spec.setting("spoken format").(string); format == "pcm16" || r.spec.ga {
		sound = make([]byte, 2*tokenSamples)
		hum(sound, 100)
	}
	encoded := base64.StdEncoding.EncodeToString(sound)
	var said strings.Builder
	for n := range t.size() {
		piece, tokens := t.part(n)
		kind := "response.text.delta"
		if r.audio {
			kind = "response.audio_transcript.delta"
		}
		if err := rt.delta(r, kind, ids, piece, &r.usage.textOut, tokens); err != nil {
			return "", err
		}
		said.WriteString(piece)
		if r.audio {
			ev := maps.Clone(ids)
			ev["delta"] = encoded
			r.usage.audioOut++
			if err := rt.emit("response.audio.delta", ev, 1); err != nil {
				return "", err
			}
		}
		if r.cancelled {
			break
		}
	}
	return said.String(), nil
}
