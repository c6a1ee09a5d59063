package transcript

import (
	"iter"
	"strconv"
	"strings"
)

// completionsEvents folds the events of a streamed text completion, which are
// text_completion objects each, into one.
var completionsEvents = rule{op: fields, kids: []rule{
	{name: "id"},
	{name: "object", op: fixed, unset: `"text_completion"`},
	{name: "created", op: most},
	{name: "model"},
	{name: "choices", op: items, unset: "[]", kids: []rule{
		{name: "text", op: join, unset: `""`},
		{name: "index", op: most, unset: "0"},
		{name: "logprobs", op: fields, kids: []rule{
			{name: "tokens", op: join},
			{name: "token_logprobs", op: join},
			{name: "top_logprobs", op: join},
			{name: "text_offset", op: join},
		}},
		{name: "finish_reason", unset: "null"},
		filterRule,
		offsetsRule,
	}},
	{name: "usage", op: apart},
	{name: "system_fingerprint"},
	{name: "prompt_filter_results"},
	{name: "error"},
}}

// completionsOutput reads the choices of a text_completion.
func completionsOutput(ans string) []choice {
	var all []choice
	for raw := range elements(get(ans, "choices")) {
		c := readChoice(raw, len(all))
		c.text = text(get(raw, "text"))
		c.counted = []string{c.text}
		c.message = string(append(appendString([]byte(`{"role":"assistant","content":`), c.text), '}'))
		all = append(all, c)
	}
	return all
}

// promptInput reads a request whose input is the member of that name: a string,
// an array of strings, the tokens of one input, or an array of such. Each input
// becomes a user's message, and text a paragraph of the prompt.
func promptInput(member string) func(req string) input {
	return func(req string) input {
		value := get(req, member)
		if isNothing(value) {
			return input{}
		}
		b := []byte{'['}
		var paragraphs []string
		for raw := range inputs(value) {
			b = append(appendElement(b, `{"role":"user","content":`), compact(raw)...)
			b = append(b, '}')
			if isString(raw) {
				paragraphs = append(paragraphs, text(raw))
			} else if n := tokenCount(raw); n > 0 {
				paragraphs = append(paragraphs, "["+strconv.Itoa(n)+" tokens]")
			}
		}
		return input{messages: string(append(b, ']')), prompt: strings.Join(paragraphs, "\n\n")}
	}
}

// embeddingInput reads the input of embeddings: of texts and tokens as any other,
// or pictures with the texts that go with them (Azure AI Model Inference, image
// embeddings).
func embeddingInput(req string) input {
	value := get(req, "input")
	for first := range elements(value) {
		if !isObject(first) {
			break
		}
		b := []byte{'['}
		var paragraphs []string
		for raw := range elements(value) {
			b = append(append(appendElement(b, `{"role":"user","content":`), compact(raw)...), '}')
			said := text(get(raw, "text"))
			if said == "" {
				said = partNames["image_url"]
			}
			paragraphs = append(paragraphs, said)
		}
		return input{messages: string(append(b, ']')), prompt: strings.Join(paragraphs, "\n\n")}
	}
	return promptInput("input")(req)
}

// inputs ranges over the inputs of a value: itself, or its elements when these
// are inputs each.
func inputs(value string) iter.Seq[string] {
	for first := range elements(value) {
		if isString(first) || isArray(first) {
			return elements(value)
		}
		break
	}
	return func(yield func(string) bool) { yield(value) }
}

// tokenCount gives the length of an array of tokens; 0 for what is none.
func tokenCount(raw string) int {
	n := 0
	for range elements(raw) {
		n++
	}
	return n
}

// promptCost counts the tokens of requests whose inputs are the named members.
func promptCost(names ...string) func(req string, c *counter) int {
	return func(req string, c *counter) int {
		n := 0
		for _, name := range names {
			for raw := range inputs(get(req, name)) {
				n += c.text(text(raw)) + tokenCount(raw)
			}
		}
		return n
	}
}
