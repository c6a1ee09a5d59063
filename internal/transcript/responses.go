package transcript

import (
	"strings"

	"weir/internal/record"
)

// responseEvents folds the events of the Responses API (OpenAI API reference,
// "Streaming events"). The last one has the whole response; where it is missing,
// the response is made of the pieces before it.
var responseEvents = typed{
	rule: rule{op: fields, kids: []rule{
		{name: "id"},
		{name: "object", unset: `"response"`},
		{name: "created_at"},
		{name: "status"},
		{name: "error"},
		{name: "incomplete_details"},
		{name: "model"},
		{name: "output", op: items, unset: "[]", kids: []rule{
			{name: "id"},
			{name: "type"},
			{name: "status"},
			{name: "role"},
			{name: "content", op: items, kids: []rule{
				{name: "type"},
				{name: "text", op: join},
				{name: "refusal", op: join},
				{name: "transcript", op: join},
				{name: "annotations", op: join},
				{name: "logprobs", op: join},
			}},
			{name: "summary", op: items, kids: []rule{{name: "type", unset: `"summary_text"`}, {name: "text", op: join}}},
			{name: "arguments", op: join},
			{name: "input", op: join},
			{name: "code", op: join},
		}},
		{name: "usage", op: apart},
		othersRule,
	}},
	steps: stepsOf(
		row{"response.created response.queued response.in_progress", []step{{opening, "response", ""}}},
		row{"response.completed response.failed response.incomplete", []step{{ending, "response", ""}}},
		row{"response.output_item.added", []step{{opening, "item", outputItem}}},
		row{"response.output_item.done", []step{{replacing, "item", outputItem}}},
		row{"response.content_part.added", []step{{opening, "part", contentPart}}},
		row{"response.content_part.done", []step{{replacing, "part", contentPart}}},
		pieces("response.output_text", "text", contentPart+"/text"),
		pieces("response.refusal", "refusal", contentPart+"/refusal"),
		pieces("response.reasoning_text", "text", contentPart+"/text"),
		pieces("response.audio_transcript", "transcript", contentPart+"/transcript"),
		pieces("response.reasoning_summary_text", "text", summaryPart+"/text"),
		pieces("response.function_call_arguments", "arguments", outputItem+"/arguments"),
		pieces("response.mcp_call_arguments", "arguments", outputItem+"/arguments"),
		pieces("response.custom_tool_call_input", "input", outputItem+"/input"),
		pieces("response.code_interpreter_call_code", "code", outputItem+"/code"),
		row{"response.reasoning_summary_part.added", []step{{opening, "part", summaryPart}}},
		row{"response.reasoning_summary_part.done", []step{{replacing, "part", summaryPart}}},
		row{"response.image_generation_call.partial_image", []step{{replacing, "partial_image_b64", outputItem + "/partial_image_b64"}}},
		// What these say stands in the item, too, when it is done.
		row{"response.output_text.annotation.added keepalive", nil},
		row{calls("file_search_call", "in_progress searching completed"), nil},
		row{calls("web_search_call", "in_progress searching completed"), nil},
		row{calls("code_interpreter_call", "in_progress interpreting completed"), nil},
		row{calls("image_generation_call", "in_progress generating completed"), nil},
		row{calls("mcp_call", "in_progress completed failed"), nil},
		row{calls("mcp_list_tools", "in_progress completed failed"), nil},
	),
}

const (
	outputItem  = "output/[output_index]"
	contentPart = outputItem + "/content/[content_index]"
	summaryPart = outputItem + "/summary/[summary_index]"
)

// pieces are the events name.delta and name.done, of which the latter has the
// whole in the member of that name.
func pieces(name, member, to string) row {
	return row{name + ".delta " + name + ".done", []step{{adding, "delta", to}, {replacing, member, to}}}
}

func calls(name, states string) string {
	var all []string
	for state := range strings.FieldsSeq(states) {
		all = append(all, "response."+name+"."+state)
	}
	return strings.Join(all, " ")
}

// responsesInput reads the request of a response: its instructions and input.
func responsesInput(req string) input {
	var t talk
	t.say("system", text(get(req, "instructions")))
	t.items(get(req, "input"))
	return t.input()
}

// responsesOutput reads the output items of a response, or a list of its input's.
func responsesOutput(ans string) []choice {
	if output := get(ans, "output"); output != "" {
		return itemChoices(output)
	}
	return itemsOutput(ans)
}

// statusFinish tells why a response or a run ended: its reason to be incomplete,
// or its status.
func statusFinish(ans string) string {
	if why := text(get(ans, "incomplete_details", "reason")); why != "" {
		return why
	}
	return text(get(ans, "status"))
}

// responsesCost estimates the tokens of a response's request as those of a chat
// with the same texts. What stands before it (previous_response_id, conversation)
// is not known here.
func responsesCost(req string, c *counter) int {
	f := familyOf(c.model)
	n := priming
	if s := text(get(req, "instructions")); s != "" {
		n += perMessage + c.text(s)
	}
	for raw := range inputItems(get(req, "input")) {
		it := readItem(raw)
		n += perMessage + c.text(it.role)
		for _, s := range it.counted() {
			n += c.text(s)
		}
		for part := range elements(it.content) {
			media, _ := partCost(part, f)
			n += media
		}
	}
	tools := 0
	for t := range elements(get(req, "tools")) {
		if get(t, "name") != "" { // the API's own tools have none
			tools += toolCost(t, f, c)
		}
	}
	if tools > 0 {
		tools += 12
	}
	return n + tools
}

// responseMeasure counts the images that a response made.
func responseMeasure(r *record.Row, _, ans string) {
	for raw := range elements(get(ans, "output")) {
		if text(get(raw, "type")) == "image_generation_call" && !isNothing(get(raw, "result")) {
			r.Images++
		}
	}
}
