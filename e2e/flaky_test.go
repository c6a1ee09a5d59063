package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// flakyBackend stands before a simulator and says 429 with Retry-After: 1 to a
// prompt with "always say 429", and to the first call of each prompt with "say
// 429 once (ID)".
func flakyBackend(t testing.TB, s *simulator) string {
	t.Helper()
	to, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	once := regexp.MustCompile(`say 429 once \(([^)]*)\)`)
	var mu sync.Mutex
	seen := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		busy := strings.Contains(string(body), "always say 429")
		if m := once.FindSubmatch(body); m != nil {
			mu.Lock()
			busy = busy || !seen[string(m[1])]
			seen[string(m[1])] = true
			mu.Unlock()
		}
		if busy {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded call rate limit. Please retry after 1 seconds."}}`)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
