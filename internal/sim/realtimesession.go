package sim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// jsonDoc is a JSON object in the making. Realtime events are few against the
// events of streams, so that encoding/json writes them.
type jsonDoc = map[string]any

// session is what a realtime connection has been told to be like, as its events
// show it: in the shape of the preview, or in that of the general availability,
// which has audio's settings in objects of their own.
type session struct {
	ga bool
	// transcription: it writes down what it hears and answers nothing.
	transcription bool
	doc           jsonDoc
}

// secretPrefix begins an ephemeral key.
const secretPrefix = "ek_"

// Times that sessions and their keys last, in seconds.
const (
	sessionSeconds = 1800
	secretSeconds  = 60
)

// sessionPaths says where a setting stands: in the preview's shape, and in the
// other.
var sessionPaths = map[string][2]string{
	"modalities":    {"modalities", "output_modalities"},
	"limit":         {"max_response_output_tokens", "max_output_tokens"},
	"voice":         {"voice", "audio.output.voice"},
	"spoken format": {"output_audio_format", "audio.output.format"},
	"heard format":  {"input_audio_format", "audio.input.format"},
	"transcription": {"input_audio_transcription", "audio.input.transcription"},
	"turns":         {"turn_detection", "audio.input.turn_detection"},
	"instructions":  {"instructions", "instructions"},
	"tools":         {"tools", "tools"},
	"tool choice":   {"tool_choice", "tool_choice"},
	"temperature":   {"temperature", "temperature"},
}

const realtimeInstructions = "You are a simulator, not a model. Be helpful all the same."

// newSession is a session as it begins.
func newSession(model string, ga, transcription bool) *session {
	s := &session{ga: ga, transcription: transcription}
	turns := func() jsonDoc {
		return jsonDoc{"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
			"create_response": !transcription, "interrupt_response": !transcription}
	}
	pcm := func() jsonDoc { return jsonDoc{"type": "audio/pcm", "rate": sampleRate} }
	s.doc = jsonDoc{"id": randomID("sess_", 21), "object": "realtime.session", "expires_at": time.Now().Unix() + sessionSeconds}
	switch {
	case transcription && ga:
		maps.Copy(s.doc, jsonDoc{"type": "transcription", "object": "realtime.transcription_session",
			"audio": jsonDoc{"input": jsonDoc{"format": pcm(), "transcription": jsonDoc{"model": model}, "turn_detection": turns(), "noise_reduction": nil}}})
	case transcription:
		maps.Copy(s.doc, jsonDoc{"object": "realtime.transcription_session", "input_audio_format": "pcm16",
			"input_audio_transcription": jsonDoc{"model": model}, "turn_detection": turns(), "input_audio_noise_reduction": nil})
	case ga:
		maps.Copy(s.doc, jsonDoc{"type": "realtime", "model": model, "output_modalities": []any{"audio"}, "instructions": realtimeInstructions,
			"tools": []any{}, "tool_choice": "auto", "max_output_tokens": "inf", "truncation": "auto", "tracing": nil, "include": nil,
			"audio": jsonDoc{
				"input":  jsonDoc{"format": pcm(), "transcription": nil, "noise_reduction": nil, "turn_detection": turns()},
				"output": jsonDoc{"format": pcm(), "voice": "marin", "speed": 1.0},
			}})
	default:
		maps.Copy(s.doc, jsonDoc{"model": model, "modalities": []any{"text", "audio"}, "instructions": realtimeInstructions, "voice": "alloy",
			"input_audio_format": "pcm16", "output_audio_format": "pcm16", "input_audio_transcription": nil,
			"input_audio_noise_reduction": nil, "turn_detection": turns(), "tools": []any{}, "tool_choice": "auto",
			"temperature": 0.8, "max_response_output_tokens": "inf", "speed": 1.0, "tracing": nil})
	}
	return s
}

// at finds what a path of names leads to, nil for nothing.
func at(doc jsonDoc, path string) any {
	for name, rest, more := strings.Cut(path, "."); ; name, rest, more = strings.Cut(rest, ".") {
		if !more {
			return doc[name]
		}
		doc, _ = doc[name].(jsonDoc)
	}
}

// setting is a setting of the session, nil when it is not there.
func (s *session) setting(name string) any {
	path := sessionPaths[name][0]
	if s.ga {
		path = sessionPaths[name][1]
	}
	return at(s.doc, path)
}

// word is a setting that is a string.
func (s *session) word(name string) string {
	word, _ := s.setting(name).(string)
	return word
}

// update takes over what a client asks for.
func (s *session) update(changes jsonDoc) *apiError {
	for name := range changes {
		if !slices.ContainsFunc(arguments(sessionArguments), func(a argument) bool { return a.name == name }) {
			return errInvalid("session."+name, "unknown_parameter", "Unknown parameter: 'session.%s'.", name)
		}
	}
	kind, typed := changes["type"].(string)
	switch {
	case s.ga && !typed && !s.transcription:
		return errInvalid("session.type", "missing_required_parameter", "Missing required parameter: 'session.type'.")
	case typed && kind != "realtime" && kind != "transcription":
		return errInvalid("session.type", "invalid_value", "Invalid value: '%s'. Supported values are: 'realtime' and 'transcription'.", kind)
	case typed && !s.ga:
		// Only the later shape has a type: who speaks it on a path of the
		// preview is understood.
		model, _ := s.doc["model"].(string)
		id := s.doc["id"]
		*s = *newSession(model, true, kind == "transcription")
		s.doc["id"] = id
	}
	merge(s.doc, changes)
	return nil
}

// merge puts changes into doc, object by object.
func merge(doc, changes jsonDoc) {
	for name, value := range changes {
		inner, isObject := value.(jsonDoc)
		if old, was := doc[name].(jsonDoc); was && isObject {
			merge(old, inner)
			continue
		}
		doc[name] = value
	}
}

// copy is a session that shares nothing with s.
func (s *session) copy() *session {
	out := *s
	out.doc = nil
	// What was made of JSON becomes JSON.
	data, _ := json.Marshal(s.doc)
	_ = json.Unmarshal(data, &out.doc)
	return &out
}

// answerSession makes a session of the preview's shape, and a key for it.
func answerSession(c *call) (*reply, error) {
	var model string
	if found, err := c.get("model", &model); err != nil {
		return nil, err
	} else if !found {
		return nil, errMissing(c.surface, "model")
	}
	if err := c.useDeployment(model, realtimes); err != nil {
		return nil, err
	}
	return c.sessionMade(newSession(model, false, false))
}

// answerTranscriptionSession is answerSession for a session that only writes down.
func answerTranscriptionSession(c *call) (*reply, error) {
	var wanted struct {
		Model string `json:"model"`
	}
	if _, err := c.get("input_audio_transcription", &wanted); err != nil {
		return nil, err
	}
	model := either(wanted.Model, c.sim.firstThat(transcribes))
	if err := c.useDeployment(model, transcribes); err != nil {
		return nil, err
	}
	return c.sessionMade(newSession(model, false, true))
}

// sessionMade answers with a session of what the body says.
func (c *call) sessionMade(s *session) (*reply, error) {
	changes := jsonDoc{}
	for _, a := range c.args {
		var value any
		_ = json.Unmarshal(a.raw, &value) // valid JSON
		changes[a.name] = value
	}
	delete(changes, "metadata")
	delete(changes, "type")
	merge(s.doc, changes)
	until := time.Now().Add(secretSeconds * time.Second)
	key := c.sim.media.issue(s.copy(), until)
	s.doc["client_secret"] = jsonDoc{"value": key, "expires_at": until.Unix()}
	return jsonReply(s.doc), nil
}

// answerClientSecret makes a key for a session of the later shape.
func answerClientSecret(c *call) (*reply, error) {
	var wanted jsonDoc
	var after struct {
		Seconds int `json:"seconds"`
	}
	if _, err := c.get("session", &wanted); err != nil {
		return nil, err
	}
	if _, err := c.get("expires_after", &after); err != nil {
		return nil, err
	}
	if after.Seconds == 0 {
		after.Seconds = secretSeconds
	}
	if after.Seconds < 10 || after.Seconds > 7200 {
		return nil, errInvalid("expires_after.seconds", "integer_out_of_range", "Invalid 'expires_after.seconds': expected a value from 10 to 7200, but got %d instead.", after.Seconds)
	}
	kind, _ := wanted["type"].(string)
	transcription := kind == "transcription"
	needs, model := realtimes, ""
	if model, _ = wanted["model"].(string); transcription {
		needs = transcribes
		model, _ = at(wanted, "audio.input.transcription.model").(string)
	}
	model = either(model, c.sim.firstThat(needs))
	if err := c.useDeployment(model, needs); err != nil {
		return nil, err
	}
	s := newSession(model, true, transcription)
	if wanted != nil {
		if err := s.update(wanted); err != nil {
			return nil, err
		}
	}
	until := time.Now().Add(time.Duration(after.Seconds) * time.Second)
	return jsonReply(jsonDoc{"value": c.sim.media.issue(s.copy(), until), "expires_at": until.Unix(), "session": s.doc}), nil
}
