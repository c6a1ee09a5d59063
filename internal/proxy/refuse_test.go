package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
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
	encodedBody    = `{"statusCode":415,"message":"The request's body has a Content-Encoding that the gateway does not read. Send it with gzip, deflate or without one.","error":{"code":"415","message":"The request's body has a Content-Encoding that the gateway does not read. Send it with gzip, deflate or without one."}}`
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
		{"/nowhere", plainBody, "", 404, notFoundBody, "OperationNotFound", "inbound", ""},
		{"/nowhere", plainBody, "suspended-key", 404, notFoundBody, "OperationNotFound", "inbound", ""},
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
		subscription := map[string]string{testKey: "team", "suspended-key": "gone"}[tt.key]
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
		if e.Begin.Subscription != subscription || (e.Begin.Product == "gold") != (subscription == "team") {
			t.Errorf("%s: of %q, product %q", tt.path, e.Begin.Subscription, e.Begin.Product)
		}
		if tt.status == 413 && e.Begin.RequestSize != int64(len(big)) {
			t.Errorf("413: size %d", e.Begin.RequestSize)
		}
		if tt.status == 401 && resp.Header.Get("Www-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
	}
	if resp := g.post(chatPath, plainBody, "Content-Encoding", "br"); resp.StatusCode != 415 || readAll(t, resp) != encodedBody {
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
		var cut atomic.Bool
		cut.Store(true)
		forwarded := 0
		tt.cut(log, func() error {
			if cut.Load() {
				return full
			}
			return nil
		})
		g := newRigWith(t, Config{RefusalRate: 1000}, log, backend{handler: func(w http.ResponseWriter, r *http.Request) { forwarded++; answerPlain(w, r) }})
		refused := [][2]string{{chatPath, testKey}, {chatPath, "wrong"}, {"/nowhere", testKey}, {"/nowhere", ""}}
		for _, c := range refused {
			resp := g.post(c[0], plainBody, "api-key", c[1])
			if b := readAll(t, resp); resp.StatusCode != 503 || b != unavailableBody || resp.Header.Get("Retry-After") != "2" {
				t.Errorf("%s: %d %s %v", tt.name, resp.StatusCode, b, resp.Header)
			}
		}
		if n := g.counted()["weir_gateway_unrecordable_requests_total"]; n != float64(len(refused)) || forwarded != 0 {
			t.Errorf("%s: %v counted, %d forwarded", tt.name, n, forwarded)
		}
		g.proxy.recordFlood() // the refusals stay counted
		log.mu.Lock()
		if n := len(log.exchanges); n != 0 {
			t.Errorf("%s: %d begin frames", tt.name, n)
		}
		log.mu.Unlock()
		cut.Store(false)
		counted := log.wait(0, func(e *record.Exchange) bool { return e.End != nil })
		if l := counted.End.LastError; l.Reason != noRecording || !strings.HasPrefix(l.Message, "4 calls were refused") {
			t.Errorf("%s: %+v", tt.name, l)
		}
		resp := g.post(chatPath, plainBody)
		if readAll(t, resp); resp.StatusCode != 200 || forwarded != 1 {
			t.Errorf("%s: afterwards %d", tt.name, resp.StatusCode)
		}
	}
}

// TestReserveIsKept: a journal that becomes full while a request is read is
// spared its begin frame, and strangers are told so however many they are.
func TestReserveIsKept(t *testing.T) {
	log := newMemLog()
	var asked atomic.Int32
	log.ready = func() error {
		if asked.Add(1) == 1 {
			return nil
		}
		return errors.New("no space left")
	}
	g := newRigWith(t, Config{RefusalRate: 1}, log, backend{handler: func(w http.ResponseWriter, r *http.Request) { t.Error("forwarded") }})
	for i := range 30 {
		key := ""
		if i == 0 {
			key = testKey
		}
		if resp := g.post(chatPath, plainBody, "api-key", key); resp.StatusCode != 503 || readAll(t, resp) != unavailableBody {
			t.Fatalf("%d: %d", i, resp.StatusCode)
		}
	}
	got := g.counted()
	if got["weir_gateway_unrecordable_requests_total"] != 30 || got["weir_gateway_collapsed_refusals_total"] != 0 || len(log.exchanges) != 0 {
		t.Errorf("%d frames, %v", len(log.exchanges), got)
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
	const mistakes = 20
	for range mistakes {
		readAll(t, g.post("/nowhere", plainBody))
	}
	g.proxy.Wait()
	log.mu.Lock()
	defer log.mu.Unlock()
	own := 0
	for _, e := range log.exchanges {
		if e.Begin.Subscription == "team" && e.End != nil && e.End.Status == 404 {
			own++
		}
	}
	if own != mistakes {
		t.Errorf("%d of a known caller's %d mistakes are on the record", own, mistakes)
	}
}

// TestStrangersAreShort: a caller who is not known cannot fill the disk, however
// much he says; of a known one all is kept.
func TestStrangersAreShort(t *testing.T) {
	g := newRig(t, backend{handler: answerPlain})
	long := strings.Repeat("x", 12<<10)
	for i, tt := range []struct {
		key  string
		most int
	}{{"", 10 << 10}, {"wrong", 10 << 10}, {"suspended-key", 10 << 10}, {testKey, 1 << 20}} {
		resp := g.post(chatPath+long+"&x="+long, plainBody, "api-key", tt.key, "A-Field", "kept", "B-Field", long, "x-ms-client-request-id", long)
		readAll(t, resp)
		e := g.log.wait(i, delivered)
		size := len(e.Begin.Append(nil)) + len(e.End.Append(nil))
		known := tt.key == testKey
		if size > tt.most || known != (size > 60<<10) || known == strings.HasSuffix(e.Begin.URL, cutMark) {
			t.Errorf("%q: %d bytes of metadata, URL of %d", tt.key, size, len(e.Begin.URL))
		}
		marked := false
		kept := false
		for _, h := range e.Begin.Headers {
			marked = marked || strings.HasSuffix(h.Value, cutMark)
			kept = kept || h == record.Header{Name: "A-Field", Value: "kept"}
		}
		if marked == known || !kept {
			t.Errorf("%q: marked %v, the first field %v", tt.key, marked, kept)
		}
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
	resp := g.post("/v1/chat/completions?subscription-key=secret-1&a=b&%61pi-key=secret-2&sig=secret-3&Access_Token=secret-11", `{"model":"gpt"}`,
		"api-key", testKey, "Ocp-Apim-Subscription-Key", "secret-4", "Authorization", "Bearer secret-5", "Cookie", "c=secret-6",
		"X-Api-Key", "secret-7", "X-Goog-Api-Key", "secret-8", "X-Functions-Key", "secret-9", "X-Amz-Security-Token", "secret-10")
	readAll(t, resp)
	e := g.log.wait(0, delivered)
	if want := g.url + "/v1/chat/completions?subscription-key=***&a=b&%61pi-key=***&sig=***&Access_Token=***"; e.Begin.URL != want {
		t.Errorf("recorded %s", e.Begin.URL)
	}
	if want := "/v1/chat/completions?a=b"; !strings.HasSuffix(e.End.BackendURL, want) || got.URL.String() != want {
		t.Errorf("sent to %s, recorded as %s", got.URL, e.End.BackendURL)
	}
	for name, values := range got.Header {
		if strings.Contains(strings.Join(values, ","), "secret") {
			t.Errorf("%s was forwarded", name)
		}
	}
	if got.Header.Get("Authorization") != "Bearer backend-key-a" || got.Header.Get("Cookie") != "" || got.Header.Get("Api-Key") != "" {
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
	if masked != 11 {
		t.Errorf("%d masked fields, want 8 of the client, 1 of the backend's request, 2 cookies", masked)
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
