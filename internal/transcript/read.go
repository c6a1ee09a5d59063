package transcript

import (
	"slices"
	"strings"

	"weir/internal/record"
)

// reader reads one exchange into its row.
type reader struct {
	*record.Row
	x       *record.Exchange
	d       *dialect
	count   func(model, text string) int
	req     string // the request as a raw object, "" when it is none
	ans     string // the answer likewise, as far as it can be read
	partial bool   // not all of the answer was loaded
	folded  bool   // the answer was a stream, of which a body was made
}

// Read makes the row of an exchange. dialect is one of this package's constants
// or "". count counts the tokens of a text for a model; it is asked only where
// the backend gave no usage. labels maps names of request headers, in any case,
// to the columns in Labels that they become.
//
// Where x has no end the gateway was killed: the exchange is interrupted, and
// what its answer is is told by its bytes.
//
// Tokens are estimated when an operation of a model was answered with success, or
// began to be, and no usage came; not for errors, nor where no answer began, nor
// where not all of it was loaded.
func Read(x *record.Exchange, dialect string, count func(model, text string) int, labels map[string]string) *record.Row {
	r := &reader{
		Row: &record.Row{ID: x.ID, Epoch: x.Epoch, Seq: x.Seq, Begin: x.Begin},
		x:   x, d: dialectOf(dialect), count: count,
	}
	r.timing()
	r.headers(labels)
	r.ModelCall = r.d.asked(&r.Begin)
	r.Socket = r.End.Socket || r.d.socket
	r.payloads()
	if r.End.Socket || r.d.socket && x.End == nil {
		r.messages()
	} else {
		r.request()
		r.answer()
	}
	resource(r.Row, r.d, r.ans)
	if r.ModelCall && r.Begin.Deployment == "" && !r.End.OwnAnswer {
		r.Begin.Deployment = requestModel(r.Row, r.req)
	}
	r.refer()
	clean(r.Row)
	return r.Row
}

// timing fills what x says of how and when it ended.
func (r *reader) timing() {
	x := r.x
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

func (r *reader) headers(labels map[string]string) {
	r.RequestHeaders = headerObject(r.Begin.Headers)
	r.ResponseHeaders = headerObject(r.End.ResponseHeaders)
	r.BackendRequestHeaders = headerObject(r.End.BackendRequestHeaders)
	r.BackendResponseHeaders = headerObject(r.End.BackendResponseHeaders)
	r.RequestTrailers = headerObject(r.End.RequestTrailers)
	r.ResponseTrailers = headerObject(r.End.ResponseTrailers)
	r.Labels = labelObject(r.Begin.Headers, labels)
	r.Attempts = attemptArray(r.End.Attempts)
}

// request fills what the request is and says. Of one that was not loaded whole
// as much is read as there is; any other must be right, or it was not passed on.
func (r *reader) request() {
	cut := r.Outcome != record.Completed || r.RequestPayload != ""
	sent := newBody(r.x.RequestBody, r.Begin.Headers, cut)
	r.RequestBody = sent.kept
	if r.x.Form != nil {
		r.Files = fileArray(r.x.Form.Files)
	} else if edited := edited(r.x.RequestBody, r.End.Edits); edited != nil && r.RequestPayload == "" {
		r.BackendRequestBody = newBody(edited, r.Begin.Headers, cut).kept
	}
	req, whole := object(sent.read)
	if !whole && r.RequestPayload == "" || r.d.name == "" {
		return
	}
	r.req = req
	r.readRequest()
}

func (r *reader) readRequest() {
	if r.req == "" {
		return
	}
	if r.d.input != nil {
		in := r.d.input(r.req)
		r.RequestMessages, r.Prompt = in.messages, in.prompt
	}
	b := []byte{'{'}
	safety := ""
	for k, v := range members(r.req) {
		switch k {
		case "metadata":
			if isObject(v) {
				r.Metadata = compact(v)
			}
		case "user":
			r.EndUser = text(v)
		case "safety_identifier":
			safety = text(v)
		case "stream", "stream_format":
			// A form says it where the gateway need not have looked; speech in
			// words of its own.
			asked := v == "true" || text(v) == "true" || text(v) == "sse"
			r.Begin.Stream = r.Begin.Stream || asked && r.d.streams()
		}
		switch {
		case slices.Contains(r.d.content, k):
		case slices.Contains(r.d.named, k):
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

// answer fills what the answer is and says.
func (r *reader) answer() {
	var coded []record.Header // nil when nothing is known of them
	if r.x.End != nil {
		coded = r.End.BackendResponseHeaders
		if r.End.OwnAnswer || coded == nil {
			coded = append([]record.Header{}, r.End.ResponseHeaders...)
		}
	}
	got := newBody(r.x.ResponseBody, coded, r.Outcome != record.Completed || r.partial)
	if r.d.secret {
		got = got.mask()
	}
	if r.End.OwnAnswer {
		r.ownAnswer(got)
		return
	}
	if r.x.End == nil {
		r.End.Streamed = looksStreamed(got.read)
	}
	if r.d.streams() && r.End.Streamed && (looksStreamed(got.read) || got.read == "" && succeeded(r.Row)) {
		r.stream(got)
		return
	}
	r.BackendResponseBody = got.kept
	ans, whole := object(got.read)
	if ans == "" && r.d.plain != nil && succeeded(r.Row) && strings.Trim(got.read, " \r\n") != "" {
		ans = r.d.plain(got.read)
	}
	r.ans = r.fromTail(ans)
	r.object(whole, get(r.ans, "usage"))
	r.Errors = errorArray(answerErrors(r.ans, r.End.BackendStatus), r.End.LastError)
	if whole && got.kept == got.read {
		extract(r.Row, ans)
	}
}

func (r *reader) ownAnswer(got body) {
	r.ResponseBody = got.kept
	var faults []string
	if r.End.LastError == nil {
		ans, _ := object(got.read)
		faults = answerErrors(ans, r.End.Status)
	}
	r.Errors = errorArray(faults, r.End.LastError)
}

// stream fills what a streamed answer says, and reconstructs its body.
func (r *reader) stream(got body) {
	f := fold(r.d, got.read)
	r.ans = f.body
	if r.partial {
		r.ans = r.fromTail(f.body)
		if isNothing(f.usage) {
			f.usage = get(r.ans, "usage")
		}
	} else {
		r.StreamError = f.reason
	}
	r.object(true, f.usage)
	switch {
	case r.Usage != "":
		f.usage = r.Usage
	case !isNothing(f.usage):
		f.usage = compact(f.usage)
	default:
		f.usage = ""
	}
	if len(f.errors) == 0 && f.body != "" {
		f.errors = answerErrors(f.body, 0)
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
	r.ans, r.folded = r.BackendResponseBody, true
	extract(r.Row, r.BackendResponseBody)
}

// object fills what an answer says that is one object, r.ans, or "" when nothing
// could be read; usage is the backend's, raw.
func (r *reader) object(whole bool, usage string) {
	var choices []choice
	if r.d.output != nil {
		choices = r.d.output(r.ans)
	}
	r.Model = text(get(r.ans, "model"))
	if r.ModelCall {
		r.RequestID = text(get(r.ans, "id"))
		filters(r.Row, r.ans, choices)
	}
	r.said(choices)
	if r.d.finish != nil {
		r.FinishReason = r.d.finish(r.ans)
	}
	if used := get(r.ans, r.d.used); r.d.used != "" && isNumber(used) {
		usage = string(append(append(appendName([]byte{'{'}, r.d.used), used...), '}'))
	}
	found := readUsage(r.Row, usage)
	if !r.ModelCall {
		return
	}
	if succeeded(r.Row) || r.x.End == nil {
		if r.Model == "" && r.d.unnamed && isEmpty(get(r.ans, "error")) {
			r.Model = requestModel(r.Row, r.req)
		}
		if r.d.measure != nil {
			r.d.measure(r.Row, r.req, r.ans)
		}
	}
	if !found && r.d.cost != nil && !r.partial && r.began(choices, whole) {
		estimate(r.Row, r.d, r.req, choices, r.count)
	}
}

// said fills the texts of the answer's choices.
func (r *reader) said(choices []choice) {
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

// began reports whether a model began to answer, so that tokens were used, which
// no later call will tell of.
func (r *reader) began(choices []choice, whole bool) bool {
	said := len(choices) > 0 || get(r.ans, "choices") != "" || get(r.ans, "data") != ""
	if r.d.later != "" && r.FinishReason == r.d.later {
		return false
	}
	if !isEmpty(get(r.ans, "error")) {
		return r.Completion != "" || r.ToolCalls > 0
	}
	if r.End.BackendStatus == 0 {
		return said
	}
	return succeeded(r.Row) && (said || !whole && r.Outcome != record.Completed)
}

// succeeded reports whether a backend answered with success.
func succeeded(r *record.Row) bool {
	return 200 <= r.End.BackendStatus && r.End.BackendStatus <= 299
}

// extract fills the values of the stored body that queries reach for most; see
// [record.Paths].
func extract(r *record.Row, stored string) {
	r.JSONModel, r.JSONID, r.JSONUsage = "", "", ""
	r.JSONPromptTokens, r.JSONCompletionTokens, r.JSONTotalTokens = "", "", ""
	for k, v := range members(stored) {
		switch k {
		case "model":
			r.JSONModel = compact(v)
		case "id":
			r.JSONID = compact(v)
		case "usage":
			r.JSONUsage = compact(v)
		}
	}
	for k, v := range members(r.JSONUsage) {
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
		&r.ResourceID,
	} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	if e := r.End.LastError; e != nil {
		copied := *e
		copied.Message = strings.ToValidUTF8(e.Message, "\uFFFD")
		r.End.LastError = &copied
	}
}
