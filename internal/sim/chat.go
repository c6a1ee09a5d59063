package sim

import (
	"encoding/json"
	"strconv"
)

// Prompt tokens that are not text.
const (
	tokensPerMessage = 4
	tokensPerAnswer  = 3
	tokensPerImage   = 85
)

const maxChoices = 128

// message is one of a chat's messages, as far as it matters here: of content, the
// text and how many images there are.
type message struct {
	role, text string
	images     int
}

// readMessage reads a message.
func readMessage(raw []byte, where string) (m message, err error) {
	list, ok := members(raw)
	if !ok {
		return m, errType(where, "an object")
	}
	for _, f := range list {
		switch {
		case f.name == "role" && f.raw[0] == '"':
			m.role = unquote(f.raw)
		case f.name == "content" && f.raw[0] == '"':
			m.text = unquote(f.raw)
		case f.name == "content" && f.raw[0] != 'n':
			if err := m.readParts(f.raw, where+".content"); err != nil {
				return m, err
			}
		}
	}
	if !chatRoles[m.role] {
		return m, errInvalid(where+".role", "invalid_value", "Invalid value for '%s.role'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.", where)
	}
	return m, nil
}

// readParts reads content that is a list of parts.
func (m *message) readParts(raw []byte, where string) error {
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return wrongType(where, err)
	}
	for _, p := range parts {
		m.text += p.Text
		if p.Type == "image_url" {
			m.images++
		}
	}
	return nil
}

// chat is a request for chat completions, read and checked.
type chat struct {
	id        string
	messages  []message
	phrases   phrases
	prompt    int // tokens
	stop      []string
	n         int
	maxTokens int // 0: none given
	stream    bool
	usage     bool
	tools     toolRequest
	schema    *schema // of response_format; nil for free text
	logprobs  bool
	top       int
	context   string // what the caller's own data had to say, as JSON; "" without
	digest    digest
}

var chatRoles = map[string]bool{"system": true, "developer": true, "user": true, "assistant": true, "tool": true, "function": true}

// readChat reads the request. What shapes the answer goes into its digest.
func readChat(c *call) (*chat, error) {
	q := &chat{id: randomID("chatcmpl-", 29)}
	if err := q.readMessages(c); err != nil {
		return nil, err
	}
	var err error
	if q.n, err = c.count("n", 1, maxChoices, 1); err != nil {
		return nil, err
	}
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		if q.maxTokens, err = c.count(name, 1, maxTokens, q.maxTokens); err != nil {
			return nil, err
		}
	}
	if q.stop, err = c.stopSequences(); err != nil {
		return nil, err
	}
	if q.stream, q.usage, err = c.streaming(); err != nil {
		return nil, err
	}
	if _, err := c.get("logprobs", &q.logprobs); err != nil {
		return nil, err
	}
	if q.top, err = c.count("top_logprobs", 0, 20, 0); err != nil {
		return nil, err
	}
	if q.tools, err = readTools(c, q); err != nil {
		return nil, err
	}
	if err := q.readSources(c); err != nil {
		return nil, err
	}
	if q.schema, err = readFormat(c); err != nil {
		return nil, err
	}
	q.prompt += countTokens(string(c.raw("tools")))
	q.digest = newDigest(c.sim.opts.Seed).text(c.op.name)
	for _, m := range q.messages {
		q.digest = q.digest.text(m.role).text(m.text).number(uint64(m.images))
	}
	q.digest = q.digest.text(string(c.raw("seed"))).text(string(c.raw("tools")))
	return q, nil
}

func (q *chat) readMessages(c *call) error {
	raw := c.raw("messages")
	if raw == nil {
		return errMissing(c.surface, "messages")
	}
	list, ok := elements(raw)
	switch {
	case !ok:
		return errType("messages", "an array of objects")
	case len(list) == 0:
		return errInvalid("messages", "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	q.prompt = tokensPerAnswer
	for i, raw := range list {
		m, err := readMessage(raw, "messages["+strconv.Itoa(i)+"]")
		if err != nil {
			return err
		}
		q.messages = append(q.messages, m)
		q.prompt += tokensPerMessage + countTokens(m.text) + tokensPerImage*m.images
		if m.role != "assistant" {
			q.phrases.find(m.text)
		}
	}
	return nil
}

// last is the last message.
func (q *chat) last() *message { return &q.messages[len(q.messages)-1] }

// lastUser is the text of the last message of the user, of which answers quote
// the beginning.
func (q *chat) lastUser() string {
	for i := len(q.messages) - 1; i >= 0; i-- {
		if q.messages[i].role == "user" {
			return q.messages[i].text
		}
	}
	return ""
}

// chatChoice is one choice of a chat's answer: text, a refusal, or calls of
// tools.
type chatChoice struct {
	index   int
	text    text
	refusal bool
	calls   []toolCall
	parts   []toolPart // of calls
	finish  string
	digest  digest
}

// answerChat answers a chat.
func answerChat(c *call) (*reply, error) {
	q, err := readChat(c)
	if err != nil {
		return nil, err
	}
	estimate := q.maxTokens
	if estimate == 0 {
		estimate = defaultEstimate
	}
	if err := c.admit(q.prompt + q.n*estimate); err != nil {
		return nil, err
	}
	if err := q.phrases.refused(c.surface); err != nil {
		return nil, err
	}
	choices := make([]chatChoice, q.n)
	completion := 0
	for i := range choices {
		choices[i] = q.choose(c, i)
		completion += choices[i].tokens()
	}
	reasoning := 0
	if c.deployment.model.reasons {
		reasoning = q.n * 64 * (1 + int(q.digest%8))
	}
	u := usageOf(q.prompt, completion, reasoning)
	a := &reply{prompt: u.prompt, completion: u.completion}
	if q.stream {
		a.stream = func(e *events) error { return q.writeStream(e, choices, u) }
	} else {
		a.plain = q.body(c, choices, u)
	}
	return a, c.keepChat(q, choices, u)
}

// defaultEstimate is what a call without max_tokens counts against the limit.
const defaultEstimate = 16

// choose makes the choice of that index.
func (q *chat) choose(c *call, index int) chatChoice {
	ch := chatChoice{index: index, finish: "stop", digest: q.digest.number(uint64(index))}
	r := ch.digest.rand()
	switch {
	case len(q.tools.called) > 0:
		ch.calls, ch.finish = q.tools.make(r), "tool_calls"
		if q.tools.forced {
			ch.finish = "stop" // as the service does when tool_choice names the tool
		}
		ch.parts = partsOf(ch.calls)
		return ch
	case q.phrases.refusal:
		ch.text, ch.refusal = textOf(refusalText), true
	case q.schema != nil && c.controls.bytes < 0:
		ch.text = textOf(string(q.schema.instance(r, 0)))
		if q.maxTokens > 0 && ch.text.limit(q.maxTokens) {
			ch.finish = "length"
		}
	default:
		ch.text, ch.finish = c.compose(ch.digest, q.lastUser(), q.maxTokens, q.stop)
	}
	if q.phrases.filtered {
		ch.text.halve()
		ch.finish = "content_filter"
	}
	ch.text.regroup(int(c.controls.chunks))
	return ch
}

// compose makes the text of an answer within what the call and its controls ask,
// and says why it ends.
func (c *call) compose(d digest, prompt string, maxTokens int, stop []string) (text, string) {
	name, echo := c.sim.opts.Name, echoOf(prompt)
	if c.controls.bytes >= 0 {
		return hugeText(d, name, echo, c.controls.bytes), "stop"
	}
	want := int(c.controls.tokens)
	t := textOf(compose(d.rand(), name, echo, want))
	if want > 0 {
		t.limit(want)
	}
	if len(stop) > 0 {
		t.stopAt(stop)
	}
	if maxTokens > 0 && t.limit(maxTokens) {
		return t, "length"
	}
	return t, "stop"
}

// tokens is what the choice counts.
func (ch *chatChoice) tokens() int {
	n := ch.text.tokens
	for _, call := range ch.calls {
		n += countTokens(call.name) + countTokens(call.arguments)
	}
	return n
}
