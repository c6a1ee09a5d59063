package transcript

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/internal/record"
)

// A realtime session (OpenAI API reference, "Realtime") is two streams of events,
// which the record keeps whole: the client's in RequestBody as an array, the
// server's in BackendResponseBody as
//
//	{"object":"realtime.session","id":…,"model":…,"usage":…,
//	 "client_ms":[…],"server_ms":[…],"events":[…]}
//
// where client_ms and server_ms say when each event passed, since the exchange
// began. A message that is no JSON object stands there as a text, a binary one as
// {"binary":base64}, the close of a side as {"close":{"code","reason"}}.

// session is what is read of a socket's messages.
type session struct {
	talk    talk
	choices []choice
	pending []pending
	id      string // raw
	model   string // raw
	usage   string // raw, of all answers
	heard   string // raw, the usage of transcribing what the client said
	finish  string
	faults  []string // raw
	torn    bool
	cut     bool    // the rest was dropped by [Condense]
	sides   [2]side // the server's, the client's
}

// pending is the text so far of an answer that has not ended.
type pending struct {
	id   string // raw
	text []byte
}

// side is one direction of a socket.
type side struct {
	events, times []byte // the insides of arrays
	piece         []byte // of the message that is not whole yet
	open          bool
	at            int64
}

// maxFaults bounds how many errors of a session are listed, maxPending how many
// answers may be in the making: a session makes one at a time, or a few. Of more
// the oldest count as ended.
const (
	maxFaults  = 100
	maxPending = 64
)

// messages fills the row of an exchange that became a WebSocket.
func (r *reader) messages() {
	s := readSession(r.x.ResponseBody, r.x.Condensed)
	r.RequestBody = "[" + string(s.sides[1].events) + "]"
	in := s.talk.input()
	r.RequestMessages, r.Prompt = in.messages, in.prompt
	r.Model, r.RequestID = text(s.model), text(s.id)
	r.said(s.all())
	r.FinishReason = s.finish
	r.ContentFiltered = s.finish == "content_filter"
	if s.usage == "" {
		s.usage = s.heard
	}
	if r.partial || s.cut {
		s.usage = "" // the sum would be of the beginning
	}
	readUsage(r.Row, s.usage)
	switch {
	case s.cut:
		r.StreamError = "the session has more to it than is read"
	case s.torn && !r.partial:
		r.StreamError = "the record ends inside a message"
	}
	r.Errors = errorArray(s.faults, r.End.LastError)

	b := []byte(`{"object":"realtime.session"`)
	for _, m := range []struct{ name, raw string }{{"id", s.id}, {"model", s.model}, {"usage", s.usage}} {
		if m.raw != "" {
			b = append(appendName(b, m.name), compact(m.raw)...)
		}
	}
	b = append(append(append(appendName(b, "client_ms"), '['), s.sides[1].times...), ']')
	b = append(append(append(appendName(b, "server_ms"), '['), s.sides[0].times...), ']')
	b = append(append(append(appendName(b, "events"), '['), s.sides[0].events...), "]}"...)
	r.BackendResponseBody = string(b)
	r.ans, r.folded = r.BackendResponseBody, true
	extract(r.Row, r.ans)
}

// readSession reads the messages; condensed says that [Condense] chose them.
func readSession(content []byte, condensed bool) *session {
	s := &session{}
	for {
		m, rest, ok := record.ParseMessage(content)
		if !ok && len(m.Data) == 0 {
			break
		}
		if s.cut = condensed && m.Close; s.cut {
			break
		}
		s.take(m, !ok)
		if !ok {
			break
		}
		content = rest
	}
	for i := range s.sides {
		if s.sides[i].open {
			s.take(record.Message{FromClient: i == 1}, true)
		}
	}
	return s
}

// take adds a message, or a piece of one; torn says that the rest of it is lost.
func (s *session) take(m record.Message, torn bool) {
	from := 0
	if m.FromClient {
		from = 1
	}
	side := &s.sides[from]
	if !side.open {
		side.at = m.At.Milliseconds()
	}
	if m.More && !torn {
		side.piece, side.open = append(side.piece, m.Data...), true
		return
	}
	data := m.Data
	if side.open {
		data = append(side.piece, data...)
		side.piece, side.open = nil, false
	}
	s.torn = s.torn || torn
	raw, event := socketEvent(m, data, torn)
	side.events = appendTo(side.events, raw)
	side.times = appendTo(side.times, strconv.FormatInt(side.at, 10))
	if m.FromClient {
		s.clientEvent(event)
	} else {
		s.serverEvent(event)
	}
}

// appendTo appends an element to the inside of an array.
func appendTo(b []byte, raw string) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	return append(b, raw...)
}

// socketEvent gives a message as it is kept, and the event that it is; "" when it
// is none, or torn.
func socketEvent(m record.Message, data []byte, torn bool) (raw, event string) {
	switch {
	case m.Close:
		return closeEvent(data), ""
	case m.Binary:
		return `{"binary":"` + base64.StdEncoding.EncodeToString(data) + `"}`, ""
	}
	if torn {
		data = data[:len(data)-cutRune(data)]
	}
	s := strings.ToValidUTF8(string(data), "\uFFFD")
	if strings.Contains(s, `"client_secret"`) || strings.Contains(s, `"ek_`) {
		s = hideKeys(s)
	}
	event, whole := object(s)
	if whole {
		return compact(event), event
	}
	return string(appendString(nil, s)), ""
}

func closeEvent(data []byte) string {
	code := 0
	if len(data) >= 2 {
		code = int(binary.BigEndian.Uint16(data))
		data = data[2:]
	}
	b := strconv.AppendInt([]byte(`{"close":{"code":`), int64(code), 10)
	return string(append(appendString(appendName(b, "reason"), string(data)), "}}"...))
}

func (s *session) clientEvent(event string) {
	switch text(get(event, "type")) {
	case "session.update", "transcription_session.update":
		s.talk.say("system", text(get(event, "session", "instructions")))
	case "conversation.item.create":
		it := readItem(get(event, "item"))
		s.talk.add(it.message("user"))
	case "response.create":
		s.talk.say("system", text(get(event, "response", "instructions")))
		for raw := range elements(get(event, "response", "input")) {
			it := readItem(raw)
			s.talk.add(it.message("user"))
		}
	}
}

// spoken is the events that have a piece of an answer's text, until it ended.
var spoken = map[string]bool{
	"response.text.delta": true, "response.output_text.delta": true,
	"response.audio_transcript.delta": true, "response.output_audio_transcript.delta": true,
}

func (s *session) serverEvent(event string) {
	kind := text(get(event, "type"))
	switch kind {
	case "session.created", "session.updated", "transcription_session.created", "transcription_session.updated":
		for name, into := range map[string]*string{"id": &s.id, "model": &s.model} {
			if v := get(event, "session", name); isString(v) {
				*into = v
			}
		}
	case "conversation.item.input_audio_transcription.completed":
		s.talk.say("user", text(get(event, "transcript")))
		s.heard = sum(s.heard, get(event, "usage"), 0)
	case "response.done":
		s.answered(get(event, "response"))
	case "error":
		if len(s.faults) < maxFaults {
			s.faults = append(s.faults, compact(eventError(kind, event)))
		}
	}
	if spoken[kind] {
		s.piece(first(event, "response_id"), text(get(event, "delta")))
	}
}

// piece adds a piece of text to an answer that has not ended.
func (s *session) piece(id, delta string) {
	i := slices.IndexFunc(s.pending, func(p pending) bool { return p.id == id })
	if i < 0 {
		if len(s.pending) == maxPending {
			s.choices = append(s.choices, s.pending[0].choice())
			s.pending = slices.Delete(s.pending, 0, 1)
		}
		i = len(s.pending)
		s.pending = append(s.pending, pending{id: id})
	}
	s.pending[i].text = append(s.pending[i].text, delta...)
}

// answered adds an answer that ended, whole.
func (s *session) answered(response string) {
	id := get(response, "id")
	s.pending = slices.DeleteFunc(s.pending, func(p pending) bool { return p.id == id })
	s.choices = append(s.choices, responsesOutput(response)...)
	s.usage = sum(s.usage, get(response, "usage"), 0)
	s.finish = text(get(response, "status"))
	if why := text(get(response, "status_details", "reason")); why != "" {
		s.finish = why
	}
}

// all gives what was answered, the beginnings of answers that did not end last.
func (s *session) all() []choice {
	all := s.choices
	for _, p := range s.pending {
		all = append(all, p.choice())
	}
	return all
}

func (p *pending) choice() choice {
	c := choice{text: string(p.text)}
	c.message = string(appendMessage([]byte{'['}, "assistant", c.text)[1:])
	return c
}

// What bounds the work of adding up usage objects, far above what they are.
const (
	maxUsage        = 16 << 10
	maxUsageDepth   = 8
	maxUsageMembers = 64 // of one object in it
)

// sum adds up two usage objects, number by number; of anything else the first
// value counts. What is larger than any usage adds nothing, and nothing is added
// to it; nor do members count that are too many.
func sum(a, b string, depth int) string {
	switch {
	case isNothing(b) || max(len(a), len(b)) > maxUsage || depth > maxUsageDepth:
		return a
	case isNothing(a):
		return b
	case isNumber(a) && isNumber(b):
		return addNumbers(a, b)
	case !isObject(a) || !isObject(b):
		return a
	}
	into, values := usageMembers(a)
	more, added := usageMembers(b)
	out := []byte{'{'}
	for _, k := range into {
		out = append(appendName(out, k), sum(values[k], added[k], depth+1)...)
	}
	left := maxUsageMembers - len(into)
	for _, k := range more {
		if values[k] == "" && left > 0 {
			out = append(appendName(out, k), added[k]...)
			left--
		}
	}
	return string(append(out, '}'))
}

// usageMembers gives the members of an object, with their names in order.
func usageMembers(raw string) (names []string, values map[string]string) {
	values = map[string]string{}
	for k, v := range members(raw) {
		if values[k] == "" {
			if len(names) == maxUsageMembers {
				continue
			}
			names = append(names, k)
		}
		values[k] = v
	}
	return names, values
}

func addNumbers(a, b string) string {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil && max(x, y) < 1<<53 && min(x, y) > -1<<53 {
		return strconv.FormatInt(x+y, 10)
	}
	f, errF := strconv.ParseFloat(a, 64)
	g, errG := strconv.ParseFloat(b, 64)
	if errF != nil || errG != nil || math.IsInf(f+g, 0) {
		return a
	}
	return strconv.FormatFloat(f+g, 'g', -1, 64)
}

// sessionInput reads the instructions of a session that is made for a client.
func sessionInput(req string) input {
	var t talk
	t.say("system", text(get(req, "instructions")))
	t.say("system", text(get(req, "session", "instructions")))
	return t.input()
}
