package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/middleware"
)

// request returns a request with the fields given as "Name: value". Unlike
// Header.Set it keeps duplicates and whatever bytes there are.
func request(fields ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://app.example/books", nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header[name] = append(r.Header[name], value)
	}
	return r
}

func TestBearer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 4096)
	tests := []struct {
		name    string
		fields  []string
		raw     string
		present bool
		bad     bool
	}{
		{name: "no header"},
		{name: "an empty header", fields: []string{"Authorization: "}},
		{name: "well-formed", fields: []string{"Authorization: Bearer abc.DEF.0-9_~+/"}, raw: "abc.DEF.0-9_~+/", present: true},
		{name: "padding at the end", fields: []string{"Authorization: Bearer abc=="}, raw: "abc==", present: true},
		{name: "lower case", fields: []string{"Authorization: bearer abc"}, raw: "abc", present: true},
		{name: "mixed case", fields: []string{"Authorization: bEaReR abc"}, raw: "abc", present: true},
		{name: "one byte", fields: []string{"Authorization: Bearer a"}, raw: "a", present: true},
		{name: "the longest", fields: []string{"Authorization: Bearer " + long}, raw: long, present: true},

		{name: "too long", fields: []string{"Authorization: Bearer a" + long}, present: true, bad: true},
		{name: "the scheme alone", fields: []string{"Authorization: Bearer"}, present: true, bad: true},
		{name: "the scheme and a space", fields: []string{"Authorization: Bearer "}, present: true, bad: true},
		{name: "two spaces", fields: []string{"Authorization: Bearer  abc"}, present: true, bad: true},
		{name: "a tab", fields: []string{"Authorization: Bearer\tabc"}, present: true, bad: true},
		{name: "space and tab", fields: []string{"Authorization: Bearer \tabc"}, present: true, bad: true},
		{name: "a space before", fields: []string{"Authorization:  Bearer abc"}, present: true, bad: true},
		{name: "a tab before", fields: []string{"Authorization: \tBearer abc"}, present: true, bad: true},
		{name: "so many spaces before that the scheme could be the token", fields: []string{"Authorization:        Bearer"}, present: true, bad: true},
		{name: "a space behind", fields: []string{"Authorization: Bearer abc "}, present: true, bad: true},
		{name: "two tokens", fields: []string{"Authorization: Bearer abc def"}, present: true, bad: true},
		{name: "a list", fields: []string{"Authorization: Bearer abc, Bearer def"}, present: true, bad: true},
		{name: "a colon", fields: []string{"Authorization: Bearer: abc"}, present: true, bad: true},
		{name: "an equals sign", fields: []string{"Authorization: Bearer=abc"}, present: true, bad: true},
		{name: "quotes", fields: []string{`Authorization: Bearer "abc"`}, present: true, bad: true},
		{name: "padding in the middle", fields: []string{"Authorization: Bearer a=b"}, present: true, bad: true},
		{name: "only padding", fields: []string{"Authorization: Bearer =="}, present: true, bad: true},
		{name: "percent escapes", fields: []string{"Authorization: Bearer %ff"}, present: true, bad: true},
		{name: "bytes that are no ASCII", fields: []string{"Authorization: Bearer \xff\x00"}, present: true, bad: true},
		{name: "a NUL after the scheme", fields: []string{"Authorization: Bearer\x00abc"}, present: true, bad: true},
		{name: "a no-break space after the scheme", fields: []string{"Authorization: Bearer\u00a0abc"}, present: true, bad: true},

		{name: "two headers", fields: []string{"Authorization: Bearer abc", "Authorization: Bearer def"}, present: true, bad: true},
		{name: "the same header twice", fields: []string{"Authorization: Bearer abc", "Authorization: Bearer abc"}, present: true, bad: true},
		{name: "Basic before Bearer", fields: []string{"Authorization: Basic abc", "Authorization: Bearer abc"}, present: true, bad: true},
		{name: "Bearer before Basic", fields: []string{"Authorization: Bearer abc", "Authorization: Basic abc"}, present: true, bad: true},
		{name: "Bearer and an empty one", fields: []string{"Authorization: Bearer abc", "Authorization: "}, present: true, bad: true},

		{name: "Basic", fields: []string{"Authorization: Basic dXNlcjpwYXNz"}},
		{name: "two of Basic", fields: []string{"Authorization: Basic abc", "Authorization: Basic def"}},
		{name: "a longer scheme", fields: []string{"Authorization: BearerX abc"}},
		{name: "a shorter scheme", fields: []string{"Authorization: Bear abc"}},
		{name: "Bearer inside another scheme", fields: []string{"Authorization: Basic abc, Bearer def"}},
		{name: "a scheme that folds to Bearer outside ASCII", fields: []string{"Authorization: Bea\u017fer abc"}},
		{name: "another header", fields: []string{"Proxy-Authorization: Bearer abc", "X-Authorization: Bearer abc"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw, present, err := middleware.Bearer(request(tt.fields...))
			if raw != tt.raw || present != tt.present || (err != nil) != tt.bad {
				t.Errorf("Bearer(%q) = %.40q, %v, %v; want %.40q, %v, error %v", tt.fields, raw, present, err, tt.raw, tt.present, tt.bad)
			}
			if err != nil && !errors.Is(err, middleware.ErrInvalidToken) {
				t.Errorf("Bearer(%q) error = %v, want ErrInvalidToken", tt.fields, err)
			}
		})
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 4096-len("sid"))
	tests := []struct {
		name    string
		fields  []string
		value   string
		present bool
		want    error
	}{
		{name: "no cookies"},
		{name: "an empty header", fields: []string{"Cookie: "}},
		{name: "another cookie", fields: []string{"Cookie: side=abc; sidx=1; xsid=2"}},
		{name: "alone", fields: []string{"Cookie: sid=abc"}, value: "abc", present: true},
		{name: "the first", fields: []string{"Cookie: sid=abc; a=b"}, value: "abc", present: true},
		{name: "the last", fields: []string{"Cookie: a=b; sid=abc"}, value: "abc", present: true},
		{name: "without a space between", fields: []string{"Cookie: a=b;sid=abc;c=d"}, value: "abc", present: true},
		{name: "on a second line", fields: []string{"Cookie: a=b", "Cookie: sid=abc"}, value: "abc", present: true},
		{name: "every character it may have", fields: []string{"Cookie: sid=azAZ09-._~+/=x="}, value: "azAZ09-._~+/=x=", present: true},
		{name: "the longest", fields: []string{"Cookie: sid=" + long}, value: long, present: true},
		{name: "white space, as net/http reads it", fields: []string{"Cookie: \r\nsid \t=evil ;\tsid\n=good"}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "empty", fields: []string{"Cookie: sid="}},
		{name: "no value at all", fields: []string{"Cookie: sid"}},
		{name: "another case", fields: []string{"Cookie: SID=abc"}},
		{name: "a space in the name", fields: []string{"Cookie: si d=abc"}},
		{name: "a space behind the name, as net/http reads it", fields: []string{"Cookie: sid =abc"}, value: "abc", present: true},
		{name: "a prefixed name", fields: []string{"Cookie: __Host-sid=abc"}},

		{name: "equal duplicates", fields: []string{"Cookie: sid=abc; sid=abc"}, value: "abc", present: true},
		{name: "equal duplicates on two lines", fields: []string{"Cookie: sid=abc", "Cookie: sid=abc"}, value: "abc", present: true},
		{name: "evil first", fields: []string{"Cookie: sid=evil; sid=good"}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "evil last", fields: []string{"Cookie: sid=good; sid=evil"}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "on two lines", fields: []string{"Cookie: sid=good", "Cookie: sid=evil"}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "far apart", fields: []string{"Cookie: sid=good; a=b; c=d; sid=good; sid=evil"}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "an empty one first", fields: []string{"Cookie: sid=; sid=good"}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "an empty one last", fields: []string{"Cookie: sid=good; sid="}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "one malformed", fields: []string{`Cookie: sid="good"; sid=good`}, present: true, want: middleware.ErrAmbiguousCookie},
		{name: "smuggled in quotes", fields: []string{`Cookie: a="x; sid=evil; b=y"; sid=good`}, present: true, want: middleware.ErrAmbiguousCookie},

		{name: "too long", fields: []string{"Cookie: sid=a" + long}, present: true, want: middleware.ErrInvalidToken},
		{name: "quoted", fields: []string{`Cookie: sid="abc"`}, present: true, want: middleware.ErrInvalidToken},
		{name: "a space inside", fields: []string{"Cookie: sid=a b"}, present: true, want: middleware.ErrInvalidToken},
		{name: "a space after the equals sign", fields: []string{"Cookie: sid= abc"}, present: true, want: middleware.ErrInvalidToken},
		{name: "a comma", fields: []string{"Cookie: sid=a,b"}, present: true, want: middleware.ErrInvalidToken},
		{name: "percent escapes", fields: []string{"Cookie: sid=%61"}, present: true, want: middleware.ErrInvalidToken},
		{name: "bytes that are no ASCII", fields: []string{"Cookie: sid=\xff\x00"}, present: true, want: middleware.ErrInvalidToken},
		{name: "line ends", fields: []string{"Cookie: sid=a\r\nb"}, present: true, want: middleware.ErrInvalidToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			value, present, err := middleware.Cookie(request(tt.fields...), "sid")
			if value != tt.value || present != tt.present || !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("Cookie(%.80q) = %.40q, %v, %v; want %.40q, %v, %v", tt.fields, value, present, err, tt.value, tt.present, tt.want)
			}
		})
	}
}

// Every form of the header meets every form of the cookie: the header decides
// alone as soon as it speaks Bearer, well or badly.
func TestCredentialMatrix(t *testing.T) {
	t.Parallel()
	headers := []struct {
		name   string
		fields []string
		raw    string // of a good header
		bearer bool
	}{
		{name: "no header"},
		{name: "Basic", fields: []string{"Authorization: Basic abc"}},
		{name: "Bearer", fields: []string{"Authorization: Bearer tok"}, raw: "tok", bearer: true},
		{name: "lower-case bearer", fields: []string{"Authorization: bearer tok"}, raw: "tok", bearer: true},
		{name: "Bearer with a tab", fields: []string{"Authorization: Bearer\ttok"}, bearer: true},
		{name: "Bearer without a token", fields: []string{"Authorization: Bearer"}, bearer: true},
		{name: "Bearer with junk", fields: []string{"Authorization: Bearer %ff"}, bearer: true},
		{name: "two headers", fields: []string{"Authorization: Bearer tok", "Authorization: Bearer tok"}, bearer: true},
	}
	cookies := []struct {
		name  string
		field string
		raw   string
		err   error
	}{
		{name: "no cookie", err: middleware.ErrNoCredentials},
		{name: "good cookie", field: "Cookie: sid=good", raw: "good"},
		{name: "evil before good", field: "Cookie: sid=evil; sid=good", err: middleware.ErrAmbiguousCookie},
		{name: "good before evil", field: "Cookie: sid=good; sid=evil", err: middleware.ErrAmbiguousCookie},
		{name: "malformed cookie", field: "Cookie: sid=%ff", err: middleware.ErrInvalidToken},
		{name: "second name", field: "Cookie: alt=second", raw: "second"},
		{name: "both names", field: "Cookie: alt=second; sid=good", raw: "good"},
		{name: "bad first name, good second", field: "Cookie: alt=second; sid=%ff", err: middleware.ErrInvalidToken},
	}
	for _, h := range headers {
		for _, c := range cookies {
			t.Run(h.name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				r := request(h.fields...)
				if name, value, ok := strings.Cut(c.field, ": "); ok {
					r.Header[name] = []string{value}
				}
				// Never a credential, wherever it is put.
				r.URL.RawQuery = "access_token=tok&sid=good"
				r.PostForm, r.Form = url.Values{"access_token": {"tok"}}, url.Values{"access_token": {"tok"}}

				raw, viaCookie, err := middleware.Credential(r, "sid", "alt")
				want, wantErr := c.raw, c.err
				if h.bearer {
					want, wantErr = h.raw, nil
					if h.raw == "" {
						wantErr = middleware.ErrInvalidToken
					}
				}
				if raw != want || !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
					t.Errorf("Credential = %q, %v; want %q, %v", raw, err, want, wantErr)
				}
				if wantVia := !h.bearer && !errors.Is(wantErr, middleware.ErrNoCredentials); viaCookie != wantVia {
					t.Errorf("Credential viaCookie = %v, want %v", viaCookie, wantVia)
				}
			})
		}
	}
}

func TestCredentialWithoutCookieNamesReadsNone(t *testing.T) {
	t.Parallel()
	if raw, _, err := middleware.Credential(request("Cookie: aegis_session=good; =x")); !errors.Is(err, middleware.ErrNoCredentials) {
		t.Errorf("Credential = %q, %v; want ErrNoCredentials", raw, err)
	}
}

func TestCredentialCostsNoMemory(t *testing.T) {
	junk := strings.Repeat(".", 1_000_000)
	for name, r := range map[string]*http.Request{
		"bearer":            request("Authorization: Bearer abc"),
		"cookie":            request("Cookie: a=b; sid=abc; c=d"),
		"nothing":           request("Cookie: a=b; c=d"),
		"two headers":       request("Authorization: Bearer abc", "Authorization: Bearer abc"),
		"a million dots":    request("Authorization: Bearer " + junk),
		"a million cookies": request("Cookie: sid=" + strings.Repeat("a;sid=", 1_000_000)),
		"ambiguous":         request("Cookie: sid=a; sid=b"),
	} {
		if n := testing.AllocsPerRun(3, func() {
			_, _, _ = middleware.Credential(r, "sid")
		}); n != 0 {
			t.Errorf("Credential(%s) allocates %v times, want 0", name, n)
		}
	}
}

// Whatever the bytes, nothing panics, a header that speaks Bearer decides alone,
// and what is returned is well-formed.
func FuzzCredential(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"Bearer abc", "sid=abc"}, {"bearer\tabc", "sid=a; sid=b"}, {"Bearer %ff", "sid=\"a\""},
		{"Basic abc", "sid=abc;;=; sid"}, {"", "sid\n=0;sid=1"}, {strings.Repeat(".", 5000), strings.Repeat("sid=;", 1000)},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, authorization, cookie string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{authorization}
		r.Header["Cookie"] = []string{cookie}
		raw, viaCookie, err := middleware.Credential(r, "sid")
		_, bearer, _ := middleware.Bearer(r)
		switch {
		case bearer && viaCookie:
			t.Fatalf("Credential(%q, %q) fell back to the cookie", authorization, cookie)
		case err == nil && (raw == "" || len(raw) > 4096 || strings.Trim(raw, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") != ""):
			t.Fatalf("Credential(%q, %q) = %q, which is not well-formed", authorization, cookie, raw)
		case err == nil && !viaCookie && !strings.EqualFold(authorization, "Bearer "+raw):
			t.Fatalf("Credential(%q) = %q, want what follows the scheme", authorization, raw)
		case err == nil && viaCookie:
			// The standard library reads the same value, from every such cookie.
			for _, c := range r.CookiesNamed("sid") {
				if c.Value != "" && c.Value != raw {
					t.Fatalf("Credential(%q) = %q, but net/http also reads %q", cookie, raw, c.Value)
				}
			}
		case err != nil && raw != "":
			t.Fatalf("Credential returned %q with the error %v", raw, err)
		}
	})
}
