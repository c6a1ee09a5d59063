package sim

import (
	"net/http"
	"slices"
	"strings"
)

// modelResponse is a response's making: what went in, and what comes out.
type modelResponse struct {
	input  []*inputItem
	heard  []message // what a response that follows is to hear, its own answer included
	choice chatChoice
	output []document // items, as they are in the end
	final  string     // the status in the end
	usage  usage
	system int // of the prompt, how many messages instructions are
}

// maxKeptBytes is how long the text of an answer may be that is kept.
const maxKeptBytes = 16 << 20

// createResponse answers a response: all at once, as a stream, or in the
// background, where each GET moves it on.
func createResponse(c *call, r *route) (*reply, error) {
	stream, _, err := c.streaming()
	if err != nil {
		return nil, err
	}
	if hasMember(c.raw("stream_options"), "include_usage") {
		return nil, errUnknownArgument(c.surface, "stream_options.include_usage")
	}
	if c.controls.bytes > maxKeptBytes {
		return nil, errControlBytes()
	}
	var background bool
	if _, err := c.get("background", &background); err != nil {
		return nil, err
	}
	keep := true
	if _, err := c.get("store", &keep); err != nil {
		return nil, err
	}
	if background && !keep {
		return nil, errInvalid("background", "invalid_value", "Background mode requires 'store' to be true.")
	}
	q, w, err := c.readResponse()
	if err != nil {
		return nil, err
	}
	if err := c.admit(q.prompt + either2(q.maxTokens, defaultEstimate)); err != nil {
		return nil, err
	}
	if err := q.phrases.refused(c.surface); err != nil {
		return nil, err
	}
	w.answer(c, q)
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.newResponse(r, w, background)
	if err != nil {
		return nil, err
	}
	if keep {
		s.put(o)
		for _, doc := range w.output {
			s.put(&object{kind: c.kind("item"), id: doc.text("id"), doc: doc, more: &inputItem{doc: doc, message: messageOf(doc)}})
		}
	}
	c.converse(w)
	switch {
	case stream:
		return c.streamResponse(o, w, 0, true), nil
	case background:
		return c.show(o), nil
	}
	a := c.show(o)
	a.prompt, a.completion = w.usage.prompt, w.usage.completion
	return a, nil
}

func errControlBytes() *apiError {
	return &apiError{status: http.StatusBadRequest, kind: invalidRequest, code: "SimulatorControl",
		message: "The simulator was asked for what it cannot do: answers that it keeps have a text of at most 16 MiB"}
}

func either2(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// readResponse reads the request and what it goes on from.
func (c *call) readResponse() (*chat, *modelResponse, error) {
	q, w := &chat{n: 1}, &modelResponse{}
	before, err := c.earlier()
	if err != nil {
		return nil, nil, err
	}
	if w.input, err = c.readItems("input"); err != nil {
		return nil, nil, err
	}
	var instructions string
	if raw := c.raw("instructions"); raw != nil && raw[0] == '"' {
		instructions = unquote(raw)
		q.hear(message{role: "developer", text: instructions})
		w.system = 1
	}
	for _, m := range before {
		q.hear(m)
	}
	for _, in := range w.input {
		q.hear(in.message)
	}
	if len(q.messages) == w.system {
		return nil, nil, errMissing(c.surface, "input")
	}
	if q.maxTokens, err = c.count("max_output_tokens", 1, maxTokens, 0); err != nil {
		return nil, nil, err
	}
	if q.tools, err = c.responseTools(q); err != nil {
		return nil, nil, err
	}
	if q.schema, err = c.responseFormat(); err != nil {
		return nil, nil, err
	}
	q.seal(c, string(c.raw("tools")))
	return q, w, nil
}

// hear adds a message to the prompt.
func (q *chat) hear(m message) {
	q.messages = append(q.messages, m)
	q.prompt += tokensPerMessage + countTokens(m.text) + tokensPerImage*m.images
	if m.role != "assistant" {
		q.phrases.find(m.text)
	}
}

// seal counts what comes beside the messages, and makes the digest of all.
func (q *chat) seal(c *call, tools string) {
	q.prompt += tokensPerAnswer + countTokens(tools)
	q.digest = newDigest(c.sim.opts.Seed).text(c.op.name)
	for _, m := range q.messages {
		q.digest = q.digest.text(m.role).text(m.text).number(uint64(m.images))
	}
	q.digest = q.digest.text(tools)
}

// earlier is what was said before: by the response that the request goes on from,
// or in its conversation.
func (c *call) earlier() ([]message, error) {
	previous, conversation := strings.Join(idsAt(c.raw("previous_response_id"), ""), ""), c.conversationID()
	if previous != "" && conversation != "" {
		return nil, errInvalid("previous_response_id", "mutually_exclusive_parameters", "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are only providing one of them.")
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if conversation != "" {
		var out []message
		for _, o := range s.list("conversation.item", conversation) {
			out = append(out, o.more.(*inputItem).message)
		}
		return out, nil
	}
	o := s.get("response", "", previous)
	switch {
	case o == nil: // checked before, so that none is named
		return nil, nil
	case o.status() == "queued" || o.status() == "in_progress":
		return nil, errInvalid("previous_response_id", "response_not_completed", "Previous response with id '%s' is still in progress.", previous)
	}
	return o.more.(*modelResponse).heard, nil
}

// conversationID is the conversation that the request names, by its id or by an
// object with that.
func (c *call) conversationID() string {
	raw := c.raw("conversation")
	return strings.Join(append(idsAt(raw, ""), idsAt(raw, "id")...), "")
}

// answer makes up the answer.
func (w *modelResponse) answer(c *call, q *chat) {
	w.choice = q.choose(c, 0)
	reasoning := 0
	if c.deployment.model.reasons {
		reasoning = 64 * (1 + int(q.digest%8))
		w.output = append(w.output, document{"id": randomID("rs_", 48), "type": "reasoning", "summary": []any{}})
	}
	w.usage = usageOf(q.prompt, w.choice.tokens(), reasoning)
	if len(w.choice.calls) == 0 && slices.Contains(idsAt(c.raw("tools"), "type"), "file_search") {
		w.output = append(w.output, document{"id": randomID("fs_", 48), "type": "file_search_call", "status": "completed",
			"queries": []string{echoOf(q.last().text)}, "results": nil})
	}
	for _, call := range w.choice.calls {
		w.output = append(w.output, document{"id": randomID("fc_", 48), "type": "function_call", "status": "completed",
			"arguments": call.arguments, "call_id": call.id, "name": call.name})
	}
	w.final = "completed"
	if w.choice.finish == "length" || w.choice.finish == "content_filter" {
		w.final = "incomplete"
	}
	if len(w.choice.calls) == 0 {
		w.output = append(w.output, document{"id": randomID("msg_", 48), "type": "message", "status": w.final, "role": "assistant",
			"content": []document{w.part(w.choice.text.whole())}})
	}
	w.heard = slices.Clone(q.messages[w.system:])
	for _, doc := range w.output {
		if m := messageOf(doc); m.role != "" {
			w.heard = append(w.heard, m)
		}
	}
}

// part is the content of the answer's message.
func (w *modelResponse) part(text string) document {
	if w.choice.refusal {
		return document{"type": "refusal", "refusal": text}
	}
	return document{"type": "output_text", "annotations": []any{}, "logprobs": []any{}, "text": text}
}

// whole is all that a text says.
func (t *text) whole() string { return strings.Repeat(t.block, t.repeat) + t.String() }

// newResponse makes the object that is shown.
func (c *call) newResponse(r *route, w *modelResponse, background bool) (*object, error) {
	o, err := c.newObject(c.kind(r.kind), "")
	if err != nil {
		return nil, err
	}
	o.more = w
	o.doc["model"] = c.deployment.Name
	if c.surface == native {
		o.doc["model"] = c.deployment.model.id
	}
	if id := c.conversationID(); id != "" {
		o.doc["conversation"] = document{"id": id}
	}
	if background {
		o.doc["status"] = "queued"
		return o, nil
	}
	w.finish(o.doc)
	return o, nil
}

// finish fills in what is known in the end.
func (w *modelResponse) finish(doc document) {
	doc["status"], doc["output"], doc["usage"] = w.final, w.output, w.usage.ofResponse()
	doc["completed_at"] = now()
	if w.final == "incomplete" {
		reason := "max_output_tokens"
		if w.choice.finish == "content_filter" {
			reason = "content_filter"
		}
		doc["incomplete_details"], doc["completed_at"] = document{"reason": reason}, nil
	}
}

// ofResponse is the usage in the words of responses.
func (u usage) ofResponse() document {
	return document{"input_tokens": u.prompt, "input_tokens_details": document{"cached_tokens": u.cached}, "output_tokens": u.completion,
		"output_tokens_details": document{"reasoning_tokens": u.reasoning}, "total_tokens": u.prompt + u.completion}
}

// responseEntered ends a response of the background.
func responseEntered(_ *call, o *object) error {
	if o.status() == "completed" {
		o.more.(*modelResponse).finish(o.doc)
	}
	return nil
}
