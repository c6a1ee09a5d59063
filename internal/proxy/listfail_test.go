package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestListFails: a list that one backend refuses fails with what that one said,
// though the others' answers were given up for it.
func TestListFails(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	refuses := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error":{"code":"404","message":"Resource not found"}}`)
	}
	g := newRig(t, backend{handler: slow}, backend{handler: refuses})
	req, _ := http.NewRequest("GET", g.url+"/openai/v1/files", nil)
	req.Header.Set("api-key", testKey)
	resp, err := g.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if b := readAll(t, resp); resp.StatusCode != http.StatusNotFound || !strings.Contains(b, "The backend b answered with status 404") {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
	if e := g.log.wait(0, delivered); e.End.LastError == nil || e.End.LastError.Reason != "404" || len(e.End.Attempts) != 2 {
		t.Errorf("%+v", e.End)
	}
}
