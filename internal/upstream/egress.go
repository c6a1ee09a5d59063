package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Egress is how a backend is reached.
type Egress struct {
	// Proxy is the proxy that connects to the backend (HTTP's CONNECT), and to
	// Entra for its tokens: http://HOST:PORT or https://HOST:PORT. A user and a
	// password may stand in it, as ${env:NAME} or ${file:PATH}. Default none; the
	// environment's proxies are not used.
	Proxy string `yaml:"egress_proxy"`
	// CAFile holds certificate authorities in PEM that are trusted besides the
	// system's.
	CAFile string `yaml:"ca_file"`
	// ClientCertFile is a certificate in PEM, followed by its chain, that proves
	// the gateway to a backend that asks for one. When the files change, new
	// connections use the new pair, and the old one while the new one is broken.
	ClientCertFile string `yaml:"client_cert_file"`
	// ClientKeyFile is that certificate's private key in PEM.
	ClientKeyFile string `yaml:"client_key_file"`
	// PrivateOnly refuses to connect to the backend where its name leads to a
	// public address: for private endpoints. Loopback, 10/8, 172.16/12, 192.168/16,
	// 100.64/10 and fc00::/7 are private; metadata services are not.
	PrivateOnly bool `yaml:"private_only"`
	// ConnectTimeout limits connecting, the proxy's part of it and the TLS
	// handshake, each; default 10s.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
}

// check reports what is wrong with the egress at path; files are read.
func (e Egress) check(k *checker, path string) {
	k.timeout(e.ConnectTimeout, "10s", "%s.connect_timeout", path)
	if e.Proxy != "" {
		if _, err := proxyURL(e.Proxy); err != nil {
			k.bad(err.Error(), "http://proxy.example:3128", "%s.egress_proxy", path)
		}
		if e.PrivateOnly {
			k.bad("the proxy chooses the address, so the gateway cannot see whether it is private",
				"leave out egress_proxy or private_only", "%s.private_only", path)
		}
	}
	if e.CAFile != "" {
		if _, err := authorities(e.CAFile); err != nil {
			k.bad(err.Error(), "a file with certificates in PEM", "%s.ca_file", path)
		}
	}
	switch {
	case e.ClientCertFile == "" && e.ClientKeyFile == "":
	case e.ClientKeyFile == "":
		k.bad("a client certificate needs its private key", "client_key_file: key.pem", "%s.client_key_file", path)
	case e.ClientCertFile == "":
		k.bad("a private key needs its certificate", "client_cert_file: cert.pem", "%s.client_cert_file", path)
	default:
		if _, err := newClientPair(e.ClientCertFile, e.ClientKeyFile); err != nil {
			k.bad(err.Error(), "a certificate and its own private key, both in PEM", "%s.client_cert_file", path)
		}
	}
}

// locate makes the paths of files absolute, from the config's folder.
func (e *Egress) locate(dir string) {
	for _, p := range []*string{&e.CAFile, &e.ClientCertFile, &e.ClientKeyFile} {
		*p = located(dir, *p)
	}
}

func located(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// tokenTransport leads to Entra: by the same proxy, and trusting the same
// authorities, but to public addresses too, and without the backend's certificate.
// A managed identity's endpoint is on the machine itself, where no proxy leads.
// Without an entra it is nil.
func (e Egress) tokenTransport(entra *Entra) (http.RoundTripper, error) {
	if entra == nil {
		return nil, nil
	}
	e.PrivateOnly, e.ClientCertFile, e.ClientKeyFile = false, "", ""
	if entra.Method == MethodManagedIdentity {
		e.Proxy = ""
	}
	return newTransport(e)
}

// proxyURL reads a proxy's URL. Its errors quote nothing of it: a password may be
// in it.
func proxyURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("not a proxy's URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("a proxy is spoken to by http or https")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the proxy's URL has more than scheme, user, password, host and port")
	}
	return u, nil
}

func authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in PEM in %s", file)
	}
	return pool, nil
}

// maxHeader limits an answer's header fields, the interim (1xx) answers before it
// included: a backend that sends no end of them costs this much memory.
const maxHeader = 256 << 10

// newTransport is tuned for one host: many idle connections, HTTP/2 where TLS
// offers it, bodies as they come. A model may be silent for minutes before it
// answers, so only the call's context limits that; HTTP/2's pings tell a silent
// model from a dead connection meanwhile. It fails where a file cannot be used.
func newTransport(e Egress) (*http.Transport, error) {
	connect := orDefault(e.ConnectTimeout, 10*time.Second)
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CAFile != "" {
		pool, err := authorities(e.CAFile)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = pool
	}
	dial := dialer(&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}, e.PrivateOnly)
	if e.Proxy != "" {
		u, err := proxyURL(e.Proxy)
		if err != nil {
			return nil, err
		}
		dial = (&tunnel{u, dial, secure.Clone(), connect}).dial
	}
	if e.ClientCertFile != "" {
		pair, err := newClientPair(e.ClientCertFile, e.ClientKeyFile)
		if err != nil {
			return nil, err
		}
		secure.GetClientCertificate = pair.get
	}
	return &http.Transport{
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    connect,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		DisableCompression:     true,
		WriteBufferSize:        8 << 10,
		ReadBufferSize:         8 << 10,
	}, nil
}

// Unsent says whether a transport's error came before its request was sent:
// there was no connection, the backend did not get through the TLS handshake in
// time (net/http has a text for that, and no type), or it is not the one that its
// certificate should name.
func Unsent(err error) bool {
	if err == nil {
		return false
	}
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &op) && op.Op == "dial" ||
		errors.As(err, &certificate) ||
		errors.As(err, &record) && record.Conn != nil || // set before the handshake only
		errors.Is(err, http.ErrSchemeMismatch) ||
		err.Error() == "net/http: TLS handshake timeout"
}
