package front

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// networks is a set of addresses.
type networks []netip.Prefix

// newNetworks takes what can be parsed; [Config.Check] names the rest.
func newNetworks(list ...string) networks {
	var n networks
	for _, s := range list {
		if p, err := parsePrefix(s); err == nil {
			n = append(n, p)
		}
	}
	return n
}

func (n networks) contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range n {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Clients finds the address of a request's client.
type Clients struct{ trusted networks }

// NewClients makes it of a config without problems.
func NewClients(c Config) *Clients { return &Clients{newNetworks(c.TrustedProxies...)} }

// Address is the client's IP address, in its usual form. Where the peer is
// trusted it is the last of X-Forwarded-For that is not; what stands before one
// that cannot be read is not believed. An address there may have a port, as
// Azure's Application Gateway writes it.
func (f *Clients) Address(r *http.Request) string {
	host := peer(r)
	if len(f.trusted) == 0 || !f.trusts(host) {
		return host
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		line, more := lines[i], true
		for more {
			hop := line
			if j := strings.LastIndexByte(line, ','); j >= 0 {
				line, hop = line[:j], line[j+1:]
			} else {
				more = false
			}
			a, ok := parseForwarded(hop)
			if !ok {
				return host
			}
			host = a.String()
			if !f.trusted.contains(a) {
				return host
			}
		}
	}
	return host
}

// peer is the address of r's connection without its port.
func peer(r *http.Request) string {
	host := r.RemoteAddr
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}

// parseForwarded reads one element of X-Forwarded-For: an IPv4 or IPv6 address,
// with a port or without, an IPv6 one in brackets or bare. A zone is dropped: it
// means something on its own host only.
func parseForwarded(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	a, err := netip.ParseAddr(s)
	if err != nil {
		if bare, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(bare, "]") {
			a, err = netip.ParseAddr(bare[:len(bare)-1])
			if err == nil && !a.Is6() {
				return netip.Addr{}, false
			}
		} else {
			var ap netip.AddrPort
			ap, err = netip.ParseAddrPort(s)
			a = ap.Addr()
		}
	}
	return a.Unmap().WithZone(""), err == nil
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
	return err == nil && f.trusted.contains(a)
}
