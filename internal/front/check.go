package front

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"weir/internal/fault"
)

// Limits of what may be configured.
const (
	minHeaderBytes = 4 << 10
	maxHeaderBytes = 16 << 20
	longest        = 24 * time.Hour // of any timeout
)

// Check gives the config's problems. The files of TLS are read where they are
// named, and must work together.
func (c Config) Check() []fault.Problem {
	c.defaults()
	var ps []fault.Problem
	add := func(path, message, hint string) {
		ps = append(ps, fault.Problem{Path: path, Message: message, Hint: hint})
	}
	if !isAddress(c.Listen) {
		add("listen", "not an address and port", defaultListen)
	}
	for _, list := range []struct {
		name string
		v    []string
	}{{"proxy_protocol", c.ProxyProtocol}, {"trusted_proxies", c.TrustedProxies}} {
		for i, p := range list.v {
			if _, err := parsePrefix(p); err != nil {
				add(fmt.Sprintf("%s[%d]", list.name, i), "neither an address nor a network", "10.0.0.0/8")
			}
		}
	}
	for _, n := range []struct {
		name string
		v    int
	}{{"max_connections", c.MaxConnections}, {"max_connections_per_address", c.MaxConnectionsPerAddress}} {
		if n.v < 0 {
			add(n.name, "a count cannot be negative", "0 for no limit")
		}
	}
	for _, d := range []struct {
		name string
		v    time.Duration
	}{
		{"header_timeout", c.HeaderTimeout}, {"body_timeout", c.BodyTimeout}, {"idle_timeout", c.IdleTimeout},
		{"drain_delay", c.DrainDelay}, {"drain_timeout", c.DrainTimeout},
	} {
		if d.v < 0 {
			add(d.name, "a time cannot be negative", "20s")
		}
		if d.v > longest {
			add(d.name, "longer than a day", "20s, 5m or 1h")
		}
	}
	if c.MaxHeaderBytes < minHeaderBytes {
		add("max_header_bytes", "too small for ordinary headers", "65536")
	}
	if c.MaxHeaderBytes > maxHeaderBytes {
		add("max_header_bytes", "so much of each request would be held in memory", "65536; 16777216 at most")
	}
	if c.H2C && c.TLS.enabled() {
		add("h2c", "this is HTTP/2 without TLS, and the listener has TLS", "leave it out: with TLS, HTTP/2 is on")
	}
	return append(ps, c.TLS.check()...)
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	if n, err := strconv.Atoi(port); err == nil {
		return n >= 0 && n <= 65535
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil && port != ""
}

// check gives the problems of t, which has its defaults.
func (t TLS) check() []fault.Problem {
	var ps []fault.Problem
	add := func(path, message, hint string) {
		ps = append(ps, fault.Problem{Path: "tls." + path, Message: message, Hint: hint})
	}
	if t.MinVersion != "1.2" && t.MinVersion != "1.3" {
		add("min_version", fmt.Sprintf("%q is no version that is spoken", t.MinVersion), `"1.2" or "1.3", in quotes`)
	}
	switch t.ClientAuth {
	case authNone:
	case authRequest, authRequire:
		if t.ClientCAFile == "" {
			add("client_auth", "client certificates can be judged only by their authorities", "name their file in client_ca_file")
		}
	default:
		add("client_auth", fmt.Sprintf("%q is no way to ask for certificates", t.ClientAuth), "none, request or require")
	}
	switch {
	case t.CertFile == "" && t.KeyFile == "" && t.ClientCAFile == "":
		return ps
	case t.CertFile == "":
		add("cert_file", "missing", "the PEM file of the server's certificate")
	case t.KeyFile == "":
		add("key_file", "missing", "the PEM file of the certificate's private key")
	}
	_, problems := t.read()
	return append(ps, problems...)
}
