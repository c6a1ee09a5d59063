package sim

import (
	"encoding/json"
	"strconv"
	"strings"
)

// prompts is what completions and embeddings take: a text, tokens, or a list of
// either.
type prompts []prompt

type prompt struct {
	text   string
	tokens int
}

// UnmarshalJSON tells the four forms apart.
func (p *prompts) UnmarshalJSON(data []byte) error {
	switch {
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*p = prompts{{s, countTokens(s)}}
		return nil
	case data[0] == '[' && isNumber(data, 1):
		one, err := tokenPrompt(data)
		*p = prompts{one}
		return err
	}
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return err
	}
	*p = make(prompts, 0, len(items))
	for _, item := range items {
		var next prompt
		var err error
		if item[0] == '"' {
			err = json.Unmarshal(item, &next.text)
			next.tokens = countTokens(next.text)
		} else {
			next, err = tokenPrompt(item)
		}
		if err != nil {
			return err
		}
		*p = append(*p, next)
	}
	return nil
}

func isNumber(data []byte, i int) bool {
	i = skipSpace(data, i)
	return i < len(data) && (data[i] == '-' || '0' <= data[i] && data[i] <= '9')
}

// tokenPrompt reads a list of token ids. They mean nothing here; their digits
// stand for the text.
func tokenPrompt(data []byte) (prompt, error) {
	var ids []int
	if err := json.Unmarshal(data, &ids); err != nil {
		return prompt{}, err
	}
	var text strings.Builder
	for _, id := range ids {
		text.WriteString(" #")
		text.WriteString(strconv.Itoa(id))
	}
	return prompt{text.String(), len(ids)}, nil
}

func (p prompts) tokens() int {
	n := 0
	for _, one := range p {
		n += one.tokens
	}
	return n
}

// completion is a request for completions, read and checked.
type completion struct {
	prompts   prompts
	phrases   phrases
	n, best   int
	maxTokens int
	stop      []string
	echo      bool
	logprobs  int // -1: not asked for
	stream    bool
	usage     bool
}

// defaultCompletion is max_tokens where none is given.
const defaultCompletion = 16

func readCompletion(c *call) (*completion, error) {
	q := &completion{}
	if found, err := c.get("prompt", &q.prompts); err != nil {
		return nil, err
	} else if !found {
		return nil, errMissing(c.surface, "prompt")
	} else if len(q.prompts) == 0 {
		return nil, errInvalid("prompt", "empty_array", "Invalid 'prompt': empty array.")
	}
	for _, p := range q.prompts {
		q.phrases.find(p.text)
	}
	var err error
	if q.n, err = c.count("n", 1, maxChoices, 1); err != nil {
		return nil, err
	}
	if q.best, err = c.count("best_of", 1, maxChoices, q.n); err != nil {
		return nil, err
	}
	otherwise := max(defaultCompletion, int(c.controls.tokens))
	if q.maxTokens, err = c.count("max_tokens", 1, maxTokens, otherwise); err != nil {
		return nil, err
	}
	if q.logprobs, err = c.count("logprobs", 0, 5, -1); err != nil {
		return nil, err
	}
	if q.stop, err = c.stopSequences(); err != nil {
		return nil, err
	}
	if _, err := c.get("echo", &q.echo); err != nil {
		return nil, err
	}
	q.stream, q.usage, err = c.streaming()
	return q, err
}

// answerCompletion answers completions: n choices for each prompt.
func answerCompletion(c *call) (*reply, error) {
	q, err := readCompletion(c)
	if err != nil {
		return nil, err
	}
	prompt := q.prompts.tokens()
	if err := c.admit(prompt + len(q.prompts)*max(q.n, q.best)*q.maxTokens); err != nil {
		return nil, err
	}
	if err := q.phrases.refused(c.surface); err != nil {
		return nil, err
	}
	base := newDigest(c.sim.opts.Seed).text(c.op.name).text(string(c.raw("seed")))
	var choices []completionChoice
	tokens := 0
	for _, p := range q.prompts {
		for k := range q.n {
			ch := completionChoice{index: len(choices), digest: base.text(p.text).number(uint64(k))}
			ch.text, ch.finish = c.compose(ch.digest, p.text, q.maxTokens, q.stop)
			if q.phrases.filtered {
				ch.text.halve()
				ch.finish = "content_filter"
			}
			tokens += ch.text.tokens
			ch.text.regroup(int(c.controls.chunks))
			if q.echo {
				// The prompt comes back first, and is not counted again.
				ch.echoed = p.text
			}
			choices = append(choices, ch)
		}
	}
	u := usageOf(prompt, tokens, 0)
	a := &reply{prompt: u.prompt, completion: u.completion}
	if q.stream {
		a.stream = func(e *events) error { return q.writeStream(e, choices, u) }
	} else {
		a.plain = q.body(c, choices, u)
	}
	return a, nil
}

// completionChoice is one choice of an answer.
type completionChoice struct {
	index  int
	echoed string
	text   text
	finish string
	digest digest
}
