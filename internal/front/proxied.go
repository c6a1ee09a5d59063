package front

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// proxyHeaderTimeout is how long a balancer may take to send its PROXY header.
const proxyHeaderTimeout = 5 * time.Second

var (
	errNotTCP  = errors.New("the PROXY header's address is not one of TCP")
	errTooMany = errors.New("the client's address has as many connections as it may")
)

// proxied is a connection that begins with a PROXY header. The header is read by
// the first who wants to know something of the connection, which is its own
// goroutine, not the one that accepts.
type proxied struct {
	*conn
	header *proxyproto.Conn // conn, less its header
	once   sync.Once
	err    error
}

func newProxied(c *conn) *proxied {
	return &proxied{conn: c, header: proxyproto.NewConn(c.Conn,
		proxyproto.WithPolicy(proxyproto.REQUIRE),
		proxyproto.SetReadHeaderTimeout(proxyHeaderTimeout),
		proxyproto.ValidateHeader(overTCP))}
}

// overTCP refuses a header whose client is no TCP address (a socket's path, say):
// nothing else could be recorded as one.
func overTCP(h *proxyproto.Header) error {
	if !h.Command.IsProxy() || h.SourceAddr == nil {
		return nil // the peer speaks for itself, or does not know
	}
	if a, ok := h.SourceAddr.(*net.TCPAddr); !ok || !addressOf(a).IsValid() {
		return errNotTCP
	}
	return nil
}

// admit reads the header and counts the connection for its client; one that may
// not stay is closed.
func (p *proxied) admit() error {
	p.once.Do(func() {
		if p.header.ProxyHeader() == nil {
			_, p.err = p.header.Read(nil) // which gives the cause
			p.gate.unproxied(p.Conn.RemoteAddr(), p.err)
		} else if !p.claim(addressOf(p.header.RemoteAddr())) {
			p.err = errTooMany
		}
		if p.err != nil {
			_ = p.Close() // nothing was said on it
		}
	})
	return p.err
}

// unproxied notes a connection without a valid header.
func (g *gate) unproxied(from net.Addr, cause error) {
	g.mu.Lock()
	g.stats.Refused++
	g.mu.Unlock()
	g.log.Debug("a connection came without a valid PROXY header", "peer", from.String(), "error", cause)
}

func (p *proxied) Read(b []byte) (int, error) {
	if err := p.admit(); err != nil {
		return 0, err
	}
	return p.header.Read(b)
}

func (p *proxied) Write(b []byte) (int, error) {
	if err := p.admit(); err != nil {
		return 0, err
	}
	return p.header.Write(b)
}

// RemoteAddr is the client's address; the peer's where the header has none.
func (p *proxied) RemoteAddr() net.Addr {
	if p.admit() != nil {
		return p.Conn.RemoteAddr()
	}
	return p.header.RemoteAddr()
}

// LocalAddr is the address that the client knows.
func (p *proxied) LocalAddr() net.Addr {
	if p.admit() != nil {
		return p.Conn.LocalAddr()
	}
	return p.header.LocalAddr()
}

func (p *proxied) SetDeadline(t time.Time) error     { return p.header.SetDeadline(t) }
func (p *proxied) SetReadDeadline(t time.Time) error { return p.header.SetReadDeadline(t) }
