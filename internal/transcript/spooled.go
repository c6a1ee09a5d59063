package transcript

import (
	"cmp"
	"strconv"
	"strings"

	"weir/internal/record"
)

// payloads fills where bodies are that are not in the frames, and their sizes.
func (r *reader) payloads() {
	sent, got := cmp.Or(r.x.Request, r.End.Request), cmp.Or(r.x.Answer, r.End.Answer)
	if sent == nil && r.Begin.Spooled {
		sent = &record.Payload{Length: r.Begin.RequestSize}
	}
	if sent != nil && r.Begin.RequestSize == 0 {
		r.Begin.RequestSize = sent.Length
	}
	r.Begin.RequestSize = max(r.Begin.RequestSize, r.End.Received)
	r.RequestPayload = payloadObject(r.ID, record.RequestSide, sent)
	r.ResponsePayload = payloadObject(r.ID, record.AnswerSide, got)
	r.partial = got != nil && int64(len(r.x.ResponseBody)) < got.Length && !r.x.Condensed
}

// payloadObject is how a row refers to a body in the payload store; "" for none.
func payloadObject(id record.ID, side string, p *record.Payload) string {
	if p == nil {
		return ""
	}
	b := appendString(appendName([]byte{'{'}, "id"), id.String())
	b = appendString(appendName(b, "side"), side)
	b = strconv.AppendInt(appendName(b, "length"), p.Length, 10)
	b = appendString(appendName(b, "sha256"), p.SHA256)
	return string(append(b, '}'))
}

// maxFolded is how large the object that was made of a stream may be to stand in
// the row though the stream is in the payload store: a stream spells its text many
// times over, and most that are large as streams are small as objects.
const maxFolded = 1 << 20

// refer puts references to the payload store in the place of bodies that are
// there. What was read out of them stays; queries over an answer's body find its
// id, model, object and usage in the reference, too. A form is kept beside its
// reference: it is not the body, but what it says.
func (r *reader) refer() {
	whole := r.folded && !r.partial && !r.x.Condensed && len(r.BackendResponseBody) <= maxFolded
	if r.ResponsePayload != "" && !r.End.OwnAnswer && !whole {
		b := []byte{'{'}
		for _, name := range []string{"id", "model", "object", "usage"} {
			if v := get(r.ans, name); v != "" {
				b = append(appendName(b, name), compact(v)...)
			}
		}
		r.BackendResponseBody = string(append(append(appendName(b, "payload"), r.ResponsePayload...), '}'))
		extract(r.Row, r.BackendResponseBody)
		if r.End.Socket {
			r.RequestBody = `{"payload":` + r.ResponsePayload + "}" // which has both directions
		}
	}
	if r.ResponsePayload != "" {
		r.ResponseMessages = lessBlobs(r.ResponseMessages)
	}
	if r.RequestPayload != "" {
		r.RequestMessages, r.Parameters = lessBlobs(r.RequestMessages), lessBlobs(r.Parameters)
		b := []byte{'{'}
		if r.x.Form != nil {
			b = appendWithout(b, r.req, "payload")
		}
		r.RequestBody = string(append(append(appendName(b, "payload"), r.RequestPayload...), '}'))
	}
}

// From how many bytes on a string without a space is a blob: an image, audio.
const blobBytes = 16 << 10

// lessBlobs gives JSON with how long they are for its blobs, which make a body so
// large that it is elsewhere, and would make its row so again.
func lessBlobs(raw string) string {
	if len(raw) < blobBytes {
		return raw
	}
	var b []byte
	from := 0
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			i++
			continue
		}
		end := skipString(raw, i)
		if end-i > blobBytes && strings.IndexByte(raw[i:i+blobBytes], ' ') < 0 {
			b = append(b, raw[from:i]...)
			b = append(strconv.AppendInt(append(b, `"[`...), int64(end-i-2), 10), ` bytes]"`...)
			from = end
		}
		i = end
	}
	return string(append(b, raw[from:]...))
}

// fromTail adds to an answer that was not loaded whole what its end says of the
// model and the usage.
func (r *reader) fromTail(ans string) string {
	if !r.partial || len(r.x.ResponseTail) == 0 {
		return ans
	}
	tail := strings.ToValidUTF8(string(r.x.ResponseTail), "\uFFFD")
	b := appendWithout([]byte{'{'}, ans, "")
	for name, fits := range map[string]func(string) bool{
		"model": isString,
		"usage": func(raw string) bool { return readUsage(&record.Row{}, raw) },
	} {
		if isNothing(get(ans, name)) {
			if v := lastValue(tail, name, fits); v != "" {
				b = append(appendName(b, name), compact(v)...)
			}
		}
	}
	return string(append(b, '}'))
}

// maxTries bounds the work on a tail that has the name everywhere but not the
// value.
const maxTries = 64

// lastValue finds the last value of that name in the tail of a JSON text, or of
// a stream of such, that fits; "" when there is none.
func lastValue(tail, name string, fits func(raw string) bool) string {
	quoted := `"` + name + `"`
	for range maxTries {
		i := strings.LastIndex(tail, quoted)
		if i < 0 {
			break
		}
		rest := tail[i+len(quoted):]
		tail = tail[:i]
		if strings.HasSuffix(tail, `\`) {
			continue // stands inside a string
		}
		at := space(rest, 0)
		if at == len(rest) || rest[at] != ':' {
			continue
		}
		at = space(rest, at+1)
		if end := checkValue(rest, at, 0); end > at && fits(rest[at:end]) {
			return rest[at:end]
		}
	}
	return ""
}
