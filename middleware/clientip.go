package middleware

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// The address of a client decides rate limits and stands in logs. Anybody can
// send an X-Forwarded-For header, so whose word to take is the operator's
// decision. There are two:
//
//	reader        use it when                                trusts
//	RemoteAddr    clients connect to this process directly   the network
//	ForwardedFor  every client comes through known proxies   those proxies
//
// Both return unmapped addresses without zones, so that one client is one key,
// and the zero Addr if there is none.

// RemoteAddr returns the address of the peer that opened the connection. No
// header can change it, so it is the right choice unless a reverse proxy stands
// in front of the process: then it is always the proxy's, and all clients would
// share one rate limit.
//
// It is the zero Addr when the server listens on a Unix socket, or when a
// handler before this one wrote something else into r.RemoteAddr.
func RemoteAddr(r *http.Request) netip.Addr {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return plain(ap.Addr())
	}
	if a, err := netip.ParseAddr(r.RemoteAddr); err == nil {
		return plain(a)
	}
	return netip.Addr{}
}

// plain makes one address of the several spellings of one host: an IPv4 address
// mapped into IPv6 is the IPv4 address, and the zone of a link-local address
// names our interface, not the client.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// maxForwarded bounds how many hops are followed, and maxHop the bytes of one:
// the longest is "[" + IPv6 with an IPv4 tail + "%" + interface name + "]:65535".
const (
	maxForwarded = 32
	maxHop       = 80
)

// ForwardedFor returns a reader of the X-Forwarded-For header for processes
// behind reverse proxies whose addresses lie in trusted.
//
// Every proxy appends the address it was called from, so the header is a list
// that grows to the right, and everything left of the first proxy that can be
// trusted may be invented. The reader therefore starts at the peer. If the peer
// is not trusted, the header is not looked at. Otherwise it goes through the
// list from the right, over all header lines as if they were one (RFC 9110 §5.3),
// and returns the first address that is not trusted, which is the one that the
// outermost trusted proxy was called from. If all are trusted, it is the
// leftmost: one of the proxies made the request itself.
//
// It fails closed. If an entry that has to be read is empty or is no address, or
// if there are more than 32 hops, the answer is the peer's address: clients then
// share the proxy's limits until the proxy is mended, but none can choose its
// address. Entries may carry a port, "192.0.2.7:4711" or "[2001:db8::7]:4711".
//
// Before going live, check that no client can reach the process past the
// proxies, that trusted names every proxy on the way and nothing else (a CDN's
// published ranges plus your own balancer, say), and that the outermost one
// appends to the header or replaces it: nginx does with
// $proxy_add_x_forwarded_for, caddy and most balancers do by themselves. Then
// send a request with a false X-Forwarded-For and look for the false address in
// the log.
//
// ForwardedFor panics if a prefix is invalid or has no bits: 0.0.0.0/0 trusts
// everybody, which lets every client choose its address. With no prefixes it is
// [RemoteAddr].
func ForwardedFor(trusted ...netip.Prefix) func(*http.Request) netip.Addr {
	nets := make([]netip.Prefix, 0, len(trusted))
	for _, p := range trusted {
		q := plainPrefix(p)
		if !q.IsValid() || q.Bits() == 0 {
			panic(fmt.Sprintf("middleware: ForwardedFor: %v does not name a network of proxies", p))
		}
		nets = append(nets, q)
	}
	return func(r *http.Request) netip.Addr {
		peer := RemoteAddr(r)
		if !contains(nets, peer) {
			return peer
		}
		if a, ok := walk(r.Header["X-Forwarded-For"], nets); ok {
			return a
		}
		return peer
	}
}

// walk goes through the entries of lines from the right and returns the first
// that is outside nets, or the leftmost. It reports false if there is no entry,
// or one it has to read is malformed, or there are too many.
func walk(lines []string, nets []netip.Prefix) (client netip.Addr, ok bool) {
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			var entry string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				entry, more = rest, false
			}
			hops++
			client, ok = parseHop(strings.Trim(entry, " \t"))
			if !ok || hops > maxForwarded {
				return netip.Addr{}, false
			}
			if !contains(nets, client) {
				return client, true
			}
		}
	}
	return client, ok
}

// parseHop reads an address with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	if s == "" || len(s) > maxHop {
		return netip.Addr{}, false
	}
	// "192.0.2.7:4711" has one colon and dots, IPv6 without brackets has two
	// colons or more.
	if s[0] == '[' || strings.Count(s, ":") == 1 {
		if ap, err := netip.ParseAddrPort(s); err == nil {
			return plain(ap.Addr()), true
		}
		inner, ok := strings.CutPrefix(s, "[")
		if !ok {
			return netip.Addr{}, false
		}
		if s, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(s, ":") {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(a), true
}

func contains(nets []netip.Prefix, a netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// plainPrefix is plain for prefixes: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
func plainPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// RateKey returns the network that counts as one client when requests are
// limited by address: the IPv4 address itself, and the /64 of an IPv6 address,
// because every customer owns at least a whole one and can use a fresh address
// for each request. The zero Addr gives the zero Prefix: clients without an
// address share one key.
func RateKey(a netip.Addr) netip.Prefix { return network(a, 64) }

// WideRateKey returns the network that gets a second, larger limit: the /48 of
// an IPv6 address, the most that sites usually own. IPv4 has no such network,
// and the zero Prefix is returned.
func WideRateKey(a netip.Addr) netip.Prefix {
	if a = plain(a); !a.Is6() {
		return netip.Prefix{}
	}
	return network(a, 48)
}

func network(a netip.Addr, bits6 int) netip.Prefix {
	a = plain(a)
	bits := a.BitLen()
	if a.Is6() {
		bits = bits6
	}
	p, _ := a.Prefix(bits) // bits is in range; the zero Addr gives the zero Prefix
	return p
}
