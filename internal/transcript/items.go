package transcript

import (
	"cmp"
	"iter"
	"strings"
)

// talk gathers what a request says: messages, and the same as paragraphs.
type talk struct {
	messages   []byte
	paragraphs strings.Builder
}

func (t *talk) paragraph() *strings.Builder {
	if t.paragraphs.Len() > 0 {
		t.paragraphs.WriteString("\n\n")
	}
	return &t.paragraphs
}

// add adds a message that is a raw object with role and content.
func (t *talk) add(raw string) {
	t.array(compact(raw))
	m := readMessage(raw)
	m.write(t.paragraph())
}

func (t *talk) array(message string) {
	if t.messages == nil {
		t.messages = []byte{'['}
	}
	t.messages = appendElement(t.messages, message)
}

// say adds a message of text; none when there is no text.
func (t *talk) say(role, text string) {
	if text == "" {
		return
	}
	t.array(string(appendMessage([]byte{'['}, role, text)[1:]))
	t.paragraph().WriteString(role + ": " + text)
}

// note adds a paragraph that is no message; none when there is no text.
func (t *talk) note(name, text string) {
	if text != "" {
		t.paragraph().WriteString(name + ": " + text)
	}
}

// items adds the input of a response, or the items of a conversation.
func (t *talk) items(value string) {
	for raw := range inputItems(value) {
		it := readItem(raw)
		switch {
		case it.kind == "message" && isObject(raw):
			t.add(raw)
		case it.kind == "reasoning":
			t.array(it.message("")) // a paragraph would have nothing in it
		default:
			t.add(it.message("user"))
		}
	}
}

func (t *talk) input() input {
	in := input{prompt: t.paragraphs.String()}
	if t.messages != nil {
		in.messages = string(append(t.messages, ']'))
	}
	return in
}

// inputItems ranges over the items of an input, which may be one text.
func inputItems(value string) iter.Seq[string] {
	if isArray(value) {
		return elements(value)
	}
	return func(yield func(string) bool) {
		if isString(value) || isObject(value) {
			yield(value)
		}
	}
}

// item is an item of a response's input or output, of a conversation or of a
// realtime session (OpenAI API reference, "Responses", "Input items").
type item struct {
	kind, role       string
	content          string // raw
	text             string // of the content, or of what stands for it
	callID           string // of a call or its output
	name, arguments  string // of a call
	reasoning, extra string // texts that cost tokens and are not shown
	calls            int
}

func readItem(raw string) item {
	if isString(raw) {
		return item{kind: "message", role: "user", content: raw, text: text(raw)}
	}
	it := item{kind: text(get(raw, "type")), role: text(get(raw, "role"))}
	if it.kind == "" {
		it.kind = "message" // which may leave it out
	}
	callID := func() string { return cmp.Or(text(get(raw, "call_id")), text(get(raw, "id"))) }
	switch {
	case it.kind == "message":
		it.content = get(raw, "content")
		it.text = contentText(it.content)
	case it.kind == "reasoning":
		it.role = "assistant"
		it.reasoning = contentText(get(raw, "summary"))
		it.extra = contentText(get(raw, "content"))
	case strings.HasSuffix(it.kind, "_output"):
		it.role, it.callID = "tool", callID()
		it.content = get(raw, "output")
		it.text = contentText(it.content)
		if it.text == "" && isObject(it.content) {
			it.text = "[" + it.kind + "]"
		}
	case strings.HasSuffix(it.kind, "_call"):
		it.role, it.calls, it.callID = "assistant", 1, callID()
		it.name = cmp.Or(text(get(raw, "name")), it.kind)
		it.arguments = callArguments(raw)
	default:
		it.text = "[" + it.kind + "]"
	}
	return it
}

// callArguments gives what a call is asked: a text, or an object as JSON.
func callArguments(raw string) string {
	for _, name := range []string{"arguments", "input", "code", "action", "queries"} {
		switch v := get(raw, name); {
		case isString(v):
			return text(v)
		case isObject(v), isArray(v):
			return compact(v)
		}
	}
	return ""
}

// counted lists the texts of an item that cost tokens.
func (it *item) counted() []string {
	if it.calls > 0 {
		return []string{it.name, it.arguments}
	}
	return []string{it.text, it.reasoning, it.extra}
}

// message gives the item as a message with role and content; role is whose it is
// when the item does not say. Calls have the form that they have in a chat.
func (it *item) message(role string) string {
	role = cmp.Or(it.role, role)
	if it.calls > 0 {
		b := appendString(append(appendString([]byte(`{"role":`), role), `,"content":null,"tool_calls":[{"id":`...), it.callID)
		b = appendString(append(b, `,"type":"function","function":{"name":`...), it.name)
		b = appendString(append(b, `,"arguments":`...), it.arguments)
		return string(append(b, `}}]}`...))
	}
	b := appendMessage([]byte{'['}, role, it.text)[1:]
	b = b[:len(b)-1]
	if it.callID != "" {
		b = appendString(appendName(b, "tool_call_id"), it.callID)
	}
	if it.reasoning != "" {
		b = appendString(appendName(b, "reasoning"), it.reasoning)
	}
	return string(append(b, '}'))
}

// itemsInput reads a request that has items in the member of that name.
func itemsInput(member string) func(req string) input {
	return func(req string) input {
		var t talk
		t.items(get(req, member))
		return t.input()
	}
}

// moderationInput reads what is to be judged: a text, several, or parts of one
// content.
func moderationInput(req string) input {
	value := get(req, "input")
	for raw := range elements(value) {
		if isObject(raw) {
			var t talk
			t.say("user", contentText(value))
			return t.input()
		}
	}
	return promptInput("input")(req)
}

// itemChoices reads items as what was answered; of messages only an assistant's.
func itemChoices(array string) []choice {
	var all []choice
	for raw := range elements(array) {
		it := readItem(raw)
		c := choice{message: it.message("assistant"), calls: it.calls, counted: it.counted()}
		if it.kind == "message" && (it.role == "assistant" || it.role == "") {
			c.text = it.text
		}
		all = append(all, c)
	}
	return all
}

// itemsOutput reads a list of items.
func itemsOutput(ans string) []choice { return itemChoices(get(ans, "data")) }
