package front

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
)

// Stats is what has become of connections.
type Stats struct {
	// Open is how many are open now.
	Open int
	// Refused is how many were closed at once since the start: beyond the limit of
	// their address, or without the PROXY header that their peer must send.
	Refused int64
}

// limits is what the gate goes by; it changes when the config is read again.
type limits struct {
	total, perAddress int      // 0 for none
	proxies           networks // that begin with a PROXY header
	exempt            networks // from perAddress
}

func (c Config) limits() limits {
	return limits{
		total: c.MaxConnections, perAddress: c.MaxConnectionsPerAddress,
		proxies: newNetworks(c.ProxyProtocol...),
		exempt:  append(newNetworks(c.TrustedProxies...), newNetworks(c.ProxyProtocol...)...),
	}
}

// gate is a listener that counts: it takes no connection beyond the total, and
// closes those beyond what their address may have. One goroutine may accept.
type gate struct {
	net.Listener
	log *slog.Logger

	mu        sync.Mutex
	room      *sync.Cond // for one more, or the gate was closed
	limits    limits
	closed    bool
	stats     Stats
	addresses map[netip.Prefix]int // open ones; every address, since a limit may be set later
}

func newGate(l net.Listener, lim limits, log *slog.Logger) *gate {
	g := &gate{Listener: l, log: log, limits: lim, addresses: map[netip.Prefix]int{}}
	g.room = sync.NewCond(&g.mu)
	return g
}

// Accept waits for room, then for a connection that may stay.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		for g.limits.total > 0 && g.stats.Open >= g.limits.total && !g.closed {
			g.room.Wait()
		}
		closed := g.closed
		g.mu.Unlock()
		if closed { // though the listener may not be yet, and someone waits there
			return nil, net.ErrClosed
		}
		raw, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := g.admit(raw); c != nil {
			return c, nil
		}
	}
}

// admit gives the connection to serve, or nil for one that it closed. One from a
// balancer is judged only when its PROXY header has been read, by who serves it.
func (g *gate) admit(raw net.Conn) net.Conn {
	a := addressOf(raw.RemoteAddr())
	g.mu.Lock()
	g.stats.Open++
	proxied := g.limits.proxies.contains(a)
	g.mu.Unlock()
	c := &conn{Conn: raw, gate: g}
	if proxied {
		return newProxied(c)
	}
	if !c.claim(a) {
		_ = c.Close() // nothing was said on it
		return nil
	}
	return c
}

// set changes the limits; what is open stays.
func (g *gate) set(l limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits = l
	g.room.Broadcast()
}

// Close ends a waiting Accept too.
func (g *gate) Close() error {
	g.mu.Lock()
	g.closed = true
	g.room.Broadcast()
	g.mu.Unlock()
	return g.Listener.Close()
}

func (g *gate) count() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stats
}

// addressOf is the IP address of a, or none.
func addressOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
