package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// clientCall is what one kind of HTTP client does, and what must come of it.
type clientCall struct {
	name string
	do   func(h *httpClients) *seen
	// status is the answer's, 0 where there is none; outcome the record's.
	status  int
	outcome string
	// own is in the message of an error of the gateway's own.
	own   string
	check func(t *testing.T, h *httpClients, s *seen, r row)
}

// seen is what the client saw.
type seen struct {
	id     string // x-ms-client-request-id
	status int
	proto  string
	header http.Header
	body   []byte
	told   http.Header // the trailers
	err    error
	took   time.Duration
	sent   string // the body before its coding
	others []*seen
}

// httpClients is the processes of the test, and a server that does what no
// simulator does.
type httpClients struct {
	t    *testing.T
	g    *gateway
	host string // of the gateway
	odd  *oddServer
	http *http.Client
}

// TestHTTPClients has the gateway called as HTTP allows and as it does not:
// content codings, expectations, trailers, HTTP/1.0, pages of other origins, large
// bodies both ways, and what is broken, endless or too much.
func TestHTTPClients(t *testing.T) {
	t.Parallel()
	east := startSim(t, "azure", eastKey, "-deployment", "gpt-4o", "-deployment", "whisper-1")
	h := &httpClients{t: t, odd: newOddServer(t), http: newClient()}
	h.http.Timeout = time.Minute
	h.http.Transport.(*http.Transport).DisableCompression = true
	routes := []route{{"gpt-4o", []string{"east"}}, {"whisper-1", []string{"east"}}}
	for _, name := range []string{"mirror", "deflated", "endless", "deaf"} {
		routes = append(routes, route{name, []string{"odd"}})
	}
	h.g = newGateway(t, []backend{{"east", "azure", east.url, "", "${env:EAST_KEY}"}, {"odd", "openai", h.odd.url + "/v1", "", "none"}}, routes)
	h.g.amend(t, "drain_timeout: 2s", `drain_timeout: 2s, cors: {origins: ["https://chat.example"], max_age: 5m}`)
	h.host = strings.TrimPrefix(h.g.url, "http://")
	h.g.serve(t)

	calls := append(clientCalls(), badClientCalls()...)
	all := make([]*seen, len(calls))
	var wg sync.WaitGroup
	slots := make(chan bool, 4)
	for i, c := range calls {
		wg.Go(func() {
			slots <- true
			defer func() { <-slots }()
			began := time.Now()
			all[i] = c.do(h)
			all[i].took = time.Since(began)
		})
	}
	wg.Wait()
	var ids []string
	for _, s := range all {
		ids = append(ids, s.id)
	}
	records := h.g.settle(t, strings.Join(clientColumns, ", "), ids)
	h.g.catchUp(t)
	for i, c := range calls {
		t.Run(c.name, func(t *testing.T) { c.verify(t, h, all[i], records[all[i].id]) })
	}
	h.g.noDoubles(t)
	if peak, known := peakMemory(h.g.cmd.Process.Pid); known {
		t.Logf("the gateway took %d MiB at most", peak>>20)
		if peak > memoryLimit && !raceDetector {
			t.Errorf("the gateway took %d MiB", peak>>20)
		}
	}
	good := &call{id: "good-afterwards", prompt: "unique prompt afterwards"}
	if good.do(newClient(), h.g.url); good.status != 200 || !good.complete {
		t.Errorf("a good call afterwards: status %d, %v", good.status, good.err)
	}
}

// memoryLimit is what the gateway may take with four of these calls at a time: of
// a JSON body that grows to its limit of 32 MiB, the old copy and the new one, and
// as much again that is not yet collected.
const memoryLimit = 700 << 20

var clientColumns = []string{
	"Outcome", "ResponseCode", "Prompt", "Completion", "RequestBody", "RequestSize", "RequestHeaders", "RequestPayload",
	"BackendResponseBody", "ResponsePayload", "BackendRequestHeaders", "ClientProtocol", "TotalTime", "BackendTime", "LastErrorReason",
	"LastErrorMessage", "OperationId", "StreamError", "ResponseHeaders", "AttemptCount", "IsStream", "ResponseSize", "IsWebSocket",
}

func (c *clientCall) verify(t *testing.T, h *httpClients, s *seen, records []row) {
	if c.status != 0 && s.err != nil {
		t.Fatalf("after %v: %v (status %d)", s.took, s.err, s.status)
	}
	if s.status != c.status {
		t.Errorf("status %d, want %d: %.600s", s.status, c.status, s.body)
	}
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	r := records[0]
	if r.text("Outcome") != c.outcome || c.status != 0 && int(r.number("ResponseCode")) != c.status {
		t.Errorf("Outcome %q, ResponseCode %v; want %q, %d", r.text("Outcome"), r["ResponseCode"], c.outcome, c.status)
	}
	if c.status != 0 && r.text("CorrelationId") != s.header.Get("apim-request-id") {
		t.Errorf("the client was told the id %q, the record has %q", s.header.Get("apim-request-id"), r.text("CorrelationId"))
	}
	if c.own != "" {
		t.Logf("%d %s", s.status, bytes.TrimSpace(s.body))
		if _, message := checkOwnError(t, c.name, s.status, s.body); !strings.Contains(message, c.own) {
			t.Errorf("the message %q does not say %q", message, c.own)
		}
		if r.text("LastErrorReason") == "" || r.text("LastErrorMessage") == "" {
			t.Errorf("the record does not say why: %v", r)
		}
	}
	if c.check != nil {
		c.check(t, h, s, r)
	}
}

// request makes a call's request, with an id by which the record is found.
func (h *httpClients) request(name, method, path string, body io.Reader, headers ...string) *http.Request {
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.g.url+path, body)
	if err != nil {
		panic(err) // method and path are ours
	}
	req.Header.Set("api-key", callerKey)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("x-ms-client-request-id", "http-"+name)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// send makes a call with net/http.
func (h *httpClients) send(req *http.Request) *seen {
	s := &seen{id: req.Header.Get("x-ms-client-request-id")}
	resp, err := h.http.Do(req)
	if err != nil {
		s.err = err
		return s
	}
	return s.read(resp)
}

func (s *seen) read(resp *http.Response) *seen {
	defer resp.Body.Close()
	s.status, s.proto, s.header = resp.StatusCode, resp.Proto, resp.Header
	s.body, s.err = io.ReadAll(resp.Body)
	s.told = resp.Trailer
	return s
}

// post sends a chat of that body.
func (h *httpClients) post(name, body string, headers ...string) *seen {
	s := h.send(h.request(name, "POST", nativeChat, strings.NewReader(body), headers...))
	s.sent = body
	return s
}

// wire is a connection on which a test writes HTTP itself.
type wire struct {
	net.Conn
	r *bufio.Reader
}

func (h *httpClients) dial() (*wire, error) {
	conn, err := net.Dial("tcp", h.host)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &wire{conn, bufio.NewReader(conn)}, nil
}

// head writes a request's head for a call of that name.
func (w *wire) head(name, line string, fields ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\r\nHost: %s\r\napi-key: %s\r\nContent-Type: application/json\r\nx-ms-client-request-id: http-%s\r\n", line, w.RemoteAddr(), callerKey, name)
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	_, err := io.WriteString(w, b.String()+"\r\n")
	return err
}

// answer reads an answer.
func (w *wire) answer(s *seen, method string) *seen {
	resp, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		s.err = err
		return s
	}
	return s.read(resp)
}

func chatBodyOf(model, content, controls string) string {
	body := map[string]any{"model": model, "messages": []map[string]string{{"role": "user", "content": content}}}
	if controls != "" {
		body["metadata"] = map[string]string{"sim": controls}
	}
	text, _ := json.Marshal(body)
	return string(text)
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

func deflated(text string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

// clientCalls are those of clients that keep to HTTP.
func clientCalls() []clientCall {
	return []clientCall{
		{name: "gzip request", do: coded("gzip", gzipped), status: 200, outcome: "completed", check: decodedRequest},
		{name: "deflate request", do: coded("deflate", deflated), status: 200, outcome: "completed", check: decodedRequest},
		{name: "expect 100-continue", do: expects("expect", callerKey), status: 200, outcome: "completed"},
		{name: "expect refused", do: expects("expect-refused", "wrong"), status: 401, outcome: "refused", own: "invalid subscription key", check: func(t *testing.T, _ *httpClients, s *seen, _ row) {
			if len(s.others) != 0 {
				t.Error("the gateway asked for the body of a caller that it does not know")
			}
		}},
		{name: "CORS preflight", do: func(h *httpClients) *seen { return h.preflight("preflight", "https://chat.example") }, status: 204, outcome: "completed", check: func(t *testing.T, _ *httpClients, s *seen, r row) {
			if r.text("OperationId") != "cors_preflight" || s.header.Get("Access-Control-Allow-Origin") != "https://chat.example" ||
				!strings.Contains(s.header.Get("Access-Control-Allow-Methods"), "POST") || s.header.Get("Access-Control-Allow-Headers") != "api-key, content-type" || s.header.Get("Access-Control-Max-Age") != "300" {
				t.Errorf("%q: %v", r.text("OperationId"), s.header)
			}
		}},
		{name: "CORS of another origin", do: func(h *httpClients) *seen { return h.preflight("preflight-other", "https://evil.example") }, status: 204, outcome: "completed", check: func(t *testing.T, _ *httpClients, s *seen, _ row) {
			if s.header.Get("Access-Control-Allow-Origin") != "" || s.header.Get("Access-Control-Allow-Methods") != "" {
				t.Errorf("another origin is told %v", s.header)
			}
		}},
		{name: "CORS call", do: func(h *httpClients) *seen {
			return h.post("cors", goodBody, "Origin", "https://chat.example")
		}, status: 200, outcome: "completed", check: func(t *testing.T, _ *httpClients, s *seen, _ row) {
			if s.header.Get("Access-Control-Allow-Origin") != "https://chat.example" || s.header.Get("Access-Control-Expose-Headers") == "" || s.header.Get("Vary") == "" {
				t.Errorf("the page is told %v", s.header)
			}
		}},
		{name: "trailers", do: trailers, status: 200, outcome: "completed", check: trailersPassed},
		{name: "HTTP/1.0", do: oldClient(goodBody), status: 200, outcome: "completed", check: func(t *testing.T, _ *httpClients, s *seen, r row) {
			if r.text("ClientProtocol") != "HTTP/1.0" || !json.Valid(s.body) {
				t.Errorf("ClientProtocol %q, answered in %s with %.200s", r.text("ClientProtocol"), s.proto, s.body)
			}
		}},
		{name: "HTTP/1.0 stream", do: oldClient(`{"stream":true,` + goodBody[1:]), status: 200, outcome: "completed", check: func(t *testing.T, _ *httpClients, s *seen, r row) {
			if r.text("ClientProtocol") != "HTTP/1.0" || !strings.HasSuffix(string(s.body), "data: [DONE]\n\n") || s.header.Get("Transfer-Encoding") != "" {
				t.Errorf("ClientProtocol %q, answered in %s with …%s", r.text("ClientProtocol"), s.proto, s.body[max(0, len(s.body)-60):])
			}
		}},
		{name: "long poll", do: func(h *httpClients) *seen {
			return h.post("long-poll", chatBodyOf("gpt-4o", "Take your time.", "delay=4s"))
		}, status: 200, outcome: "completed", check: func(t *testing.T, _ *httpClients, s *seen, r row) {
			if s.took < 4*time.Second || r.number("TotalTime") < 4000 || r.number("BackendTime") < 4000 {
				t.Errorf("took %v, TotalTime %v, BackendTime %v", s.took, r["TotalTime"], r["BackendTime"])
			}
		}},
		{name: "a retry of an SDK", do: retried, status: 200, outcome: "completed", check: retriesRecorded},
		{name: "gzip answer", do: func(h *httpClients) *seen {
			return h.post("gzip-answer", chatBodyOf("gpt-4o", "Answer small.", "gzip=1"), "Accept-Encoding", "gzip")
		}, status: 200, outcome: "completed", check: decodedAnswer(func(b []byte) (io.Reader, error) { return gzip.NewReader(bytes.NewReader(b)) })},
		{name: "deflate answer", do: func(h *httpClients) *seen {
			return h.post("deflate-answer", chatBodyOf("deflated", "Answer small.", ""), "Accept-Encoding", "deflate")
		}, status: 200, outcome: "completed", check: decodedAnswer(func(b []byte) (io.Reader, error) { return zlib.NewReader(bytes.NewReader(b)) })},
		{name: "large request", do: func(h *httpClients) *seen {
			return h.post("large-request", chatBodyOf("gpt-4o", "It begins here. "+strings.Repeat("The sea is wide. ", 2<<20/17), ""))
		}, status: 200, outcome: "completed", check: largeRequest},
		{name: "large answer", do: func(h *httpClients) *seen {
			return h.post("large-answer", chatBodyOf("gpt-4o", "Tell me everything.", "bytes=5000000"))
		}, status: 200, outcome: "completed", check: largeAnswer},
		{name: "large streamed answer", do: func(h *httpClients) *seen {
			return h.post("large-stream", `{"stream":true,"stream_options":{"include_usage":true},`+chatBodyOf("gpt-4o", "Tell me everything.", "bytes=5000000")[1:])
		}, status: 200, outcome: "completed", check: largeAnswer},
	}
}

// coded sends a body with a content coding.
func coded(coding string, encode func(string) []byte) func(h *httpClients) *seen {
	return func(h *httpClients) *seen {
		body := chatBodyOf("gpt-4o", "Read me by "+coding+". "+strings.Repeat("Again. ", 200), "")
		s := h.send(h.request(coding+"-request", "POST", nativeChat, bytes.NewReader(encode(body)), "Content-Encoding", coding))
		s.sent = body
		return s
	}
}

func decodedRequest(t *testing.T, _ *httpClients, s *seen, r row) {
	if r.text("RequestBody") != s.sent || !strings.Contains(r.text("Prompt"), "Read me by") {
		t.Errorf("RequestBody %.200q, Prompt %.200q", r.text("RequestBody"), r.text("Prompt"))
	}
	if n := int(r.number("RequestSize")); n <= 0 || n >= len(s.sent) {
		t.Errorf("RequestSize %d of a body that has %d uncoded", n, len(s.sent))
	}
	if digText(r.dynamic("RequestHeaders"), "Content-Encoding") == "" || digText(r.dynamic("BackendRequestHeaders"), "Content-Encoding") != "" {
		t.Errorf("RequestHeaders %v, BackendRequestHeaders %v", r["RequestHeaders"], r["BackendRequestHeaders"])
	}
}

// expects waits with the body for the server's word (RFC 9110, 10.1.1); in others
// it notes that the word came.
func expects(name, key string) func(h *httpClients) *seen {
	return func(h *httpClients) *seen {
		s := &seen{id: "http-" + name}
		w, err := h.dial()
		if err != nil {
			s.err = err
			return s
		}
		defer w.Close()
		fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nx-ms-client-request-id: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
			nativeChat, key, s.id, len(goodBody))
		if line, err := w.r.Peek(12); err == nil && string(line) == "HTTP/1.1 100" {
			s.others = append(s.others, &seen{status: 100})
			if _, s.err = http.ReadResponse(w.r, nil); s.err != nil {
				return s
			}
			io.WriteString(w, goodBody)
		}
		return w.answer(s, "POST")
	}
}

func (h *httpClients) preflight(name, origin string) *seen {
	req := h.request(name, "OPTIONS", classicChat, nil, "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "api-key, content-type")
	req.Header.Del("api-key")
	return h.send(req)
}

// trailers sends fields behind the body, to a server that answers so.
func trailers(h *httpClients) *seen {
	req := h.request("trailers", "POST", nativeChat, io.MultiReader(strings.NewReader(chatBodyOf("mirror", "What follows?", ""))))
	req.Trailer = http.Header{"X-Request-Sum": {"sum-of-the-request"}}
	return h.send(req)
}

func trailersPassed(t *testing.T, h *httpClients, s *seen, r row) {
	if got := h.odd.trailer.Load(); got == nil || *got != "sum-of-the-request" {
		t.Errorf("the backend got the trailer %v", got)
	}
	if got := s.told.Get("X-Answer-Sum"); got != "sum-of-the-answer" {
		t.Errorf("the client got the trailers %v", s.told)
	}
	if !strings.Contains(r.text("Completion"), "mirror") {
		t.Errorf("Completion %q", r.text("Completion"))
	}
}

// oldClient speaks HTTP/1.0.
func oldClient(body string) func(h *httpClients) *seen {
	return func(h *httpClients) *seen {
		name := fmt.Sprintf("old-%d", len(body))
		s := &seen{id: "http-" + name}
		w, err := h.dial()
		if err != nil {
			s.err = err
			return s
		}
		defer w.Close()
		if s.err = w.head(name, "POST "+nativeChat+" HTTP/1.0", fmt.Sprintf("Content-Length: %d", len(body))); s.err != nil {
			return s
		}
		io.WriteString(w, body)
		return w.answer(s, "POST")
	}
}

// retried makes a call twice, as an SDK does that lost the first answer.
func retried(h *httpClients) *seen {
	const key = "stainless-node-retry-1f0c"
	first := h.post("retried-first", goodBody, "Idempotency-Key", key, "X-Stainless-Retry-Count", "0")
	s := h.post("retried", goodBody, "Idempotency-Key", key, "X-Stainless-Retry-Count", "1")
	s.others = append(s.others, first)
	return s
}

func retriesRecorded(t *testing.T, h *httpClients, s *seen, r row) {
	rows := h.g.query(t, `WeirExchanges | where tostring(RequestHeaders["Idempotency-Key"]) == "stainless-node-retry-1f0c"
		| project CorrelationId, Count = tostring(RequestHeaders["X-Stainless-Retry-Count"]), Sent = tostring(BackendRequestHeaders["Idempotency-Key"]) | order by Count asc`)
	if len(rows) != 2 || rows[0].text("Count") != "0" || rows[1].text("Count") != "1" || rows[0].text("CorrelationId") == rows[1].text("CorrelationId") || rows[1].text("Sent") == "" {
		t.Errorf("the two tries are on the record as %v", rows)
	}
	if !bytes.Contains(s.body, []byte(`"choices"`)) || r.number("AttemptCount") != 1 {
		t.Errorf("%.200s, %v attempts", s.body, r["AttemptCount"])
	}
}

// decodedAnswer looks at an answer that came with a content coding: the client
// has it as it came, the record in plain.
func decodedAnswer(open func([]byte) (io.Reader, error)) func(*testing.T, *httpClients, *seen, row) {
	return func(t *testing.T, _ *httpClients, s *seen, r row) {
		from, err := open(s.body)
		if err != nil || s.header.Get("Content-Encoding") == "" {
			t.Fatalf("the answer is not coded as %q: %v, %.80q", s.header.Get("Content-Encoding"), err, s.body)
		}
		plain, err := io.ReadAll(from)
		if err != nil || r.text("BackendResponseBody") != string(plain) || r.text("Completion") == "" {
			t.Errorf("BackendResponseBody %.200q, the client read %.200q (%v)", r.text("BackendResponseBody"), plain, err)
		}
		if int(r.number("ResponseSize")) != len(s.body) {
			t.Errorf("ResponseSize %v, the client got %d", r["ResponseSize"], len(s.body))
		}
	}
}

// whole fetches a body of an exchange from the query API.
func (h *httpClients) whole(t *testing.T, r row, side string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", h.g.api+"/v1/exchanges/"+r.text("CorrelationId")+"/"+side, nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("the %s: status %d, %v: %.300s", side, resp.StatusCode, err, text)
	}
	return string(text)
}

func largeRequest(t *testing.T, h *httpClients, s *seen, r row) {
	if digNumber(r.dynamic("RequestPayload"), "length") != float64(len(s.sent)) {
		t.Errorf("RequestPayload %v of %d bytes", r["RequestPayload"], len(s.sent))
	}
	if !strings.HasPrefix(r.text("Prompt"), "user: It begins here. The sea is wide.") {
		t.Errorf("Prompt %.100q", r.text("Prompt"))
	}
	if got := h.whole(t, r, "request"); got != s.sent {
		t.Errorf("the API gives %d bytes of %d", len(got), len(s.sent))
	}
}

func largeAnswer(t *testing.T, h *httpClients, s *seen, r row) {
	if len(s.body) < 5_000_000 || digNumber(r.dynamic("ResponsePayload"), "length") != float64(len(s.body)) {
		t.Errorf("ResponsePayload %v of %d bytes", r["ResponsePayload"], len(s.body))
	}
	if r.text("Completion") == "" || r.text("StreamError") != "" {
		t.Errorf("Completion %.100q, StreamError %q", r.text("Completion"), r.text("StreamError"))
	}
	if got := h.whole(t, r, "answer"); got != string(s.body) {
		t.Errorf("the API gives %d bytes of %d: %.100q", len(got), len(s.body), got)
	}
}
