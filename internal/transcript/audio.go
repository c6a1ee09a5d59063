package transcript

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/internal/record"
)

// transcriptEvents folds the events of a transcription (OpenAI API reference,
// "Transcription streaming") into the answer that is not streamed.
var transcriptEvents = typed{
	rule: rule{op: fields, kids: []rule{
		{name: "text", op: join, unset: `""`},
		{name: "logprobs", op: join},
		{name: "segments", op: items},
		{name: "usage", op: apart},
		{name: "error"},
		othersRule,
	}},
	steps: stepsOf(
		row{"transcript.text.delta", []step{{adding, "delta", "text"}, {adding, "logprobs", "logprobs"}}},
		row{"transcript.text.segment", []step{{replacing, "", "segments/[+]"}}},
		row{"transcript.text.done", []step{{ending, "text", "text"}, {replacing, "logprobs", "logprobs"}, {replacing, "usage", "usage"}}},
	),
}

// speechEvents folds the events of speech (OpenAI API reference, "Speech
// streaming"): its audio in one piece.
var speechEvents = typed{
	rule: rule{op: fields, kids: []rule{
		{name: "object", unset: `"speech.audio"`},
		{name: "audio", op: join64, unset: `""`},
		{name: "usage", op: apart},
		{name: "error"},
		othersRule,
	}},
	steps: stepsOf(
		row{"speech.audio.delta", []step{{adding, "audio", "audio"}}},
		row{"speech.audio.done", []step{{ending, "usage", "usage"}}},
	),
}

// joined64 gives the base64 of the bytes of several pieces of base64 that stand
// one behind the other; the pieces as they are when they are none.
func joined64(s []byte) []byte {
	var all []byte
	for rest := string(s); rest != ""; {
		end := strings.IndexByte(rest, '=')
		if end < 0 {
			end = len(rest)
		}
		for end < len(rest) && rest[end] == '=' {
			end++
		}
		piece, err := base64.StdEncoding.DecodeString(rest[:end])
		if err != nil {
			return s
		}
		all, rest = append(all, piece...), rest[end:]
	}
	return base64.StdEncoding.AppendEncode(nil, all)
}

// transcriptOutput reads the text of a transcription.
func transcriptOutput(ans string) []choice {
	t := get(ans, "text")
	if !isString(t) {
		return nil
	}
	c := choice{text: text(t)}
	c.message = string(appendMessage([]byte{'['}, "assistant", c.text)[1:])
	return []choice{c}
}

// transcriptPlain makes an object of a transcription that is text, SubRip or
// WebVTT: of subtitles what is said, less their numbers and times.
func transcriptPlain(body string) string {
	if !strings.Contains(body, "-->") {
		return textObject(strings.TrimSpace(body))
	}
	var said []string
	flush := func(block string) {
		if _, cue, ok := strings.Cut(block, "-->"); ok {
			_, lines, _ := strings.Cut(cue, "\n")
			if lines = strings.TrimSpace(lines); lines != "" {
				said = append(said, lines)
			}
		}
	}
	from, at := 0, 0 // where the block begins, and the line
	for line := range strings.Lines(body) {
		if strings.TrimSpace(line) == "" {
			flush(body[from:at])
			from = at + len(line)
		}
		at += len(line)
	}
	flush(body[from:])
	return textObject(strings.Join(said, "\n"))
}

func textObject(s string) string {
	return string(append(appendString([]byte(`{"text":`), s), '}'))
}

// transcriptMeasure reads how much audio was heard, where the answer says so
// apart from its usage. Some servers write the number as text.
func transcriptMeasure(r *record.Row, _, ans string) {
	raw := get(ans, "duration")
	if isString(raw) {
		raw = text(raw)
	}
	if s, err := strconv.ParseFloat(raw, 64); err == nil && r.AudioSeconds == 0 && s > 0 && s < maxSeconds {
		r.AudioSeconds = s
	}
}

// speechMeasure counts what was spoken.
func speechMeasure(r *record.Row, req, _ string) {
	r.Characters = int64(utf8.RuneCountInString(text(get(req, "input"))))
}

// speechInput reads what is to be spoken, and how.
func speechInput(req string) input {
	var t talk
	t.say("system", text(get(req, "instructions")))
	t.say("user", text(get(req, "input")))
	return t.input()
}
