package auth

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/store/memstore"
)

// returnPaths is the corpus of testdata/next.json: what may come as ?next=, and
// what becomes of it, "" if it is refused. The examples check the same corpus in
// a browser.
func returnPaths(tb testing.TB) (list []struct{ Next, Out string }) {
	tb.Helper()
	data, err := os.ReadFile("testdata/next.json")
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

const testSite = "http://localhost:8000"

// browserResolves is what a browser makes of a link on testSite (the URL
// Standard, for what is no special case there): the origin it leads to and the
// path.
func browserResolves(link string) (origin, resolved string) {
	link = strings.TrimFunc(link, func(r rune) bool { return r <= ' ' })
	link = strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(link)
	if strings.HasPrefix(link, "//") {
		host, rest, _ := strings.Cut(strings.TrimLeft(link, "/"), "/")
		return "http://" + host, "/" + rest
	}
	if scheme, _, ok := strings.Cut(link, ":"); ok && !strings.ContainsAny(scheme, "/?#") {
		return scheme + ":", ""
	}
	link, _, _ = strings.Cut(link, "#")
	link, _, _ = strings.Cut(link, "?")
	// A dot may be written %2e.
	dots := strings.NewReplacer("%2e", ".", "%2E", ".")
	var segments []string
	for segment := range strings.SplitSeq(strings.TrimPrefix(link, "/"), "/") {
		switch dots.Replace(segment) {
		case ".":
		case "..":
			segments = segments[:max(len(segments)-1, 0)]
		default:
			segments = append(segments, segment)
		}
	}
	return testSite, "/" + strings.Join(segments, "/")
}

// checkReturnPath wants an accepted path to stay on the site, however it is read,
// and off the routes that change state.
func checkReturnPath(tb testing.TB, next, out string) {
	tb.Helper()
	origin, resolved := browserResolves(out)
	if origin != testSite {
		tb.Fatalf("ReturnPath(%q) = %q, which leads to %s", next, out, origin)
	}
	if !strings.HasPrefix(out, "/") || strings.HasPrefix(out, "//") || len(out) > 3*2048 || strings.ContainsFunc(out, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		tb.Fatalf("ReturnPath(%q) = %q, which is no plain path", next, out)
	}
	plain, err := url.PathUnescape(resolved)
	if err != nil {
		tb.Fatalf("ReturnPath(%q) = %q: %v", next, out, err)
	}
	for _, route := range []string{"/auth/oauth", "/auth/logout", "/auth/refresh"} {
		if p := path.Clean(plain); p == route || strings.HasPrefix(p, route+"/") {
			tb.Fatalf("ReturnPath(%q) = %q, which is %s to a browser", next, out, p)
		}
	}
	// What net/http makes of it when it redirects.
	w := httptest.NewRecorder()
	http.Redirect(w, httptest.NewRequest("GET", "/auth/oauth/x/callback", nil), out, http.StatusSeeOther)
	if origin, _ := browserResolves(w.Header().Get("Location")); origin != testSite {
		tb.Fatalf("a redirect to %q says Location: %s, which leads to %s", out, w.Header().Get("Location"), origin)
	}
}

func returnPathService(tb testing.TB) *Service {
	tb.Helper()
	s, err := New(Config{Store: memstore.New(), Secret: []byte(strings.Repeat("6b1f0c3e9a7d4528", 2)), BaseURL: testSite + "/auth",
		Hasher: InsecureBcrypt(4), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestReturnPathCorpus(t *testing.T) {
	t.Parallel()
	s := returnPathService(t)
	corpus := returnPaths(t)
	accepted := 0
	for _, tt := range corpus {
		got := s.ReturnPath(tt.Next, "")
		if got != tt.Out {
			t.Errorf("ReturnPath(%q) = %q, want %q", tt.Next, got, tt.Out)
		}
		if fallback := s.ReturnPath(tt.Next, "/fallback"); got == "" && fallback != "/fallback" || got != "" && fallback != got {
			t.Errorf("ReturnPath(%q) = %q with a fallback, %q without", tt.Next, fallback, got)
		}
		if got == "" {
			continue
		}
		accepted++
		checkReturnPath(t, tt.Next, got)
		if again := s.ReturnPath(got, ""); again != got {
			t.Errorf("ReturnPath(ReturnPath(%q)) = %q, want %q", tt.Next, again, got)
		}
	}
	if len(corpus) < 60 || accepted < 20 {
		t.Errorf("the corpus has %d strings, of which %d pass; want 60 and 20 at least", len(corpus), accepted)
	}
}

func FuzzSafeNext(f *testing.F) {
	for _, tt := range returnPaths(f) {
		f.Add(tt.Next)
	}
	s := returnPathService(f)
	f.Fuzz(func(t *testing.T, next string) {
		out := s.ReturnPath(next, "")
		if out == "" {
			return
		}
		checkReturnPath(t, next, out)
		if again := s.ReturnPath(out, ""); again != out && len(out) <= 2048 {
			t.Fatalf("ReturnPath(ReturnPath(%q)) = %q, want %q", next, again, out)
		}
	})
}
