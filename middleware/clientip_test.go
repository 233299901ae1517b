package middleware_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/middleware"
)

func addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func TestRemoteAddr(t *testing.T) {
	t.Parallel()
	tests := []struct{ remote, want string }{
		{"192.0.2.7:4711", "192.0.2.7"},
		{"[2001:db8::7]:4711", "2001:db8::7"},
		{"[::ffff:192.0.2.7]:4711", "192.0.2.7"},
		{"[fe80::7%eth0]:4711", "fe80::7"},
		{"192.0.2.7", "192.0.2.7"},
		{"2001:db8::7", "2001:db8::7"},
		{"", ""},
		{"@", ""},
		{"/run/app.sock", ""},
		{"localhost:4711", ""},
		{"192.0.2.7:port", ""},
		{"192.0.2.007:80", ""},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		r.Header.Set("X-Forwarded-For", "203.0.113.1")
		r.Header.Set("X-Real-IP", "203.0.113.1")
		r.Header.Set("Forwarded", "for=203.0.113.1")
		if got := middleware.RemoteAddr(r); got != addr(tt.want) {
			t.Errorf("RemoteAddr(%q) = %v, want %v", tt.remote, got, addr(tt.want))
		}
	}
}

func TestForwardedFor(t *testing.T) {
	t.Parallel()
	const proxy = "10.0.0.1:443"
	tests := []struct {
		name   string
		remote string
		lines  []string
		want   string
	}{
		{"a stranger's header is not looked at", "198.51.100.9:1", []string{"203.0.113.1"}, "198.51.100.9"},
		{"no header", proxy, nil, "10.0.0.1"},
		{"one proxy", proxy, []string{"203.0.113.1"}, "203.0.113.1"},
		{"what the client invented stands to the left", proxy, []string{"6.6.6.6, 203.0.113.1"}, "203.0.113.1"},
		{"a false trusted address to the left of the client", proxy, []string{"10.0.0.2, 203.0.113.1"}, "203.0.113.1"},
		{"junk to the left of the client", proxy, []string{"unknown, <script>, 203.0.113.1"}, "203.0.113.1"},
		{"two proxies", proxy, []string{"203.0.113.1, 10.0.0.2"}, "203.0.113.1"},
		{"proxies of both families", proxy, []string{"6.6.6.6, 203.0.113.1, fd00::2, 10.0.0.2"}, "203.0.113.1"},
		{"lines are one list", proxy, []string{"6.6.6.6", "203.0.113.1", "10.0.0.2"}, "203.0.113.1"},
		{"lines that hold lists", proxy, []string{"6.6.6.6, 203.0.113.1", "10.0.0.3, 10.0.0.2"}, "203.0.113.1"},
		{"the client's own line comes first", proxy, []string{"6.6.6.6", "203.0.113.1"}, "203.0.113.1"},
		{"all trusted: the leftmost", proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no space, many spaces, a tab", proxy, []string{"6.6.6.6,203.0.113.1,   10.0.0.3 ,\t10.0.0.2 "}, "203.0.113.1"},

		{"IPv6", proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a port", proxy, []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"IPv4 with a port", proxy, []string{"203.0.113.1:4711"}, "203.0.113.1"},
		{"a trusted proxy with a port", proxy, []string{"203.0.113.1:1, 10.0.0.2:2"}, "203.0.113.1"},
		{"IPv4 mapped into IPv6", proxy, []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		{"a trusted proxy mapped into IPv6", proxy, []string{"203.0.113.1, ::ffff:10.0.0.2"}, "203.0.113.1"},
		{"a peer mapped into IPv6", "[::ffff:10.0.0.1]:443", []string{"203.0.113.1"}, "203.0.113.1"},
		{"a zone", proxy, []string{"fe80::7%eth0"}, "fe80::7"},
		{"a peer with a zone", "[fd00::1%eth0]:443", []string{"203.0.113.1"}, "203.0.113.1"},
		{"brackets and a zone", proxy, []string{"[fe80::7%eth0]:80"}, "fe80::7"},

		{"empty header", proxy, []string{""}, "10.0.0.1"},
		{"empty last entry", proxy, []string{"203.0.113.1,"}, "10.0.0.1"},
		{"empty last line", proxy, []string{"203.0.113.1", ""}, "10.0.0.1"},
		{"empty entry between", proxy, []string{"203.0.113.1,,10.0.0.2"}, "10.0.0.1"},
		{"no address", proxy, []string{"203.0.113.1, unknown"}, "10.0.0.1"},
		{"no address behind a trusted proxy", proxy, []string{"203.0.113.1, _hidden, 10.0.0.2"}, "10.0.0.1"},
		{"a host name", proxy, []string{"client.example"}, "10.0.0.1"},
		{"a prefix", proxy, []string{"203.0.113.0/24"}, "10.0.0.1"},
		{"leading zeros", proxy, []string{"203.0.113.001"}, "10.0.0.1"},
		{"a bad port", proxy, []string{"203.0.113.1:99999"}, "10.0.0.1"},
		{"brackets around IPv4", proxy, []string{"[203.0.113.1]"}, "10.0.0.1"},
		{"an open bracket", proxy, []string{"[2001:db8::7"}, "10.0.0.1"},
		{"a bracket and no more", proxy, []string{"["}, "10.0.0.1"},
		{"quotes", proxy, []string{`"203.0.113.1"`}, "10.0.0.1"},
		{"an entry without end", proxy, []string{"fe80::7%" + strings.Repeat("e", 100)}, "10.0.0.1"},
		{"32 hops", proxy, []string{"203.0.113.1" + strings.Repeat(",10.0.0.2", 31)}, "203.0.113.1"},
		{"33 hops", proxy, []string{"203.0.113.1" + strings.Repeat(",10.0.0.2", 32)}, "10.0.0.1"},
		{"33 hops on as many lines", proxy, append([]string{"203.0.113.1"}, strings.Split(strings.Repeat("10.0.0.2,", 31)+"10.0.0.2", ",")...), "10.0.0.1"},
		{"any number of them to the left", proxy, []string{strings.Repeat("10.0.0.2,", 10_000) + "203.0.113.1"}, "203.0.113.1"},

		{"a Unix socket is no proxy", "@", []string{"203.0.113.1"}, ""},
	}
	read := middleware.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.remote
			r.Header["X-Forwarded-For"] = tt.lines
			r.Header.Set("X-Real-IP", "6.6.6.6")
			if got := read(r); got != addr(tt.want) {
				t.Errorf("ForwardedFor(%.60q from %s) = %v, want %v", tt.lines, tt.remote, got, addr(tt.want))
			}
		})
	}
}

// The headers that nginx and caddy were seen to send for a client that claimed
// to be 6.6.6.6.
func TestForwardedForBehindKnownProxies(t *testing.T) {
	t.Parallel()
	read := middleware.ForwardedFor(netip.MustParsePrefix("127.0.0.1/32"))
	for _, tt := range []struct{ proxy, header, want string }{
		{"nginx with $proxy_add_x_forwarded_for", "6.6.6.6, 198.51.100.9", "198.51.100.9"},
		{"caddy", "198.51.100.9", "198.51.100.9"},
		{"nginx, asked from its own machine", "6.6.6.6, 127.0.0.1", "6.6.6.6"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "127.0.0.1:5000"
		r.Header.Set("X-Forwarded-For", tt.header)
		if got := read(r); got != addr(tt.want) {
			t.Errorf("behind %s: ForwardedFor(%q) = %v, want %v", tt.proxy, tt.header, got, tt.want)
		}
	}
}

func TestForwardedForPrefixes(t *testing.T) {
	t.Parallel()
	trusts := func(prefix, peer string) bool {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = netip.AddrPortFrom(addr(peer), 1).String()
		r.Header.Set("X-Forwarded-For", "203.0.113.1")
		return middleware.ForwardedFor(netip.MustParsePrefix(prefix))(r) == addr("203.0.113.1")
	}
	for _, tt := range []struct {
		prefix, peer string
		want         bool
	}{
		{"10.0.0.0/8", "10.9.8.7", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.1.2.3/8", "10.9.8.7", true}, // host bits do not matter
		{"::ffff:10.0.0.0/104", "10.9.8.7", true},
		{"::ffff:10.0.0.0/104", "11.0.0.1", false},
		{"2001:db8::/32", "2001:db8:1::1", true},
		{"192.0.2.7/32", "192.0.2.7", true},
		{"192.0.2.7/32", "192.0.2.8", false},
	} {
		if got := trusts(tt.prefix, tt.peer); got != tt.want {
			t.Errorf("ForwardedFor(%s) trusts %s = %v, want %v", tt.prefix, tt.peer, got, tt.want)
		}
	}

	for _, p := range []netip.Prefix{
		{},
		netip.PrefixFrom(addr("10.0.0.0"), 33),
		netip.MustParsePrefix("0.0.0.0/0"),
		netip.MustParsePrefix("::/0"),
		netip.MustParsePrefix("::ffff:0.0.0.0/96"), // 0.0.0.0/0 in disguise
	} {
		mustPanic(t, "ForwardedFor("+p.String()+")", "does not name a network of proxies", func() { middleware.ForwardedFor(p) })
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-For", "203.0.113.1")
	if got, want := middleware.ForwardedFor()(r), middleware.RemoteAddr(r); got != want {
		t.Errorf("ForwardedFor() = %v, want the peer %v", got, want)
	}
}

// The prefixes are the caller's; changing them afterwards changes nothing.
func TestForwardedForCopiesItsArguments(t *testing.T) {
	t.Parallel()
	nets := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	read := middleware.ForwardedFor(nets...)
	nets[0] = netip.MustParsePrefix("198.51.100.0/24")
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "198.51.100.9:1"
	r.Header.Set("X-Forwarded-For", "203.0.113.1")
	if got := read(r); got != addr("198.51.100.9") {
		t.Errorf("ForwardedFor = %v after its argument changed, want the peer", got)
	}
}

func TestRateKey(t *testing.T) {
	t.Parallel()
	tests := []struct{ addr, key, wide string }{
		{"192.0.2.7", "192.0.2.7/32", ""},
		{"::ffff:192.0.2.7", "192.0.2.7/32", ""},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"2001:db8:1:2:ffff::1", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"fe80::7%eth0", "fe80::/64", "fe80::/48"},
		{"::1", "::/64", "::/48"},
		{"", "", ""},
	}
	prefix := func(s string) netip.Prefix {
		if s == "" {
			return netip.Prefix{}
		}
		return netip.MustParsePrefix(s)
	}
	for _, tt := range tests {
		if got := middleware.RateKey(addr(tt.addr)); got != prefix(tt.key) {
			t.Errorf("RateKey(%s) = %v, want %v", tt.addr, got, prefix(tt.key))
		}
		if got := middleware.WideRateKey(addr(tt.addr)); got != prefix(tt.wide) {
			t.Errorf("WideRateKey(%s) = %v, want %v", tt.addr, got, prefix(tt.wide))
		}
	}
}

func TestForwardedForCostsNoMemory(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:443"
	r.Header.Set("X-Forwarded-For", "6.6.6.6, 203.0.113.1, 10.0.0.2")
	read := middleware.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	if n := testing.AllocsPerRun(100, func() { read(r) }); n != 0 {
		t.Errorf("ForwardedFor allocates %v times, want 0", n)
	}
}

// Whatever a client sends, it cannot change what the reader answers as long as
// the proxy appends the client's address; and strangers are never believed.
func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.1", "6.6.6.6")
	f.Add("10.0.0.2, ", "")
	f.Add("[::1]:1,unknown", "[fe80::1%eth0]")
	f.Add("::ffff:10.0.0.2", "%")
	f.Add("1.2.3.4:5", "\x00\xff")
	read := middleware.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	f.Fuzz(func(t *testing.T, one, two string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-For"] = []string{one, two}
		r.RemoteAddr = "198.51.100.9:1"
		if got := read(r); got != addr("198.51.100.9") {
			t.Fatalf("ForwardedFor believed the stranger who sent %q: %v", r.Header["X-Forwarded-For"], got)
		}
		r.RemoteAddr = "10.0.0.1:443"
		if got := read(r); !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Fatalf("ForwardedFor(%q) = %v, want a plain address", r.Header["X-Forwarded-For"], got)
		}
		for _, line := range []string{two + ", 203.0.113.1", two + ",203.0.113.1, 10.0.0.3"} {
			r.Header["X-Forwarded-For"] = []string{one, line}
			if got := read(r); got != addr("203.0.113.1") {
				t.Fatalf("ForwardedFor(%q) = %v, want what the proxy appended", r.Header["X-Forwarded-For"], got)
			}
		}
	})
}
