package upstream

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestUnsent: which errors say that a backend cannot be at work on a request.
func TestUnsent(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	lost := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer lost.Close()
	slow := Backend{Timeout: 20 * time.Millisecond}
	for _, tt := range []struct {
		name, url string
		b         Backend
		unsent    bool
	}{
		{"refused", "http://" + closed.Addr().String(), Backend{}, true},
		{"no connection in time", "http://" + silent.Addr().String(), Backend{ConnectTimeout: 1}, true},
		{"no handshake in time", "https://" + silent.Addr().String(), Backend{ConnectTimeout: 50 * time.Millisecond}, true},
		{"no header in time", "http://" + silent.Addr().String(), slow, false},
		{"lost", lost.URL, Backend{}, false},
	} {
		tr := newTransport(tt.b)
		req, err := http.NewRequestWithContext(t.Context(), "POST", tt.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
			t.Fatalf("%s: an answer", tt.name)
		}
		if Unsent(err) != tt.unsent {
			t.Errorf("%s: unsent %v for %v", tt.name, !tt.unsent, err)
		}
		tr.CloseIdleConnections()
	}
}
