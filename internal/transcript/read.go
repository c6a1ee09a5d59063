package transcript

import (
	"slices"
	"strings"

	"weir/internal/record"
)

// Read makes the row of an exchange. dialect is one of this package's constants
// or "". count counts the tokens of a text for a model; it is asked only where
// the backend gave no usage. labels maps names of request headers, in any case,
// to the columns in Labels that they become.
//
// Where x has no end the gateway was killed: the exchange is interrupted, and
// what its answer is is told by its bytes.
//
// Tokens are estimated when an operation of a model was answered with success, or
// began to be, and no usage came; not for errors, nor where no answer began.
func Read(x *record.Exchange, dialect string, count func(model, text string) int, labels map[string]string) *record.Row {
	r := &record.Row{ID: x.ID, Epoch: x.Epoch, Seq: x.Seq, Begin: x.Begin}
	timing(r, x)
	headers(r, labels)
	d := dialectOf(dialect)

	cut := r.Outcome != record.Completed
	sent := newBody(x.RequestBody, r.Begin.Headers, cut)
	r.RequestBody = sent.kept
	if edited := edited(x.RequestBody, r.End.Edits); edited != nil {
		r.BackendRequestBody = newBody(edited, r.Begin.Headers, cut).kept
	}
	req, whole := object(sent.read)
	if !whole {
		req = ""
	}
	readRequest(r, d, req)
	readAnswer(r, d, req, x, count)
	clean(r)
	return r
}

// timing fills what x says of how and when it ended.
func timing(r *record.Row, x *record.Exchange) {
	r.End = record.End{Time: x.LastFrame, Outcome: record.Interrupted}
	if x.End != nil {
		r.End = *x.End
	}
	until := r.End.Time
	if x.Delivered != nil {
		r.Delivered = *x.Delivered
		until = r.Delivered.Time
	}
	r.Outcome, r.EndTime = r.End.Outcome, r.End.Time
	r.TotalTime = max(0, until.Sub(r.Begin.Time))
}

func headers(r *record.Row, labels map[string]string) {
	r.RequestHeaders = headerObject(r.Begin.Headers)
	r.ResponseHeaders = headerObject(r.End.ResponseHeaders)
	r.BackendRequestHeaders = headerObject(r.End.BackendRequestHeaders)
	r.BackendResponseHeaders = headerObject(r.End.BackendResponseHeaders)
	r.Labels = labelObject(r.Begin.Headers, labels)
	r.Attempts = attemptArray(r.End.Attempts)
}

// readRequest fills what the request says. req is a raw object, or "".
func readRequest(r *record.Row, d *dialect, req string) {
	if req == "" || !d.answers() {
		return
	}
	in := d.input(req)
	r.RequestMessages, r.Prompt = in.messages, in.prompt
	b := []byte{'{'}
	safety := ""
	for k, v := range members(req) {
		switch k {
		case "metadata":
			if isObject(v) {
				r.Metadata = compact(v)
			}
		case "user":
			r.EndUser = text(v)
		case "safety_identifier":
			safety = text(v)
		}
		switch {
		case slices.Contains(d.content, k):
		case slices.Contains(d.named, k):
			b = appendNames(appendName(b, k), v)
		default:
			b = append(appendName(b, k), compact(v)...)
		}
	}
	if r.EndUser == "" {
		r.EndUser = safety
	}
	r.Parameters = string(append(b, '}'))
}

// appendNames appends the names of tools or functions as an array.
func appendNames(b []byte, definitions string) []byte {
	b = append(b, '[')
	for def := range elements(definitions) {
		name := get(def, "name")
		for _, v := range members(def) {
			if name == "" {
				name = get(v, "name") // of what the type says: function, custom
			}
		}
		if name == "" {
			name = get(def, "type")
		}
		if isString(name) {
			b = appendElement(b, name)
		}
	}
	return append(b, ']')
}

// readAnswer fills what the answer says.
func readAnswer(r *record.Row, d *dialect, req string, x *record.Exchange, count func(model, text string) int) {
	var coded []record.Header // nil when nothing is known of them
	if x.End != nil {
		coded = r.End.BackendResponseHeaders
		if r.End.OwnAnswer || coded == nil {
			coded = append([]record.Header{}, r.End.ResponseHeaders...)
		}
	}
	got := newBody(x.ResponseBody, coded, r.Outcome != record.Completed)
	if r.End.OwnAnswer {
		r.ResponseBody = got.kept
		var faults []string
		if r.End.LastError == nil {
			ans, _ := object(got.read)
			faults = answerErrors(ans, r.End.Status)
		}
		r.Errors = errorArray(faults, r.End.LastError)
		return
	}
	if x.End == nil {
		r.End.Streamed = looksStreamed(got.read)
	}
	if d.events != nil && r.End.Streamed && (looksStreamed(got.read) || got.read == "" && succeeded(r)) {
		readStream(r, d, req, got, count)
		return
	}
	r.BackendResponseBody = got.kept
	ans, whole := object(got.read)
	readObject(r, d, req, ans, whole, get(ans, "usage"), count)
	r.Errors = errorArray(answerErrors(ans, r.End.BackendStatus), r.End.LastError)
	if whole && got.kept == got.read {
		extract(r, ans)
	}
}

// readStream fills what a streamed answer says, and reconstructs its body.
func readStream(r *record.Row, d *dialect, req string, got body, count func(model, text string) int) {
	f := fold(d, got.read)
	r.StreamError = f.reason
	readObject(r, d, req, f.body, true, f.usage, count)
	switch {
	case r.Usage != "":
		f.usage = r.Usage
	case !isNothing(f.usage):
		f.usage = compact(f.usage)
	default:
		f.usage = ""
	}
	r.Errors = errorArray(f.errors, r.End.LastError)
	if f.body == "" {
		r.BackendResponseBody = got.kept
		return
	}
	r.BackendResponseBody = f.body
	if f.usage != "" {
		r.BackendResponseBody = f.body[:len(f.body)-1] + `,"usage":` + f.usage + "}"
	}
	extract(r, r.BackendResponseBody)
}

// readObject fills what an answer says that is one object. ans is raw, "" when
// nothing could be read; usage is the backend's, raw.
func readObject(r *record.Row, d *dialect, req, ans string, whole bool, usage string, count func(model, text string) int) {
	var choices []choice
	if d.output != nil {
		choices = d.output(ans)
	}
	if d.answers() {
		r.Model, r.RequestID = text(get(ans, "model")), text(get(ans, "id"))
		filters(r, ans, choices)
	}
	said(r, choices)
	if !d.answers() || readUsage(r, usage) {
		return
	}
	if began(r, ans, whole) {
		estimate(r, d, req, choices, count)
	}
}

// said fills the texts of the answer's choices.
func said(r *record.Row, choices []choice) {
	var texts []string
	b := []byte{'['}
	for i, c := range choices {
		if i == 0 {
			r.FinishReason = c.finish
		}
		if c.text != "" {
			texts = append(texts, c.text)
		}
		if c.message != "" {
			b = appendElement(b, compact(c.message))
		}
		r.ToolCalls += c.calls
	}
	r.Completion = strings.Join(texts, "\n\n")
	if len(b) > 1 {
		r.ResponseMessages = string(append(b, ']'))
	}
}

// began reports whether a model began to answer, so that tokens were used.
func began(r *record.Row, ans string, whole bool) bool {
	said := get(ans, "choices") != "" || get(ans, "data") != ""
	if !isNothing(get(ans, "error")) {
		return r.Completion != "" || r.ToolCalls > 0
	}
	if r.End.BackendStatus == 0 {
		return said
	}
	return succeeded(r) && (said || !whole && r.Outcome != record.Completed)
}

// succeeded reports whether a backend answered with success.
func succeeded(r *record.Row) bool {
	return 200 <= r.End.BackendStatus && r.End.BackendStatus <= 299
}

// extract fills the values of the stored body that queries reach for most; see
// [record.Paths].
func extract(r *record.Row, stored string) {
	usage := ""
	for k, v := range members(stored) {
		switch k {
		case "model":
			r.JSONModel = compact(v)
		case "id":
			r.JSONID = compact(v)
		case "usage":
			usage = compact(v)
		}
	}
	r.JSONUsage = usage
	for k, v := range members(usage) {
		switch k {
		case "prompt_tokens":
			r.JSONPromptTokens = v
		case "completion_tokens":
			r.JSONCompletionTokens = v
		case "total_tokens":
			r.JSONTotalTokens = v
		}
	}
}

// clean makes text of what the wire may have left as bytes that are none: a URL
// with raw octets, a header. The texts of bodies are clean already.
func clean(r *record.Row) {
	for _, s := range []*string{
		&r.Begin.Method, &r.Begin.URL, &r.Begin.Deployment, &r.Begin.APIVersion, &r.Begin.CallerIP,
		&r.Begin.TraceParent, &r.Begin.ClientRequestID, &r.End.BackendURL, &r.End.BackendMethod,
	} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	if e := r.End.LastError; e != nil {
		copied := *e
		copied.Message = strings.ToValidUTF8(e.Message, "\uFFFD")
		r.End.LastError = &copied
	}
}
