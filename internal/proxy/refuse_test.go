package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
)

const (
	notFoundBody   = `{"statusCode":404,"message":"Resource not found","error":{"code":"404","message":"Resource not found"}}`
	missingKeyBody = `{"statusCode":401,"message":"Access denied due to missing subscription key. Make sure to include subscription key when making requests to this API.","error":{"code":"401","message":"Access denied due to missing subscription key. Make sure to include subscription key when making requests to this API."}}`
	invalidKeyBody = `{"statusCode":401,"message":"Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.","error":{"code":"401","message":"Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."}}`
	deploymentBody = `{"statusCode":404,"message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.","error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}`
	twiceBody      = `{"statusCode":400,"message":"Invalid request: the key model stands there twice. Parsers differ on which key counts; send model once, in lower case.","error":{"code":"400","message":"Invalid request: the key model stands there twice. Parsers differ on which key counts; send model once, in lower case.","param":"model"}}`
	notJSONBody    = `{"statusCode":400,"message":"Invalid request: the body is not valid JSON, at offset 1.","error":{"code":"400","message":"Invalid request: the body is not valid JSON, at offset 1."}}`
	noModelBody    = `{"statusCode":400,"message":"The body must name a deployment in model, as a string.","error":{"code":"400","message":"The body must name a deployment in model, as a string.","param":"model"}}`
	encodedBody    = `{"statusCode":400,"message":"The request's body is compressed. Send it without a Content-Encoding.","error":{"code":"400","message":"The request's body is compressed. Send it without a Content-Encoding."}}`
	tooLargeBody   = `{"statusCode":413,"message":"The request's body is larger than 2000 bytes, which is the most that this gateway takes.","error":{"code":"413","message":"The request's body is larger than 2000 bytes, which is the most that this gateway takes."}}`
)

// TestRefusals: each mistake has its own answer, and its record.
func TestRefusals(t *testing.T) {
	big := `{"a":"` + strings.Repeat("x", 3000) + `"}`
	g := newRigWith(t, Config{MaxBody: 2000}, newMemLog(), backend{handler: func(w http.ResponseWriter, r *http.Request) { t.Error("a refused call was forwarded") }})
	for i, tt := range []struct {
		path, body, key string
		status          int
		answer          string
		reason, section string
		recorded        string // the body
	}{
		{"/nowhere", plainBody, testKey, 404, notFoundBody, "OperationNotFound", "inbound", ""},
		{"/v1/models", plainBody, testKey, 404, notFoundBody, "OperationNotFound", "inbound", ""},
		{"/openai/deployments/gpt/chat/completions", plainBody, testKey, 404, notFoundBody, "OperationNotFound", "inbound", ""},
		{"/openai/deployments/gpt/chat/completions?api-version=1999-01-01", plainBody, testKey, 404, notFoundBody, "OperationNotFound", "inbound", ""},
		{"/openai/deployments/%2e%2e/chat/completions?api-version=2024-10-21", plainBody, testKey, 404, notFoundBody, "OperationNotFound", "inbound", ""},
		{chatPath, plainBody, "", 401, missingKeyBody, "SubscriptionKeyNotFound", "inbound", ""},
		{chatPath, plainBody, "wrong", 401, invalidKeyBody, "SubscriptionKeyInvalid", "inbound", ""},
		{chatPath, plainBody, "suspended-key", 401, invalidKeyBody, "SubscriptionKeyInvalid", "inbound", ""},
		{chatPath, `{x`, testKey, 400, notJSONBody, "InvalidBody", "inbound", `{x`},
		{"/v1/chat/completions", `{"model":"gpt","model":"x"}`, testKey, 400, twiceBody, "AmbiguousBody", "inbound", `{"model":"gpt","model":"x"}`},
		{"/v1/chat/completions", `{"model":7}`, testKey, 400, noModelBody, "ModelMissing", "inbound", `{"model":7}`},
		{"/openai/v1/chat/completions", `{"model":"none"}`, testKey, 404, deploymentBody, "DeploymentNotFound", "inbound", `{"model":"none"}`},
		{strings.Replace(chatPath, "gpt", "none", 1), plainBody, testKey, 404, deploymentBody, "DeploymentNotFound", "inbound", plainBody},
		{chatPath, big, testKey, 413, tooLargeBody, "RequestBodyTooLarge", "inbound", ""},
	} {
		resp := g.post(tt.path, tt.body, "api-key", tt.key)
		b := readAll(t, resp)
		e := g.log.wait(i, delivered)
		if resp.StatusCode != tt.status || b != tt.answer || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("apim-request-id") != e.ID.String() {
			t.Errorf("%s %s: %d %s %v", tt.path, tt.key, resp.StatusCode, b, resp.Header)
		}
		l := e.End.LastError
		if e.End.Outcome != record.Refused || e.End.Status != tt.status || !e.End.OwnAnswer || l == nil || l.Reason != tt.reason || l.Section != tt.section {
			t.Errorf("%s: end %+v, %+v", tt.path, e.End, l)
		}
		if string(e.RequestBody) != tt.recorded || string(e.ResponseBody) != tt.answer {
			t.Errorf("%s: recorded %q, %q", tt.path, e.RequestBody, e.ResponseBody)
		}
		if tt.status == 413 && e.Begin.RequestSize != int64(len(big)) {
			t.Errorf("413: size %d", e.Begin.RequestSize)
		}
		if tt.status == 401 && resp.Header.Get("Www-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
	if resp := g.post(chatPath, plainBody, "Content-Encoding", "gzip"); resp.StatusCode != 400 || readAll(t, resp) != encodedBody {
		t.Errorf("compressed: %d", resp.StatusCode)
	}
}

// chunks is a body of unknown length.
type chunks struct{ io.Reader }

func TestTooLargeChunked(t *testing.T) {
	g := newRigWith(t, Config{MaxBody: 2000}, newMemLog(), backend{handler: answerPlain})
	req, _ := http.NewRequest("POST", g.url+chatPath, chunks{strings.NewReader(`{"a":"` + strings.Repeat("x", 3000) + `"}`)})
	req.Header.Set("api-key", testKey)
	resp, err := g.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b := readAll(t, resp); resp.StatusCode != 413 || b != tooLargeBody {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
	if e := g.log.wait(0, delivered); e.Begin.RequestSize != 3008 || len(e.RequestBody) != 0 {
		t.Errorf("size %d, %d bytes kept", e.Begin.RequestSize, len(e.RequestBody))
	}
}

const unavailableBody = `{"statusCode":503,"message":"The gateway cannot record calls at the moment and so takes none. Please retry after 2 seconds.","error":{"code":"503","message":"The gateway cannot record calls at the moment and so takes none. Please retry after 2 seconds."}}`

// TestNoJournal: while nothing can be recorded nothing is forwarded, and
// afterwards all goes on without a restart.
func TestNoJournal(t *testing.T) {
	full := errors.New("no space left")
	for _, tt := range []struct {
		name string
		cut  func(*memLog, func() error)
	}{
		{"ready", func(l *memLog, f func() error) { l.ready = f }},
		{"begin", func(l *memLog, f func() error) { l.begin = f }},
		{"all", func(l *memLog, f func() error) { l.ready, l.begin, l.end = f, f, f }},
	} {
		log := newMemLog()
		var err error
		forwarded := 0
		tt.cut(log, func() error { return err })
		g := newRigWith(t, Config{}, log, backend{handler: func(w http.ResponseWriter, r *http.Request) { forwarded++; answerPlain(w, r) }})
		for i, e := range []error{full, nil} {
			err = e
			resp := g.post(chatPath, plainBody)
			b := readAll(t, resp)
			if e != nil && (resp.StatusCode != 503 || b != unavailableBody || resp.Header.Get("Retry-After") != "2") {
				t.Errorf("%s: %d %s %v", tt.name, resp.StatusCode, b, resp.Header)
			}
			if e == nil && resp.StatusCode != 200 {
				t.Errorf("%s: afterwards %d", tt.name, resp.StatusCode)
			}
			if forwarded != i {
				t.Errorf("%s: %d forwarded", tt.name, forwarded)
			}
		}
	}
}

// TestRefusedButUnrecorded: a refusal whose record fails is a 503.
func TestRefusedButUnrecorded(t *testing.T) {
	log := newMemLog()
	log.end = func() error { return errors.New("disk") }
	g := newRigWith(t, Config{}, log, backend{handler: answerPlain})
	if resp := g.post(chatPath, plainBody, "api-key", "wrong"); resp.StatusCode != 503 || readAll(t, resp) != unavailableBody {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestFlood: strangers beyond the rate are counted, not recorded one by one.
func TestFlood(t *testing.T) {
	log := newMemLog()
	g := newRigWith(t, Config{RefusalRate: 1}, log, backend{handler: answerPlain})
	for range 30 {
		if resp := g.post(chatPath, plainBody, "api-key", ""); resp.StatusCode != 401 || readAll(t, resp) != missingKeyBody {
			t.Fatalf("%d", resp.StatusCode)
		}
	}
	log.mu.Lock()
	single := len(log.exchanges)
	log.mu.Unlock()
	if single > 15 {
		t.Errorf("%d of 30 refusals recorded one by one", single)
	}
	counted := log.wait(single, func(e *record.Exchange) bool { return e.End != nil })
	l := counted.End.LastError
	if l == nil || l.Reason != "SubscriptionKeyNotFound" || !strings.Contains(l.Message, "calls of unknown callers were refused") {
		t.Errorf("%+v", l)
	}
	if resp := g.post(chatPath, plainBody); resp.StatusCode != 200 {
		t.Errorf("a known caller gets %d", resp.StatusCode)
	}
}

// TestMasked: no credential reaches the journal or a backend.
func TestMasked(t *testing.T) {
	var got *http.Request
	g := newRig(t, backend{kind: "openai", handler: func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Set-Cookie", "session=secret")
		answerPlain(w, r)
	}})
	resp := g.post("/v1/chat/completions?subscription-key=secret-1&a=b&%61pi-key=secret-2&sig=secret-3", `{"model":"gpt"}`,
		"api-key", testKey, "Ocp-Apim-Subscription-Key", "secret-4", "Authorization", "Bearer secret-5", "Cookie", "c=secret-6")
	readAll(t, resp)
	e := g.log.wait(0, delivered)
	if want := g.url + "/v1/chat/completions?subscription-key=***&a=b&%61pi-key=***&sig=***"; e.Begin.URL != want {
		t.Errorf("recorded %s", e.Begin.URL)
	}
	if got.URL.RawQuery != "a=b&sig=secret-3" || got.Header.Get("Authorization") != "Bearer backend-key-a" || got.Header.Get("Cookie") != "" || got.Header.Get("Api-Key") != "" {
		t.Errorf("forwarded %s %v", got.URL, got.Header)
	}
	all := append(append(append(append([]record.Header(nil), e.Begin.Headers...), e.End.ResponseHeaders...), e.End.BackendRequestHeaders...), e.End.BackendResponseHeaders...)
	masked := 0
	for _, h := range all {
		if strings.Contains(h.Value, "secret") || strings.Contains(h.Value, testKey) || strings.Contains(h.Value, "backend-key") {
			t.Errorf("%s is on the record", h.Name)
		}
		if h.Value == mask {
			masked++
		}
	}
	if masked != 7 {
		t.Errorf("%d masked fields, want 4 of the client, 1 of the backend's request, 2 cookies", masked)
	}
}

func TestModels(t *testing.T) {
	g := newRig(t, backend{handler: answerPlain})
	get := func(path string) (int, string) {
		req, _ := http.NewRequest("GET", g.url+path, nil)
		req.Header.Set("Authorization", "Bearer "+testKey)
		resp, err := g.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b := readAll(t, resp)
		for _, cut := range []string{`"created":`, `"created_at":`} { // the start's time
			if i := strings.Index(b, cut); i >= 0 {
				j := i + len(cut) + strings.IndexAny(b[i+len(cut):], ",}")
				b = b[:i+len(cut)] + "0" + b[j:]
			}
		}
		return resp.StatusCode, b
	}
	v1 := `{"id":"gpt","object":"model","created":0,"owned_by":"azure-openai"}`
	classic := `{"id":"gpt","object":"model","model":"gpt-4o","status":"succeeded","lifecycle_status":"generally-available","created_at":0,"capabilities":{"fine_tune":false,"inference":true,"completion":true,"chat_completion":true,"embeddings":false}}`
	for i, tt := range []struct {
		path    string
		status  int
		want    string
		outcome record.Outcome
	}{
		{"/v1/models", 200, `{"object":"list","data":[` + v1 + `]}`, record.Completed},
		{"/openai/v1/models/gpt", 200, v1, record.Completed},
		{"/openai/models?api-version=2024-10-21", 200, `{"object":"list","data":[` + classic + `]}`, record.Completed},
		{"/openai/models/gpt?api-version=2024-10-21", 200, classic, record.Completed},
		{"/v1/models/none", 404, deploymentBody, record.Refused},
	} {
		status, b := get(tt.path)
		if d := cmp.Diff(tt.want, b); d != "" || status != tt.status {
			t.Errorf("%s: %d %s", tt.path, status, d)
		}
		if e := g.log.wait(i, delivered); e.End.Outcome != tt.outcome || !e.End.OwnAnswer || e.Begin.Operation == "" || len(e.ResponseBody) == 0 {
			t.Errorf("%s: %+v", tt.path, e.End)
		}
	}
}
