package sim

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// Tokens of a second of sound, heard and spoken, and the bytes of a second in a
// file whose length its header does not tell: 128 kbit/s.
const (
	heardPerSecond  = 10
	spokenPerSecond = 20
	bytesPerSecond  = 16000
)

// seconds is how long a file of sound lasts: what a WAV header says, or what its
// size suggests.
func (u *upload) seconds() float64 {
	if h := u.head; len(h) >= 44 && string(h[:4]) == "RIFF" && string(h[8:12]) == "WAVE" {
		if rate := binary.LittleEndian.Uint32(h[28:]); rate > 0 {
			return math.Max(0.1, float64(u.size-44)/float64(rate))
		}
	}
	return math.Max(0.1, float64(u.size)/bytesPerSecond)
}

// transcription is a request for a transcript or a translation, read and checked.
type transcription struct {
	text    text
	seconds float64
	// language is a name, as verbose answers have it.
	language        string
	format          string
	stream          bool
	words, segments bool
	logprobs        bool
	usage           *transcriptUsage // nil for models that bill by time
	digest          digest
	phrases         phrases
}

// transcriptUsage is what a transcript cost.
type transcriptUsage struct{ text, audio, output int }

var transcriptFormats = []string{"json", "text", "srt", "verbose_json", "vtt"}

// languages are those that a verbose answer calls by name.
var languages = map[string]string{"": "english", "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "ja": "japanese", "zh": "chinese"}

// readTranscription reads the request and makes up what was said, from the bytes
// of the file alone.
func readTranscription(c *call) (*transcription, error) {
	file := &c.files[0]
	q := &transcription{seconds: file.seconds(), digest: file.digest.text(c.op.name)}
	var prompt, language string
	for name, to := range map[string]*string{"prompt": &prompt, "language": &language} {
		if c.op.takes(name, c.surface, c.version) {
			if _, err := c.get(name, to); err != nil {
				return nil, err
			}
		}
	}
	q.phrases.find(prompt)
	if q.language = languages[language]; q.language == "" {
		q.language = language
	}
	var err error
	if q.format, err = c.choice("response_format", transcriptFormats); err != nil {
		return nil, err
	}
	if err := q.readExtras(c); err != nil {
		return nil, err
	}
	if c.controls.tokens < 0 {
		c.controls.tokens = int64(min(max(4, q.seconds*3), 4000))
	}
	q.text, _ = c.compose(q.digest, "", 0, nil)
	q.text.regroup(int(c.controls.chunks))
	if !c.deployment.model.billsSeconds() {
		q.usage = &transcriptUsage{text: countTokens(prompt), audio: int(math.Ceil(heardPerSecond * q.seconds)), output: q.text.tokens}
		if q.format != "json" && q.format != "text" {
			return nil, errInvalid("response_format", "unsupported_value", "response_format '%s' is not compatible with model '%s'. Use 'json' or 'text' instead.", q.format, c.deployment.model.id)
		}
	} else {
		q.stream = false // as the service has it
	}
	return q, nil
}

// readExtras reads stream, temperature, timestamp_granularities and include.
func (q *transcription) readExtras(c *call) error {
	var temperature float64
	if _, err := c.get("temperature", &temperature); err != nil {
		return err
	}
	if temperature < 0 || temperature > 1 {
		return errInvalid("temperature", "decimal_above_max_value", "Invalid 'temperature': expected a value from 0 to 1.")
	}
	var err error
	if q.stream, _, err = c.streaming(); err != nil {
		return err
	}
	var stamps, include []string
	if _, err := c.get("timestamp_granularities", &stamps); err != nil {
		return err
	}
	if _, err := c.get("include", &include); err != nil {
		return err
	}
	q.segments = len(stamps) == 0
	for _, s := range stamps {
		q.words, q.segments = q.words || s == "word", q.segments || s == "segment"
	}
	for _, s := range include {
		q.logprobs = q.logprobs || s == "logprobs"
	}
	return nil
}

// answerTranscription answers transcriptions and translations.
func answerTranscription(c *call) (*reply, error) {
	q, err := readTranscription(c)
	if err != nil {
		return nil, err
	}
	a := &reply{}
	if q.usage != nil {
		a.prompt, a.completion = q.usage.text+q.usage.audio, q.usage.output
	}
	if err := c.admit(max(1, a.prompt)); err != nil {
		return nil, err
	}
	if err := q.phrases.refused(c.surface); err != nil {
		return nil, err
	}
	if q.stream {
		a.stream = q.writeStream
		return a, nil
	}
	b := &body{}
	a.plain = b
	switch q.format {
	case "json":
		b.open = append(b.open, `{"text":`...)
		b.appendText(&q.text)
		b.open = append(q.appendUsage(b.open), '}')
	case "verbose_json":
		q.appendVerbose(b, c)
	default:
		a.contentType = "text/plain; charset=utf-8"
		b.open = q.plain()
	}
	return a, nil
}

// appendUsage adds `,"usage":…`, in tokens or in seconds. A translation has none.
func (q *transcription) appendUsage(b []byte) []byte {
	if q.usage == nil {
		return fmt.Appendf(b, `,"usage":{"type":"duration","seconds":%d}`, int(math.Ceil(q.seconds)))
	}
	u := q.usage
	return fmt.Appendf(b, `,"usage":{"type":"tokens","input_tokens":%d,"input_token_details":{"text_tokens":%d,"audio_tokens":%d},"output_tokens":%d,"total_tokens":%d}`,
		u.text+u.audio, u.text, u.audio, u.output, u.text+u.audio+u.output)
}

// writeStream writes the events of a transcript.
func (q *transcription) writeStream(e *events) error {
	r := q.digest.rand()
	for i := range q.text.size() {
		said, tokens := q.text.part(i)
		b := append([]byte(`{"type":"transcript.text.delta","delta":`), appendString(nil, said)...)
		if q.logprobs {
			b = fmt.Appendf(b, `,"logprobs":[{"token":%s,"logprob":%.4f,"bytes":%s}]`, appendString(nil, said), -r.Float64(), byteList(said))
		}
		if err := e.send(append(b, '}'), tokens); err != nil {
			return err
		}
	}
	b := &body{open: []byte(`{"type":"transcript.text.done","text":`)}
	b.appendText(&q.text)
	b.open = append(q.appendUsage(b.open), '}')
	var whole []byte
	for _, r := range b.all() {
		for range r.times {
			whole = append(whole, r.data...)
		}
	}
	return e.send(whole, 0)
}

// byteList is the bytes of s as a JSON array of numbers.
func byteList(s string) string {
	return strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ",")
}
