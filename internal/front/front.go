// Package front is the gateway's listener: addresses, limits, the client's
// address, and the way to stop.
//
// What always holds: an answer has no time limit of the server's, so a stream
// may last as long as its model speaks; headers have one, and a limit of size.
package front

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"weir/internal/fault"
)

// Config is where and how the gateway listens.
type Config struct {
	// Listen is the address and port; default 127.0.0.1:8080. Port 0 takes a free one.
	Listen string `yaml:"listen"`
	// TrustedProxies lists addresses and networks (CIDR) whose X-Forwarded-For is
	// believed: the client is the last address in it that is none of these.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// HeaderTimeout is how long a client may take to send its headers; default 20s.
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	// IdleTimeout is how long a connection is kept without a request; default 2m.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// MaxHeaderBytes limits the headers of a request; default 64 KiB.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// DrainTimeout is how long calls in flight may take to end when the gateway
	// stops; then they are cut, and are on the record as interrupted. Default 30s.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
}

func (c *Config) defaults() {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.HeaderTimeout == 0 {
		c.HeaderTimeout = 20 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 2 * time.Minute
	}
	if c.MaxHeaderBytes == 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 30 * time.Second
	}
}

// Check gives the config's problems.
func (c Config) Check() []fault.Problem {
	c.defaults()
	var problems []fault.Problem
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		problems = append(problems, fault.Problem{Path: "listen", Message: "not an address and port", Hint: "127.0.0.1:8080"})
	}
	for i, p := range c.TrustedProxies {
		if _, err := parsePrefix(p); err != nil {
			problems = append(problems, fault.Problem{Path: fmt.Sprintf("trusted_proxies[%d]", i), Message: "neither an address nor a network", Hint: "10.0.0.0/8"})
		}
	}
	for _, d := range []struct {
		name string
		v    time.Duration
	}{{"header_timeout", c.HeaderTimeout}, {"idle_timeout", c.IdleTimeout}, {"drain_timeout", c.DrainTimeout}} {
		if d.v < 0 {
			problems = append(problems, fault.Problem{Path: d.name, Message: "a time cannot be negative", Hint: "20s"})
		}
	}
	if c.MaxHeaderBytes < 4<<10 {
		problems = append(problems, fault.Problem{Path: "max_header_bytes", Message: "too small for ordinary headers", Hint: "65536"})
	}
	return problems
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// Clients finds the address of a request's client.
type Clients struct{ trusted []netip.Prefix }

// NewClients makes it of a config without problems.
func NewClients(c Config) *Clients {
	f := &Clients{}
	for _, s := range c.TrustedProxies {
		if p, err := parsePrefix(s); err == nil {
			f.trusted = append(f.trusted, p)
		}
	}
	return f
}

// Address is the client's IP address.
func (f *Clients) Address(r *http.Request) string {
	host := r.RemoteAddr
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.Trim(host, "[]")
	if len(f.trusted) == 0 || !f.trusts(host) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if host = hop; !f.trusts(hop) {
			break
		}
	}
	return host
}

// Secure says whether the client's connection is encrypted: to the gateway, or to
// a proxy in front of it that is believed.
func (f *Clients) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && len(f.trusted) > 0 && f.trusts(host) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func (f *Clients) trusts(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	for _, p := range f.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Server is a listening front.
type Server struct {
	cfg Config
	ln  net.Listener
	srv *http.Server
}

// Listen opens the listener that cfg names; [Server.Serve] then serves h.
func Listen(ctx context.Context, cfg Config, h http.Handler, logger *slog.Logger) (*Server, error) {
	cfg.defaults()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("opening the gateway's listener: %w", err)
	}
	return &Server{cfg: cfg, ln: ln, srv: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		ErrorLog:          log.New(errorLog{logger.With("component", "front")}, "", 0),
	}}, nil
}

// errorLog gives the server's own complaints (a failed handshake, a malformed
// request line) a constant message.
type errorLog struct{ *slog.Logger }

func (l errorLog) Write(p []byte) (int, error) {
	l.Debug("the HTTP server complains", "detail", strings.TrimSpace(string(p)))
	return len(p), nil
}

// Addr is the address that is listened on.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Serve serves until ctx ends, then takes no new calls, lets those in flight
// end within the drain timeout, and cuts the rest; just before that it calls
// beforeCut, which may be nil. It returns when all have ended, nil unless
// listening failed.
func (s *Server) Serve(ctx context.Context, beforeCut func()) error {
	failed := make(chan error, 1)
	go func() { failed <- s.srv.Serve(s.ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	err := s.srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		if beforeCut != nil {
			beforeCut()
		}
		err = s.srv.Close()
	}
	<-failed
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}
