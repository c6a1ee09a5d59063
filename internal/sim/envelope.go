package sim

import (
	"fmt"
	"strconv"
	"time"
)

// envelope is what stands around the choices of an answer or of an event: Azure's
// keys are sorted, so that choices come first; OpenAI's are not, and they come
// late.
type envelope struct {
	open, close []byte
}

// newEnvelope makes the envelope of objects of one kind. filter, when not empty,
// is prompt_filter_results.
func (c *call) newEnvelope(id, object, filter string) envelope {
	m := &c.deployment.model
	created := strconv.FormatInt(time.Now().Unix(), 10)
	if c.surface == native {
		return envelope{
			open:  fmt.Appendf(nil, `{"id":"%s","object":"%s","created":%s,"model":%s,"service_tier":"default","system_fingerprint":"%s","choices":[`, id, object, created, appendString(nil, m.id), m.fingerprint),
			close: []byte(`]`),
		}
	}
	if filter != "" {
		filter = `,"prompt_filter_results":` + filter
	}
	return envelope{
		open:  []byte(`{"choices":[`),
		close: fmt.Appendf(nil, `],"created":%s,"id":"%s","model":%s,"object":"%s"%s,"system_fingerprint":"%s"`, created, id, appendString(nil, m.id), object, filter, m.fingerprint),
	}
}

// usage is what an answer cost.
type usage struct {
	prompt, cached        int
	completion, reasoning int
}

// cachedFrom is the length of prompt from which its beginning is cached.
const cachedFrom = 1024

func usageOf(prompt, completion, reasoning int) usage {
	u := usage{prompt: prompt, completion: completion + reasoning, reasoning: reasoning}
	if prompt >= cachedFrom {
		u.cached = cachedFrom
	}
	return u
}

// appendUsage adds the usage object, with details for chats.
func (u usage) append(b []byte, details bool) []byte {
	b = append(b, '{')
	b = appendKeyInt(b, "completion_tokens", u.completion)
	if details {
		b = append(b, `,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,`...)
		b = appendKeyInt(b, "reasoning_tokens", u.reasoning)
		b = append(b, `,"rejected_prediction_tokens":0}`...)
	}
	b = append(b, ',')
	b = appendKeyInt(b, "prompt_tokens", u.prompt)
	if details {
		b = append(b, `,"prompt_tokens_details":{"audio_tokens":0,`...)
		b = appendKeyInt(b, "cached_tokens", u.cached)
		b = append(b, '}')
	}
	b = append(b, ',')
	b = appendKeyInt(b, "total_tokens", u.prompt+u.completion)
	return append(b, '}')
}

// streamer writes the events of a chat or completion.
type streamer struct {
	*events
	env     envelope
	nulls   bool // "usage":null in every event, which asking for usage brings
	details bool
	buf     []byte
}

// first writes Azure's first event, which has the prompt's annotations and
// nothing else.
func (s *streamer) first(filter string) error {
	b := append(s.buf[:0], `{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":`...)
	b = append(b, filter...)
	return s.finish(b, 0)
}

// begin starts an event with one choice, which the caller writes and passes to
// end.
func (s *streamer) begin() []byte { return append(s.buf[:0], s.env.open...) }

func (s *streamer) end(b []byte, tokens int) error {
	return s.finish(append(b, s.env.close...), tokens)
}

func (s *streamer) finish(b []byte, tokens int) error {
	if s.nulls {
		b = append(b, `,"usage":null`...)
	}
	s.buf = append(b, '}')
	return s.send(s.buf, tokens)
}

// last writes the event with the usage, if that was asked for.
func (s *streamer) last(u usage) error {
	if !s.nulls {
		return nil
	}
	b := append(s.begin(), s.env.close...)
	b = append(b, `,"usage":`...)
	s.buf = append(u.append(b, s.details), '}')
	return s.send(s.buf, 0)
}

// offsets writes what Azure's asynchronous filter sends apart from the text: the
// annotations of the characters from start to end of one choice.
func (s *streamer) offsets(choice, start, end int) error {
	b := append(s.buf[:0], `{"choices":[{"content_filter_offsets":{`...)
	b = appendKeyInt(b, "check_offset", end)
	b = append(b, ',')
	b = appendKeyInt(b, "end_offset", end)
	b = append(b, ',')
	b = appendKeyInt(b, "start_offset", start)
	b = append(b, `},"content_filter_results":`...)
	b = append(b, safeAnswer...)
	b = append(b, `,"finish_reason":null,`...)
	b = appendKeyInt(b, "index", choice)
	return s.finish(append(b, `}],"created":0,"id":"","model":"","object":""`...), 0)
}
