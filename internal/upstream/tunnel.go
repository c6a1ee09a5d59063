package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// tunnel connects through a proxy (RFC 9110, 9.3.6). It stands in place of
// net/http's own, which gives a silent proxy a minute and shows the backend's
// client certificate to the proxy.
type tunnel struct {
	proxy   *url.URL
	direct  dialFunc
	secure  *tls.Config
	timeout time.Duration
}

// ProxyError says that a proxy did not connect to a backend.
type ProxyError struct {
	// Proxy and Host are hosts with their ports.
	Proxy, Host string
	// Status is the proxy's answer, 0 when there was none.
	Status int
	// Err is why there was no answer.
	Err error
}

// Error says what the proxy answered, and the mend.
func (e *ProxyError) Error() string {
	text := "the proxy " + e.Proxy + " did not connect to " + e.Host
	switch {
	case e.Status == http.StatusProxyAuthRequired:
		return text + ": HTTP 407: egress_proxy needs the right user and password"
	case e.Status != 0:
		return fmt.Sprintf("%s: HTTP %d", text, e.Status)
	}
	return text + ": " + e.Err.Error()
}

// Unwrap gives why there was no answer.
func (e *ProxyError) Unwrap() error { return e.Err }

func (t *tunnel) dial(ctx context.Context, network, address string) (net.Conn, error) {
	port := t.proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[t.proxy.Scheme]
	}
	at := net.JoinHostPort(t.proxy.Hostname(), port)
	failed := func(status int, err error) error {
		return &net.OpError{Op: "dial", Net: network, Err: &ProxyError{Proxy: at, Host: address, Status: status, Err: err}}
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	conn, err := t.direct(ctx, network, at)
	if err != nil {
		return nil, failed(0, err)
	}
	status, err := 0, error(nil)
	raw := conn
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	if t.proxy.Scheme == "https" {
		secure := t.secure.Clone()
		secure.ServerName = t.proxy.Hostname()
		conn = tls.Client(conn, secure) // shakes hands with its first write
	}
	if status, err = t.connect(conn, address); err == nil && status/100 == 2 && stop() {
		return conn, nil
	}
	stop()
	conn.Close()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, failed(status, err)
}

// connect asks the proxy for a connection to address.
func (t *tunnel) connect(conn net.Conn, address string) (status int, err error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if u := t.proxy.User; u != nil {
		password, _ := u.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return 0, err
	}
	// What is read ahead is lost, but a backend does not speak before it is spoken to.
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxHeader)), req)
	if err != nil {
		return 0, errors.New("its answer is not HTTP") // the cause may quote it
	}
	return resp.StatusCode, nil
}
