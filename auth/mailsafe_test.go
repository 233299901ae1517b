package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/store"
)

func TestMailSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ann O'Hara":                     "Ann O'Hara",
		"  Ann \t O'Hara\n":              "Ann O'Hara",
		"Müller & Söhne GmbH":            "Müller & Söhne GmbH",
		"山田 太郎":                          "山田 太郎",
		"J.R.R. Tolkien":                 "J.R.R. Tolkien",
		"St. John the 2nd, Ph.D.":        "St. John the 2nd, Ph.D.",
		"Version 1.25":                   "Version 1.25",
		"R&D and/or QA":                  "R&D and/or QA",
		"C# @ night":                     "C# @ night",
		"Metadata: fine":                 "Metadata: fine",
		"Booking.com":                    "Booking·com",
		"Dr.Who":                         "Dr·Who",
		"a.b.example.":                   "a.b·example.",
		"пример.рф":                      "пример·рф",
		"evil\u3002com":                  "evil·com",
		"Ann https://evil.example/x":     "Ann",
		"Ann (HTTPS://evil.example)":     "Ann",
		"ftp://evil zoommtg://evil x":    "x",
		"see http:evil":                  "see",
		`\\http:\\evil`:                  "",
		"//evil.example/x now":           "now",
		"evil.example/login":             "",
		"1.2.3.4/login":                  "",
		"a@evil.example":                 "",
		"www.evil":                       "",
		"x javascript:alert(1) y":        "x y",
		"(data:text/html,x)":             "",
		"\uff48ttp\uff1a//evil":          "",
		"a\x00b\x1b[31mc":                "a b [31mc",
		"a\u200bb\u202ec\u00add\ufeffe":  "abcde",
		"a\u2028b\u2029c\u0085d\u00a0e":  "a b c d e",
		"bad \xff\xfe utf-8":             "bad utf-8",
		"":                               "",
		strings.Repeat("é", 100):         strings.Repeat("é", 64),
		strings.Repeat("ab ", 30):        strings.TrimSpace(strings.Repeat("ab ", 22)[:64]),
		strings.Repeat("x", 1<<20) + "y": strings.Repeat("x", 64),
		"evil.\u200bcom":                 "evil·com", // what is invisible is gone before dots are looked at
	} {
		got := mailSafe(in)
		if got != want {
			t.Errorf("mailSafe(%.80q) = %q, want %q", in, got, want)
		}
		if again := mailSafe(got); again != got {
			t.Errorf("mailSafe(%q) = %q, want it unchanged", got, again)
		}
		if utf8.RuneCountInString(got) > mailTextMax || !utf8.ValidString(got) {
			t.Errorf("mailSafe(%.80q) = %q: too long or not UTF-8", in, got)
		}
	}
}

func TestMailPerson(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Bob Builder":                "Bob Builder",
		"Bob@Example.com":            "Bob@Example·com",
		"evil.com/x@y.example":       "evil·com/x@y·example",
		"www.x@example.com":          "",
		"bob@example.com, eve@x.org": "",
		"Bob <bob@example.com>":      "Bob",
		"":                           "",
	} {
		got := mailPerson(in)
		if got != want || clickable.MatchString(got) {
			t.Errorf("mailPerson(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDeviceWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                        "Firefox on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                   "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1":  "Chrome on iPhone",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                          "Chrome on ChromeOS",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/120.0":         "Opera on macOS",
		"Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36":  "Samsung Internet on Android",
		"Mozilla/5.0 (X11; Linux x86_64) Nothing/1.0":        "a browser on Linux",
		"Mozilla/5.0 Firefox/1":                              "Firefox",
		"Mozilla/5.0 (compatible; Thing; +http://x.example)": "Mozilla/5.0 (compatible; Thing;",
		"curl/8.5.0":                          "curl/8.5.0",
		"Go-http-client/1.1":                  "Go-http-client/1.1",
		"evil\r\nBcc: a@b.example https://x/": "evil Bcc:",
	} {
		if got := deviceWords(in); got != want {
			t.Errorf("deviceWords(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDurationWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Millisecond: "1 second", time.Second: "1 second", 30 * time.Second: "30 seconds",
		time.Minute: "1 minute", 90 * time.Second: "1 minute", 30 * time.Minute: "30 minutes", 90 * time.Minute: "90 minutes",
		15*time.Minute - time.Millisecond: "15 minutes", 14*time.Minute + 50*time.Second: "14 minutes",
		time.Hour: "1 hour", 24 * time.Hour: "24 hours", 36 * time.Hour: "36 hours", 48 * time.Hour: "2 days", 14 * 24 * time.Hour: "14 days",
	} {
		if got := durationWords(d); got != want {
			t.Errorf("durationWords(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestMailErrorText(t *testing.T) {
	t.Parallel()
	m := &Message{Link: "https://app.example.com/reset?token=S3cretToken&n=1#frag-secret"}
	for in, want := range map[string]string{
		"550 no such user":                        "550 no such user",
		"550 <ann@example.com>: unknown":          "550 a***@example.com unknown",
		"554 spam: https://app.example.com/x":     "554 spam: [link]",
		"token S3cretToken in reply":              "token *** in reply",
		"link " + m.Link:                          "link ***",
		"fragment frag-secret.":                   "fragment ***.",
		"a\r\nlevel=ERROR\tb\x1b[2J\u2028c\u202e": "a level=ERROR b [2J c",
		"\xff\xfe": "?",
	} {
		if got := mailErrorText(errors.New(in), m); got != want {
			t.Errorf("mailErrorText(%q) = %q, want %q", in, got, want)
		}
	}
	if got := mailErrorText(errors.New(strings.Repeat("é", 1000)), nil); len(got) > 310 || !utf8.ValidString(got) {
		t.Errorf("mailErrorText(2000 bytes) has %d bytes: %q", len(got), got)
	}
	if got := mailErrorText(nil, m); got != "" {
		t.Errorf("mailErrorText(nil) = %q", got)
	}
}

// TestMessagePrintsNoSecret: a message that ends up in a log by mistake gives
// nothing away.
func TestMessagePrintsNoSecret(t *testing.T) {
	t.Parallel()
	m := &Message{Kind: MailReset, ID: "ID1", To: "victim@example.com", Subject: "canary", Text: "canary", HTML: "canary",
		Link: "https://x.example/?token=canary", User: &store.User{Email: "victim@example.com"}}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "m", m, "in", []any{m})
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "m", m)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&b, verb+"\n", m)
		fmt.Fprintf(&b, verb+"\n", *m)
		fmt.Fprintf(&b, verb+"\n", struct{ M *Message }{m})
	}
	fmt.Fprintln(&b, m.String(), (*Message)(nil))
	in := Mail{Kind: MailReset, Link: "https://x.example/?token=canary", To: "victim@example.com", User: m.User}
	fmt.Fprintf(&b, "%v %+v %#v %d %v\n", in, in, in, in, &in)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "m", in, "p", &in)
	text := b.String()
	if strings.Contains(text, "canary") || strings.Contains(text, "victim") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
		t.Errorf("a message prints as\n%s", text)
	}
	if !strings.Contains(text, "mail reset ID1 to v***@example.com") {
		t.Errorf("a message prints as\n%s", text)
	}
	for in, want := range map[string]string{"ann@example.com": "a***@example.com", "": "***", "ann": "***", "@x": "***", "a\n@x": "***", "é@x": "***"} {
		if got := maskEmail(in); got != want {
			t.Errorf("maskEmail(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzMailSafe looks for a text that stays clickable, or that a second pass
// would still change.
func FuzzMailSafe(f *testing.F) {
	for _, s := range []string{"Ann", "a.b.com", "http://x", "\uff57ww.x", "a\u200b.\u2060com", "x@y.zz", "mailto\u00ad:x", "evil\u3002\u0301com", "a.\u0301b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := mailSafe(s)
		if bad := clickable.FindString(got); bad != "" {
			t.Errorf("mailSafe(%q) = %q, which has %q", s, got, bad)
		}
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > mailTextMax || mailLine(got) != got {
			t.Errorf("mailSafe(%q) = %q: not one short line of UTF-8", s, got)
		}
		if again := mailSafe(got); again != got {
			t.Errorf("mailSafe(%q) = %q, and a second time %q", s, got, again)
		}
	})
}
