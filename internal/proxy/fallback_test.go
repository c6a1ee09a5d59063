package proxy

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
)

// refused is an address at which nothing listens.
func refused(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	return "http://" + ln.Addr().String()
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		io.WriteString(w, http.StatusText(code))
	}
}

// reset ends the connection without an answer.
func reset(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

// halfAnswer ends the connection in the midst of the body.
func halfAnswer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, answerJSON)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// stuckAnswer falls silent in the midst of the body.
func stuckAnswer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	io.WriteString(w, answerJSON[:10])
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// emptyStream has no event.
func emptyStream(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
}

func TestFallback(t *testing.T) {
	own := func(status, message string) string {
		return `{"statusCode":` + status + `,"message":"` + message + `","error":{"code":"` + status + `","message":"` + message + `"}}`
	}
	var (
		badGateway     = own("502", "No backend of this deployment could be reached.")
		gatewayTimeout = own("504", "The backend did not answer in time.")
		redirects      = own("502", "The backend answered with a redirect, which is not followed.")
		retryAfter     = func(s string) string {
			return own("503", "No backend of this deployment could take the call. Please retry after "+s+" seconds.")
		}
	)
	down := backend{url: refused(t)}
	ok := backend{handler: answerPlain}
	slow := backend{timeout: 20 * time.Millisecond, handler: func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}}
	moved := backend{handler: status(302, "Location", refused(t))}
	half, silent := backend{handler: halfAnswer}, backend{handler: emptyStream}
	stuck := backend{idle: 20 * time.Millisecond, handler: stuckAnswer}
	stuckJSON := stuck
	stuckJSON.handler = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		stuck.handler(w, r)
	}
	lost := func(b string) record.Attempt { return record.Attempt{Backend: b, Reason: "BackendConnectionFailure"} }
	late := func(b string) record.Attempt { return record.Attempt{Backend: b, Reason: "Timeout"} }
	said := func(b string, status int, reason string) record.Attempt {
		return record.Attempt{Backend: b, Status: status, Reason: reason}
	}
	throttled := func(b, after string) record.Attempt {
		return record.Attempt{Backend: b, Status: 429, Reason: "429", RetryAfter: after}
	}
	for _, tt := range []struct {
		name     string
		backends []backend
		status   int
		answer   string
		after    string
		attempts []record.Attempt
		outcome  record.Outcome
		reason   string
	}{
		{"the first answers", []backend{ok, down}, 200, answerJSON, "", []record.Attempt{said("a", 200, "")}, record.Completed, ""},
		{"refused", []backend{down, ok}, 200, answerJSON, "", []record.Attempt{lost("a"), said("b", 200, "")}, record.Completed, ""},
		{"reset", []backend{{handler: reset}, ok}, 200, answerJSON, "", []record.Attempt{lost("a"), said("b", 200, "")}, record.Completed, ""},
		{"timeout", []backend{slow, ok}, 200, answerJSON, "", []record.Attempt{late("a"), said("b", 200, "")}, record.Completed, ""},
		{"redirect", []backend{moved, ok}, 200, answerJSON, "", []record.Attempt{said("a", 302, "Redirect"), said("b", 200, "")}, record.Completed, ""},
		{"half an answer", []backend{half, ok}, 200, answerJSON, "", []record.Attempt{said("a", 200, "BackendConnectionFailure"), said("b", 200, "")}, record.Completed, ""},
		{"a stream of nothing", []backend{silent, ok}, 200, answerJSON, "", []record.Attempt{said("a", 200, "BackendConnectionFailure"), said("b", 200, "")}, record.Completed, ""},
		{"the key is not taken", []backend{{handler: status(401)}, ok}, 200, answerJSON, "", []record.Attempt{said("a", 401, "401"), said("b", 200, "")}, record.Completed, ""},
		{"429 and 500", []backend{{handler: status(429, "Retry-After", "7")}, {handler: status(500)}, ok}, 200, answerJSON, "",
			[]record.Attempt{throttled("a", "7"), said("b", 500, "500"), said("c", 200, "")}, record.Completed, ""},
		{"in milliseconds", []backend{{handler: status(429, "Retry-After-Ms", "1500", "Retry-After", "2")}, ok}, 200, answerJSON, "",
			[]record.Attempt{throttled("a", "1.5"), said("b", 200, "")}, record.Completed, ""},
		{"400 is an answer", []backend{{handler: status(400)}, ok}, 400, "Bad Request", "", []record.Attempt{said("a", 400, "")}, record.Completed, ""},
		{"500 and 429", []backend{{handler: status(500)}, {handler: status(429, "Retry-After", "9")}}, 503, retryAfter("9"), "9",
			[]record.Attempt{said("a", 500, "500"), throttled("b", "9")}, record.Failed, "BackendsFailed"},
		{"all throttled", []backend{{handler: status(429, "Retry-After", "7")}, {handler: status(429, "Retry-After", "9")}}, 429, "Too Many Requests", "7",
			[]record.Attempt{throttled("a", "7"), {Backend: "b", Status: 429, RetryAfter: "9"}}, record.Completed, ""},
		{"all fail alike", []backend{{handler: status(500)}, {handler: status(500)}}, 500, "Internal Server Error", "",
			[]record.Attempt{said("a", 500, "500"), said("b", 500, "")}, record.Completed, ""},
		{"only one", []backend{{handler: status(503)}}, 503, "Service Unavailable", "", []record.Attempt{said("a", 503, "")}, record.Completed, ""},
		{"429 and none", []backend{{handler: status(429)}, down}, 503, retryAfter("10"), "10",
			[]record.Attempt{said("a", 429, "429"), lost("b")}, record.Failed, "BackendsFailed"},
		{"none", []backend{down, down}, 502, badGateway, "", []record.Attempt{lost("a"), lost("b")}, record.Failed, "BackendConnectionFailure"},
		{"none in time", []backend{slow}, 504, gatewayTimeout, "", []record.Attempt{late("a")}, record.Failed, "Timeout"},
		{"stuck in the midst", []backend{stuck}, 200, "", "", []record.Attempt{said("a", 200, "Timeout")}, record.Interrupted, "Timeout"},
		{"stuck in the midst of JSON", []backend{stuckJSON, ok}, 200, answerJSON, "", []record.Attempt{said("a", 200, "Timeout"), said("b", 200, "")}, record.Completed, ""},
		{"redirects only", []backend{moved}, 502, redirects, "", []record.Attempt{said("a", 302, "Redirect")}, record.Failed, "Redirect"},
	} {
		g := newRig(t, tt.backends...)
		resp := g.post(chatPath, plainBody)
		b, err := io.ReadAll(resp.Body)
		if (err != nil) != (tt.outcome == record.Interrupted) || resp.StatusCode != tt.status || err == nil && string(b) != tt.answer {
			t.Errorf("%s: %d %s %v", tt.name, resp.StatusCode, b, err)
		}
		if after := resp.Header.Get("Retry-After"); after != tt.after {
			t.Errorf("%s: Retry-After %q, want %q", tt.name, after, tt.after)
		}
		e := g.log.wait(0, delivered)
		for i := range e.End.Attempts {
			if e.End.Attempts[i].Time <= 0 {
				t.Errorf("%s: attempt %d took no time", tt.name, i)
			}
			e.End.Attempts[i].Start, e.End.Attempts[i].Time = 0, 0
		}
		if d := cmp.Diff(tt.attempts, e.End.Attempts); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		reason := ""
		if e.End.LastError != nil {
			reason = e.End.LastError.Reason
		}
		if e.End.Outcome != tt.outcome || reason != tt.reason || e.End.OwnAnswer != (tt.outcome == record.Failed) {
			t.Errorf("%s: %+v %s", tt.name, e.End, reason)
		}
	}
}

// TestBackendTextStaysOut: what a backend says, well-formed or not, is in no
// log line and in no error on the record.
func TestBackendTextStaysOut(t *testing.T) {
	for _, answer := range []string{
		"secret words\r\n\r\n",
		"HTTP/1.1 secret words\r\n\r\n",
		"HTTP/1.1 200 OK\r\nsecret words\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: secret\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret words\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n1\r\nx\r\n0\r\nsecret words\r\n\r\n",
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		served.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				c.Read(make([]byte, 64<<10))
				io.WriteString(c, answer)
				c.Close()
			}
		})
		g := newRig(t, backend{url: "http://" + ln.Addr().String()})
		var lines strings.Builder
		g.proxy.log = slog.New(slog.NewTextHandler(&lines, nil))
		if resp, err := g.http.Do(g.request(chatPath, plainBody)); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		e := g.log.wait(0, delivered)
		g.proxy.Wait()
		if l := e.End.LastError; l == nil || l.Reason != "BackendConnectionFailure" || strings.Contains(l.Message, "secret") {
			t.Errorf("%q: recorded %+v", answer, l)
		}
		if s := lines.String(); !strings.Contains(s, "reason=BackendConnectionFailure") || strings.Contains(s, "secret") {
			t.Errorf("%q: logged %s", answer, s)
		}
		ln.Close()
		served.Wait()
	}
}

// TestNetworkErrorIsTold: operators learn what the network said.
func TestNetworkErrorIsTold(t *testing.T) {
	g := newRig(t, backend{url: refused(t)})
	readAll(t, g.post(chatPath, plainBody))
	if l := g.log.wait(0, delivered).End.LastError; !strings.Contains(l.Message, "connection refused") {
		t.Errorf("%+v", l)
	}
}

// TestEdits: what a backend gets for what a client sent, by surface and version.
func TestEdits(t *testing.T) {
	const azure, openai = "azure", "openai"
	const options = `"stream_options":{"include_usage":true}`
	v := func(version string) string { return "/openai/deployments/gpt/chat/completions?api-version=" + version }
	for _, tt := range []struct {
		name, kind, version, deployment, path, in, out string
		added                                          bool
	}{
		{"nothing to do", azure, "", "", v("2024-10-21"), `{"model":"other"}`, `{"model":"other"}`, false},
		{"a stream", azure, "", "", v("2024-10-21"), `{"stream":true}`, `{` + options + `,"stream":true}`, true},
		{"preview", azure, "", "", v("2024-09-01-preview"), `{ "stream":true}`, `{` + options + `, "stream":true}`, true},
		{"too old", azure, "", "", v("2024-06-01"), `{"stream":true}`, `{"stream":true}`, false},
		{"asked for", azure, "", "", v("2024-10-21"), `{"stream":true,"stream_options":{"include_usage":true}}`, `{"stream":true,"stream_options":{"include_usage":true}}`, false},
		{"not wanted", azure, "", "", v("2024-10-21"), `{"stream":true,"stream_options":{"include_usage":false}}`, `{"stream":true,"stream_options":{"include_usage":true}}`, true},
		{"other options", azure, "", "", v("2024-10-21"), `{"stream":true,"stream_options":{"x":1}}`, `{"stream":true,"stream_options":{"include_usage":true,"x":1}}`, true},
		{"empty options", azure, "", "", v("2024-10-21"), `{"stream":true,"stream_options":{}}`, `{"stream":true,"stream_options":{"include_usage":true}}`, true},
		{"null options", azure, "", "", v("2024-10-21"), `{"stream":true,"stream_options":null}`, `{"stream":true,"stream_options":{"include_usage":true}}`, true},
		{"odd options", azure, "", "", v("2024-10-21"), `{"stream":true,"stream_options":7}`, `{"stream":true,"stream_options":7}`, false},
		{"v1", azure, "", "d", "/v1/chat/completions", `{"model":"gpt","stream":true}`, `{` + options + `,"model":"d","stream":true}`, true},
		{"v1 to an old azure", azure, "2024-06-01", "d", "/v1/chat/completions", `{"model":"gpt","stream":true}`, `{"model":"gpt","stream":true}`, false},
		{"same name", openai, "", "", "/openai/v1/chat/completions", `{"model":"gpt"}`, `{"model":"gpt"}`, false},
		{"classic to openai", openai, "", "gpt-4o", v("2024-06-01"), `{}`, `{"model":"gpt-4o"}`, false},
		{"classic to openai, a stream", openai, "", `a"b`, v("2024-06-01"), `{"stream":true}`, `{"model":"a\"b",` + options + `,"stream":true}`, true},
		{"model is replaced", openai, "", "gpt-4o", v("2024-06-01"), `{"stream":true,"model":null}`, `{` + options + `,"stream":true,"model":"gpt-4o"}`, true},
	} {
		var got string
		g := newRig(t, backend{kind: tt.kind, version: tt.version, deployment: tt.deployment, handler: func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = string(b)
			answerPlain(w, r)
		}})
		readAll(t, g.post(tt.path, tt.in))
		if got != tt.out {
			t.Errorf("%s: the backend got %s, want %s", tt.name, got, tt.out)
		}
		e := g.log.wait(0, delivered)
		if e.End.UsageAdded != tt.added || string(e.RequestBody) != tt.in {
			t.Errorf("%s: added %v, recorded %s", tt.name, e.End.UsageAdded, e.RequestBody)
		}
		if again := apply(tt.in, e.End.Edits); again != tt.out {
			t.Errorf("%s: the edits on the record give %s", tt.name, again)
		}
	}
}

func apply(s string, edits []record.Edit) string {
	for i := len(edits) - 1; i >= 0; i-- {
		d := edits[i]
		s = s[:d.Offset] + d.New + s[d.Offset+d.Old:]
	}
	return s
}

func TestEditedLargeBody(t *testing.T) {
	large := `{"model":"gpt","stream":true,"x":"` + strings.Repeat("y", 1<<20) + `"}`
	var got string
	g := newRig(t, backend{kind: "openai", deployment: "m", handler: func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = string(b)
		answerPlain(w, r)
	}})
	readAll(t, g.post("/v1/chat/completions", large))
	e := g.log.wait(0, delivered)
	if len(e.End.Edits) != 2 || got != apply(large, e.End.Edits) || !e.Begin.Spooled || e.End.Request.Length != int64(len(large)) || g.log.body(t, e, record.RequestSide) != large {
		t.Errorf("%d bytes, %d edits", len(got), len(e.End.Edits))
	}
}

func TestTrace(t *testing.T) {
	for _, tt := range []struct{ in, trace, flags string }{
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "4bf92f3577b34da6a3ce929d0e0e4736", "00"},
		{"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "4bf92f3577b34da6a3ce929d0e0e4736", "01"},
		{"", "", "01"}, {"junk", "", "01"},
		{"00-00000000000000000000000000000000-00f067aa0ba902b7-00", "", "01"},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-00", "", "01"},
		{"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "", "01"},
		{"00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "", "01"},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-x", "", "01"},
	} {
		var got string
		g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) { got = r.Header.Get("Traceparent"); answerPlain(w, r) }})
		readAll(t, g.post(chatPath, plainBody, "traceparent", tt.in))
		e := g.log.wait(0, delivered)
		parts := strings.Split(got, "-")
		if len(parts) != 4 || !validTrace(got) || parts[3] != tt.flags || got != e.Begin.TraceParent || strings.Contains(tt.in, parts[2]) {
			t.Errorf("%q: %q, recorded %q", tt.in, got, e.Begin.TraceParent)
			continue
		}
		if tt.trace == "" {
			tt.trace = strings.ReplaceAll(e.ID.String(), "-", "")
		}
		if parts[1] != tt.trace {
			t.Errorf("%q: trace %s, want %s", tt.in, parts[1], tt.trace)
		}
	}
}
