package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/internal/record"
)

func TestPlain(t *testing.T) {
	var got *http.Request
	var gotBody string
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, gotBody = r, string(b)
		w.Header().Set("x-ratelimit-remaining-tokens", "7")
		w.Header().Set("apim-request-id", "the backend's")
		w.Header().Set("x-request-id", "model-id")
		answerPlain(w, r)
	}})
	resp := g.post(chatPath, plainBody, "x-ms-client-request-id", "mine")
	if b := readAll(t, resp); b != answerJSON || resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, b)
	}
	if got.URL.String() != chatPath || gotBody != plainBody || got.Header.Get("api-key") != "backend-key-a" {
		t.Errorf("the backend got %s %q key %q", got.URL, gotBody, got.Header.Get("api-key"))
	}
	e := g.log.wait(0, delivered)
	for name, want := range map[string]string{
		"x-ratelimit-remaining-tokens": "7", "x-request-id": "model-id",
		"apim-request-id": e.ID.String(), "x-ms-client-request-id": "mine",
	} {
		if v := resp.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if string(e.RequestBody) != plainBody || string(e.ResponseBody) != answerJSON {
		t.Errorf("recorded %q, %q", e.RequestBody, e.ResponseBody)
	}
	if e.End.Outcome != record.Completed || e.End.Status != 200 || e.End.Backend != "a" || e.End.LastError != nil ||
		e.Begin.Operation != "chatcompletions_create" || e.Begin.SurfaceOperation != "ChatCompletions_Create" ||
		e.Begin.Surface != "azure" || e.Begin.Deployment != "gpt" || e.Begin.Subscription != "team" || e.Begin.Product != "gold" ||
		e.Begin.Gateway != "test" || e.Begin.Region != "here" || e.Begin.ClientRequestID != "mine" ||
		e.Delivered.ResponseSize != int64(len(answerJSON)) || e.Delivered.HungUp {
		t.Errorf("record %+v\n%+v\n%+v", e.Begin, e.End, e.Delivered)
	}
}

func TestLarge(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	for _, chunked := range []bool{false, true} {
		g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
			if !chunked {
				w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			}
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, long)
			w.Header().Set("X-Sum", "42")
		}})
		resp := g.post(chatPath, plainBody)
		if b := readAll(t, resp); b != long {
			t.Fatalf("got %d bytes", len(b))
		}
		if chunked && resp.Trailer.Get("X-Sum") != "42" {
			t.Errorf("trailer %v", resp.Trailer)
		}
		e := g.log.wait(0, delivered)
		if string(e.ResponseBody) != long || e.End.ResponseBytes != int64(len(long)) {
			t.Errorf("captured %d bytes, %d told", len(e.ResponseBody), e.End.ResponseBytes)
		}
		if g.log.parts < 3 {
			t.Errorf("%d parts", g.log.parts)
		}
	}
}
