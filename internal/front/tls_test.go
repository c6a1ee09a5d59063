package front

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hello answers with what the front knows of a request.
func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s tls=%v cert=%s", r.Proto, r.TLS != nil, ClientCertificate(r))
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	r := serve(t, Config{TLS: write(t, t.TempDir(), ca.issue("server"))}, Stop{}, hello)
	url := "https://" + r.addr
	if got, _ := get(t, ca.client(nil), url); got != "HTTP/2.0 tls=true cert=" {
		t.Errorf("HTTP/2: %q", got)
	}
	one := ca.client(func(tr *http.Transport) { tr.Protocols = new(http.Protocols); tr.Protocols.SetHTTP1(true) })
	if got, _ := get(t, one, url); got != "HTTP/1.1 tls=true cert=" {
		t.Errorf("HTTP/1: %q", got)
	}
	if got := r.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 400") {
		t.Errorf("plain HTTP: %q", got)
	}
	old := ca.client(func(tr *http.Transport) { tr.TLSClientConfig.MaxVersion = tls.VersionTLS11 })
	if _, err := old.Get(url); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestMinVersion(t *testing.T) {
	ca := newAuthority(t)
	set := write(t, t.TempDir(), ca.issue("server"))
	set.MinVersion = "1.3"
	r := serve(t, Config{TLS: set}, Stop{}, hello)
	old := ca.client(func(tr *http.Transport) { tr.TLSClientConfig.MaxVersion = tls.VersionTLS12 })
	if _, err := old.Get("https://" + r.addr); err == nil {
		t.Error("TLS 1.2 is spoken")
	}
	get(t, ca.client(nil), "https://"+r.addr)
}

func TestH2C(t *testing.T) {
	r := serve(t, Config{H2C: true}, Stop{}, hello)
	if got, _ := get(t, h2c(t), "http://"+r.addr); got != "HTTP/2.0 tls=false cert=" {
		t.Errorf("HTTP/2: %q", got)
	}
	if got, _ := get(t, newAuthority(t).client(nil), "http://"+r.addr); got != "HTTP/1.1 tls=false cert=" {
		t.Errorf("HTTP/1: %q", got)
	}
	off := serve(t, Config{}, Stop{}, hello)
	if _, err := h2c(t).Get("http://" + off.addr); err == nil {
		t.Error("HTTP/2 without being asked for")
	}
}

func TestClientCertificates(t *testing.T) {
	ca, foreign := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	set := write(t, dir, ca.issue("server"))
	set.ClientCAFile = filepath.Join(dir, "ca.pem")
	writePEM(t, set.ClientCAFile, "CERTIFICATE", ca.cert.Raw)
	known, stranger := ca.issue("billing"), foreign.issue("billing")
	name := fmt.Sprintf("CN=billing,O=Weir; sha256=%X", sha256.Sum256(known.Leaf.Raw))
	for _, tt := range []struct {
		auth string
		show *tls.Certificate
		want string // "" for refused
	}{
		{"", &known, name}, {"", nil, ""}, {"", &stranger, ""},
		{"require", nil, ""},
		{"request", &known, name}, {"request", nil, "none"}, {"request", &stranger, ""},
		{"none", &known, "none"},
	} {
		set.ClientAuth = tt.auth
		r := serve(t, Config{TLS: set}, Stop{}, func(w http.ResponseWriter, r *http.Request) {
			name := ClientCertificate(r)
			if name == "" {
				name = "none"
			}
			io.WriteString(w, name)
		})
		c := ca.client(func(tr *http.Transport) {
			tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if tt.show == nil {
					return new(tls.Certificate), nil
				}
				return tt.show, nil
			}
		})
		resp, err := c.Get("https://" + r.addr)
		got := ""
		if err == nil {
			b, _ := io.ReadAll(resp.Body) // shows in got
			resp.Body.Close()
			got = string(b)
		}
		if got != tt.want {
			t.Errorf("%q: %q instead of %q (%v)", tt.auth, got, tt.want, err)
		}
	}
}

// TestReload: new connections see a changed certificate, a stream that is under
// way does not notice, and files that do not fit change nothing.
func TestReload(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	set := write(t, dir, ca.issue("first"))
	book := &logbook{}
	proceed := make(chan bool)
	r := serveLogged(t, Config{TLS: set}, Stop{}, slog.New(slog.NewTextHandler(book, nil)), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			io.WriteString(w, "begin ")
			_ = http.NewResponseController(w).Flush()
			<-proceed
		}
		io.WriteString(w, "end")
	})
	shown := func() string {
		resp, err := ca.client(nil).Get("https://" + r.addr)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.TLS.PeerCertificates[0].Subject.CommonName
	}
	stream, err := ca.client(nil).Get("https://" + r.addr + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()

	key, err := os.ReadFile(set.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, ca.issue("second"))
	whole, err := os.ReadFile(set.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{key, nil, []byte("junk"), whole[:len(whole)/2]} {
		if err := os.WriteFile(set.KeyFile, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.certs.refresh(); err == nil || r.certs.refresh() == nil {
			t.Errorf("a bad pair is taken: %v", err)
		} else if strings.Contains(err.Error(), "junk") || bytes.Contains([]byte(err.Error()), whole[40:60]) {
			t.Errorf("the error shows the key: %v", err)
		}
		if got := shown(); got != "first" {
			t.Errorf("after a bad pair: %s", got)
		}
	}
	os.Remove(set.KeyFile)
	if r.certs.refresh() == nil {
		t.Error("a missing file is no error")
	}
	if book.count("level=WARN msg=\"changed TLS files cannot be used; the former ones stay in use\" component=front error=") < 2 {
		t.Error("bad files are not told of")
	}
	if err := os.WriteFile(set.KeyFile, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.certs.refresh(); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "second" {
		t.Errorf("after the change: %s", got)
	}
	close(proceed)
	if b, err := io.ReadAll(stream.Body); string(b) != "begin end" || err != nil {
		t.Errorf("the stream: %q, %v", b, err)
	}
}

// TestWatch: the files are looked at without being asked, and the same mistake is
// told of once.
func TestWatch(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	set := write(t, dir, ca.issue("first"))
	book := &logbook{}
	synctest.Test(t, func(t *testing.T) {
		c, err := newCertificates(set, slog.New(slog.NewTextHandler(book, nil)))
		if err != nil {
			t.Fatal(err)
		}
		go c.watch(t.Context())
		before := c.current.Load()
		time.Sleep(10 * pollEvery)
		if c.current.Load() != before {
			t.Error("taken without a change")
		}
		os.Remove(set.KeyFile)
		time.Sleep(10 * pollEvery)
		if n := book.count("cannot be used"); n != 1 || c.current.Load() != before {
			t.Errorf("told %d times of the missing key", n)
		}
		second := ca.issue("second")
		write(t, dir, second)
		time.Sleep(pollEvery + time.Second)
		if c.current.Load() != before {
			t.Error("taken at the first look")
		}
		// What stood there at one look only is not taken.
		write(t, dir, ca.issue("cut"))
		time.Sleep(pollEvery)
		write(t, dir, second)
		time.Sleep(pollEvery)
		if c.current.Load() != before {
			t.Error("taken though it was another at the look before")
		}
		time.Sleep(pollEvery)
		if got := c.current.Load().Certificates[0].Leaf.Subject.CommonName; got != "second" {
			t.Errorf("in use: %s", got)
		}
	})
	if book.count("changed TLS files are in use") != 1 {
		t.Errorf("%s", book.text.String())
	}
}

// TestApplyTLS: new settings hold for new connections, or nothing changes.
func TestApplyTLS(t *testing.T) {
	ca := newAuthority(t)
	one, two := t.TempDir(), t.TempDir()
	cfg := Config{TLS: write(t, one, ca.issue("first"))}
	r := serve(t, cfg, Stop{}, hello)
	bad := Config{TLS: write(t, two, ca.issue("second")), MaxConnections: 3}
	bad.TLS.KeyFile = cfg.TLS.KeyFile
	if err := r.Apply(bad); err == nil || r.live.Load().MaxConnections != 0 || r.gate.limits.total != 0 {
		t.Errorf("half of it is taken: %v", err)
	}
	good := Config{TLS: write(t, two, ca.issue("second"))}
	good.TLS.ClientCAFile = filepath.Join(two, "ca.pem")
	writePEM(t, good.TLS.ClientCAFile, "CERTIFICATE", ca.cert.Raw)
	if err := r.Apply(good); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.client(nil).Get("https://" + r.addr); err == nil {
		t.Error("a client without a certificate is served")
	}
	c := ca.client(func(tr *http.Transport) { tr.TLSClientConfig.Certificates = []tls.Certificate{ca.issue("x")} })
	if got, _ := get(t, c, "https://"+r.addr); !strings.Contains(got, "cert=CN=x,O=Weir; sha256=") {
		t.Errorf("%q", got)
	}
}

// TestExpired: a certificate that is too old is used, since that may be wanted,
// but not without a word.
func TestExpired(t *testing.T) {
	set := write(t, t.TempDir(), newAuthority(t).issue("server"))
	book := &logbook{}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 365 * 24 * time.Hour) // a bubble begins in the year 2000
		if _, err := newCertificates(set, slog.New(slog.NewTextHandler(book, nil))); err != nil {
			t.Error(err)
		}
	})
	if book.count("the TLS certificate has expired") != 1 {
		t.Errorf("%s", book.text.String())
	}
}
