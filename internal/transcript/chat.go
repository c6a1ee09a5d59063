package transcript

import (
	"iter"
	"strconv"
	"strings"
)

// chatEvents folds chat.completion.chunk events into a chat.completion (OpenAI
// API reference, "The chat completion chunk object"; Azure's additions from its
// REST reference and "Content streaming").
var chatEvents = rule{op: fields, kids: []rule{
	{name: "id"},
	{name: "object", op: fixed, unset: `"chat.completion"`},
	{name: "created", op: most}, // 0 in the events that carry only a filter's results
	{name: "model"},
	{name: "choices", op: items, unset: "[]", kids: []rule{
		{name: "index", op: most, unset: "0"},
		{name: "delta", also: "message", as: "message", op: fields, kids: deltaRules, unset: `{"role":"assistant","content":null}`},
		{name: "logprobs", op: fields, kids: []rule{
			{name: "content", op: join},
			{name: "refusal", op: join},
		}},
		{name: "finish_reason", unset: "null"},
		filterRule,
		offsetsRule,
	}},
	{name: "usage", op: apart},
	{name: "service_tier"},
	{name: "system_fingerprint"},
	{name: "prompt_filter_results"},
	{name: "error"},
}}

var deltaRules = []rule{
	{name: "role", unset: `"assistant"`},
	{name: "content", op: join, unset: "null", nullBy: []string{"tool_calls", "function_call", "audio"}},
	{name: "refusal", op: join},
	// Reasoning as DeepSeek's and vLLM's servers stream it.
	{name: "reasoning_content", op: join},
	{name: "reasoning", op: join},
	{name: "tool_calls", op: items, kids: []rule{
		{name: "index", op: drop},
		{name: "id"},
		{name: "type"},
		{name: "function", op: fields, kids: callRules},
		{name: "custom", op: fields, kids: []rule{{name: "name"}, {name: "input", op: join}}},
	}},
	{name: "function_call", op: fields, kids: callRules},
	{name: "audio", op: fields, kids: []rule{
		{name: "id"},
		{name: "data", op: join},
		{name: "transcript", op: join},
		{name: "expires_at"},
	}},
	{name: "annotations", op: join},
}

var callRules = []rule{{name: "name"}, {name: "arguments", op: join}}

// chatInput reads the messages of a chat request.
func chatInput(req string) input {
	messages := get(req, "messages")
	if !isArray(messages) {
		return input{}
	}
	var b strings.Builder
	for raw := range elements(messages) {
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		m := readMessage(raw)
		m.write(&b)
	}
	return input{messages: compact(messages), prompt: b.String()}
}

// message is what a chat message says. The rest of its members are raw.
type message struct {
	role, name, content, refusal, reasoning string
	toolCalls, functionCall, audio          string
}

func readMessage(raw string) message {
	var m message
	for k, v := range members(raw) {
		switch k {
		case "role":
			m.role = text(v)
		case "name":
			m.name = text(v)
		case "content":
			m.content = v
		case "refusal":
			m.refusal = text(v)
		case "reasoning_content", "reasoning":
			m.reasoning = text(v)
		case "tool_calls":
			m.toolCalls = v
		case "function_call":
			m.functionCall = v
		case "audio":
			m.audio = v
		}
	}
	return m
}

// write writes the message as a paragraph, "role: text". Calls of tools stand in
// it as "[call name arguments]".
func (m *message) write(b *strings.Builder) {
	b.WriteString(m.role)
	b.WriteString(":")
	line := func(s string) {
		if s != "" {
			b.WriteString(" ")
			b.WriteString(s)
		}
	}
	line(contentText(m.content))
	line(m.refusal)
	for c := range m.calls() {
		line("[call " + c.name + " " + c.arguments + "]")
	}
	if isObject(m.audio) {
		line("[audio]")
	}
}

type call struct{ name, arguments string }

// calls ranges over the calls of tools in the message.
func (m *message) calls() iter.Seq[call] {
	return func(yield func(call) bool) {
		if isObject(m.functionCall) && !yield(call{text(get(m.functionCall, "name")), text(get(m.functionCall, "arguments"))}) {
			return
		}
		for c := range elements(m.toolCalls) {
			f, arguments := get(c, "function"), "arguments"
			if f == "" {
				f, arguments = get(c, "custom"), "input"
			}
			if !yield(call{text(get(f, "name")), text(get(f, arguments))}) {
				return
			}
		}
	}
}

// partNames is what stands in a text for a content part that is none.
var partNames = map[string]string{
	"image_url":    "[image]",
	"input_image":  "[image]",
	"output_image": "[image]",
	"image_file":   "[image]",
	"input_audio":  "[audio]",
	"output_audio": "[audio]",
	"audio":        "[audio]",
	"file":         "[file]",
	"input_file":   "[file]",
}

// contentText gives the text of a message's content: a string, or parts, of which
// those that are not text stand as "[image]", "[audio]" and the like.
func contentText(content string) string {
	if isString(content) {
		return text(content)
	}
	var parts []string
	for part := range elements(content) {
		if s := partText(part); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

func partText(part string) string {
	if isString(part) {
		return text(part)
	}
	kind := text(get(part, "type"))
	for _, member := range []string{"text", "refusal", "transcript"} {
		v := get(part, member)
		if isObject(v) {
			v = get(v, "value") // in threads
		}
		if isString(v) && (kind == "" || v != `""` || partNames[kind] == "") {
			return text(v)
		}
	}
	if name, ok := partNames[kind]; ok {
		return name
	}
	if kind == "" {
		return ""
	}
	return "[" + kind + "]"
}

// chatOutput reads the choices of a chat.completion.
func chatOutput(ans string) []choice {
	var all []choice
	for raw := range elements(get(ans, "choices")) {
		c := readChoice(raw, len(all))
		m := readMessage(c.message)
		c.text = contentText(m.content)
		if c.text == "" {
			c.text = m.refusal
		}
		if c.text == "" {
			c.text = text(get(m.audio, "transcript"))
		}
		c.counted = append(c.counted, c.text, m.reasoning)
		if m.refusal != c.text {
			c.counted = append(c.counted, m.refusal)
		}
		for call := range m.calls() {
			c.calls++
			c.counted = append(c.counted, call.name, call.arguments)
		}
		all = append(all, c)
	}
	return all
}

// readChoice reads what the choices of all dialects have; raw is the at-th.
func readChoice(raw string, at int) choice {
	c := choice{index: strconv.Itoa(at)}
	for k, v := range members(raw) {
		switch k {
		case "index":
			c.index = v
		case "message":
			c.message = v
		case "finish_reason":
			c.finish = text(v)
		case "content_filter_results", "content_filter_result":
			c.filter = v
		case "content_filter_offsets":
			c.offsets = v
		}
	}
	return c
}

// storedOutput reads a chat completion that was kept, or a list of its messages.
func storedOutput(ans string) []choice {
	if get(ans, "choices") != "" {
		return chatOutput(ans)
	}
	return messagesOutput(ans)
}
