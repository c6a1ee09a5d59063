package sim

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// heard is the sound that has come in and belongs to no item yet: its length and
// digest, and what the detection of turns knows.
type heard struct {
	bytes  int64
	digest digest
	// passed is the bytes of all sound before.
	passed   int64
	speaking bool
	silence  int64 // bytes at the end
	itemID   string
}

// Sound is loud from this level of a 16-bit sample; what is not 16-bit is loud.
const loud = 300

// wide says whether sound comes as 16-bit samples of 24 kHz; else it is G.711, a
// byte for each of 8,000 samples.
func (rt *realtime) wide() bool {
	format := rt.session.setting("heard format")
	if doc, ok := format.(jsonDoc); ok {
		format = doc["type"]
	}
	return format != "g711_ulaw" && format != "g711_alaw" && format != "audio/pcmu" && format != "audio/pcma"
}

// milliseconds is how long so many bytes of sound last.
func (rt *realtime) milliseconds(bytes int64) int64 {
	if rt.wide() {
		return bytes * 1000 / (2 * sampleRate)
	}
	return bytes / 8
}

func (rt *realtime) clearAudio(*clientEvent) error {
	rt.heard = heard{passed: rt.heard.passed + rt.heard.bytes}
	return rt.emit("input_audio_buffer.cleared", jsonDoc{}, 0)
}

// appendAudio takes in sound. With detection of turns on, speech that is followed
// by silence is a turn.
func (rt *realtime) appendAudio(ev *clientEvent) error {
	data, err := base64.StdEncoding.DecodeString(ev.Audio)
	if err != nil {
		return errInvalid("audio", "invalid_value", "Invalid 'audio'. Expected a base64-encoded string.")
	}
	turns, detects := rt.session.setting("turns").(jsonDoc)
	quiet, ok := turns["silence_duration_ms"].(float64)
	if !ok {
		quiet = 500
	}
	const step = 960 // 20 ms of wide sound
	for len(data) > 0 {
		piece := data[:min(step, len(data))]
		data = data[len(piece):]
		h := &rt.heard
		h.bytes += int64(len(piece))
		h.digest = h.digest.bytes(piece)
		if !detects {
			continue
		}
		if err := rt.listen(piece, int64(quiet), turns["create_response"] != false); err != nil {
			return err
		}
	}
	return nil
}

// listen follows who speaks.
func (rt *realtime) listen(piece []byte, quiet int64, answer bool) error {
	h := &rt.heard
	if rt.isLoud(piece) {
		h.silence = 0
		if h.speaking {
			return nil
		}
		h.speaking, h.itemID = true, randomID("item_", 21)
		start := rt.milliseconds(h.passed + h.bytes - int64(len(piece)))
		return rt.emit("input_audio_buffer.speech_started", jsonDoc{"audio_start_ms": start, "item_id": h.itemID}, 0)
	}
	h.silence += int64(len(piece))
	if !h.speaking || rt.milliseconds(h.silence) < quiet {
		return nil
	}
	end := rt.milliseconds(h.passed + h.bytes - h.silence)
	if err := rt.emit("input_audio_buffer.speech_stopped", jsonDoc{"audio_end_ms": end, "item_id": h.itemID}, 0); err != nil {
		return err
	}
	if err := rt.commit(); err != nil {
		return err
	}
	if answer && !rt.session.transcription {
		return rt.createResponse(&clientEvent{})
	}
	return nil
}

func (rt *realtime) isLoud(piece []byte) bool {
	if !rt.wide() {
		return true
	}
	for i := 0; i+1 < len(piece); i += 2 {
		if s := int16(binary.LittleEndian.Uint16(piece[i:])); s > loud || s < -loud {
			return true
		}
	}
	return false
}

// leastHeard is the shortest sound that can be committed, in milliseconds.
const leastHeard = 100

func (rt *realtime) commitAudio(*clientEvent) error {
	if ms := rt.milliseconds(rt.heard.bytes); ms < leastHeard {
		return errInvalid("", "input_audio_buffer_commit_empty", "Error committing input audio buffer: buffer too small. Expected at least %dms of audio, but buffer only has %d.00ms of audio.", leastHeard, ms)
	}
	return rt.commit()
}

// commit makes an item of what was heard, and writes it down if that was asked
// for.
func (rt *realtime) commit() error {
	h := rt.heard
	rt.heard = heard{passed: h.passed + h.bytes}
	ms := rt.milliseconds(h.bytes)
	i := &rtItem{id: either(h.itemID, randomID("item_", 21)), kind: "message", role: "user", textTokens: tokensPerMessage, audioTokens: audioTokens(ms)}
	part := jsonDoc{"type": "input_audio", "transcript": nil}
	i.doc = jsonDoc{"id": i.id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user", "content": []any{part}}
	var before any
	if n := len(rt.items); n > 0 {
		before = rt.items[n-1].id
	}
	if err := rt.emit("input_audio_buffer.committed", jsonDoc{"previous_item_id": before, "item_id": i.id}, 0); err != nil {
		return err
	}
	if err := rt.add(i, ""); err != nil {
		return err
	}
	wanted, ok := rt.session.setting("transcription").(jsonDoc)
	if !ok {
		return nil
	}
	return rt.transcribe(i, part, wanted, newDigest(rt.c.sim.opts.Seed).number(uint64(h.digest)), ms)
}

// transcribe writes down what an item says.
func (rt *realtime) transcribe(i *rtItem, part, wanted jsonDoc, d digest, ms int64) error {
	said := textOf(compose(d.rand(), rt.c.sim.opts.Name, "", max(4, int(ms*3/1000))))
	for n := range said.size() {
		delta, _ := said.part(n)
		if err := rt.emit("conversation.item.input_audio_transcription.delta", jsonDoc{"item_id": i.id, "content_index": 0, "delta": delta}, 0); err != nil {
			return err
		}
	}
	i.text = said.String()
	part["transcript"] = i.text
	prompt, _ := wanted["prompt"].(string)
	text := countTokens(prompt)
	usage := jsonDoc{"type": "tokens", "input_tokens": text + i.audioTokens, "output_tokens": said.tokens, "total_tokens": text + i.audioTokens + said.tokens,
		"input_token_details": jsonDoc{"text_tokens": text, "audio_tokens": i.audioTokens}}
	model, _ := wanted["model"].(string)
	if m := rt.c.sim.modelNamed(either(model, "whisper-1")); m.billsSeconds() {
		usage = jsonDoc{"type": "duration", "seconds": math.Ceil(float64(ms)/100) / 10}
	}
	return rt.emit("conversation.item.input_audio_transcription.completed", jsonDoc{"item_id": i.id, "content_index": 0, "transcript": i.text, "usage": usage}, 0)
}
