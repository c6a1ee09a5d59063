package upstream

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var quiet = log.New(io.Discard, "", 0)

func transport(t *testing.T, e Egress) *http.Transport {
	t.Helper()
	tr, err := newTransport(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// pair makes a certificate that signs itself, and its key, in PEM.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, name, k)
}

// rsaPair is one with an RSA key, as Entra's assertions are signed.
func rsaPair(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, "gateway", k)
}

func signed(t *testing.T, name string, k crypto.Signer) (cert, key []byte) {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func authority(t *testing.T, s *httptest.Server) string {
	t.Helper()
	return write(t, filepath.Join(t.TempDir(), "ca.pem"),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// get gives the body of what is at url.
func get(t *testing.T, tr http.RoundTripper, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestIsPrivate(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.16.0.1": true, "172.32.0.1": false, "192.168.1.1": true,
		"100.64.0.1": true, "100.128.0.1": false, "fd12::1": true, "fc00::1": true,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "224.0.0.1": false, "ff02::1": false,
		"0.0.0.0": false, "::": false, "255.255.255.255": false, "8.8.8.8": false, "168.63.129.16": false, "2001:db8::1": false,
		"::ffff:10.0.0.1": true, "::ffff:8.8.8.8": false, "::ffff:169.254.169.254": false,
		"64:ff9b::a00:1": true, "64:ff9b::808:808": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::a00:1": false,
		"2002:a00:1::": false, "::10.0.0.1": false, "fd00:ec2::254": false, "100.100.100.200": false, "64:ff9b::6464:64c8": false,
	} {
		if got := isPrivate(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestPrivateOnly(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	defer s.Close()
	tr := transport(t, Egress{PrivateOnly: true})
	if got, err := get(t, tr, s.URL); got != "ok" {
		t.Errorf("a private address: %v", err)
	}
	for _, url := range []string{"http://169.254.169.254/", "http://[64:ff9b::808:808]/", "http://0.0.0.0:1/", "https://192.0.2.7/"} {
		_, err := get(t, tr, url)
		var refused *PrivateError
		if !errors.As(err, &refused) || !Unsent(err) || !strings.Contains(err.Error(), "private_only") || !strings.Contains(err.Error(), refused.Host) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestHostileHeaders: header fields without an end, and interim answers without
// one, end the call.
func TestHostileHeaders(t *testing.T) {
	for name, line := range map[string]string{
		"fields": "X-Field: " + strings.Repeat("x", 1000) + "\r\n", "one field": strings.Repeat("x", 1000),
		"interim": "\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		sent := make(chan int)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = c.Read(make([]byte, 1<<10)) // the request
			n, _ := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n")
			for err == nil {
				var m int
				m, err = io.WriteString(c, line)
				n += m
			}
			sent <- n
		}()
		tr := transport(t, Egress{})
		if _, err := get(t, tr, "http://"+l.Addr().String()); err == nil || Unsent(err) {
			t.Errorf("%s: %v", name, err)
		}
		if n := <-sent; n > 32<<20 { // what the sockets' buffers take is in it
			t.Errorf("%s: took %d bytes", name, n)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, "first")
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto+" "+r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.Config.ErrorLog = quiet
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	e := Egress{CAFile: authority(t, s)}
	if _, err := get(t, transport(t, e), s.URL); err == nil {
		t.Error("an answer without a certificate")
	}
	e.ClientCertFile, e.ClientKeyFile = write(t, filepath.Join(dir, "cert.pem"), cert), write(t, filepath.Join(dir, "key.pem"), key)
	tr := transport(t, e)
	expect := func(want string) {
		t.Helper()
		tr.CloseIdleConnections()
		if got, err := get(t, tr, s.URL); got != "HTTP/2.0 "+want {
			t.Errorf("%q %v, want %s", got, err, want)
		}
	}
	expect("first")
	cert, key = pair(t, "the second")
	write(t, e.ClientCertFile, cert) // the key is still the first's
	expect("first")
	write(t, e.ClientKeyFile, append(key, '\n'))
	expect("the second")
	os.Remove(e.ClientKeyFile)
	expect("the second")
}

// proxy connects as it is asked to by user and password.
func proxy(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != "Basic Z2F0ZTpoaWRkZW4=" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer to.Close()
		w.WriteHeader(http.StatusOK)
		from, ahead, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		go func() {
			io.Copy(to, ahead.Reader) // the server may have read on
			to.Close()
		}()
		io.Copy(from, to)
	}))
	s.Config.ErrorLog = quiet
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func TestProxy(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) }))
	defer s.Close()
	plain := httptest.NewServer(s.Config.Handler)
	defer plain.Close()
	for _, secure := range []bool{false, true} {
		p := proxy(t, secure)
		as := func(user string) Egress {
			return Egress{Proxy: strings.Replace(p.URL, "://", "://"+user, 1), CAFile: authority(t, s)}
		}
		tr := transport(t, as("gate:hidden@"))
		for _, b := range []*httptest.Server{s, plain} {
			if got, err := get(t, tr, b.URL); got != b.Listener.Addr().String() {
				t.Errorf("secure %v: %q %v", secure, got, err)
			}
		}
		for user, url := range map[string]string{"gate:wronghidden@": s.URL, "": s.URL, "gate:hidden@": "https://127.0.0.1:1"} {
			_, err := get(t, transport(t, as(user)), url)
			var refused *ProxyError
			if !errors.As(err, &refused) || refused.Status < 400 || !Unsent(err) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("secure %v, user %q: %v", secure, user, err)
			}
		}
		tr.CloseIdleConnections()
	}
}

// TestTokenTransport: the way to Entra is the backend's without what is only the
// backend's.
func TestTokenTransport(t *testing.T) {
	e := Egress{PrivateOnly: true, ClientCertFile: "none.pem", ClientKeyFile: "none.pem"}
	rt, err := e.tokenTransport(&Entra{Method: MethodClientSecret})
	if err != nil || rt == nil {
		t.Error(err)
	}
	if rt, err = e.tokenTransport(nil); rt != nil || err != nil {
		t.Error("a transport without entra")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	defer s.Close()
	e = Egress{Proxy: "http://127.0.0.1:1"}
	for method, want := range map[string]string{MethodManagedIdentity: "ok", MethodWorkloadIdentity: ""} {
		rt, err := e.tokenTransport(&Entra{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := get(t, rt, s.URL); got != want {
			t.Errorf("%s: %q", method, got)
		}
		rt.(*http.Transport).CloseIdleConnections()
	}
}

// problems gives the paths of what check reports, and fails where a text is
// missing or holds a secret, all of which have "hidden" in them.
func problems(t *testing.T, check func(*checker, string)) []string {
	t.Helper()
	k := &checker{}
	check(k, "b[0]")
	var paths []string
	for _, p := range k.problems {
		paths = append(paths, strings.TrimPrefix(p.Path, "b[0]."))
		if p.Message == "" || p.Hint == "" || strings.Contains(p.Message+p.Hint, "hidden") {
			t.Errorf("%+v", p)
		}
	}
	return paths
}

func TestEgressCheck(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, "a")
	_, other := pair(t, "b")
	write(t, filepath.Join(dir, "cert.pem"), cert)
	write(t, filepath.Join(dir, "key.pem"), key)
	write(t, filepath.Join(dir, "other.pem"), other)
	write(t, filepath.Join(dir, "text"), bytes.Repeat([]byte("hidden "), 100))
	for name, tt := range map[string]struct {
		e    Egress
		want []string
	}{
		"nothing":         {Egress{}, nil},
		"all":             {Egress{Proxy: "https://gate:hidden@proxy:3128/", CAFile: "cert.pem", ClientCertFile: "cert.pem", ClientKeyFile: "key.pem", ConnectTimeout: time.Second}, nil},
		"private":         {Egress{PrivateOnly: true, CAFile: "cert.pem"}, nil},
		"time, no files":  {Egress{ConnectTimeout: -1, CAFile: "none", ClientCertFile: "none", ClientKeyFile: "none"}, []string{"connect_timeout", "ca_file", "client_cert_file"}},
		"a proxy besides": {Egress{Proxy: "http://proxy", PrivateOnly: true}, []string{"private_only"}},
		"socks":           {Egress{Proxy: "socks5://gate:hidden@proxy"}, []string{"egress_proxy"}},
		"no host":         {Egress{Proxy: "http://gate:hidden@"}, []string{"egress_proxy"}},
		"no URL":          {Egress{Proxy: "http://gate:%hidden@x"}, []string{"egress_proxy"}},
		"a path":          {Egress{Proxy: "http://proxy/hidden"}, []string{"egress_proxy"}},
		"no PEM":          {Egress{CAFile: "text", ClientCertFile: "text", ClientKeyFile: "text"}, []string{"ca_file", "client_cert_file"}},
		"not its key":     {Egress{ClientCertFile: "cert.pem", ClientKeyFile: "other.pem"}, []string{"client_cert_file"}},
		"no key":          {Egress{ClientCertFile: "cert.pem"}, []string{"client_key_file"}},
		"no certificate":  {Egress{ClientKeyFile: "key.pem"}, []string{"client_cert_file"}},
	} {
		tt.e.locate(dir)
		if d := cmp.Diff(tt.want, problems(t, tt.e.check)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
