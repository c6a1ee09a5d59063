package front

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// keep opens a connection and has one request answered on it.
func (r *rig) keep(prefix string) (c net.Conn, answered bool) {
	r.t.Helper()
	c = r.dial()
	_, _ = io.WriteString(c, prefix+"GET / HTTP/1.1\r\nHost: x\r\n\r\n") // a refusal shows in the read
	n, _ := c.Read(make([]byte, 1))
	return c, n == 1
}

func TestPerAddress(t *testing.T) {
	r := serve(t, Config{MaxConnectionsPerAddress: 2}, Stop{}, hello)
	first, ok1 := r.keep("")
	_, ok2 := r.keep("")
	if _, ok3 := r.keep(""); !ok1 || !ok2 || ok3 {
		t.Errorf("three connections of an address that may have two: %v %v %v", ok1, ok2, ok3)
	}
	if s := r.Stats(); s.Open != 2 || s.Refused != 1 {
		t.Errorf("%+v", s)
	}
	first.Close()
	eventually(t, "the server sees the close", func() bool { return r.Stats().Open == 1 })
	if _, ok := r.keep(""); !ok {
		t.Error("no room after a close")
	}
	if err := r.Apply(Config{MaxConnectionsPerAddress: 3}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.keep(""); !ok {
		t.Error("no room after the limit was raised")
	}
	if _, ok := r.keep(""); ok {
		t.Error("the new limit does not hold")
	}
	if err := r.Apply(Config{MaxConnectionsPerAddress: 1, TrustedProxies: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.keep(""); !ok {
		t.Error("a trusted proxy is not exempt")
	}
}

// TestPerAddressProxied: who counts is the client that the PROXY header names.
func TestPerAddressProxied(t *testing.T) {
	r := serve(t, Config{MaxConnectionsPerAddress: 1, ProxyProtocol: []string{"127.0.0.1"}}, Stop{}, hello)
	for _, tt := range []struct {
		client string
		want   bool
	}{
		{"192.0.2.1:1", true}, {"192.0.2.2:1", true}, {"192.0.2.1:2", false},
		{"[2001:db8:0:1::1]:1", true}, {"[2001:db8:0:1:ffff::2]:1", false}, {"[2001:db8:0:2::1]:1", true},
		{"127.0.0.1:1", true}, {"127.0.0.1:2", true}, // the balancer itself
	} {
		to := "192.0.2.99:443"
		if tt.client[0] == '[' {
			to = "[2001:db8::99]:443"
		}
		if _, ok := r.keep(header(t, 2, tt.client, to)); ok != tt.want {
			t.Errorf("%s: %v", tt.client, ok)
		}
	}
}

// TestTotal: beyond the limit a connection waits, and is then served.
func TestTotal(t *testing.T) {
	r := serve(t, Config{MaxConnections: 2}, Stop{}, hello)
	first, _ := r.keep("")
	r.keep("")
	answered := make(chan bool, 2)
	for range 2 {
		c := r.dial()
		go func() {
			_, _ = io.WriteString(c, request) // shows in the answer
			n, _ := c.Read(make([]byte, 1))
			answered <- n == 1
		}()
	}
	select {
	case <-answered:
		t.Error("more connections than allowed")
	case <-time.After(30 * time.Millisecond):
	}
	if s := r.Stats(); s.Open != 2 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	first.Close()
	for range 2 { // each closes after its answer
		if !within(t, "an answer for who waits", answered) {
			t.Error("who waited is not served")
		}
	}
	r.keep("")
	if err := r.Apply(Config{MaxConnections: 3}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.keep(""); !ok {
		t.Error("no room after the limit was raised")
	}
}

// TestTotalStops: an accept that waits for room does not hold up the end.
func TestTotalStops(t *testing.T) {
	r := serve(t, Config{MaxConnections: 1, DrainTimeout: time.Minute}, Stop{}, hello)
	r.keep("")
	r.dial()
	r.stop()
	if err := within(t, "the end", r.done); err != nil {
		t.Error(err)
	}
	if s := r.Stats(); s.Open != 0 || len(r.gate.addresses) != 0 {
		t.Errorf("%+v %v", s, r.gate.addresses)
	}
}

func TestClient(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
	} {
		if got := client(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s: %s", a, got)
		}
	}
}

// TestHijacked: a connection that was taken from the server counts until closed.
func TestHijacked(t *testing.T) {
	taken := make(chan net.Conn, 1)
	r := serve(t, Config{}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		taken <- c
	})
	c := r.dial()
	io.WriteString(c, request)
	mine := within(t, "the connection", taken)
	if _, ok := mine.(interface{ CloseWrite() error }); !ok {
		t.Error("a taken connection cannot be half closed")
	}
	if n := r.Stats().Open; n != 1 {
		t.Errorf("%d open", n)
	}
	mine.Close()
	mine.Close()
	if n := r.Stats().Open; n != 0 {
		t.Errorf("%d open after the close", n)
	}
}
