package sim

import "maps"

// runStream is the events of a run: what is known before its text begins, and
// what follows it.
type runStream struct {
	store  *store
	events []runEvent
}

// runEvent is one event, already written.
type runEvent struct {
	name string
	data []byte
}

// note adds an event; called with the store's lock held.
func (t *runStream) note(name string, d document) {
	t.events = append(t.events, runEvent{name, encode(d)})
}

// runThrough takes a run to its end and streams how it went. It ends here and
// now; the stream tells the story. Called with the store's lock held.
func (c *call) runThrough(o *object, w *runWork, t *runStream) (*reply, error) {
	w.think(c, o)
	if err := c.admit(w.usage.prompt + either2(w.maxTask, defaultEstimate)); err != nil {
		return nil, c.fail(o, err)
	}
	t.note("thread.run.queued", o.doc)
	o.enter("in_progress")
	o.doc["started_at"] = now()
	t.note("thread.run.in_progress", o.doc)
	if w.refused != nil {
		w.settle(c, o)
		t.note("thread.run.failed", o.doc)
		return c.tell(t.events, nil, runWork{}), nil
	}
	w.open(c, o)
	t.note("thread.run.step.created", w.step.doc)
	t.note("thread.run.step.in_progress", w.step.doc)
	if w.message != nil && len(w.choice.calls) == 0 {
		t.note("thread.message.created", w.message.doc)
		t.note("thread.message.in_progress", w.message.doc)
	}
	before := t.events
	t.events = nil
	w.settle(c, o)
	if len(w.choice.calls) == 0 {
		t.note("thread.message."+w.message.status(), w.message.doc)
		t.note("thread.run.step.completed", w.step.doc)
	}
	t.note("thread.run."+o.status(), o.doc)
	return c.tell(before, t.events, *w), nil
}

// fail ends a run that was refused, so that its thread is free again.
func (c *call) fail(o *object, err error) error {
	o.enter("failed")
	o.doc["last_error"] = document{"code": "rate_limit_exceeded", "message": err.Error()}
	return err
}

// tell is the stream. Its end, the event done, is no event of the run. What the
// run used is counted where it is told: at its end.
func (c *call) tell(before, after []runEvent, w runWork) *reply {
	a := &reply{}
	if len(w.choice.calls) == 0 {
		used := w.whole()
		a.prompt, a.completion = used.prompt, used.completion
	}
	step, message := w.step, w.message
	a.stream = func(e *events) error {
		for _, ev := range before {
			if err := e.sendNamed(ev.name, ev.data, 0); err != nil {
				return err
			}
		}
		var err error
		switch {
		case step == nil:
		case len(w.choice.calls) > 0:
			err = w.tellCalls(e, step.id)
		default:
			err = w.tellText(e, message.id)
		}
		for _, ev := range after {
			if err == nil {
				err = e.sendNamed(ev.name, ev.data, 0)
			}
		}
		return err
	}
	a.last = func(e *events) error { return e.write("event: done\ndata: [DONE]\n\n", nil, "") }
	return a
}

// tellText says the text in pieces.
func (w *runWork) tellText(e *events, id string) error {
	for i := range w.choice.text.size() {
		said, tokens := w.choice.text.part(i)
		b := append([]byte(nil), `{"id":"`...)
		b = append(b, id...)
		b = append(b, `","object":"thread.message.delta","delta":{"content":[{"index":0,"type":"text","text":{"value":`...)
		b = appendString(b, said)
		if i == 0 {
			b = append(b, `,"annotations":[]`...)
		}
		if err := e.sendNamed("thread.message.delta", append(b, `}}]}}`...), tokens); err != nil {
			return err
		}
	}
	return nil
}

// tellCalls says the calls of tools in pieces: who is called, then the arguments.
func (w *runWork) tellCalls(e *events, id string) error {
	for _, p := range w.choice.parts {
		call := document{"index": p.call.index, "type": "function", "function": document{"arguments": p.fragment}}
		if p.head {
			call["id"] = p.call.id
			call["function"] = document{"name": p.call.name, "arguments": "", "output": nil}
		}
		d := document{"id": id, "object": "thread.run.step.delta",
			"delta": document{"step_details": document{"type": "tool_calls", "tool_calls": []any{maps.Clone(call)}}}}
		if err := e.sendNamed("thread.run.step.delta", encode(d), p.tokens); err != nil {
			return err
		}
	}
	return nil
}
