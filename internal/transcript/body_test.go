package transcript

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"time"

	"weir/internal/record"
)

func packed(t *testing.T, open func(io.Writer) io.WriteCloser, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zlibbed(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func deflated(w io.Writer) io.WriteCloser {
	f, _ := flate.NewWriter(w, flate.BestSpeed)
	return f
}

func dataURL(b []byte) string {
	return "data:application/octet-stream;base64," + base64.StdEncoding.EncodeToString(b)
}

func TestContentEncoding(t *testing.T) {
	const answer = `{"id":"a","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"packed"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`
	zipped := packed(t, gzipped, answer)
	bomb := packed(t, gzipped, strings.Repeat("0", maxDecoded+1))
	corrupt := bytes.Clone(zipped)
	corrupt[len(corrupt)/2] ^= 0xff
	for _, tt := range []struct {
		name, coding string
		body         []byte
		want         string
	}{
		{"none", "", []byte(answer), answer},
		{"identity", "identity", []byte(answer), answer},
		{"gzip", "gzip", zipped, answer},
		{"upper case", "GZIP", zipped, answer},
		{"zlib", "deflate", packed(t, zlibbed, answer), answer},
		{"bare deflate", "deflate", packed(t, deflated, answer), answer},
		{"twice", "deflate, gzip", packed(t, gzipped, string(packed(t, zlibbed, answer))), answer},
		{"cut", "gzip", zipped[:len(zipped)-8], answer},
		{"unknown", "br", zipped, dataURL(zipped)},
		{"not gzip", "gzip", []byte(answer), answer},
		{"corrupt", "gzip", corrupt, dataURL(corrupt)},
		{"bomb", "gzip", bomb, dataURL(bomb)},
		{"empty", "gzip", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := &record.Exchange{
				End: &record.End{Outcome: record.Completed, BackendStatus: 200, BackendResponseHeaders: []record.Header{
					{Name: "content-encoding", Value: tt.coding},
				}},
				ResponseBody: tt.body,
			}
			r := Read(x, Chat, words, nil)
			if r.BackendResponseBody != tt.want {
				t.Errorf("the body is %.100q, want %.100q", r.BackendResponseBody, tt.want)
			}
			if said := r.Completion == "packed"; said != (tt.want == answer) {
				t.Errorf("the completion is %q", r.Completion)
			}
			sound(t, r)
		})
	}
	t.Run("killed", func(t *testing.T) {
		r := Read(&record.Exchange{ResponseBody: zipped}, Chat, words, nil)
		if r.Completion != "packed" {
			t.Errorf("the completion is %q", r.Completion)
		}
	})
	t.Run("request and own answer", func(t *testing.T) {
		coding := []record.Header{{Name: "Content-Encoding", Value: "gzip"}}
		r := Read(&record.Exchange{
			Begin:        record.Begin{Headers: coding},
			End:          &record.End{Outcome: record.Refused, Status: 429, OwnAnswer: true, ResponseHeaders: coding},
			RequestBody:  packed(t, gzipped, `{"messages":[{"role":"user","content":"hi"}]}`),
			ResponseBody: packed(t, gzipped, `{"error":{"code":"429"}}`),
		}, Chat, words, nil)
		if r.Prompt != "user: hi" || r.ResponseBody != `{"error":{"code":"429"}}` || r.Errors != `[{"code":"429"}]` || r.BackendResponseBody != "" {
			t.Errorf("prompt %q, answer %q, errors %q, backend's answer %q", r.Prompt, r.ResponseBody, r.Errors, r.BackendResponseBody)
		}
	})
}

func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		outcome    record.Outcome
		want       string
		completion string
	}{
		{"text", `{"choices":[{"message":{"content":"é"}}]}`, record.Completed, `{"choices":[{"message":{"content":"é"}}]}`, "é"},
		{"bytes in text", "{\"choices\":[{\"message\":{\"content\":\"a\xffb\"}}]}", record.Completed, dataURL([]byte("{\"choices\":[{\"message\":{\"content\":\"a\xffb\"}}]}")), "a\uFFFDb"},
		{"bytes", "\x00\xff\x80", record.Completed, dataURL([]byte("\x00\xff\x80")), ""},
		{"cut in a character", "{\"choices\":[{\"message\":{\"content\":\"a\xe2\x82", record.Interrupted, "{\"choices\":[{\"message\":{\"content\":\"a\uFFFD", "a\uFFFD"},
		{"not cut there", "{\"choices\":[{\"message\":{\"content\":\"a\xe2\x82", record.Completed, dataURL([]byte("{\"choices\":[{\"message\":{\"content\":\"a\xe2\x82")), "a\uFFFD"},
		{"BOM", "\uFEFF{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", record.Completed, "\uFEFF{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", "a"},
		{"HTML", "<html>", record.Completed, "<html>", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Read(&record.Exchange{
				End:          &record.End{Outcome: tt.outcome, BackendStatus: 200},
				ResponseBody: []byte(tt.body),
			}, Chat, words, nil)
			if r.BackendResponseBody != tt.want {
				t.Errorf("the body is %q, want %q", r.BackendResponseBody, tt.want)
			}
			if r.Completion != tt.completion {
				t.Errorf("the completion is %q, want %q", r.Completion, tt.completion)
			}
			sound(t, r)
		})
	}
}

// TestBytesInStream: a stream is text; one that cannot be read is kept as it came.
func TestBytesInStream(t *testing.T) {
	for stream, want := range map[string]string{
		"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\xff\"}}]}\n\n": `{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"a` + "\uFFFD" + `"},"finish_reason":null}],"usage":{"prompt_tokens":0,"completion_tokens":1,"total_tokens":1,"estimated":true}}`,
		"data: \xff\n\n": dataURL([]byte("data: \xff\n\n")),
	} {
		r := Read(&record.Exchange{ResponseBody: []byte(stream)}, Chat, words, nil)
		if r.BackendResponseBody != want {
			t.Errorf("%q is kept as %q, want %q", stream, r.BackendResponseBody, want)
		}
		sound(t, r)
	}
}

func TestEdited(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		edits      []record.Edit
		want       string
	}{
		{"none", "abc", nil, ""},
		{"one", "abcdef", []record.Edit{{Offset: 2, Old: 2, New: "XYZ"}}, "abXYZef"},
		{"at both ends", "abc", []record.Edit{{Offset: 0, Old: 1, New: ""}, {Offset: 3, Old: 0, New: "!"}}, "bc!"},
		{"side by side", "abc", []record.Edit{{Offset: 1, Old: 1, New: "1"}, {Offset: 2, Old: 1, New: "2"}}, "a12"},
		{"beyond the end", "abc", []record.Edit{{Offset: 2, Old: 2, New: "x"}}, ""},
		{"overlapping", "abc", []record.Edit{{Offset: 0, Old: 2, New: "x"}, {Offset: 1, Old: 1, New: "y"}}, ""},
		{"negative", "abc", []record.Edit{{Offset: -1, Old: 1, New: "x"}}, ""},
		{"to nothing", "abc", []record.Edit{{Offset: 0, Old: 3, New: ""}}, ""},
	} {
		if got := edited([]byte(tt.body), tt.edits); string(got) != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestHeaderObject(t *testing.T) {
	headers := []record.Header{
		{Name: "X-A", Value: "1"}, {Name: "B", Value: "\"q\"\xff"}, {Name: "x-a", Value: "2"}, {Name: "X-Empty"},
	}
	if got, want := headerObject(headers), `{"B":"\"q\"`+"\uFFFD"+`","X-A":"1, 2","X-Empty":""}`; got != want {
		t.Errorf("headers are %s, want %s", got, want)
	}
	labels := map[string]string{"x-A": "Team", "b": "App", "x-empty": "None", "x-other": "Other"}
	if got, want := labelObject(headers, labels), `{"App":"\"q\"`+"\uFFFD"+`","Team":"1, 2"}`; got != want {
		t.Errorf("labels are %s, want %s", got, want)
	}
	if got := headerObject(nil) + labelObject(nil, labels) + labelObject(headers, nil); got != "" {
		t.Errorf("nothing is %s", got)
	}
}

func TestAttemptArray(t *testing.T) {
	got := attemptArray([]record.Attempt{
		{Backend: "a", Time: 2500 * time.Microsecond, Reason: "BackendConnectionFailure"},
		{Backend: "b", Status: 429, Start: 3 * time.Millisecond, Time: 9 * time.Millisecond, RetryAfter: "7"},
	})
	want := `[{"backend":"a","status":0,"startMs":0,"timeMs":2,"reason":"BackendConnectionFailure"},{"backend":"b","status":429,"startMs":3,"timeMs":9,"retryAfter":"7"}]`
	if got != want {
		t.Errorf("attempts are %s, want %s", got, want)
	}
}
