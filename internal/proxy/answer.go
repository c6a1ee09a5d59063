package proxy

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"weir/internal/fault"
	"weir/internal/record"
)

// refuse answers a request that goes no further, and puts it on the record. A
// client that is gone gets no answer, and its exchange is a cancelled one.
func (x *exchange) refuse(f *fault.Error) {
	x.noteError(f)
	x.end.Outcome = record.Refused
	gone := f.Reason == "ClientConnectionFailure" && f.Kind == fault.Internal
	if gone {
		x.end.Outcome, x.hungUp, x.cut = record.Cancelled, true, true
	}
	if !x.begun && x.p.Log.Ready() != nil {
		x.turnAway(gone)
		return
	}
	if x.caller == nil && x.p.flood.full(x.start, f.Reason) {
		x.p.metrics.collapsed.Inc()
		x.send(f)
		return
	}
	if !x.begun {
		if x.writeBegin() != nil {
			x.turnAway(gone)
			return
		}
	}
	if gone {
		x.tryCommit(nil)
		return
	}
	x.fail(f)
}

// turnAway answers while nothing can be recorded; the exchange is counted, and
// the count recorded once that is possible.
func (x *exchange) turnAway(gone bool) {
	x.p.metrics.unready.Inc()
	f := unavailable(nil)
	x.p.flood.add(f.Reason, 1)
	if !gone {
		x.send(f)
	}
}

// fail answers for backends that gave no answer, or for a gateway that refuses.
func (x *exchange) fail(f *fault.Error) {
	if x.end.Outcome != record.Refused {
		x.end.Outcome = record.Failed
		x.noteError(f)
	}
	x.answer(f.Kind.Status(), errorHeader(f), errorBody(f))
}

// answer gives the gateway's own answer, once it is on the record.
func (x *exchange) answer(status int, header http.Header, body []byte) {
	h := x.w.Header()
	clear(h)
	for name, v := range header {
		h[name] = v
	}
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.identify(h)
	x.end.Status, x.end.OwnAnswer = status, true
	x.end.ResponseHeaders = recorded(x.end.ResponseHeaders[:0], h)
	if x.caller == nil {
		x.end.ResponseHeaders = shortHeaders(x.end.ResponseHeaders, shortTold)
	}
	if err := x.commit(body); err != nil {
		x.send(unavailable(err))
		return
	}
	x.write(body)
}

// send answers without a record: there is no journal to take it, or it is one
// of a flood and is counted.
func (x *exchange) send(f *fault.Error) {
	body := errorBody(f)
	h := x.w.Header()
	clear(h)
	for name, v := range errorHeader(f) {
		h[name] = v
	}
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.identify(h)
	x.end.Status = f.Kind.Status()
	x.write(body)
}

var jsonType = []string{"application/json"}

func errorHeader(f *fault.Error) http.Header {
	h := http.Header{}
	if f.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int((f.RetryAfter + time.Second - 1) / time.Second))}
	}
	if f.Kind == fault.UpgradeRequired {
		h["Upgrade"], h["Connection"] = []string{"websocket"}, []string{"Upgrade"} // RFC 9110, 15.5.22
	}
	if f.Kind == fault.Unauthorized {
		h["Www-Authenticate"] = []string{`AzureApiManagementKey realm="weir",name="api-key",type="header"`}
	}
	return h
}

// gatewayError is an error of the gateway's, in both shapes at once: API
// Management's and the model service's.
type gatewayError struct {
	StatusCode int        `json:"statusCode"`
	Message    string     `json:"message"`
	Error      modelError `json:"error"`
}

type modelError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
}

func errorBody(f *fault.Error) []byte {
	status := f.Kind.Status()
	code := f.Code
	if code == "" {
		code = strconv.Itoa(status)
	}
	b, err := json.Marshal(gatewayError{status, f.Message, modelError{code, f.Message, f.Param}})
	if err != nil {
		return []byte(`{}`) // strings and a number always have a JSON form
	}
	return b
}
