package front

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ remote, forwarded, trusted, want string }{
		{"192.0.2.1:5000", "", "", "192.0.2.1"},
		{"[2001:db8::1]:5000", "", "", "2001:db8::1"},
		{"192.0.2.1:5000", "198.51.100.7", "", "192.0.2.1"},
		{"192.0.2.1:5000", "198.51.100.7", "10.0.0.0/8", "192.0.2.1"},
		{"10.0.0.1:5000", "198.51.100.7", "10.0.0.0/8", "198.51.100.7"},
		{"10.0.0.1:5000", "198.51.100.7", "::ffff:10.0.0.0/104", "198.51.100.7"},
		{"10.0.0.1:5000", "6.6.6.6, 198.51.100.7, 10.0.0.2", "10.0.0.0/8", "198.51.100.7"},
		{"10.0.0.1:5000", "6.6.6.6|198.51.100.7|10.0.0.2,10.0.0.3", "10.0.0.0/8", "198.51.100.7"},
		{"10.0.0.1:5000", "", "10.0.0.0/8", "10.0.0.1"},
		{"10.0.0.1:5000", "10.0.0.3", "10.0.0.0/8", "10.0.0.3"},
		{"10.0.0.1:5000", "6.6.6.6, junk", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:5000", "6.6.6.6, junk, 10.0.0.3", "10.0.0.0/8", "10.0.0.3"},
		{"10.0.0.1:5000", "6.6.6.6,", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:5000", ",,,", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:5000", "198.51.100.7:62014", "10.0.0.1", "198.51.100.7"},
		{"10.0.0.1:5000", "[2001:db8::7]:443", "10.0.0.1", "2001:db8::7"},
		{"10.0.0.1:5000", "[2001:DB8::7]", "10.0.0.1", "2001:db8::7"},
		{"10.0.0.1:5000", "::ffff:198.51.100.7", "10.0.0.1", "198.51.100.7"},
		{"10.0.0.1:5000", "fe80::7%eth0", "10.0.0.1", "fe80::7"},
		{"10.0.0.1:5000", "198.51.100.7:99999", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:5000", "[198.51.100.7]", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:5000", "[[::1]]", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:5000", "010.0.0.9", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:5000", "unknown", "10.0.0.1", "10.0.0.1"},
		{"[::1]:5000", "198.51.100.7", "::1", "198.51.100.7"},
		{"[fe80::1%eth0]:5000", "198.51.100.7", "fe80::/10", "198.51.100.7"},
		{"[fe80::1%eth0]:5000", "", "", "fe80::1%eth0"},
		{"@", "", "", "@"},
		{"@", "198.51.100.7", "0.0.0.0/0", "@"},
	} {
		var cfg Config
		if tt.trusted != "" {
			cfg.TrustedProxies = []string{tt.trusted}
		}
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
		if tt.forwarded != "" {
			r.Header["X-Forwarded-For"] = strings.Split(tt.forwarded, "|")
		}
		if got := NewClients(cfg).Address(r); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func TestSecure(t *testing.T) {
	f := NewClients(Config{TrustedProxies: []string{"10.0.0.1"}})
	for _, tt := range []struct {
		remote, proto string
		tls           *tls.ConnectionState
		want          bool
	}{
		{"10.0.0.1:1", "https", nil, true},
		{"10.0.0.1:1", "http", nil, false},
		{"10.0.0.2:1", "https", nil, false},
		{"10.0.0.2:1", "", &tls.ConnectionState{}, true},
	} {
		r := &http.Request{RemoteAddr: tt.remote, TLS: tt.tls, Header: http.Header{"X-Forwarded-Proto": {tt.proto}}}
		if f.Secure(r) != tt.want {
			t.Errorf("%+v", tt)
		}
	}
}

// FuzzForwarded: whatever a header holds, the client's address is one, in its
// usual form and without a zone, or the peer's.
func FuzzForwarded(f *testing.F) {
	clients := NewClients(Config{TrustedProxies: []string{"10.0.0.0/8", "::1"}})
	untrusting := NewClients(Config{TrustedProxies: []string{"192.0.2.0/24"}})
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {header}}}
		got := clients.Address(r)
		a, err := netip.ParseAddr(got)
		if err != nil || a.Zone() != "" || a.Is4In6() || a.String() != got {
			t.Fatalf("%q gives %q", header, got)
		}
		if got := untrusting.Address(r); got != "10.0.0.1" {
			t.Errorf("an untrusted peer's header counts: %q", got)
		}
	})
}
