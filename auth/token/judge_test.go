package token

import (
	"errors"
	"testing"
	"time"
)

// TestTimeLimits sets the clock to the second before, at, and after each limit.
func TestTimeLimits(t *testing.T) {
	t.Parallel()
	iat := time.Unix(1_800_000_000, 0).UTC()
	exp := iat.Add(15 * time.Minute)
	nbf := iat.Add(time.Minute)
	tests := []struct {
		name   string
		nbf    time.Time
		leeway time.Duration
		now    time.Time
		want   error
	}{
		{name: "at issue", now: iat},
		{name: "last nanosecond", now: exp.Add(-1)},
		{name: "at expiry", now: exp, want: ErrExpired},
		{name: "a second after expiry", now: exp.Add(time.Second), want: ErrExpired},
		{name: "leeway does not prolong", leeway: 30 * time.Second, now: exp, want: ErrExpired},
		{name: "a year after expiry", now: exp.AddDate(1, 0, 0), want: ErrExpired},
		{name: "issued 30 s ahead", now: iat.Add(-30 * time.Second)},
		{name: "issued more than 30 s ahead", now: iat.Add(-30*time.Second - 1), want: ErrInvalid},
		{name: "issued 1 s ahead, no leeway", leeway: -1, now: iat.Add(-time.Second), want: ErrInvalid},
		{name: "issued now, no leeway", leeway: -1, now: iat},
		{name: "issued 5 s ahead, 5 s leeway", leeway: 5 * time.Second, now: iat.Add(-5 * time.Second)},
		{name: "issued 6 s ahead, 5 s leeway", leeway: 5 * time.Second, now: iat.Add(-6 * time.Second), want: ErrInvalid},
		{name: "leeway has a limit", leeway: time.Hour, now: iat.Add(-31 * time.Second), want: ErrInvalid},
		{name: "leeway up to its limit", leeway: time.Hour, now: iat.Add(-30 * time.Second)},
		{name: "before nbf", nbf: nbf, now: nbf.Add(-31 * time.Second), want: ErrInvalid},
		{name: "before nbf within leeway", nbf: nbf, now: nbf.Add(-30 * time.Second)},
		{name: "at nbf, no leeway", nbf: nbf, leeway: -1, now: nbf},
		{name: "before nbf, no leeway", nbf: nbf, leeway: -1, now: nbf.Add(-1), want: ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ring := newRing(t, newHMAC(t))
			c := testClaims()
			c.IssuedAt, c.ExpiresAt, c.NotBefore = iat, exp, tt.nbf
			raw := mustSign(t, ring, c)
			now := tt.now
			v := &Verifier{Keys: ring, Issuer: testIssuer, Leeway: tt.leeway, Now: func() time.Time { return now }}
			verify := func(when string, want error) {
				t.Helper()
				if _, err := v.Verify(t.Context(), raw); !errors.Is(err, want) {
					t.Errorf("Verify(%s) = %v, want %v", when, err, want)
				}
			}
			verify("afresh", tt.want)
			verify("again", tt.want)
			now = iat.Add(2 * time.Minute)
			verify("within its time", nil)
			now = tt.now
			verify("when it is remembered", tt.want)
			wantLate := tt.want
			if errors.Is(wantLate, ErrExpired) {
				wantLate = nil
			}
			if _, err := v.VerifyExpired(t.Context(), raw); !errors.Is(err, wantLate) {
				t.Errorf("VerifyExpired = %v, want %v", err, wantLate)
			}
		})
	}
}

func TestIssuerAndAudience(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		issuer, audience string // of the verifier
		iss              string // of the token
		aud              []string
		want             error
	}{
		{"audience is the issuer unless told", "https://a", "", "https://a", []string{"https://a"}, nil},
		{"another audience unless told", "https://a", "", "https://a", []string{"https://b"}, ErrInvalid},
		{"named audience", "https://a", "api", "https://a", []string{"api"}, nil},
		{"named audience among others", "https://a", "api", "https://a", []string{"x", "y", "api", "z"}, nil},
		{"issuer is no longer enough", "https://a", "api", "https://a", []string{"https://a"}, ErrInvalid},
		{"audience prefix", "https://a", "api", "https://a", []string{"ap", "api2"}, ErrInvalid},
		{"audience case", "https://a", "api", "https://a", []string{"API"}, ErrInvalid},
		{"another issuer", "https://a", "api", "https://b", []string{"api"}, ErrInvalid},
		{"issuer with slash", "https://a", "api", "https://a/", []string{"api"}, ErrInvalid},
		{"issuer case", "https://a", "api", "https://A", []string{"api"}, ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ring := newRing(t, newHMAC(t))
			c := testClaims()
			c.Issuer, c.Audience = tt.iss, tt.aud
			v := testVerifier(ring)
			v.Issuer, v.Audience = tt.issuer, tt.audience
			for range 2 {
				if _, err := v.Verify(t.Context(), mustSign(t, ring, c)); !errors.Is(err, tt.want) {
					t.Errorf("Verify = %v, want %v", err, tt.want)
				}
			}
		})
	}
}

func TestMaxTTL(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	raw := mustSign(t, ring, testClaims()) // fifteen minutes
	for ttl, want := range map[time.Duration]error{0: nil, 15 * time.Minute: nil, 15*time.Minute - 1: ErrInvalid, time.Hour: nil, time.Second: ErrInvalid} {
		v := testVerifier(ring)
		v.MaxTTL = ttl
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, want) {
			t.Errorf("MaxTTL %v: Verify = %v, want %v", ttl, err, want)
		}
	}
}

func TestRevoked(t *testing.T) {
	t.Parallel()
	ring := newRing(t, newHMAC(t))
	raw := mustSign(t, ring, testClaims())
	dead := false
	asked := 0
	v := testVerifier(ring)
	v.Revoked = func(c *Claims) bool {
		asked++
		return dead && c.SessionID == "session-1"
	}
	verify := func(want error) {
		t.Helper()
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, want) {
			t.Errorf("Verify = %v, want %v", err, want)
		}
	}
	verify(nil)
	dead = true
	verify(ErrRevoked)
	verify(ErrRevoked)
	if _, err := v.VerifyExpired(t.Context(), raw); !errors.Is(err, ErrRevoked) {
		t.Errorf("VerifyExpired = %v, want ErrRevoked", err)
	}
	dead = false
	verify(nil)
	if asked != 5 {
		t.Errorf("Revoked was asked %d times, want 5: each time", asked)
	}
	// The hook is not asked about tokens that are refused anyway.
	asked = 0
	v.Issuer = "https://other"
	v.Audience = testIssuer
	verify(ErrInvalid)
	if asked != 0 {
		t.Errorf("Revoked was asked %d times about a token of another issuer", asked)
	}
}

// TestExpiredMeansNothingElseIsWrong: clients refresh on ErrExpired, so a token
// that was never good must not say so.
func TestExpiredMeansNothingElseIsWrong(t *testing.T) {
	t.Parallel()
	k := newHMAC(t)
	v := testVerifier(newRing(t, k))
	old := []member{{`"iat"`, "1000"}, {`"exp"`, "1900"}}
	raw := forge(t, k, goodHeader(k), goodPayload(old...))
	if _, err := v.Verify(t.Context(), raw); !errors.Is(err, ErrExpired) || errors.Is(err, ErrInvalid) {
		t.Fatalf("Verify(expired) = %v, want ErrExpired alone", err)
	}
	for name, raw := range map[string]string{
		"signature":   raw[:len(raw)-4] + "AAAA",
		"issuer":      forge(t, k, goodHeader(k), goodPayload(append(old, member{`"iss"`, `"x"`})...)),
		"audience":    forge(t, k, goodHeader(k), goodPayload(append(old, member{`"aud"`, `"x"`})...)),
		"no session":  forge(t, k, goodHeader(k), goodPayload(append(old, member{`"sid"`, ``})...)),
		"another key": forge(t, newHMAC(t), goodHeader(k), goodPayload(old...)),
	} {
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, ErrInvalid) || errors.Is(err, ErrExpired) {
			t.Errorf("%s: Verify = %v, want ErrInvalid alone", name, err)
		}
	}
}
