package front

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"
)

const request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// header is a PROXY header for a client at source.
func header(t *testing.T, version byte, source, destination string) string {
	t.Helper()
	tcp := func(s string) *net.TCPAddr {
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	b, err := proxyproto.HeaderProxyFromAddrs(version, tcp(source), tcp(destination)).Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const signature2 = "\r\n\r\n\x00\r\nQUIT\n"

func TestProxyProtocol(t *testing.T) {
	cfg := Config{ProxyProtocol: []string{"127.0.0.1"}}
	clients := NewClients(Config{TrustedProxies: []string{"10.0.0.0/8"}})
	r := serve(t, cfg, Stop{}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "client="+clients.Address(r)+".") })
	forwarded := strings.Replace(request, "\r\n\r\n", "\r\nX-Forwarded-For: 198.51.100.7:99\r\n\r\n", 1)
	for _, tt := range []struct{ name, say, want string }{
		{"version 1", header(t, 1, "192.0.2.9:5000", "192.0.2.1:443") + request, "192.0.2.9"},
		{"version 1, IPv6", header(t, 1, "[2001:db8::9]:5000", "[2001:db8::1]:443") + request, "2001:db8::9"},
		{"version 2", header(t, 2, "192.0.2.9:5000", "192.0.2.1:443") + request, "192.0.2.9"},
		{"version 2, IPv6", header(t, 2, "[2001:db8::9]:5000", "[2001:db8::1]:443") + request, "2001:db8::9"},
		{"unknown", "PROXY UNKNOWN\r\n" + request, "127.0.0.1"},
		{"local", signature2 + "\x20\x00\x00\x00" + request, "127.0.0.1"},
		{"with a TLV", signature2 + "\x21\x11\x00\x11\xc0\x00\x02\x09\xc0\x00\x02\x01\x13\x88\x01\xbb\x04\x00\x02ab" + request, "192.0.2.9"},
		{"a trusted proxy behind it", header(t, 1, "10.0.0.3:1", "10.0.0.1:443") + forwarded, "198.51.100.7"},
		{"an untrusted one", header(t, 1, "192.0.2.9:1", "10.0.0.1:443") + forwarded, "192.0.2.9"},

		{"none", request, ""},
		{"TLS", "\x16\x03\x01\x00\x05hello", ""},
		{"version 1, not ended", "PROXY TCP4 192.0.2.9 192.0.2.1 1 2" + strings.Repeat(" ", 200) + request, ""},
		{"version 1, no address", "PROXY TCP4 junk 192.0.2.1 1 2\r\n" + request, ""},
		{"version 1, bad port", "PROXY TCP4 192.0.2.9 192.0.2.1 1 70000\r\n" + request, ""},
		{"version 2, bad version", signature2 + "\x31\x11\x00\x0c\xc0\x00\x02\x09\xc0\x00\x02\x01\x13\x88\x01\xbb" + request, ""},
		{"version 2, too short", signature2 + "\x21\x11\x00\x04\xc0\x00\x02\x09" + request, ""},
		{"version 2, a socket's path", signature2 + "\x21\x31\x00\xd8" + strings.Repeat("/tmp", 54) + request, ""},
	} {
		before := r.Stats().Refused
		got := r.say(tt.say)
		_, got, _ = strings.Cut(got, "client=")
		if got, _, _ = strings.Cut(got, ".\r"); tt.want != strings.TrimSuffix(got, ".") {
			t.Errorf("%s: %q instead of %q", tt.name, got, tt.want)
		}
		if refused := r.Stats().Refused - before; (refused == 1) != (tt.want == "") {
			t.Errorf("%s: %d refused", tt.name, refused)
		}
	}
	eventually(t, "no connection is left", func() bool { return r.Stats().Open == 0 })
}

// TestProxyProtocolNotRead: a header from others is nothing but a bad request.
func TestProxyProtocolNotRead(t *testing.T) {
	r := serve(t, Config{ProxyProtocol: []string{"192.0.2.1"}}, Stop{}, hello)
	if got := r.say(header(t, 1, "192.0.2.9:5000", "192.0.2.1:443") + request); !strings.HasPrefix(got, "HTTP/1.1 400") {
		t.Errorf("%q", got)
	}
}

// TestProxyProtocolTLS: the header stands before the handshake, and a peer that is
// slow with it holds up nobody.
func TestProxyProtocolTLS(t *testing.T) {
	ca := newAuthority(t)
	r := serve(t, Config{TLS: write(t, t.TempDir(), ca.issue("server")), ProxyProtocol: []string{"127.0.0.0/8"}}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.RemoteAddr)
	})
	silent := r.dial()
	half := r.dial()
	io.WriteString(half, signature2)
	eventually(t, "both are open", func() bool { return r.Stats().Open == 2 })
	c := r.dial()
	io.WriteString(c, header(t, 2, "192.0.2.9:5000", "192.0.2.1:443"))
	enc := tls.Client(c, &tls.Config{RootCAs: ca.pool(), ServerName: "127.0.0.1"})
	io.WriteString(enc, request)
	if _, got := answerOf(t, enc); got != "192.0.2.9:5000" {
		t.Errorf("%q", got)
	}
	silent.Close()
	half.Close()
}

// pipe is an end of a net.Pipe that has the address of a TCP peer.
type pipe struct{ net.Conn }

func (pipe) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1} }

// TestProxyHeaderTimeout: a header that does not come in time, or byte by byte,
// ends the connection.
func TestProxyHeaderTimeout(t *testing.T) {
	for name, drip := range map[string]string{"silent": "", "slow": signature2 + "\x21\x11"} {
		synctest.Test(t, func(t *testing.T) {
			mine, theirs := net.Pipe()
			defer mine.Close()
			var wg sync.WaitGroup
			wg.Go(func() {
				for _, b := range []byte(drip) {
					if _, err := mine.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			g := newGate(nil, Config{ProxyProtocol: []string{"10.0.0.1"}}.limits(), discard())
			c := g.admit(pipe{theirs})
			began := time.Now()
			if a := c.RemoteAddr().String(); a != "10.0.0.1:1" {
				t.Errorf("%s: %s", name, a)
			}
			if d := time.Since(began); d != proxyHeaderTimeout {
				t.Errorf("%s: took %v", name, d)
			}
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("%s: it can be read", name)
			}
			if s := g.count(); s != (Stats{Refused: 1}) {
				t.Errorf("%s: %+v", name, s)
			}
			wg.Wait()
		})
	}
}
