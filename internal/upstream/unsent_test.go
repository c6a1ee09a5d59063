package upstream

import (
	"context"
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
	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = quiet
	unknown.StartTLS()
	defer unknown.Close()
	for _, tt := range []struct {
		name, url string
		e         Egress
		unsent    bool
	}{
		{"refused", "http://" + closed.Addr().String(), Egress{}, true},
		{"no such name", "http://name.invalid", Egress{}, true},
		{"no connection in time", "http://" + silent.Addr().String(), Egress{ConnectTimeout: 1}, true},
		{"no handshake in time", "https://" + silent.Addr().String(), Egress{ConnectTimeout: 50 * time.Millisecond}, true},
		{"no header in time", "http://" + silent.Addr().String(), Egress{}, false},
		{"lost", lost.URL, Egress{}, false},
		{"a certificate of nobody's", unknown.URL, Egress{}, true},
		{"no TLS there", "https://" + lost.Listener.Addr().String(), Egress{}, true},
		{"a public address", "http://192.0.2.1", Egress{PrivateOnly: true}, true},
		{"no proxy", lost.URL, Egress{Proxy: "http://" + closed.Addr().String()}, true},
		{"a silent proxy", lost.URL, Egress{Proxy: "http://" + silent.Addr().String(), ConnectTimeout: 50 * time.Millisecond}, true},
		{"a proxy that breaks off", lost.URL, Egress{Proxy: lost.URL}, true},
		{"a proxy of nobody's", lost.URL, Egress{Proxy: unknown.URL}, true},
	} {
		tr := transport(t, tt.e)
		ctx := t.Context()
		if !tt.unsent {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
		}
		req, err := http.NewRequestWithContext(ctx, "POST", tt.url, http.NoBody)
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
	}
	if Unsent(nil) {
		t.Error("no error is unsent")
	}
}
