package middleware_test

import (
	"net/http"
	"testing"

	"github.com/aegis-auth/aegis/middleware"
)

// The cells of Sec-Fetch-Site × Origin × method × credential.
func TestCrossOriginCells(t *testing.T) {
	t.Parallel()
	origins := map[string]string{"": "", "own": "http://app.example", "sibling": "https://evil.app.example", "foreign": "https://evil.example", "null": "null", "listed": "https://friend.example"}
	sites := []string{"", "same-origin", "none", "same-site", "cross-site", "nonsense"}
	methods := []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "QUERY"}
	credentials := map[string]string{
		"bearer": "Authorization: Bearer ann", "cookie": "Cookie: sid=ann", "junk bearer": "Authorization: Bearer %ff", "": "X-None: 1",
	}
	g := guardOf(everybody())
	g.CrossOrigin = http.NewCrossOriginProtection()
	if err := g.CrossOrigin.AddTrustedOrigin("https://friend.example"); err != nil {
		t.Fatal(err)
	}
	unlisted := guardOf(everybody())

	cells := 0
	for originName, origin := range origins {
		for _, site := range sites {
			for _, method := range methods {
				for credential, field := range credentials {
					for _, guard := range []*middleware.Guard{g, unlisted} {
						safe := method == "GET" || method == "HEAD" || method == "OPTIONS"
						listed := originName == "listed" && guard == g
						sameSite := site == "same-origin" || site == "none" || site == "" && (originName == "" || originName == "own")
						want := ""
						switch {
						case credential == "":
							want = "unauthenticated"
						case credential == "junk bearer":
							want = "invalid_token"
						case credential == "cookie" && !safe && !sameSite && !listed:
							want = "cross_origin"
						}
						r := request(field)
						r.Method = method
						if credential == "junk bearer" {
							r.Header.Set("Cookie", "sid=ann") // must not help
						}
						if origin != "" {
							r.Header.Set("Origin", origin)
						}
						if site != "" {
							r.Header.Set("Sec-Fetch-Site", site)
						}
						a := serve(guard.RequireUser, r)
						if method == "HEAD" { // has no body to read the code from
							if a.reached != (want == "") {
								t.Errorf("HEAD %s, Origin %q, Sec-Fetch-Site %q: reached %v", credential, origin, site, a.reached)
							}
							continue
						}
						if got := a.code(); got != want || a.reached != (want == "") {
							t.Errorf("%s %s, Origin %q, Sec-Fetch-Site %q, listed %v: code %q, want %q", method, credential, origin, site, guard == g, got, want)
						}
						cells++
					}
				}
			}
		}
	}
	if cells < 1000 {
		t.Errorf("only %d cells were looked at", cells)
	}
}

// The origin check is that of every wrap.
func TestEveryWrapChecksTheOrigin(t *testing.T) {
	t.Parallel()
	for name, w := range allWraps(guardOf(everybody())) {
		r := request("Cookie: sid=ann", "Sec-Fetch-Site: cross-site")
		r.Method = "POST"
		a := serve(w, r)
		if a.Code != 403 || a.code() != "cross_origin" || a.reached {
			t.Errorf("%s answered %d %q, want 403 cross_origin", name, a.Code, a.code())
		}
	}
}
