package sim

import (
	"maps"
	"strconv"
)

// responseStream writes the typed events of a response. Those up to from are left
// out, which is how a reader goes on after a break.
type responseStream struct {
	*events
	number, from int
	replay       bool // tokens were counted before
}

// say writes an event.
func (s *responseStream) say(name string, d document, tokens int) error {
	d["type"], d["sequence_number"] = name, s.number
	return s.write(name, encode(d), tokens)
}

func (s *responseStream) write(name string, data []byte, tokens int) error {
	s.number++
	if s.number <= s.from {
		return nil
	}
	if s.replay {
		tokens = 0
	}
	return s.sendNamed(name, data, tokens)
}

// delta writes a piece of a text or of arguments; there are many of these.
func (s *responseStream) delta(name, item string, index int, text string, tokens int) error {
	b := append([]byte(nil), `{"type":"`...)
	b = append(b, name...)
	b = append(b, `","sequence_number":`...)
	b = strconv.AppendInt(b, int64(s.number), 10)
	b = append(b, `,"item_id":"`...)
	b = append(b, item...)
	b = append(b, `",`...)
	b = appendKeyInt(b, "output_index", index)
	if name != "response.function_call_arguments.delta" {
		b = append(b, `,"content_index":0`...)
	}
	b = append(b, `,"delta":`...)
	b = appendString(b, text)
	if name == "response.output_text.delta" {
		b = append(b, `,"logprobs":[]`...)
	}
	return s.write(name, append(b, '}'), tokens)
}

// streamResponse answers with a response's events. Called with the store's lock
// held; the stream itself needs none.
func (c *call) streamResponse(o *object, w *modelResponse, from int, fresh bool) *reply {
	begun, ended := maps.Clone(o.doc), maps.Clone(o.doc)
	begun["status"], begun["output"], begun["usage"], begun["completed_at"], begun["incomplete_details"] = "in_progress", []any{}, nil, nil, nil
	w.finish(ended)
	first, last := encode(begun), encode(ended)
	background := string(o.doc.raw("background")) == "true"
	if background && fresh {
		w.finish(o.doc) // who reads the stream waits for it
	}
	s := &responseStream{from: from, replay: !fresh}
	a := &reply{undone: true}
	if fresh {
		a.prompt, a.completion = w.usage.prompt, w.usage.completion
	}
	a.stream = func(e *events) error {
		s.events = e
		names := []string{"response.created", "response.in_progress"}
		if background {
			names = []string{"response.created", "response.queued", "response.in_progress"}
		}
		for _, name := range names {
			if err := s.say(name, document{"response": rawJSON(first)}, 0); err != nil {
				return err
			}
		}
		for i, doc := range w.output {
			if err := w.streamItem(s, doc, i); err != nil {
				return err
			}
		}
		return nil
	}
	a.last = func(*events) error {
		return s.say("response."+w.final, document{"response": rawJSON(last)}, 0)
	}
	return a
}

// streamItem writes the events of one item.
func (w *modelResponse) streamItem(s *responseStream, doc document, i int) error {
	begun := maps.Clone(doc)
	id := doc.text("id")
	switch doc.text("type") {
	case "message":
		begun["status"], begun["content"] = "in_progress", []any{}
	case "function_call":
		begun["status"], begun["arguments"] = "in_progress", ""
	case "file_search_call":
		begun["status"] = "in_progress"
	}
	if err := s.say("response.output_item.added", document{"output_index": i, "item": begun}, 0); err != nil {
		return err
	}
	var err error
	switch doc.text("type") {
	case "message":
		err = w.streamText(s, id, i)
	case "function_call":
		err = w.streamCall(s, doc, i)
	case "file_search_call":
		for _, word := range []string{"in_progress", "searching", "completed"} {
			if err == nil {
				err = s.say("response.file_search_call."+word, document{"output_index": i, "item_id": id}, 0)
			}
		}
	}
	if err != nil {
		return err
	}
	return s.say("response.output_item.done", document{"output_index": i, "item": doc}, 0)
}

// streamText writes the events of the answer's text.
func (w *modelResponse) streamText(s *responseStream, id string, i int) error {
	kind, member := "response.output_text", "text"
	if w.choice.refusal {
		kind, member = "response.refusal", "refusal"
	}
	at := func(d document) document {
		d["item_id"], d["output_index"], d["content_index"] = id, i, 0
		return d
	}
	if err := s.say("response.content_part.added", at(document{"part": w.part("")}), 0); err != nil {
		return err
	}
	for j := range w.choice.text.size() {
		said, tokens := w.choice.text.part(j)
		if err := s.delta(kind+".delta", id, i, said, tokens); err != nil {
			return err
		}
	}
	whole := w.choice.text.whole()
	done := at(document{member: whole})
	if member == "text" {
		done["logprobs"] = []any{}
	}
	if err := s.say(kind+".done", done, 0); err != nil {
		return err
	}
	return s.say("response.content_part.done", at(document{"part": w.part(whole)}), 0)
}

// streamCall writes the events of a call of a function.
func (w *modelResponse) streamCall(s *responseStream, doc document, i int) error {
	id := doc.text("id")
	for _, fragment := range splitTokens(doc.text("arguments")) {
		if err := s.delta("response.function_call_arguments.delta", id, i, fragment, 1); err != nil {
			return err
		}
	}
	return s.say("response.function_call_arguments.done",
		document{"item_id": id, "output_index": i, "name": doc.text("name"), "arguments": doc.text("arguments")}, 0)
}
