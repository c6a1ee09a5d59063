package upstream

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// PrivateError says that private_only refused an address.
type PrivateError struct {
	// Host is the backend's host and port, Address where its name led to.
	Host, Address string
}

// Error names host and address, and the mend.
func (e *PrivateError) Error() string {
	return fmt.Sprintf("private_only refuses %s, where %s leads to: it is not a private address; "+
		"make the name lead to the private endpoint, or leave out private_only", e.Address, e.Host)
}

// dialer gives d's DialContext; where private is set, with a look at each address
// before it is connected to, so that what a name leads to cannot change between
// look and connection.
func dialer(d *net.Dialer, private bool) dialFunc {
	if !private {
		return d.DialContext
	}
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		guarded := *d
		guarded.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			if at, err := netip.ParseAddrPort(address); err != nil || !isPrivate(at.Addr()) {
				return &PrivateError{Host: host, Address: address}
			}
			return nil
		}
		return guarded.DialContext(ctx, network, host)
	}
}

// Of the networks that a private endpoint may be in, IsPrivate knows the others:
// RFC 1918 and fc00::/7. 100.64/10 (RFC 6598) is between a provider's NAT and its
// customers.
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// nat64 is where IPv4 addresses stand in IPv6 (NAT64, RFC 6052): in the last
// 32 bits.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// metadataServices are inside of private networks; 169.254.169.254 and the
// like are link-local.
var metadataServices = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"), netip.MustParseAddr("100.100.100.200"),
}

// isPrivate says whether an address is a private one. What is not known to be is
// not.
func isPrivate(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, m := range metadataServices {
		if a == m {
			return false
		}
	}
	return a.IsLoopback() || a.IsPrivate() || carrier.Contains(a)
}
