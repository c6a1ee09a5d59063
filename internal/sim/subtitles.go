package sim

import (
	"fmt"
	"strings"
	"time"
)

// span is a piece of what was said, and when.
type span struct {
	text       string
	start, end float64
	first, n   int // tokens
}

// segmentTokens is the length of a segment.
const segmentTokens = 16

// spans cuts what was said into pieces of so many tokens.
func (q *transcription) spans(tokens int) []span {
	parts := splitTokens(q.text.String())
	each := q.seconds / float64(max(1, len(parts)))
	var out []span
	for i := 0; i < len(parts); i += tokens {
		end := min(i+tokens, len(parts))
		out = append(out, span{strings.Join(parts[i:end], ""), each * float64(i), each * float64(end), i, end - i})
	}
	return out
}

// appendVerbose adds a verbose_json answer.
func (q *transcription) appendVerbose(b *body, c *call) {
	task := "transcribe"
	if c.op.needs == translates {
		task = "translate"
	}
	b.open = fmt.Appendf(b.open, `{"task":"%s","language":%s,"duration":%.2f,"text":`, task, appendString(nil, q.language), q.seconds)
	b.appendText(&q.text)
	if q.segments {
		b.open = append(b.open, `,"segments":[`...)
		for i, s := range q.spans(segmentTokens) {
			if i > 0 {
				b.open = append(b.open, ',')
			}
			ids := make([]string, s.n)
			for j := range ids {
				ids[j] = fmt.Sprint(50364 + s.first + j)
			}
			b.open = fmt.Appendf(b.open, `{"id":%d,"seek":0,"start":%.2f,"end":%.2f,"text":%s,"tokens":[%s],"temperature":0.0,"avg_logprob":-0.3,"compression_ratio":1.2,"no_speech_prob":0.01}`,
				i, s.start, s.end, appendString(nil, s.text), strings.Join(ids, ","))
		}
		b.open = append(b.open, ']')
	}
	if q.words {
		b.open = append(b.open, `,"words":[`...)
		for i, s := range q.spans(1) {
			if i > 0 {
				b.open = append(b.open, ',')
			}
			b.open = fmt.Appendf(b.open, `{"word":%s,"start":%.2f,"end":%.2f}`, appendString(nil, strings.TrimSpace(s.text)), s.start, s.end)
		}
		b.open = append(b.open, ']')
	}
	b.open = append(q.appendUsage(b.open), '}')
}

// plain is the answer in a format that is no JSON.
func (q *transcription) plain() []byte {
	if q.format == "text" {
		return []byte(q.text.String() + "\n")
	}
	var b []byte
	comma := "."
	if q.format == "srt" {
		comma = ","
	} else {
		b = append(b, "WEBVTT\n\n"...)
	}
	for i, s := range q.spans(segmentTokens) {
		if q.format == "srt" {
			b = fmt.Appendf(b, "%d\n", i+1)
		}
		b = fmt.Appendf(b, "%s --> %s\n%s\n\n", clock(s.start, comma), clock(s.end, comma), strings.TrimSpace(s.text))
	}
	return b
}

// clock is a time in subtitles.
func clock(seconds float64, comma string) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, comma, d.Milliseconds()%1000)
}
