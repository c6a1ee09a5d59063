package sim

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// soundType is a format of spoken answers. Only wav, pcm and mp3 can be played:
// the others begin as they should, and go on in noise.
type soundType struct {
	name, media, magic string
	perToken           int // bytes
}

// The sampling of wav and pcm: 24,000 samples of two bytes a second. A token
// lasts 50 ms.
const (
	sampleRate   = 24000
	tokenSamples = sampleRate / spokenPerSecond
)

var soundTypes = []soundType{
	{"mp3", "audio/mpeg", "", mp3Frame},
	{"opus", "audio/ogg", "OggS\x00\x02", 300},
	{"aac", "audio/aac", "\xff\xf1\x50\x80", 400},
	{"flac", "audio/flac", "fLaC\x00\x00\x00\x22", 1200},
	{"wav", "audio/wav", "", 2 * tokenSamples},
	{"pcm", "audio/pcm", "", 2 * tokenSamples},
}

// mp3Frame is the bytes of one frame of 128 kbit/s at 44.1 kHz, which begins with
// mp3Header; zeros after it are silence.
const (
	mp3Frame  = 417
	mp3Header = "\xff\xfb\x90\x64"
)

// speech is a request to speak, read and checked.
type speech struct {
	input, instructions string
	kind                *soundType
	sse                 bool
	seed                digest
	size                int64 // bytes, a WAV header apart
	tokens              int   // spoken
	prompt              int
	phrases             phrases
}

const maxSpeech = 4096

func readSpeech(c *call) (*speech, error) {
	q := &speech{}
	var voice any // a name, or an object with an id
	for _, a := range []struct {
		name   string
		to     any
		needed bool
	}{{"input", &q.input, true}, {"voice", &voice, true}, {"instructions", &q.instructions, false}} {
		found, err := c.get(a.name, a.to)
		if err != nil {
			return nil, err
		}
		if a.needed && !found {
			return nil, errMissing(c.surface, a.name)
		}
	}
	if n := len([]rune(q.input)); n == 0 || n > maxSpeech {
		return nil, errInvalid("input", "invalid_length", "Invalid 'input': expected a string of 1 to %d characters, but got %d.", maxSpeech, n)
	}
	q.phrases.find(q.input)
	q.phrases.find(q.instructions)
	speed := 1.0
	if _, err := c.get("speed", &speed); err != nil {
		return nil, err
	}
	if !(speed >= 0.25 && speed <= 4) {
		return nil, errInvalid("speed", "decimal_out_of_range", "Invalid 'speed': expected a value from 0.25 to 4.")
	}
	names := make([]string, len(soundTypes))
	for i := range soundTypes {
		names[i] = soundTypes[i].name
	}
	format, err := c.choice("response_format", names)
	if err != nil {
		return nil, err
	}
	q.kind = &soundTypes[slices.Index(names, format)]
	if err := q.readStream(c); err != nil {
		return nil, err
	}
	words := countTokens(q.input)
	q.prompt = words + countTokens(q.instructions)
	q.tokens = max(1, int(float64(words)*4/speed))
	if c.controls.tokens > 0 {
		q.tokens = int(c.controls.tokens)
	}
	q.size = int64(q.tokens) * int64(q.kind.perToken)
	if c.controls.bytes > 0 {
		q.size = c.controls.bytes
	}
	q.seed = newDigest(c.sim.opts.Seed).text(c.op.name).text(q.input).text(format)
	return q, nil
}

// readStream reads stream_format. The older models cannot send events.
func (q *speech) readStream(c *call) error {
	how, err := c.choice("stream_format", []string{"audio", "sse"})
	if err != nil {
		return err
	}
	if q.sse = how == "sse"; q.sse && q.byLength(c) {
		return errInvalid("stream_format", "unsupported_value", "The model '%s' does not support stream_format 'sse'.", c.deployment.model.id)
	}
	c.sim.ledger.identify(c.entry, c.op.id(), c.deployment.Name, q.sse)
	return nil
}

// byLength says whether the model is billed by the input's length, not by tokens.
func (q *speech) byLength(c *call) bool {
	base := c.deployment.model.base
	return base == "tts" || base == "tts-hd" || strings.HasPrefix(base, "tts-1")
}

// answerSpeech speaks.
func answerSpeech(c *call) (*reply, error) {
	q, err := readSpeech(c)
	if err != nil {
		return nil, err
	}
	if err := c.admit(q.prompt); err != nil {
		return nil, err
	}
	if err := q.phrases.refused(c.surface); err != nil {
		return nil, err
	}
	a := &reply{contentType: q.kind.media, chunked: true, undone: true}
	if !q.byLength(c) {
		a.prompt, a.completion = q.prompt, q.tokens
	}
	if q.sse {
		a.stream = q.writeStream
		return a, nil
	}
	a.plain = &body{}
	head, chunk, times, rest := q.sound()
	if len(head) > 0 {
		a.plain.repeat(head, 1)
	}
	a.plain.repeat(chunk, times)
	a.plain.open = rest
	return a, nil
}

// sound is the answer's bytes: a head, a chunk that comes several times, and what
// remains.
func (q *speech) sound() (head, chunk []byte, times int, rest []byte) {
	const chunkTokens = 8
	chunk = q.chunk(chunkTokens * q.kind.perToken)
	times = int(q.size / int64(len(chunk)))
	rest = chunk[:q.size%int64(len(chunk))]
	switch q.kind.name {
	case "wav":
		head = wavHeader(q.size)
	case "mp3", "pcm":
	default:
		head = []byte(q.kind.magic)
	}
	return head, chunk, times, rest
}

// chunk is a piece of sound: silent frames, a low hum, or noise.
func (q *speech) chunk(size int) []byte {
	out := make([]byte, size)
	r := q.seed.rand()
	switch q.kind.name {
	case "mp3":
		for i := 0; i < size; i += mp3Frame {
			copy(out[i:], mp3Header)
		}
	case "wav", "pcm":
		hum(out, 80+r.IntN(80))
	default:
		for i := range out {
			out[i] = byte(r.Uint64())
		}
	}
	return out
}

// hum fills out with 16-bit samples of a triangle wave of so many samples.
func hum(out []byte, period int) {
	for i := 0; i+1 < len(out); i += 2 {
		at := i / 2 % period
		level := 4000 * (2*at - period) / period
		if at > period/2 {
			level = 4000 * (2*(period-at) - period) / period
		}
		binary.LittleEndian.PutUint16(out[i:], uint16(int16(level)))
	}
}

// wavHeader is the header of a WAV file with so many bytes of sound.
func wavHeader(size int64) []byte {
	n := uint32(min(size, 1<<32-1-36))
	h := append([]byte("RIFF"), make([]byte, 40)...)
	put := binary.LittleEndian
	put.PutUint32(h[4:], n+36)
	copy(h[8:], "WAVEfmt ")
	put.PutUint32(h[16:], 16)
	put.PutUint16(h[20:], 1)
	put.PutUint16(h[22:], 1)
	put.PutUint32(h[24:], sampleRate)
	put.PutUint32(h[28:], 2*sampleRate)
	put.PutUint16(h[32:], 2)
	put.PutUint16(h[34:], 16)
	copy(h[36:], "data")
	put.PutUint32(h[40:], n)
	return h
}

// writeStream sends the sound as events.
func (q *speech) writeStream(e *events) error {
	head, chunk, times, rest := q.sound()
	send := func(data []byte, tokens int) error {
		if len(data) == 0 {
			return nil
		}
		return e.send(fmt.Appendf(nil, `{"type":"speech.audio.delta","audio":"%s"}`, base64.StdEncoding.EncodeToString(data)), tokens)
	}
	if err := send(head, 0); err != nil {
		return err
	}
	for range times {
		if err := send(chunk, len(chunk)/q.kind.perToken); err != nil {
			return err
		}
	}
	if err := send(rest, len(rest)/q.kind.perToken); err != nil {
		return err
	}
	return e.send(fmt.Appendf(nil, `{"type":"speech.audio.done","usage":{"input_tokens":%d,"output_tokens":%d,"total_tokens":%d}}`, q.prompt, q.tokens, q.prompt+q.tokens), 0)
}
