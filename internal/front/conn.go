package front

import (
	"errors"
	"net"
	"net/netip"
)

// conn is a connection that the gate counts until it is closed.
type conn struct {
	net.Conn
	gate *gate

	// Of the gate's mutex.
	key  netip.Prefix // what it counts for; zero before it is claimed
	left bool
}

// claim counts c for the address a, unless a has as many as it may.
func (c *conn) claim(a netip.Addr) bool {
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.left || !a.IsValid() {
		return !c.left
	}
	key := client(a)
	if n := g.limits.perAddress; n > 0 && g.addresses[key] >= n && !g.limits.exempt.contains(a) {
		g.stats.Refused++
		return false
	}
	g.addresses[key]++
	c.key = key
	return true
}

// client is what counts as one client: an IPv4 address, or an IPv6 network of 64
// bits, of which one host has all addresses (RFC 8981).
func client(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(a, 32)
	}
	return netip.PrefixFrom(a, 64).Masked()
}

// Close closes the connection and makes room for another.
func (c *conn) Close() error {
	err := c.Conn.Close()
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.left {
		return err
	}
	c.left = true
	g.stats.Open--
	if c.key.IsValid() {
		if g.addresses[c.key]--; g.addresses[c.key] == 0 {
			delete(g.addresses, c.key)
		}
	}
	g.room.Broadcast()
	return err
}

// CloseWrite ends what the gateway sends, and no more.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}
