package transcript

// runEvents folds the events of assistants (OpenAI API reference, "Assistants,
// Streaming"): the run, with the messages and steps that came along.
var runEvents = typed{
	named: true,
	main:  "run",
	rule: rule{op: fields, kids: []rule{
		{name: "run", op: spread, unset: `{"object":"thread.run"}`},
		{name: "thread"},
		{name: "messages", op: items, kids: []rule{
			{name: "id"},
			{name: "object", unset: `"thread.message"`},
			{name: "role", unset: `"assistant"`},
			{name: "content", op: items, unset: "[]", kids: []rule{
				{name: "index", op: drop},
				{name: "type", unset: `"text"`},
				{name: "text", op: fields, kids: []rule{{name: "value", op: join}, {name: "annotations", op: join}}},
				{name: "refusal", op: join},
			}},
		}},
		{name: "steps", op: items, kids: []rule{
			{name: "id"},
			{name: "object", unset: `"thread.run.step"`},
			{name: "step_details", op: fields, kids: []rule{
				{name: "type"},
				{name: "tool_calls", op: items, kids: []rule{
					{name: "index", op: drop},
					{name: "id"},
					{name: "type"},
					{name: "function", op: fields, kids: callRules},
					{name: "code_interpreter", op: fields, kids: []rule{
						{name: "input", op: join},
						{name: "outputs", op: items, kids: []rule{{name: "index", op: drop}, {name: "type"}, {name: "logs", op: join}}},
					}},
				}},
			}},
		}},
		{name: "error"},
		othersRule,
	}},
	steps: stepsOf(
		row{"thread.created", []step{{replacing, "", "thread"}}},
		row{"thread.run.created thread.run.queued thread.run.in_progress thread.run.requires_action thread.run.completed thread.run.incomplete thread.run.failed thread.run.cancelling thread.run.cancelled thread.run.expired",
			[]step{{replacing, "", "run"}}},
		row{"thread.message.created thread.message.in_progress", []step{{opening, "", "messages/[id]"}}},
		row{"thread.message.delta", []step{{adding, "delta", "messages/[id]"}, {adding, "id", "messages/[id]/id"}}},
		row{"thread.message.completed thread.message.incomplete", []step{{replacing, "", "messages/[id]"}}},
		row{"thread.run.step.created thread.run.step.in_progress", []step{{opening, "", "steps/[id]"}}},
		row{"thread.run.step.delta", []step{{adding, "delta", "steps/[id]"}, {adding, "id", "steps/[id]/id"}}},
		row{"thread.run.step.completed thread.run.step.failed thread.run.step.cancelled thread.run.step.expired", []step{{replacing, "", "steps/[id]"}}},
	),
}

// runsInput reads the request of a run: what it adds to the instructions and to
// the thread, the thread itself where it is made along, and the outputs of tools.
func runsInput(req string) input {
	var t talk
	t.say("system", text(get(req, "instructions")))
	t.say("system", text(get(req, "additional_instructions")))
	for _, messages := range []string{get(req, "thread", "messages"), get(req, "additional_messages")} {
		for raw := range elements(messages) {
			t.add(raw)
		}
	}
	for raw := range elements(get(req, "tool_outputs")) {
		it := item{role: "tool", text: text(get(raw, "output")), callID: text(get(raw, "tool_call_id"))}
		t.add(it.message(""))
	}
	return t.input()
}

// runsOutput reads the messages that came with a run, and the calls of tools that
// it waits for.
func runsOutput(ans string) []choice {
	all := threadMessages(elements(get(ans, "messages")))
	calls := get(ans, "required_action", "submit_tool_outputs", "tool_calls")
	if !isArray(calls) {
		return all
	}
	c := choice{message: `{"role":"assistant","content":null,"tool_calls":` + compact(calls) + "}"}
	m := readMessage(c.message)
	for call := range m.calls() {
		c.calls++
		c.counted = append(c.counted, call.name, call.arguments)
	}
	return append(all, c)
}

// runsCost estimates the tokens of a run's own texts. What stands in the thread
// and the assistant is not known here.
func runsCost(req string, c *counter) int {
	n := priming
	in := runsInput(req)
	for raw := range elements(in.messages) {
		n += messageCost(raw, familyOf(c.model), c)
	}
	return n
}
