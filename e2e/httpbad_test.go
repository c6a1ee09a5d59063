package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const transcriptions = "/v1/audio/transcriptions"

// badClientCalls are those of clients, and of backends, that do not keep to HTTP,
// to its forms, to JSON or to measure.
func badClientCalls() []clientCall {
	nested := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	return []clientCall{
		{name: "gzip that is none", do: func(h *httpClients) *seen { return h.post("no-gzip", goodBody, "Content-Encoding", "gzip") }, status: 400, outcome: "refused", own: "Content-Encoding"},
		{name: "unknown coding", do: func(h *httpClients) *seen { return h.post("brotli", goodBody, "Content-Encoding", "br") }, status: 415, outcome: "refused", own: "Content-Encoding"},
		{name: "gzip bomb", do: func(h *httpClients) *seen {
			bomb := gzipped(`{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("x", 64<<20) + `"}]}`)
			return h.send(h.request("bomb", "POST", nativeChat, bytes.NewReader(bomb), "Content-Encoding", "gzip"))
		}, status: 413, outcome: "refused", own: "33554432 bytes"},
		{name: "JSON nested a thousand deep", do: func(h *httpClients) *seen { return h.post("nested", `{"model":"gpt-4o","messages":`+nested+`}`) }, status: 400, outcome: "refused", own: "Invalid request"},
		{name: "invalid UTF-8", do: func(h *httpClients) *seen {
			return h.post("utf8", "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}")
		}, status: 400, outcome: "refused", own: "Invalid request"},
		{name: "100 MB of JSON", do: huge(false), status: 413, outcome: "refused", own: "33554432 bytes"},
		{name: "100 MB of JSON in chunks", do: huge(true), status: 413, outcome: "refused", own: "33554432 bytes"},
		{name: "chunks that are none", do: broken("chunks", "POST "+nativeChat+" HTTP/1.1", "Transfer-Encoding: chunked", "zz\r\nhello\r\n0\r\n\r\n", false), status: 400, outcome: "refused", own: "could not be read"},
		{name: "a form that is JSON", do: func(h *httpClients) *seen {
			return h.send(h.request("form-json", "POST", transcriptions, strings.NewReader(goodBody)))
		}, status: 400, outcome: "refused", own: "multipart/form-data"},
		{name: "a form without boundary", do: func(h *httpClients) *seen {
			return h.send(h.request("no-boundary", "POST", transcriptions, strings.NewReader(goodBody), "Content-Type", "multipart/form-data"))
		}, status: 400, outcome: "refused", own: "boundary"},
		{name: "a form with another boundary", do: func(h *httpClients) *seen {
			body, _ := transcriptionForm("whisper-1")
			return h.send(h.request("other-boundary", "POST", transcriptions, bytes.NewReader(body), "Content-Type", "multipart/form-data; boundary=other"))
		}, status: 400, outcome: "refused", own: "model"},
		{name: "a form without its end", do: func(h *httpClients) *seen {
			body, contentType := transcriptionForm("whisper-1")
			return h.send(h.request("torn-form", "POST", transcriptions, bytes.NewReader(body[:len(body)-30]), "Content-Type", contentType))
		}, status: 400, outcome: "completed", check: func(t *testing.T, _ *httpClients, s *seen, r row) {
			t.Logf("%d %s", s.status, s.body)
			if digText(parseJSON(s.body), "error.message") == "" || r.text("BackendResponseBody") != string(s.body) {
				t.Errorf("the backend said %.300s, the record has %.300s", s.body, r.text("BackendResponseBody"))
			}
		}},
		{name: "a cut upload", do: broken("cut", "POST "+nativeChat+" HTTP/1.1", "Content-Length: 5000", goodBody, true), outcome: "cancelled", check: clientLeft},
		{name: "a cut upload of a file", do: cutFile, outcome: "cancelled", check: clientLeft},
		{name: "an event without end", do: endless, outcome: "cancelled", check: func(t *testing.T, h *httpClients, s *seen, r row) {
			clientLeft(t, h, s, r)
			if len(s.body) < 8<<20 || r.text("StreamError") == "" && r.text("ResponsePayload") == "" && len(r.text("BackendResponseBody")) < 1<<20 {
				t.Errorf("the client read %d bytes, the record has %d, StreamError %q, ResponsePayload %v", len(s.body), len(r.text("BackendResponseBody")), r.text("StreamError"), r["ResponsePayload"])
			}
		}},
		{name: "a socket that nobody closes", do: deaf, status: 101, outcome: "completed", check: func(t *testing.T, h *httpClients, s *seen, r row) {
			if !r.bool("IsWebSocket") || !strings.Contains(r.text("RequestBody"), "input_audio_buffer.clear") || !strings.Contains(r.text("RequestBody"), `"close"`) {
				t.Errorf("IsWebSocket %v, RequestBody %.300s", r["IsWebSocket"], r.text("RequestBody"))
			}
			if ms := r.number("TotalTime"); ms > 12_000 {
				t.Errorf("the gateway waited %v ms for a backend that never closes", ms)
			}
		}},
	}
}

func clientLeft(t *testing.T, _ *httpClients, s *seen, r row) {
	if r.text("LastErrorReason") != "ClientConnectionFailure" {
		t.Errorf("LastErrorReason %q, the client has %v", r.text("LastErrorReason"), s.err)
	}
}

// huge sends 100 MB without holding them.
func huge(chunked bool) func(h *httpClients) *seen {
	return func(h *httpClients) *seen {
		const size = 100_000_000
		head, tail := `{"model":"gpt-4o","messages":[{"role":"user","content":"`, `"}]}`
		body := io.MultiReader(strings.NewReader(head), io.LimitReader(letters{}, int64(size-len(head)-len(tail))), strings.NewReader(tail))
		req := h.request(fmt.Sprintf("huge-%v", chunked), "POST", classicChat, body)
		if !chunked {
			req.ContentLength = size
		}
		return h.send(req)
	}
}

// letters is a text without end.
type letters struct{}

// Read implements io.Reader.
func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// broken writes a request itself, and hangs up behind it or reads the answer.
func broken(name, line, field, body string, hangUp bool) func(h *httpClients) *seen {
	return func(h *httpClients) *seen {
		s := &seen{id: "http-" + name}
		w, err := h.dial()
		if err != nil {
			s.err = err
			return s
		}
		defer w.Close()
		if s.err = w.head(name, line, field); s.err != nil {
			return s
		}
		io.WriteString(w, body)
		if hangUp {
			s.err = errors.New("the client hung up")
			return s
		}
		return w.answer(s, "POST")
	}
}

func transcriptionForm(model string) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("model", model)
	file, _ := w.CreateFormFile("file", "speech.wav")
	io.WriteString(file, silence())
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// cutFile hangs up in the middle of a file that is larger than memory keeps.
func cutFile(h *httpClients) *seen {
	s := &seen{id: "http-cut-file"}
	w, err := h.dial()
	if err != nil {
		s.err = err
		return s
	}
	defer w.Close()
	fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: weir\r\napi-key: %s\r\nContent-Type: multipart/form-data; boundary=b\r\nx-ms-client-request-id: %s\r\nContent-Length: 9000000\r\n\r\n", transcriptions, callerKey, s.id)
	io.WriteString(w, "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n")
	io.CopyN(w, letters{}, 3<<20)
	s.err = errors.New("the client hung up")
	return s
}

// endless reads eight MiB of an event that does not end, and hangs up.
func endless(h *httpClients) *seen {
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	req := h.request("endless", "POST", nativeChat, strings.NewReader(`{"stream":true,`+chatBodyOf("endless", "Do not stop.", "")[1:])).WithContext(ctx)
	s := &seen{id: "http-endless"}
	resp, err := h.http.Do(req)
	if err != nil {
		s.err = err
		return s
	}
	defer resp.Body.Close()
	s.body, s.err = io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	return s
}

// deaf opens a WebSocket to a backend that never closes its side, says something,
// closes and goes.
func deaf(h *httpClients) *seen {
	s := &seen{id: "http-deaf"}
	w, err := h.dial()
	if err != nil {
		s.err = err
		return s
	}
	defer w.Close()
	s.err = w.head("deaf", "GET /v1/realtime?model=deaf HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
	if s.err != nil {
		return s
	}
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		s.err = err
		return s
	}
	s.status, s.header = resp.StatusCode, resp.Header
	// Masked with zeros, so that it can be read here.
	text := `{"type":"input_audio_buffer.clear"}`
	frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	w.Write(append(frame, 0x88, 0x80|2, 0, 0, 0, 0, 0x03, 0xe8))
	return s
}

// oddServer is a backend that does what a simulator does not.
type oddServer struct {
	url     string
	trailer atomic.Pointer[string] // of the last request
}

func newOddServer(t *testing.T) *oddServer {
	o := &oddServer{}
	srv := httptest.NewServer(o)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	o.url = srv.URL
	return o
}

const oddAnswer = `{"id":"chatcmpl-odd","object":"chat.completion","created":1,"model":"odd","choices":[{"index":0,"message":{"role":"assistant","content":"from the mirror"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":3,"total_tokens":6}}`

// ServeHTTP does what the model's name says.
func (o *oddServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		o.listen(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var asked struct{ Model string }
	json.Unmarshal(body, &asked)
	w.Header().Set("Content-Type", "application/json")
	switch asked.Model {
	case "mirror":
		sum := r.Trailer.Get("X-Request-Sum")
		o.trailer.Store(&sum)
		w.Header().Set("Trailer", "X-Answer-Sum")
		io.WriteString(w, oddAnswer)
		w.Header().Set("X-Answer-Sum", "sum-of-the-answer")
	case "deflated":
		w.Header().Set("Content-Encoding", "deflate")
		w.Write(deflated(oddAnswer))
	case "endless":
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"id":"chatcmpl-odd","choices":[{"index":0,"delta":{"content":"`)
		io.Copy(w, letters{}) // until the gateway goes
	}
}

// listen takes a WebSocket and reads it, and neither answers nor closes it.
func (o *oddServer) listen(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	defer cancel()
	<-ctx.Done()
}

// peakMemory is the most that a process had in memory, in bytes; known is false
// where the system does not tell.
func peakMemory(pid int) (bytes int64, known bool) {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if kib, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(kib, "kB")), 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}
