package interop

import "testing"

// TestClientLibraries: openid-client and oauth4webapi find the service by its
// metadata document (RFC 8414), sign in, refresh, use and revoke.
func TestClientLibraries(t *testing.T) {
	l, base := reserve(t)
	s := newSite(t, l)
	s.register(t)
	var got map[string]struct {
		Issuer, Type, Wrong, Error string
		Expires                    float64
		Rotated                    bool
		Status, After              int
	}
	ask(t, "clients.mjs", map[string]string{"issuer": base + "/auth", "username": email, "password": password, "me": base + "/auth/me"}, &got)
	if len(got) != 2 {
		t.Fatalf("%d libraries answer, want 2", len(got))
	}
	for name, lib := range got {
		if lib.Error != "" {
			t.Errorf("%s: %s", name, lib.Error)
			continue
		}
		if lib.Issuer != base+"/auth" || lib.Type != "bearer" || lib.Expires != 900 || !lib.Rotated {
			t.Errorf("%s: %+v, want the issuer, a bearer token for 900 seconds, and another refresh token after a refresh", name, lib)
		}
		if lib.Status != 200 || lib.After != 401 {
			t.Errorf("%s: the refreshed access token = %d, after revocation %d; want 200, 401", name, lib.Status, lib.After)
		}
		if lib.Wrong != "invalid_grant" {
			t.Errorf("%s: the wrong password is %q to it, want invalid_grant", name, lib.Wrong)
		}
	}
}
