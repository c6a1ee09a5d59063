package front

import (
	"cmp"
	"path/filepath"
	"time"
)

// Config is where and how the gateway listens, and whom it believes.
type Config struct {
	// Listen is the address and port; default 127.0.0.1:8080. Port 0 takes a free one.
	Listen string `yaml:"listen"`
	// TLS makes the listener speak HTTPS, with HTTP/2; default plain HTTP.
	TLS TLS `yaml:"tls"`
	// H2C takes HTTP/2 without TLS too, from clients that begin with it (prior
	// knowledge); default false.
	H2C bool `yaml:"h2c"`
	// ProxyProtocol lists addresses and networks (CIDR) of balancers that begin each
	// connection with a PROXY header, version 1 or 2: from them a connection without
	// one is closed, from others it is not read. Default none.
	ProxyProtocol []string `yaml:"proxy_protocol"`
	// TrustedProxies lists addresses and networks (CIDR) whose X-Forwarded-For is
	// believed: the client is the last address in it that is none of these.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// MaxConnections is how many connections may be open at once; further ones wait
	// until one closes. Default 0, which is no limit.
	MaxConnections int `yaml:"max_connections"`
	// MaxConnectionsPerAddress is how many connections one client address may have
	// open, an IPv6 client's being its /64; further ones are closed at once. The
	// addresses of trusted_proxies and proxy_protocol are exempt. Default 0, no limit.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"`
	// HeaderTimeout is how long a client may take to send its headers; default 20s.
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	// BodyTimeout is how long a client may send nothing of its request's body while
	// the gateway waits for more of it; default 1m. It never ends an answer.
	BodyTimeout time.Duration `yaml:"body_timeout"`
	// IdleTimeout is how long a connection is kept without a request; default 2m.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// MaxHeaderBytes limits the headers of a request; default 65536 (64 KiB), at
	// most 16777216 (16 MiB).
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// DrainDelay is how long a gateway that is told to stop goes on taking calls,
	// so that balancers see that it is not ready and turn away; its answers then
	// ask for the connection to be closed. Default 0s.
	DrainDelay time.Duration `yaml:"drain_delay"`
	// DrainTimeout is how long calls in flight may take to end when the gateway
	// stops, after drain_delay; then they are cut, and are on the record as
	// interrupted. Default 30s; 1ms cuts them at once, and 0s is refused.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
}

// TLS is the listener's certificate and what it asks of clients. Its files are
// read again when they change, without a restart.
type TLS struct {
	// CertFile is the PEM file of the server's certificate, followed by those
	// between it and its authority.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the PEM file of the certificate's private key, not encrypted.
	KeyFile string `yaml:"key_file"`
	// MinVersion is the oldest version that is spoken, "1.2" (default) or "1.3".
	MinVersion string `yaml:"min_version"`
	// ClientCAFile is the PEM file of the authorities whose client certificates are
	// accepted.
	ClientCAFile string `yaml:"client_ca_file"`
	// ClientAuth says whether clients show a certificate: "none", "request" (one
	// that is shown must be good) or "require". Default require with
	// client_ca_file, else none.
	ClientAuth string `yaml:"client_auth"`
}

func (t TLS) enabled() bool { return t.CertFile != "" }

const defaultListen = "127.0.0.1:8080"

func (c *Config) defaults() {
	c.Listen = cmp.Or(c.Listen, defaultListen)
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, 20*time.Second)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, time.Minute)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Minute)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 64<<10)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 30*time.Second)
	c.TLS.MinVersion = cmp.Or(c.TLS.MinVersion, "1.2")
	if c.TLS.ClientAuth == "" {
		c.TLS.ClientAuth = authNone
		if c.TLS.ClientCAFile != "" {
			c.TLS.ClientAuth = authRequire
		}
	}
}

// Locate makes the paths of files absolute: they are relative to dir, the folder
// of the config file. Call it before [Config.Check], which reads the files.
func (c *Config) Locate(dir string) {
	for _, p := range []*string{&c.TLS.CertFile, &c.TLS.KeyFile, &c.TLS.ClientCAFile} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// Fixed names the fields, as in the YAML, in which next differs and that need a
// restart; "tls" is there when it is turned on or off. [Server.Apply] takes over
// all others; for trusted_proxies there must be a new [Clients], too.
func (c Config) Fixed(next Config) []string {
	c.defaults()
	next.defaults()
	var fields []string
	for _, f := range []struct {
		name      string
		was, want any
	}{
		{"listen", c.Listen, next.Listen},
		{"tls", c.TLS.enabled(), next.TLS.enabled()},
		{"h2c", c.H2C, next.H2C},
		{"header_timeout", c.HeaderTimeout, next.HeaderTimeout},
		{"idle_timeout", c.IdleTimeout, next.IdleTimeout},
		{"max_header_bytes", c.MaxHeaderBytes, next.MaxHeaderBytes},
	} {
		if f.was != f.want {
			fields = append(fields, f.name)
		}
	}
	return fields
}
