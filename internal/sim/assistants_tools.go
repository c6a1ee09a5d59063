package sim

import (
	"fmt"
	"slices"
)

// submitToolOutputs gives a run the outputs that it waits for.
func submitToolOutputs(c *call, r *route) (*reply, error) {
	stream, _, err := c.streaming()
	if err != nil {
		return nil, err
	}
	var outputs []struct {
		ToolCallID string `json:"tool_call_id"`
		Output     string `json:"output"`
	}
	if found, err := c.get("tool_outputs", &outputs); err != nil {
		return nil, err
	} else if !found {
		return nil, errMissing(c.surface, "tool_outputs")
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	if o.status() != "requires_action" {
		return nil, &apiError{status: 400, kind: invalidRequest, message: "Runs in status \"" + o.status() + "\" do not accept tool outputs."}
	}
	w := o.more.(*runWork)
	given := map[string]string{}
	for i, out := range outputs {
		if !slices.ContainsFunc(w.choice.calls, func(t toolCall) bool { return t.id == out.ToolCallID }) {
			return nil, errInvalid("tool_outputs", "invalid_value", "Invalid 'tool_outputs[%d].tool_call_id': this run has made no such call.", i)
		}
		given[out.ToolCallID] = out.Output
	}
	if len(given) < len(w.choice.calls) {
		return nil, errInvalid("tool_outputs", "invalid_value", "Expected tool outputs for %d calls, got %d.", len(w.choice.calls), len(given))
	}
	w.take(o, given)
	if err := c.useDeployment(o.doc.text("model"), chats); err != nil {
		return nil, err
	}
	c.sim.ledger.identify(c.entry, c.op.id(), c.deployment.Name, stream)
	o.doc["required_action"] = nil
	o.enter("queued")
	if !stream {
		return c.show(o), nil
	}
	t := &runStream{store: s}
	t.note("thread.run.step.completed", w.step.doc)
	return c.runThrough(o, w, t)
}

// take ends the step of the calls with their outputs.
func (w *runWork) take(o *object, given map[string]string) {
	calls := w.toolCalls(true)
	for i, call := range w.choice.calls {
		output := given[call.id]
		calls[i]["function"].(document)["output"] = output
		w.outputs = append(w.outputs, message{role: "assistant", text: fmt.Sprintf("%s %s", call.name, call.arguments)}, message{role: "tool", text: output})
	}
	w.step.doc["step_details"] = document{"type": "tool_calls", "tool_calls": calls}
	w.step.doc["usage"] = w.usage.document()
	w.spent, w.usage = w.whole(), usage{}
	w.step.enter("completed")
}
