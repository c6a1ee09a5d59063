package front

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Server is a listening front.
type Server struct {
	cfg   Config // as it was at the start
	gate  *gate
	srv   *http.Server
	next  http.Handler
	certs *certificates // nil without TLS

	live     atomic.Pointer[Config] // as it is now; only what may change is read of it
	draining atomic.Bool            // answers ask for their connections to be closed
}

// Listen opens the listener that cfg names; [Server.Serve] then serves h. The
// paths in cfg must be absolute or right from the working directory, see
// [Config.Locate].
func Listen(ctx context.Context, cfg Config, h http.Handler, logger *slog.Logger) (*Server, error) {
	cfg.defaults()
	logger = logger.With("component", "front")
	s := &Server{cfg: cfg, next: h}
	s.live.Store(&cfg)
	s.srv = &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		ErrorLog:          log.New(errorLog{logger}, "", 0),
		Protocols:         protocols(cfg),
		HTTP2:             http2(),
	}
	if cfg.TLS.enabled() {
		certs, err := newCertificates(cfg.TLS, logger)
		if err != nil {
			return nil, fmt.Errorf("setting up TLS: %w", err)
		}
		s.certs, s.srv.TLSConfig = certs, certs.listener()
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("opening the gateway's listener: %w", err)
	}
	s.gate = newGate(ln, cfg.limits(), logger)
	return s, nil
}

func protocols(cfg Config) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(cfg.TLS.enabled())
	p.SetUnencryptedHTTP2(cfg.H2C && !cfg.TLS.enabled())
	return p
}

// http2 limits what one HTTP/2 connection may hold: about 1 MiB of bodies that
// nobody has read, whatever the number of its streams. A peer that is gone is
// found by a ping, which no live one fails to answer, be its stream ever so slow.
func http2() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          250,
		MaxReadFrameSize:              64 << 10,
		MaxReceiveBufferPerConnection: 1 << 20,
		MaxReceiveBufferPerStream:     512 << 10,
		SendPingTimeout:               30 * time.Second,
		PingTimeout:                   15 * time.Second,
	}
}

// errorLog gives the server's own complaints (a failed handshake, a malformed
// request line) a constant message.
type errorLog struct{ *slog.Logger }

func (l errorLog) Write(p []byte) (int, error) {
	l.Debug("the HTTP server complains", "detail", strings.TrimSpace(string(p)))
	return len(p), nil
}

// Addr is the address that is listened on.
func (s *Server) Addr() net.Addr { return s.gate.Addr() }

// Stats is what has become of connections so far.
func (s *Server) Stats() Stats { return s.gate.count() }

// handle serves one request.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		w.Header().Set("Connection", "close") // over HTTP/2 net/http makes a GOAWAY of it
	}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		s.next.ServeHTTP(w, r)
		return
	}
	guardBody(s.next, w, r, s.live.Load().BodyTimeout)
}

// Apply takes over what may change while the server runs: TLS's files, whose
// contents are read, and settings, limits of connections, proxy_protocol, the
// body's timeout and the drain's times. Connections and requests that are there
// keep what they began with. On an error, which says why the TLS files cannot be
// used, nothing has changed. What [Config.Fixed] names is passed over.
func (s *Server) Apply(cfg Config) error {
	cfg.defaults()
	if s.certs != nil && cfg.TLS.enabled() {
		take, err := s.certs.prepare(cfg.TLS)
		if err != nil {
			return fmt.Errorf("setting up TLS: %w", err)
		}
		take()
	}
	s.gate.set(cfg.limits())
	s.live.Store(&cfg)
	return nil
}
