package oauth

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ada Lovelace":                        "Ada Lovelace",
		"  Ada \t\n Lovelace  ":               "Ada Lovelace",
		"\u202eecalevoL adA\u202c":            "ecalevoL adA",
		"Ada\u200b\u2066Love\u2069lace\ufeff": "AdaLovelace",
		"A\x00d\x07a\x1b[31m":                 "Ada[31m",
		"Ada\u2028Lovelace":                   "Ada Lovelace",
		"\u2029":                              "",
		"Ada\xff\xfeL":                        "AdaL",
		"Ада Лавлейс 李 🏳":                     "Ада Лавлейс 李 🏳",
		"":                                    "",
		strings.Repeat("a", 300):              strings.Repeat("a", 255),
		strings.Repeat("é", 200):              strings.Repeat("é", 127),
		strings.Repeat("a", 254) + " b":       strings.Repeat("a", 254),
		strings.Repeat("a", 253) + " b":       strings.Repeat("a", 253) + " b",
	} {
		got := cleanText(in)
		if got != want {
			t.Errorf("cleanText(%q) = %q, want %q", in, got, want)
		}
		if len(got) > maxText || !utf8.ValidString(got) || cleanText(got) != got {
			t.Errorf("cleanText(%q) = %q is too long, invalid or not clean", in, got)
		}
	}
}

func TestCleanEmail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for in, want := range map[string]string{
		"ada@example.com":                      "ada@example.com",
		"Ada.Love+Lace@Example.COM":            "ada.love+lace@example.com",
		"test-user@localhost":                  "test-user@localhost",
		"o'hara!#$%&*/=?^_`{|}~-@example.com":  "o'hara!#$%&*/=?^_`{|}~-@example.com",
		long + "@example.com":                  long + "@example.com",
		long + "a@example.com":                 "",
		"a@" + strings.Repeat("a.", 126) + "b": "",
		"a@" + long + ".com":                   "",
		"":                                     "",
		"@":                                    "",
		"ada":                                  "",
		"@example.com":                         "",
		"ada@":                                 "",
		"ada@@example.com":                     "",
		"ada@evil@example.com":                 "",
		"ada@example.com,eve@example.com":      "",
		"ada@example.com eve@example.com":      "",
		"ada@example.com\r\nBcc: e@e.e":        "",
		"ada@example.com\x00":                  "",
		" ada@example.com":                     "",
		"ada@example.com ":                     "",
		"Ada <ada@example.com>":                "",
		"\"ada\"@example.com":                  "",
		"ada@[127.0.0.1]":                      "",
		".ada@example.com":                     "",
		"ada.@example.com":                     "",
		"ada..l@example.com":                   "",
		"ada@example..com":                     "",
		"ada@.example.com":                     "",
		"ada@example.com.":                     "",
		"ada@-example.com":                     "",
		"ada@example-.com":                     "",
		"ada@exa_mple.com":                     "",
		"ad\u0131@example.com":                 "", // dotless i
		"ada@e\u017fample.com":                 "", // long s
		"ada@\u212aexample.com":                "", // Kelvin sign
		"ad\u00e4@example.com":                 "",
	} {
		if got := cleanEmail(in); got != want {
			t.Errorf("cleanEmail(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCleanAvatar(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://avatars.example.com/u/1?v=4":                "https://avatars.example.com/u/1?v=4",
		"HTTPS://avatars.example.com/u/1":                    "https://avatars.example.com/u/1",
		"http://avatars.example.com/u/1":                     "",
		"//avatars.example.com/u/1":                          "",
		"/u/1":                                               "",
		"javascript:alert(1)":                                "",
		"java\nscript:alert(1)":                              "",
		"data:image/svg+xml,<svg onload=x>":                  "",
		"https:avatars.example.com":                          "",
		"https://":                                           "",
		"https://user:pw@example.com/":                       "",
		"https://example.com/\"onerror=x":                    "https://example.com/%22onerror=x",
		"https://example.com/a b":                            "",
		"https://ex\u00e4mple.com/":                          "",
		"https://example.com/" + strings.Repeat("a", maxURL): "",
		"": "",
	} {
		if got := cleanAvatar(in); got != want {
			t.Errorf("cleanAvatar(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"https://issuer.example/token":       true,
		"https://issuer.example/token?a=b":   true,
		"https://issuer.example:8443":        true,
		"http://127.0.0.1:8080/token":        true,
		"http://127.9.9.9/token":             true,
		"http://[::1]:8080/token":            true,
		"http://localhost/token":             true,
		"http://issuer.example/token":        false,
		"http://localhost.attacker.example/": false,
		"http://127.0.0.1.attacker.example/": false,
		"http://10.0.0.1/token":              false,
		"http://169.254.169.254/latest":      false,
		"http://[::ffff:10.0.0.1]/":          false,
		"http://0.0.0.0/":                    false,
		"http://2130706433/":                 false, // 127.0.0.1 to some parsers
		"ftp://issuer.example/":              false,
		"file:///etc/passwd":                 false,
		"javascript:alert(1)":                false,
		"//issuer.example/token":             false,
		"/token":                             false,
		"https:issuer.example":               false,
		"https://":                           false,
		"https://:443/":                      false,
		"https://u:p@issuer.example/":        false,
		"https://u@issuer.example/":          false,
		"https://issuer.example/#":           false,
		"https://issuer.example/#a":          false,
		"https://issuer.example\\@evil/":     false,
		"https://issuer.example/a b":         false,
		"https://issuer.example/\n":          false,
		"https://issuer.example:port/":       false,
		"https://issu\u0435r.example/":       false, // Cyrillic e
		"":                                   false,
	} {
		if _, ok := parseEndpoint(in); ok != want {
			t.Errorf("parseEndpoint(%q) ok = %t, want %t", in, ok, want)
		}
	}
}
