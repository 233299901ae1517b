package auth

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/internal/strictjson"
	"github.com/aegis-auth/aegis/middleware"
)

// maxBody bounds every request body.
const maxBody = 32 << 10

// Device is where a request came from.
type Device struct {
	IP        netip.Addr
	UserAgent string // cleaned, at most 256 bytes
	// Mark is the device cookie: proof that this browser has signed in before.
	Mark string
	// Browser is set if the request has headers that browsers alone send.
	Browser bool
}

// ip returns the address as text, empty if unknown.
func (d Device) ip() string {
	if !d.IP.IsValid() {
		return ""
	}
	return d.IP.String()
}

// DeviceOf says where r came from. It applies Config.ClientIP.
func DeviceOf(s *Service, r *http.Request) Device {
	d := Device{IP: s.cfg.ClientIP(r), UserAgent: cleanText(r.UserAgent(), 256)}
	if !s.cfg.Cookies.Disabled {
		d.Mark, _, _ = middleware.Cookie(r, s.cookies.device) // an ambiguous one is no proof
		d.Browser = r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != ""
	}
	return d
}

// cleanText drops what could forge a line of a log or confuse a reader, and cuts
// to at most max bytes.
func cleanText(text string, max int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	for len(text) > max {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// DecodeJSON reads the body of r as one JSON object into the struct v. It is
// stricter than encoding/json: see the errors it gives for names that come twice,
// values of other types, and text that is no UTF-8.
//
// Errors: ErrMediaType, ErrMalformed, ErrValidation with the field, and what
// becomes 413 if the body is too large.
func DecodeJSON(r *http.Request, v any) error {
	if mediaType(r) != "application/json" {
		return ErrMediaType
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyError(err)
	}
	return unmarshal(data, v)
}

func unmarshal(data []byte, v any) error {
	err := strictjson.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	bad, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return ErrMalformed.With(err)
	}
	base := ErrValidation
	if bad.Unreadable() {
		base = ErrMalformed
	}
	if bad.Field == "" {
		return base.With(err)
	}
	return base.WithFields(field(bad.Field, string(bad.Code), bad.Detail))
}

// decodeInput is DecodeJSON for routes that take forms as well.
func decodeInput(r *http.Request, v any) error {
	if mediaType(r) == "application/json" {
		return DecodeJSON(r, v)
	}
	form, err := readForm(r)
	if err != nil {
		return err
	}
	fields := make(map[string]string, len(form))
	for name, values := range form {
		fields[name] = values[0]
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return ErrMalformed.With(err)
	}
	return unmarshal(data, v)
}

// readForm reads a urlencoded or multipart body. The query is never merged in,
// and no parameter may come twice (RFC 6749 §3.2).
func readForm(r *http.Request) (url.Values, error) {
	var form url.Values
	switch mediaType(r) {
	case "application/x-www-form-urlencoded":
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, bodyError(err)
		}
		if form, err = url.ParseQuery(string(data)); err != nil {
			return nil, ErrMalformed.With(err)
		}
	case "multipart/form-data":
		var err error
		if form, err = readMultipart(r); err != nil {
			return nil, err
		}
	default:
		return nil, ErrMediaType
	}
	for name, values := range form {
		if len(values) != 1 {
			return nil, ErrInvalidRequest.WithFields(field(cleanText(name, 64), "repeated", "This parameter may be given once."))
		}
		if !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return nil, ErrMalformed.WithFields(field(cleanText(name, 64), "encoding", "This is not valid UTF-8."))
		}
	}
	return form, nil
}

func readMultipart(r *http.Request) (url.Values, error) {
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, ErrMalformed.With(err)
	}
	form := make(url.Values)
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if part.FileName() != "" {
			return nil, ErrMalformed.WithFields(field(cleanText(part.FormName(), 64), "file", "Files are not accepted here."))
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, bodyError(err)
		}
		form.Add(part.FormName(), string(value))
	}
}

// bodyError tells a body that is too large from one that did not arrive whole.
func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err // problem.From makes it a 413
	}
	return ErrMalformed.With(err)
}

func mediaType(r *http.Request) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// ReturnPath returns next if it is a path on this site that a browser may be
// sent to, else fallback. It is the one place where return paths are decided:
// apply it when a path comes in and again when it is used.
func (s *Service) ReturnPath(next, fallback string) string {
	if clean, ok := localPath(next, s.origin, s.path); ok {
		return clean
	}
	return fallback
}

// localPath checks next as browsers read it (WHATWG URL): they drop tabs and
// line ends, and take a backslash for a slash. So only printable ASCII without
// backslash passes, one slash in front. It also keeps out the routes of this
// service at authPath that change state or leave the site.
func localPath(next string, origin *url.URL, authPath string) (string, bool) {
	if len(next) == 0 || len(next) > 2048 || next[0] != '/' || len(next) > 1 && next[1] == '/' {
		return "", false
	}
	for i := range len(next) {
		if next[i] < 0x21 || next[i] > 0x7e || next[i] == '\\' {
			return "", false
		}
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	abs := origin.ResolveReference(u)
	if abs.Scheme != origin.Scheme || abs.Host != origin.Host || !strings.HasPrefix(abs.EscapedPath(), "/") ||
		strings.HasPrefix(abs.EscapedPath(), "//") {
		return "", false
	}
	clean := path.Clean(abs.Path) // browsers take %2e for a dot
	for _, route := range []string{"/logout", "/oauth", "/refresh"} {
		if clean == authPath+route || strings.HasPrefix(clean, authPath+route+"/") {
			return "", false
		}
	}
	out := url.URL{Path: abs.Path, RawPath: abs.RawPath, RawQuery: abs.RawQuery, ForceQuery: abs.ForceQuery,
		Fragment: abs.Fragment, RawFragment: abs.RawFragment}
	text := out.String()
	if strings.HasPrefix(text, "//") || !strings.HasPrefix(text, "/") {
		return "", false
	}
	return text, true
}
