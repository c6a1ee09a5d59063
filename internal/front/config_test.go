package front

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/fault"
)

func paths(ps []fault.Problem) []string {
	var names []string
	for _, p := range ps {
		names = append(names, p.Path)
	}
	return names
}

func TestCheck(t *testing.T) {
	ca := newAuthority(t)
	dir, other := t.TempDir(), t.TempDir()
	good, foreign := write(t, dir, ca.issue("a")), write(t, other, ca.issue("b"))
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*TLS)) Config {
		c := Config{TLS: good}
		change(&c.TLS)
		return c
	}
	for _, tt := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{"defaults", Config{}, nil},
		{"everything", Config{
			Listen: "[::1]:https", TLS: TLS{CertFile: good.CertFile, KeyFile: good.KeyFile, MinVersion: "1.3", ClientCAFile: good.CertFile, ClientAuth: "request"},
			ProxyProtocol: []string{"10.0.0.1"}, TrustedProxies: []string{"fd00::/8"}, MaxConnections: 10, MaxConnectionsPerAddress: 2, DrainDelay: time.Second,
		}, nil},
		{"nonsense", Config{
			Listen: "nowhere", TrustedProxies: []string{"10.0.0.1", "x"}, ProxyProtocol: []string{"", "::/129"}, MaxConnections: -1,
			IdleTimeout: -1, BodyTimeout: 48 * time.Hour, DrainDelay: -time.Second, MaxHeaderBytes: 10,
		}, []string{
			"listen", "proxy_protocol[0]", "proxy_protocol[1]", "trusted_proxies[1]", "max_connections",
			"body_timeout", "idle_timeout", "drain_delay", "max_header_bytes",
		}},
		{"port", Config{Listen: "127.0.0.1:70000"}, []string{"listen"}},
		{"headers", Config{MaxHeaderBytes: 1 << 30}, []string{"max_header_bytes"}},
		{"h2c with TLS", Config{H2C: true, TLS: good}, []string{"h2c"}},
		{"no key", with(func(c *TLS) { c.KeyFile = "" }), []string{"tls.key_file"}},
		{"no certificate", with(func(c *TLS) { c.CertFile = "" }), []string{"tls.cert_file"}},
		{"missing file", with(func(c *TLS) { c.KeyFile = filepath.Join(dir, "none") }), []string{"tls.key_file"}},
		{"folder", with(func(c *TLS) { c.CertFile = dir }), []string{"tls.cert_file"}},
		{"another's key", with(func(c *TLS) { c.KeyFile = foreign.KeyFile }), []string{"tls.cert_file"}},
		{"not PEM", with(func(c *TLS) { c.CertFile = empty }), []string{"tls.cert_file"}},
		{"no authority", with(func(c *TLS) { c.ClientCAFile = empty }), []string{"tls.client_ca_file"}},
		{"key as authority", with(func(c *TLS) { c.ClientCAFile = good.KeyFile }), []string{"tls.client_ca_file"}},
		{"version", with(func(c *TLS) { c.MinVersion = "1.1" }), []string{"tls.min_version"}},
		{"client_auth", with(func(c *TLS) { c.ClientAuth = "always" }), []string{"tls.client_auth"}},
		{"unjudged", with(func(c *TLS) { c.ClientAuth = "require" }), []string{"tls.client_auth"}},
		{"authority only", Config{TLS: TLS{ClientCAFile: good.CertFile}}, []string{"tls.cert_file"}},
	} {
		ps := tt.cfg.Check()
		if d := cmp.Diff(tt.want, paths(ps)); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		for _, p := range ps {
			if p.Message == "" || p.Hint == "" {
				t.Errorf("%s: a problem without words: %+v", tt.name, p)
			}
		}
	}
}

func TestLocate(t *testing.T) {
	c := Config{TLS: TLS{CertFile: "tls/cert.pem", KeyFile: "/etc/key.pem"}}
	c.Locate("/srv")
	if d := cmp.Diff(TLS{CertFile: "/srv/tls/cert.pem", KeyFile: "/etc/key.pem"}, c.TLS); d != "" {
		t.Error(d)
	}
}

func TestFixed(t *testing.T) {
	if f := (Config{}).Fixed(Config{HeaderTimeout: 20 * time.Second, BodyTimeout: time.Hour, MaxConnections: 7, ProxyProtocol: []string{"10.0.0.1"}}); f != nil {
		t.Errorf("need a restart: %v", f)
	}
	next := Config{Listen: ":1", TLS: TLS{CertFile: "a"}, H2C: true, HeaderTimeout: 1, IdleTimeout: 1, MaxHeaderBytes: 1}
	if d := cmp.Diff([]string{"listen", "tls", "h2c", "header_timeout", "idle_timeout", "max_header_bytes"}, (Config{}).Fixed(next)); d != "" {
		t.Error(d)
	}
	was := Config{TLS: TLS{CertFile: "a"}}
	if f := was.Fixed(Config{TLS: TLS{CertFile: "b", ClientAuth: "require"}}); f != nil {
		t.Errorf("need a restart: %v", f)
	}
}
