package sim

import "strconv"

// body is the plain answer: a chat.completion object.
func (q *chat) body(c *call, choices []chatChoice, u usage) *body {
	filter := ""
	if c.surface != native {
		filter = promptResults(1)
	}
	env := c.newEnvelope(q.id, "chat.completion", filter)
	b := &body{open: env.open}
	for i := range choices {
		if i > 0 {
			b.open = append(b.open, ',')
		}
		q.appendChoice(c, b, &choices[i])
	}
	b.open = append(b.open, env.close...)
	b.open = append(b.open, `,"usage":`...)
	b.open = append(u.append(b.open, true), '}')
	return b
}

// appendChoice adds a choice with its message.
func (q *chat) appendChoice(c *call, b *body, ch *chatChoice) {
	b.open = append(b.open, '{')
	if c.surface != native {
		b.open = append(b.open, `"content_filter_results":`...)
		b.open = append(b.open, ch.annotations()...)
		b.open = append(b.open, ',')
	}
	b.open = append(b.open, `"finish_reason":"`...)
	b.open = append(b.open, ch.finish...)
	b.open = append(b.open, `",`...)
	b.open = appendKeyInt(b.open, "index", ch.index)
	b.open = append(b.open, `,"logprobs":`...)
	b.open = q.appendLogprobs(b.open, ch, 0, ch.text.size())
	b.open = append(b.open, `,"message":{`...)
	b.open = q.appendContext(b.open)
	b.open = append(b.open, `"content":`...)
	switch {
	case ch.refusal:
		b.open = append(b.open, `null,"refusal":`...)
		b.appendText(&ch.text)
	case len(ch.calls) > 0:
		b.open = append(b.open, `null,"refusal":null`...)
	default:
		b.appendText(&ch.text)
		b.open = append(b.open, `,"refusal":null`...)
	}
	b.open = append(b.open, `,"role":"assistant"`...)
	if len(ch.calls) > 0 {
		b.open = append(b.open, `,"tool_calls":[`...)
		for i, call := range ch.calls {
			if i > 0 {
				b.open = append(b.open, ',')
			}
			b.open = call.append(b.open, call.arguments)
			b.open = append(b.open, '}')
		}
		b.open = append(b.open, ']')
	}
	b.open = append(b.open, "}}"...)
}

// appendContext adds what the caller's own data had to say.
func (q *chat) appendContext(b []byte) []byte {
	if q.context == "" {
		return b
	}
	b = append(b, `"context":`...)
	b = append(b, q.context...)
	return append(b, ',')
}

// annotations is the choice's content_filter_results. Azure annotates text only.
func (ch *chatChoice) annotations() string {
	switch {
	case ch.finish == "content_filter":
		return filteredAnswer
	case len(ch.calls) > 0:
		return "{}"
	}
	return safeAnswer
}

// asyncEvery is after how many parts the asynchronous filter speaks up.
const asyncEvery = 8

// writeStream writes the answer as chat.completion.chunk events. Several choices
// take turns, a part each.
func (q *chat) writeStream(e *events, choices []chatChoice, u usage) error {
	c := e.c
	s := &streamer{events: e, nulls: q.usage, details: true,
		env: c.newEnvelope(q.id, "chat.completion.chunk", "")}
	if c.surface != native {
		if err := s.first(promptResults(1)); err != nil {
			return err
		}
	}
	for i := range choices {
		b := q.openDelta(s, &choices[i], "{}")
		b = q.appendContext(b)
		b = append(b, `"content":`...)
		if len(choices[i].calls) > 0 {
			b = append(b, "null"...)
		} else {
			b = append(b, `""`...)
		}
		b = append(b, `,"refusal":null,"role":"assistant"`...)
		if err := q.closeDelta(s, b, &choices[i], 0, 0, "", 0); err != nil {
			return err
		}
	}
	checked := make([]int, len(choices)) // characters that the filter has seen
	said := make([]int, len(choices))
	for i, open := 0, true; open; i++ {
		open = false
		for j := range choices {
			ch := &choices[j]
			if i > ch.size() {
				continue
			}
			open = true
			length, err := q.writePart(s, ch, i)
			if err != nil {
				return err
			}
			if said[j] += length; c.controls.asyncFilter && c.surface != native && (i == ch.size() || i%asyncEvery == asyncEvery-1) {
				if err := s.offsets(j, checked[j], said[j]); err != nil {
					return err
				}
				checked[j] = said[j]
			}
		}
	}
	return s.last(u)
}

// size is the number of parts that the choice is streamed in, the last one, which
// says why it ends, not counted.
func (ch *chatChoice) size() int { return ch.text.size() + len(ch.parts) }

// writePart writes the i-th part of a choice and reports its length in bytes.
func (q *chat) writePart(s *streamer, ch *chatChoice, i int) (int, error) {
	annotations := safeAnswer
	if s.c.controls.asyncFilter || ch.calls != nil {
		annotations = "{}"
	}
	if i == ch.size() {
		if annotations = "{}"; ch.finish == "content_filter" {
			annotations = filteredAnswer
		}
		return 0, q.closeDelta(s, q.openDelta(s, ch, annotations), ch, 0, 0, ch.finish, 0)
	}
	b := q.openDelta(s, ch, annotations)
	if ch.calls != nil {
		part := &ch.parts[i]
		b = append(b, `"tool_calls":[`...)
		b = part.append(b)
		b = append(b, ']')
		return 0, q.closeDelta(s, b, ch, 0, 0, "", part.tokens)
	}
	said, tokens := ch.text.part(i)
	if ch.refusal {
		b = append(b, `"refusal":`...)
	} else {
		b = append(b, `"content":`...)
	}
	b = appendString(b, said)
	return len(said), q.closeDelta(s, b, ch, i, i+1, "", tokens)
}

// openDelta starts an event up to the inside of its delta.
func (q *chat) openDelta(s *streamer, ch *chatChoice, annotations string) []byte {
	b := append(s.begin(), '{')
	if s.c.surface != native {
		b = append(b, `"content_filter_results":`...)
		b = append(b, annotations...)
		b = append(b, ',')
	}
	return append(b, `"delta":{`...)
}

// closeDelta ends the event; from and to are the parts of the text that logprobs
// are for.
func (q *chat) closeDelta(s *streamer, b []byte, ch *chatChoice, from, to int, finish string, tokens int) error {
	b = append(b, `},"finish_reason":`...)
	b = appendStringOrNull(b, finish)
	b = append(b, `,"index":`...)
	b = strconv.AppendInt(b, int64(ch.index), 10)
	b = append(b, `,"logprobs":`...)
	b = q.appendLogprobs(b, ch, from, to)
	return s.end(append(b, '}'), tokens)
}
