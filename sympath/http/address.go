package http

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// private tells addresses that no server on the Internet has any business
// sending us to: this machine, its network, and the forms that embed one.
func private(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return true // unspecified, loopback, link-local, multicast, broadcast; RFC 1918 and fc00::/7
	}
	if v4, ok := embedded(ip); ok {
		return private(v4)
	}
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", // IANA special-purpose registry
		"fec0::/10", "2001:db8::/32", "100::/64", "2001::/32", "64:ff9b:1::/48",
	} {
		if netip.MustParsePrefix(p).Contains(ip) {
			return true
		}
	}
	return false
}

// embedded returns the IPv4 address inside of an IPv6 one: NAT64 (RFC 6052),
// 6to4 (RFC 3056) and the old IPv4-compatible form.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if ip.Is4() {
		return netip.Addr{}, false
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip), netip.MustParsePrefix("::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// literal tells whether a host name is a private address as it stands, or a
// name for this machine.
func literal(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && private(ip)
}

// refusePrivate is a net.Dialer's Control: it sees the address a name has
// come to, however that happened.
func refusePrivate(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || private(ap.Addr()) {
		return permanent{fmt.Errorf("%w: %s", ErrAddress, address)}
	}
	return nil
}

// dial connects to hosts of the path as the user wants it and to all others
// only outside of private networks.
func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: c.cfg.HeaderTimeout / 2}
	if !c.trusted(addr) {
		d.ControlContext = refusePrivate
	}
	return d.DialContext(ctx, network, addr)
}

func (c *Client) trusted(addr string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.allowed[strings.ToLower(addr)]
}

func (c *Client) trust(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed[strings.ToLower(addr)] = true
}
