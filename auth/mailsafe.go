package auth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// mailTextMax is how many characters of one user-controlled text, such as a
// name, a mail shows. It is too little room for a convincing lure.
const mailTextMax = 64

// mailSafe makes a text chosen by somebody else fit to stand in a mail that
// carries our name: one line, at most mailTextMax characters, no control or
// invisible characters, and nothing a mail program would turn into a link.
// Words that are web addresses are left out; in what merely looks like a domain
// ("Booking.com") the dot becomes a middle dot, so that the name stays readable.
func mailSafe(s string) string {
	const window = 16 * mailTextMax // bytes; more can't matter and costs work
	if len(s) > window {
		s = s[:window]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs):
			return -1 // invisible, reorders text, or has no agreed meaning
		}
		return r
	}, strings.ToValidUTF8(s, ""))

	words := strings.Fields(s)
	kept := words[:0]
	for _, w := range words {
		if !looksLikeLink(w) {
			kept = append(kept, breakDomains(w))
		}
	}
	runes := []rune(strings.Join(kept, " "))
	if len(runes) > mailTextMax {
		runes = runes[:mailTextMax]
	}
	return strings.TrimSpace(string(runes))
}

// mailPerson is mailSafe for the name of a person that may be an address, for
// want of a better one. The address stays readable, and is no link.
func mailPerson(s string) string {
	if _, err := CanonicalEmail(s); err != nil || len(s) > mailTextMax || strings.Contains(lowerASCII(s), "www.") {
		return mailSafe(s)
	}
	return breakDomains(s)
}

// linkSchemes are the schemes that mail programs turn into links although no
// slash follows.
var linkSchemes = []string{"mailto:", "tel:", "sms:", "callto:", "skype:", "javascript:", "vbscript:", "data:", "file:", "http:", "https:"}

// looksLikeLink reports whether the word w is a web address, an e-mail address,
// or anything else that gets clickable as a whole.
func looksLikeLink(w string) bool {
	w = foldWidth(w)
	if strings.Contains(w, ":/") || strings.Contains(w, `:\`) || strings.Contains(w, "www.") {
		return true
	}
	for _, scheme := range linkSchemes {
		if i := strings.Index(w, scheme); i >= 0 {
			before, _ := utf8.DecodeLastRuneInString(w[:i])
			if i == 0 || !unicode.IsLetter(before) {
				return true
			}
		}
	}
	w = strings.TrimLeft(w, "/")
	host := w
	if i := strings.IndexAny(w, "/?#"); i >= 0 { // "curl/8.5.0" has its dots behind the slash
		host = w[:i]
	} else if !strings.Contains(w, "@") {
		return false
	}
	return breakDots(host, 1) != host
}

// breakDomains replaces each dot that could belong to a domain name.
func breakDomains(w string) string { return breakDots(w, 2) }

// breakDots replaces each dot between a letter or digit and at least n letters
// or digits, the last n of which decide, by a middle dot. With n = 2 only
// letters count, as in top-level domains: "Dr.Who", but not "J.R." or "1.25".
func breakDots(w string, n int) string {
	runes := []rune(w)
	changed := false
	for i := 1; i < len(runes); i++ {
		if !isDot(runes[i]) || !isLabel(runes[i-1]) {
			continue
		}
		following := 0
		for _, r := range runes[i+1:] {
			if following == n || !(n == 1 && isLabel(r) || unicode.IsLetter(r) || unicode.IsMark(r)) {
				break
			}
			following++
		}
		if following == n {
			runes[i], changed = '·', true
		}
	}
	if !changed {
		return w
	}
	return string(runes)
}

func isLabel(r rune) bool {
	return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// isDot reports whether r separates domain labels (RFC 3490 §3.1).
func isDot(r rune) bool {
	switch r {
	case '.', '\u3002', '\uff0e', '\uff61':
		return true
	}
	return false
}

// foldWidth lower-cases ASCII letters and replaces full-width forms by ASCII.
func foldWidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '\uff01' && r <= '\uff5e' {
			r -= '\uff01' - '!'
		}
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		if isDot(r) {
			return '.'
		}
		return r
	}, s)
}

// browsers and systems are searched in order: browsers name those they imitate
// after themselves.
var (
	browsers = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
		{"CrOS", "ChromeOS"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
	}
)

// deviceWords puts a User-Agent header into words: "Firefox on Windows". What it
// does not know is shown as it is, made safe.
func deviceWords(userAgent string) string {
	if !strings.HasPrefix(userAgent, "Mozilla/") {
		return mailSafe(userAgent)
	}
	find := func(table [][2]string) string {
		for _, row := range table {
			if strings.Contains(userAgent, row[0]) {
				return row[1]
			}
		}
		return ""
	}
	browser, system := find(browsers), find(systems)
	switch {
	case browser == "" && system == "":
		return mailSafe(userAgent)
	case browser == "":
		return "a browser on " + system
	case system == "":
		return browser
	}
	return browser + " on " + system
}

// checkRecipient reports whether addr is exactly one plain address, fit for a
// header and an SMTP command as it is.
func checkRecipient(addr string) error {
	if strings.Contains(addr, "=?") { // some readers would decode it (RFC 2047)
		return errEmailLocal
	}
	_, err := CanonicalEmail(addr)
	return err
}

// checkLink reports whether link is an absolute web address that can stand in a
// mail as it is.
func checkLink(link string) error {
	if len(link) > 2048 || !plainASCII(link) || strings.ContainsAny(link, "<>\"`\\") {
		return errors.New("link: not a plain web address")
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return errors.New("link: not a plain web address") // err would repeat the token
	}
	return nil
}

// mailErrorText makes the text of an error met while sending m fit for a log:
// one line of bounded length without the link or its token, without anything
// else that is a link, and with addresses masked. Servers repeat such things in
// their refusals.
func mailErrorText(err error, m *Message) string {
	if err == nil {
		return ""
	}
	var secrets []string
	if m != nil {
		secrets = linkSecrets(m.Link)
	}
	return redactReply(err.Error(), secrets...)
}

// linkSecrets returns link and what in it may be a token.
func linkSecrets(link string) []string {
	if link == "" {
		return nil
	}
	secrets := []string{link}
	if u, err := url.Parse(link); err == nil {
		for _, values := range u.Query() {
			secrets = append(secrets, values...)
		}
		secrets = append(secrets, u.RawQuery, u.Fragment)
	}
	return secrets
}

// redactReply returns text as one line of at most 300 bytes, without control
// characters, links, and the given secrets, and with addresses masked.
func redactReply(text string, secrets ...string) string {
	const limit = 300
	for _, secret := range secrets {
		if len(secret) >= 4 { // shorter ones would tear ordinary words apart
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	if len(text) > 4*limit {
		text = text[:4*limit]
	}
	words := strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
	for i, w := range words {
		switch {
		case strings.Contains(w, "://"):
			words[i] = "[link]"
		case strings.Contains(w, "@"):
			words[i] = maskEmail(strings.Trim(w, `<>()[]{}"'.,;:`))
		}
	}
	text = strings.Join(words, " ")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

// durationWords puts a length of time into English words, rounded down to whole
// minutes where there are any.
func durationWords(d time.Duration) string {
	const day = 24 * time.Hour
	d = d.Round(time.Second) // what is left of 15 minutes a moment later
	count, unit := int64(d/time.Minute), "minute"
	switch {
	case d >= 2*day && d%day == 0:
		count, unit = int64(d/day), "day"
	case d >= time.Hour && d%time.Hour == 0:
		count, unit = int64(d/time.Hour), "hour"
	case d < time.Minute:
		count, unit = max(int64(d/time.Second), 1), "second"
	}
	if count == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", count, unit)
}
