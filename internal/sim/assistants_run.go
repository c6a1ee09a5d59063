package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// runLife is for how long a run waits for a tool's outputs.
const runLife = 600

// runWork is what a run is at.
type runWork struct {
	controls controls
	maxTask  int // max_completion_tokens; 0 for none
	// step is the step in the making, or of tools waited for.
	step    *object
	message *object
	choice  chatChoice
	usage   usage     // of that step
	spent   usage     // of the steps before it
	outputs []message // of tools
	refused error     // what the prompt makes the run fail with
}

// createRun starts a run on a thread.
func createRun(c *call, r *route) (*reply, error) { return c.startRun(r, nil) }

// createThreadAndRun makes a thread and starts a run on it.
func createThreadAndRun(c *call, r *route) (*reply, error) {
	thread := &call{sim: c.sim, surface: c.surface}
	if raw := c.raw("thread"); raw != nil {
		var ok bool
		if thread.args, ok = members(raw); !ok {
			return nil, errType("thread", "an object")
		}
	}
	if raw := c.raw("tool_resources"); raw != nil {
		thread.args = append(thread.args, field{"tool_resources", raw})
	}
	return c.startRun(r, func() (*object, error) { return thread.newObject(c.kind("thread"), "") })
}

// startRun starts a run on the path's thread, or on one that newThread makes.
func (c *call) startRun(r *route, newThread func() (*object, error)) (*reply, error) {
	stream, _, err := c.streaming()
	if err != nil {
		return nil, err
	}
	if c.controls.bytes > maxKeptBytes {
		return nil, errControlBytes()
	}
	w := &runWork{controls: c.controls}
	if w.maxTask, err = c.count("max_completion_tokens", 1, maxTokens, 0); err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	assistant := s.get("assistant", "", strings.Join(idsAt(c.raw("assistant_id"), ""), ""))
	if assistant == nil {
		return nil, errMissing(c.surface, "assistant_id")
	}
	model := either(strings.Join(idsAt(c.raw("model"), ""), ""), assistant.doc.text("model"))
	if err := c.useDeployment(model, chats); err != nil {
		return nil, err
	}
	c.sim.ledger.identify(c.entry, c.op.id(), model, stream)
	thread, err := c.runThread(newThread)
	if err != nil {
		return nil, err
	}
	o, err := c.newRun(thread, assistant, model, w)
	if err != nil {
		return nil, err
	}
	if !stream {
		return c.show(o), nil
	}
	t := &runStream{store: s}
	if newThread != nil {
		t.note("thread.created", thread.doc)
	}
	t.note("thread.run.created", o.doc)
	return c.runThrough(o, w, t)
}

// runThread is the thread that a run is to be on.
func (c *call) runThread(newThread func() (*object, error)) (*object, error) {
	s := c.sim.store
	if newThread != nil {
		thread, err := newThread()
		if err == nil {
			s.put(thread)
		}
		return thread, err
	}
	thread, err := c.find(c.kind("thread"))
	if err != nil {
		return nil, err
	}
	if run := s.activeRun(thread.id); run != nil {
		return nil, &apiError{status: http.StatusBadRequest, kind: invalidRequest, message: "Thread " + thread.id + " already has an active run " + run.id + "."}
	}
	return thread, c.addMessages(thread.id, c.raw("additional_messages"), "additional_messages")
}

// newRun makes a run, with what the assistant brings where the body has nothing.
func (c *call) newRun(thread, assistant *object, model string, w *runWork) (*object, error) {
	o, err := c.newObject(c.kind("run"), thread.id)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"instructions", "tools", "temperature", "top_p", "response_format"} {
		if raw := assistant.doc.raw(name); c.raw(name) == nil && raw != nil && string(raw) != "null" {
			o.doc[name] = json.RawMessage(raw)
		}
	}
	if extra := strings.Join(idsAt(c.raw("additional_instructions"), ""), ""); extra != "" {
		o.doc["instructions"] = strings.TrimSpace(o.doc.text("instructions") + " " + extra)
	}
	o.doc["model"], o.doc["thread_id"], o.doc["expires_at"] = model, thread.id, now()+runLife
	o.more = w
	c.sim.store.put(o)
	return o, nil
}

// runEntered does what a run's new status brings. A run that is only polled ends
// here; its usage is shown, but no call of its own carries it.
func runEntered(c *call, o *object) error {
	w := o.more.(*runWork)
	switch o.status() {
	case "in_progress":
		o.doc["started_at"] = now()
	case "completed":
		o.doc["completed_at"] = nil
		o.doc["status"] = "in_progress"
		w.think(c, o)
		w.settle(c, o)
	case "cancelled":
		o.doc["expires_at"], o.doc["required_action"] = nil, nil
		if w.step != nil && w.step.status() == "in_progress" {
			w.step.enter("cancelled")
		}
	}
	return nil
}

// think makes up what the run says or which tools it calls.
func (w *runWork) think(c *call, o *object) {
	q := &chat{n: 1, maxTokens: w.maxTask}
	if text := o.doc.text("instructions"); text != "" {
		q.hear(message{role: "system", text: text})
	}
	heard := c.sim.store.heardOf(o.parent)
	for _, m := range append(heard, w.outputs...) {
		q.hear(m)
	}
	if len(q.messages) == 0 {
		q.hear(message{role: "user"})
	}
	w.refused = q.phrases.refused(c.surface)
	in := &call{sim: c.sim, surface: c.surface, op: &operation{name: "Create_Run"}, deployment: c.sim.deployment(o.doc.text("model"), c.surface), controls: w.controls}
	q.tools = in.runTools(q, o)
	q.seal(in, string(o.doc.raw("tools")))
	w.choice = q.choose(in, 0)
	reasoning := 0
	if in.deployment != nil && in.deployment.model.reasons {
		reasoning = 64 * (1 + int(q.digest%8))
	}
	w.usage = usageOf(q.prompt, w.choice.tokens(), reasoning)
}

// runTools is which of the run's functions are called: none, when their outputs
// are there.
func (c *call) runTools(q *chat, o *object) toolRequest {
	var all []tool
	// Tools of another shape are none.
	_ = json.Unmarshal(o.doc.raw("tools"), &all)
	all = slices.DeleteFunc(all, func(t tool) bool { return t.Type != "function" || t.Function.Name == "" })
	word := strings.Join(idsAt(o.doc.raw("tool_choice"), ""), "")
	var named tool
	named.Function.Name = strings.Join(idsAt(o.doc.raw("tool_choice"), "function.name"), "")
	if len(all) == 0 || q.last().role == "tool" {
		return toolRequest{}
	}
	t, err := q.decide(all, word, named)
	if err != nil {
		return toolRequest{called: all[:1]}
	}
	return t
}

// newStep starts a step of a run.
func (w *runWork) newStep(c *call, o *object, kind string, details document) {
	k := c.kind("step")
	step, _ := (&call{sim: c.sim, surface: c.surface}).newObject(k, o.id)
	step.doc["run_id"], step.doc["thread_id"], step.doc["assistant_id"] = o.id, o.parent, o.doc["assistant_id"]
	step.doc["type"], step.doc["status"] = kind, "in_progress"
	step.doc["step_details"] = document{"type": kind, kind: details[kind]}
	step.doc["expires_at"] = o.doc["expires_at"]
	c.sim.store.put(step)
	w.step = step
}

// open starts the step of what the run does: a call of tools, or a message.
func (w *runWork) open(c *call, o *object) {
	if len(w.choice.calls) > 0 {
		w.newStep(c, o, "tool_calls", document{"tool_calls": w.toolCalls(true)})
		return
	}
	message, _ := (&call{sim: c.sim, surface: c.surface, args: []field{{"role", []byte(`"assistant"`)}, {"content", []byte(`""`)}}}).
		newObject(c.kind("message"), o.parent)
	message.doc["assistant_id"], message.doc["run_id"] = o.doc["assistant_id"], o.id
	message.doc["status"], message.doc["completed_at"], message.doc["content"] = "in_progress", nil, []any{}
	c.sim.store.put(message)
	w.message = message
	w.newStep(c, o, "message_creation", document{"message_creation": document{"message_id": message.id}})
}

// toolCalls is the calls as steps and required_action show them.
func (w *runWork) toolCalls(step bool) []document {
	var out []document
	for _, call := range w.choice.calls {
		function := document{"name": call.name, "arguments": call.arguments}
		if step {
			function["output"] = nil
		}
		out = append(out, document{"id": call.id, "type": "function", "function": function})
	}
	return out
}

// settle opens and ends what the run does, and leaves it completed, incomplete or
// waiting for the outputs of tools.
func (w *runWork) settle(c *call, o *object) {
	if w.refused != nil {
		o.enter("failed")
		o.doc["last_error"] = document{"code": "invalid_prompt", "message": w.refused.Error()}
		return
	}
	if w.step == nil || w.step.status() != "in_progress" {
		w.open(c, o)
	}
	if len(w.choice.calls) > 0 {
		o.enter("requires_action")
		o.doc["required_action"] = document{"type": "submit_tool_outputs", "submit_tool_outputs": document{"tool_calls": w.toolCalls(false)}}
		return
	}
	status := "completed"
	w.message.doc["content"] = []document{textContent(w.choice.text.whole())}
	switch w.choice.finish {
	case "length":
		status = "incomplete"
		o.doc["incomplete_details"] = document{"reason": "max_completion_tokens"}
		w.message.doc["incomplete_details"] = document{"reason": "max_tokens"}
	case "content_filter":
		status = "incomplete"
		o.doc["incomplete_details"] = document{"reason": "content_filter"}
		w.message.doc["incomplete_details"] = document{"reason": "content_filter"}
	}
	w.message.enter(status)
	w.step.enter("completed")
	w.step.doc["usage"], w.step.doc["expires_at"] = w.usage.document(), nil
	o.enter(status)
	o.doc["usage"], o.doc["expires_at"], o.doc["required_action"] = w.whole().document(), nil, nil
}

// whole is what the run used, up to the step that it is at. It is told at its end
// alone: a run that waits for the outputs of tools has no usage yet.
func (w *runWork) whole() usage {
	return usage{prompt: w.spent.prompt + w.usage.prompt, completion: w.spent.completion + w.usage.completion}
}

// document is how runs and their steps show usage.
func (u usage) document() document {
	return document{"prompt_tokens": u.prompt, "completion_tokens": u.completion, "total_tokens": u.prompt + u.completion}
}
