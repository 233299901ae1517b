package auth

import (
	"net/mail"
	"strings"
	"testing"
)

func TestCanonicalEmailAccepts(t *testing.T) {
	t.Parallel()
	local64 := strings.Repeat("a", 64)
	label63 := strings.Repeat("b", 63)
	// 64 + 1 + 189: 254 bytes.
	longest := local64 + "@" + label63 + "." + label63 + "." + strings.Repeat("c", 61)
	tests := []struct{ name, in, want string }{
		{"plain", "test@example.com", "test@example.com"},
		{"capitals", "Test.User@EXAMPLE.Com", "test.user@example.com"},
		{"plus tag stays", "user+tag@example.com", "user+tag@example.com"},
		{"dots stay", "u.s.e.r@gmail.com", "u.s.e.r@gmail.com"},
		{"all of atext", "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"},
		{"one-letter name", "a@b.co", "a@b.co"},
		{"digits", "1@2.3com", "1@2.3com"},
		{"punycode as typed", "user@xn--bcher-kva.example", "user@xn--bcher-kva.example"},
		{"hyphen inside a label", "user@my-host.example", "user@my-host.example"},
		{"many labels", "user@a.b.c.d.example", "user@a.b.c.d.example"},
		{"name of 64 bytes", local64 + "@example.com", local64 + "@example.com"},
		{"label of 63 bytes", "user@" + label63 + ".com", "user@" + label63 + ".com"},
		{"254 bytes", longest, longest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := CanonicalEmail(tt.in)
			if err != nil || got != tt.want {
				t.Errorf("CanonicalEmail(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestCanonicalEmailRefuses(t *testing.T) {
	t.Parallel()
	label63 := strings.Repeat("b", 63)
	tests := []struct{ name, in string }{
		{"empty", ""},
		{"no @", "victim.example"},
		{"no name", "@example.com"},
		{"no domain", "victim@"},
		{"only @", "@"},
		{"two @", "victim@example.com@evil.example"},
		{"@ in the name", "a@b@example.com"},
		{"space in front", " victim@example.com"},
		{"space behind", "victim@example.com "},
		{"space inside", "vic tim@example.com"},
		{"tab", "victim@example.com\t"},
		{"line feed", "victim@example.com\n"},
		{"header injection", "victim@example.com\r\nBcc: evil@evil.example"},
		{"NUL", "victim@example.com\x00"},
		{"NUL inside", "victim\x00@example.com"},
		{"delete", "victim\x7f@example.com"},
		{"comma list", "victim@example.com,evil@evil.example"},
		{"semicolon list", "victim@example.com;evil@evil.example"},
		{"list with a space", "victim@example.com evil@evil.example"},
		{"JSON array", `["victim@example.com","evil@evil.example"]`},
		{"Go slice", "[victim@example.com evil@evil.example]"},
		{"JSON object", `{"email":"victim@example.com"}`},
		{"display name", "Victim <victim@example.com>"},
		{"angle brackets", "<victim@example.com>"},
		{"comment", "victim(comment)@example.com"},
		{"comment in the domain", "victim@example.com(evil)"},
		{"quoted name", `"victim"@example.com`},
		{"quoted @", `"evil@evil.example"@example.com`},
		{"quoted pair", `vic\tim@example.com`},
		{"route", "@evil.example:victim@example.com"},
		{"percent route is a name, its host needs a dot", "victim%example.com@evil"},
		{"uucp with a bare host", "evil!victim@host"},
		{"mailto", "mailto:victim@example.com"},
		{"parameters", "victim@example.com?bcc=evil@evil.example"},
		{"percent in the domain", "victim@example.com%0abcc"},
		{"plus in the domain", "victim@example.com+evil.example"},
		{"dot in front", ".victim@example.com"},
		{"dot behind", "victim.@example.com"},
		{"two dots", "vic..tim@example.com"},
		{"only a dot", ".@example.com"},
		{"domain with a dot in front", "victim@.example.com"},
		{"domain with a dot behind", "victim@example.com."},
		{"domain with two dots", "victim@example..com"},
		{"domain of one label", "victim@localhost"},
		{"label with a hyphen in front", "victim@-example.com"},
		{"label with a hyphen behind", "victim@example-.com"},
		{"underscore in the domain", "victim@exa_mple.com"},
		{"address literal", "victim@[127.0.0.1]"},
		{"IPv6 literal", "victim@[IPv6:::1]"},
		{"IPv4 address", "victim@127.0.0.1"},
		{"numeric last label", "victim@example.123"},
		{"port", "victim@example.com:25"},
		{"dotless i", "vıctim@example.com"},
		{"dotless i in the domain", "victim@gıthub.com"},
		{"dotted capital I", "vİctim@example.com"},
		{"long s", "admin@exampleſ.com"},
		{"Kelvin sign", "mi\u212ae@example.com"},
		{"Kelvin sign in the domain", "mike@\u212aernel.org"},
		{"full-width letter", "ｖictim@example.com"},
		{"full-width @", "victim＠example.com"},
		{"full-width full stop", "victim@example．com"},
		{"ideographic full stop", "victim@example。com"},
		{"umlaut", "user@bücher.example"},
		{"combining accent", "vi\u0301ctim@example.com"},
		{"zero-width space", "victim\u200b@example.com"},
		{"soft hyphen", "vic\u00adtim@example.com"},
		{"right-to-left override", "victim\u202e@example.com"},
		{"no-break space", "victim@example.com\u00a0"},
		{"byte order mark", "\ufeffvictim@example.com"},
		{"replacement character", "victim\ufffd@example.com"},
		{"invalid UTF-8", "victim\xff@example.com"},
		{"overlong encoding", "victim\xc0\xae@example.com"},
		{"name of 65 bytes", strings.Repeat("a", 65) + "@example.com"},
		{"label of 64 bytes", "user@" + label63 + "b.com"},
		{"255 bytes", strings.Repeat("a", 64) + "@" + label63 + "." + label63 + "." + strings.Repeat("c", 62)},
		{"a megabyte", strings.Repeat("a", 1<<20) + "@example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := CanonicalEmail(tt.in)
			if err == nil || got != "" {
				t.Fatalf("CanonicalEmail(%.80q) = %q, %v, want an error", tt.in, got, err)
			}
			if len(tt.in) > 3 && strings.Contains(err.Error(), tt.in) {
				t.Errorf("error repeats the input: %v", err)
			}
		})
	}
}

func FuzzCanonicalEmail(f *testing.F) {
	for _, s := range []string{
		"test@example.com", "Test+Tag@EXAMPLE.com", "a@b,c@d", "v@x.example\r\nBcc: a@b.example",
		"vıctim@example.com", `"a@b"@c.example`, "<a@b.example>", "a@[1.2.3.4]", "a@1.2.3.4", "@", "..@.", "a@b@c.d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := CanonicalEmail(s)
		if err != nil {
			if got != "" {
				t.Errorf("CanonicalEmail(%q) = %q with %v", s, got, err)
			}
			return
		}
		if again, err := CanonicalEmail(got); err != nil || again != got {
			t.Errorf("CanonicalEmail(%q) = %q, %v, want it to stay", got, again, err)
		}
		if len(got) > 254 || len(got) != len(s) || !strings.EqualFold(got, s) {
			t.Errorf("CanonicalEmail(%q) = %q changed more than case", s, got)
		}
		// What we accept must be exactly one address to the standard library too,
		// and the same one.
		list, err := mail.ParseAddressList(got)
		if err != nil || len(list) != 1 || list[0].Address != got || list[0].Name != "" {
			t.Errorf("net/mail reads %q as %v, %v", got, list, err)
		}
	})
}
