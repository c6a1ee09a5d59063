package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weir/internal/fault"
	"weir/internal/payload"
	"weir/internal/record"
)

type found struct {
	object payload.Object
	body   string
	err    error
	asked  *string
}

func (f found) Open(_ context.Context, _ record.ID, name string) (*payload.Content, error) {
	*f.asked = name
	if f.err != nil {
		return nil, f.err
	}
	return &payload.Content{Object: f.object, ReadSeeker: bytes.NewReader([]byte(f.body)), Closer: io.NopCloser(nil)}, nil
}

// TestBodies: what is told of a body, and of one that cannot be had.
func TestBodies(t *testing.T) {
	id := record.NewID(time.Now()).String()
	page := payload.Object{Type: "text/html", File: "a\r\nb.html", Coding: "gzip", Length: 5, SHA256: strings.Repeat("ab", 32)}
	for _, c := range []struct {
		path   string
		found  found
		status int
		asked  string
		header map[string]string
		body   string
	}{
		{"/request", found{object: page, body: "hello"}, 200, "request", map[string]string{
			"Content-Type": "text/html", "Content-Encoding": "gzip", "Content-Security-Policy": "sandbox; default-src 'none'",
			"X-Content-Type-Options": "nosniff", "ETag": `"` + page.SHA256 + `"`, "Content-Length": "5",
		}, "hello"},
		{"/answer", found{body: "x"}, 200, "answer", map[string]string{"Content-Type": "application/octet-stream"}, "x"},
		{"/files/12", found{body: "x"}, 200, "file-12", map[string]string{"Content-Disposition": ""}, "x"},
		{"/files/-1", found{}, 400, "", nil, "numbered from 0"},
		{"/answer", found{err: &fault.Error{Kind: fault.NotFound, Message: "No such thing."}}, 404, "answer", nil, `"@message":"No such thing."`},
		{"/answer", found{err: &fault.Error{Kind: fault.Unavailable, Message: "Later.", Err: errors.New("secret detail")}}, 503, "answer", nil, "Later."},
	} {
		asked := ""
		c.found.asked = &asked
		h := New(Parts{Bodies: c.found, Metrics: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler)}).Handler()
		r, w := httptest.NewRequest("GET", "http://127.0.0.1/v1/exchanges/"+strings.ToUpper(id)+c.path, nil), httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || asked != c.asked || !strings.Contains(w.Body.String(), c.body) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d, asked for %q, %s", c.path, w.Code, asked, w.Body)
		}
		for name, want := range c.header {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.path, name, got, want)
			}
		}
	}
}
