package sim

import "strconv"

// body is the plain answer: a text_completion object.
func (q *completion) body(c *call, choices []completionChoice, u usage) *body {
	filter := ""
	if c.surface != native {
		filter = promptResults(len(q.prompts))
	}
	env := c.newEnvelope(randomID("cmpl-", 29), "text_completion", filter)
	b := &body{open: env.open}
	for i := range choices {
		ch := &choices[i]
		if i > 0 {
			b.open = append(b.open, ',')
		}
		annotations := safeAnswer
		if ch.finish == "content_filter" {
			annotations = filteredAnswer
		}
		b.open = q.openChoice(c, b.open, ch, annotations, ch.finish)
		b.open = q.appendLogprobs(b.open, ch, 0, ch.text.size())
		b.open = append(b.open, `,"text":`...)
		whole := ch.text
		if ch.echoed != "" {
			whole.parts = append([]string{ch.echoed}, whole.parts...)
		}
		b.appendText(&whole)
		b.open = append(b.open, '}')
	}
	b.open = append(b.open, env.close...)
	b.open = append(b.open, `,"usage":`...)
	b.open = append(u.append(b.open, false), '}')
	return b
}

// openChoice starts a choice, up to the value of its logprobs.
func (q *completion) openChoice(c *call, b []byte, ch *completionChoice, annotations, finish string) []byte {
	b = append(b, '{')
	if c.surface != native {
		b = append(b, `"content_filter_results":`...)
		b = append(b, annotations...)
		b = append(b, ',')
	}
	b = append(b, `"finish_reason":`...)
	b = appendStringOrNull(b, finish)
	b = append(b, `,"index":`...)
	b = strconv.AppendInt(b, int64(ch.index), 10)
	return append(b, `,"logprobs":`...)
}

// appendLogprobs adds the logprobs of the parts from..to, or null.
func (q *completion) appendLogprobs(b []byte, ch *completionChoice, from, to int) []byte {
	if q.logprobs < 0 || from == to || ch.text.repeat > 0 {
		return append(b, "null"...)
	}
	offset := len(ch.echoed)
	for i := range from {
		offset += len(ch.text.parts[i])
	}
	var tokens, logprobs, tops, offsets []byte
	for i := from; i < to; i++ {
		if i > from {
			tokens, logprobs, tops, offsets = append(tokens, ','), append(logprobs, ','), append(tops, ','), append(offsets, ',')
		}
		said := ch.text.parts[i]
		tokens = appendString(tokens, said)
		logprobs = strconv.AppendFloat(logprobs, logprobOf(ch.digest, i, 0), 'f', -1, 64)
		tops = append(tops, '{')
		for rank := range q.logprobs {
			if rank > 0 {
				tops = append(tops, ',')
				said = alternative(ch.digest, i, rank)
			}
			tops = appendString(tops, said)
			tops = append(tops, ':')
			tops = strconv.AppendFloat(tops, logprobOf(ch.digest, i, rank), 'f', -1, 64)
		}
		tops = append(tops, '}')
		offsets = strconv.AppendInt(offsets, int64(offset), 10)
		offset += len(ch.text.parts[i])
	}
	b = append(append(b, `{"text_offset":[`...), offsets...)
	b = append(append(b, `],"token_logprobs":[`...), logprobs...)
	b = append(append(b, `],"tokens":[`...), tokens...)
	b = append(append(b, `],"top_logprobs":[`...), tops...)
	return append(b, "]}"...)
}

// writeStream writes the answer as text_completion events. Several choices take
// turns, a part each.
func (q *completion) writeStream(e *events, choices []completionChoice, u usage) error {
	c := e.c
	s := &streamer{events: e, nulls: q.usage,
		env: c.newEnvelope(randomID("cmpl-", 29), "text_completion", "")}
	if c.surface != native {
		if err := s.first(promptResults(len(q.prompts))); err != nil {
			return err
		}
	}
	for i, open := 0, true; open; i++ {
		open = false
		for j := range choices {
			if i > choices[j].text.size() {
				continue
			}
			open = true
			if err := q.writePart(s, &choices[j], i); err != nil {
				return err
			}
		}
	}
	return s.last(u)
}

// writePart writes the i-th part of a choice; after the last one, why it ends.
func (q *completion) writePart(s *streamer, ch *completionChoice, i int) error {
	annotations, finish, to := safeAnswer, "", i+1
	said, tokens := "", 0
	if i == ch.text.size() {
		annotations, finish, to = "{}", ch.finish, i
		if finish == "content_filter" {
			annotations = filteredAnswer
		}
	} else {
		said, tokens = ch.text.part(i)
	}
	b := q.openChoice(s.c, s.begin(), ch, annotations, finish)
	b = q.appendLogprobs(b, ch, i, to)
	b = append(b, `,"text":`...)
	if i == 0 {
		said = ch.echoed + said
	}
	b = appendString(b, said)
	return s.end(append(b, '}'), tokens)
}
