package token

//lint:file-ignore SA1019 keys that must be refused are made in the ways that are deprecated

import (
	"bytes"
	"crypto"
	"crypto/dsa"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"testing"
)

func TestHMACRefusesWeakSecrets(t *testing.T) {
	t.Parallel()
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&e.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	pkcs1 := x509.MarshalPKCS1PublicKey(testKeys()[RS256].k.public.(*rsa.PublicKey))
	jwk, err := publishJWK(testKeys()[ES256].k)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"empty": "", "one byte": "x", "31 random bytes": "\x01\x9f\x22\x83\xe4\x15\xc6\x57\x98\xa9\xba\xcb\xdc\xed\xfe\x0f\x10\x21\x32\x43\x54\x65\x76\x87\x91\xa2\xb3\xc4\xd5\xe6\xf7",
		"one letter": strings.Repeat("x", 64), "zeros": strings.Repeat("\x00", 64), "15 different": strings.Repeat("qzxjvkwpghfbdmy", 3), "two words": strings.Repeat("ab", 40),
		"hexadecimal of little": strings.Repeat("0a1b2c3d", 12), "hexadecimal of zeros": strings.Repeat("00", 32),
		// The literals that this project's and its relatives' documentation shows.
		"brief": "your-secret-key-change-in-production", "brief long": "your-secret-key-change-in-production-please-0123",
		"aegis": "your-secret-key-here-change-in-production-please", "fastapi": "changethis-changethis-changethis-4f7a", "jwt.io": "a-string-secret-at-least-256-bits-long", "jwt.io old": "your-256-bit-secret-your-256-bit-secret",
		"change me": "CHANGE_ME_to-a-long-random-Value-92746183", "spaced": "please Change Me, I am 43 characters wide!!", "django": "django-insecure-5f7e#k2$9qz8x1v&w3m0p4r6t", "super": "Super-Secret-Session-Key-92746183XYZQW",
		"digits": "0123456789abcdefghijklmnopqrstuvwxyz", "hexadecimal digits": "0123456789abcdef0123456789abcdef", "alphabet": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0246813579", "keyboard": "qwertyuiopasdfghjklzxcvbnm!@#$%^&*()",
		"xkcd": "correct-horse-battery-staple-92746183", "beef": "deadbeefcafebabe92746183-qzxjvkwpghfbdmy", "length": "this-must-be-at-least-32-characters-long", "replace": "<replace-me-with-32-random-bytes-XYZQWV>",
		"PEM": string(public), "PEM indented": "\n  " + string(public), "JWK": string(jwk), "DER": string(der), "PKCS #1": string(pkcs1), "JWKS": `{"keys":[` + string(jwk) + `]}`,
		"OpenSSH": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHx9vP2mQz8w7KfYh3dLrTq1 me",
	} {
		k, err := HMAC([]byte(secret))
		if err == nil || k != (Key{}) {
			t.Errorf("%s: HMAC = %v, want a refusal", name, k)
			continue
		}
		if len(secret) > 8 && strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

func TestHMACAcceptsRandomSecrets(t *testing.T) {
	t.Parallel()
	for range 2000 {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret)
		for name, s := range map[string][]byte{
			"raw": secret, "hexadecimal": []byte(hex.EncodeToString(secret)), "base64url": []byte(b64.EncodeToString(secret)), "text": []byte(rand.Text() + rand.Text()),
		} {
			if _, err := HMAC(s); err != nil {
				t.Fatalf("%s: HMAC(%q) = %v, want a key", name, s, err)
			}
		}
	}
}

// A random secret of usual length contains given five letters once in a million
// times, which is often enough to be met.
func TestPlaceholdersAreTooLongForChance(t *testing.T) {
	t.Parallel()
	for _, p := range placeholders {
		if len(p) < 7 {
			t.Errorf("the placeholder %q has %d characters, want at least 7", p, len(p))
		}
	}
	if _, err := HMAC([]byte("7ps9n7Kw9lp1I7QGqj1yyMyJwTbMT2E3yleiawaEhtg")); err != nil {
		t.Errorf("HMAC of a secret with five unlucky letters = %v, want a key", err)
	}
}

func TestHMACKeyID(t *testing.T) {
	t.Parallel()
	secret := []byte("Zk3!v9Qw#x8Lm2@Rt7$Yp4%Ns6^Hd1&Gb5*")
	k, err := HMAC(secret)
	if err != nil {
		t.Fatal(err)
	}
	before := k.ID()
	again, _ := HMAC(bytes.Clone(secret))
	other, _ := HMAC(append(bytes.Clone(secret), 'x'))
	if before != again.ID() || before == other.ID() || len(before) != 16 {
		t.Errorf("IDs %q, %q, %q; want the first two equal, 16 characters, the third different", before, again.ID(), other.ID())
	}
	raw := mustSign(t, newRing(t, k), testClaims())
	clear(secret) // the key has its own copy
	if _, err := testVerifier(newRing(t, again)).Verify(t.Context(), raw); err != nil {
		t.Errorf("Verify after the caller's secret was wiped = %v", err)
	}
}

func TestUnsupportedKeys(t *testing.T) {
	t.Parallel()
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	good := testKeys()[RS256].k.public.(*rsa.PublicKey)
	even := new(big.Int).Lsh(big.NewInt(1), 2047)
	offCurve := p256.PublicKey
	offCurve.X = new(big.Int).Add(p256.X, big.NewInt(1))
	for name, p := range map[string]crypto.PublicKey{
		"nil": nil, "P-384": &p384.PublicKey, "off the curve": &offCurve, "ECDSA by value": p256.PublicKey, "nil ECDSA": (*ecdsa.PublicKey)(nil), "nil RSA": (*rsa.PublicKey)(nil),
		"RSA 1024": &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}, "RSA 16384": &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 16383, 1), E: 65537}, "RSA exponent 3": &rsa.PublicKey{N: good.N, E: 3},
		"RSA even exponent": &rsa.PublicKey{N: good.N, E: 65538}, "RSA even modulus": &rsa.PublicKey{N: even, E: 65537}, "RSA empty": &rsa.PublicKey{}, "short Ed25519": ed25519.PublicKey(make([]byte, 31)),
		"bytes": make([]byte, 32), "string": "secret", "DSA": &dsa.PublicKey{}, "a private key": p256,
	} {
		if k, err := PublicKey(p); err == nil {
			t.Errorf("%s: PublicKey = %v, want an error", name, k)
		}
	}
	mixed := *p256
	mixed.PublicKey = *testKeys()[ES256].k.public.(*ecdsa.PublicKey)
	_, d, _ := ed25519.GenerateKey(rand.Reader)
	broken := append(bytes.Clone(d[:32]), make([]byte, 32)...)
	for name, s := range map[string]crypto.Signer{"nil": nil, "P-384": p384, "mixed halves": &mixed, "mixed Ed25519 halves": ed25519.PrivateKey(broken)} {
		if k, err := PrivateKey(s); err == nil {
			t.Errorf("%s: PrivateKey = %v, want an error", name, k)
		}
	}
}

// hsm is a signer whose private half is out of reach, as in a KMS.
type hsm struct{ inner crypto.Signer }

func (h hsm) Public() crypto.PublicKey { return h.inner.Public() }
func (h hsm) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return h.inner.Sign(r, digest, o)
}

func TestSignersThatLiveElsewhere(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{ES256, RS256, EdDSA} {
		k, err := PrivateKey(hsm{testKeys()[alg].k.private()})
		if err != nil {
			t.Fatal(err)
		}
		ring := newRing(t, k)
		if _, err := testVerifier(ring).Verify(t.Context(), mustSign(t, ring, testClaims())); err != nil {
			t.Errorf("%s: Verify = %v", alg, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	for alg, want := range testKeys() {
		if alg == HS256 {
			continue
		}
		private, err := x509.MarshalPKCS8PrivateKey(want.k.private())
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(want.k.public)
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := publishJWK(want.k)
		if err != nil {
			t.Fatal(err)
		}
		forms := map[string][]byte{
			"PKCS #8": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "PKIX": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), "JWK": jwk,
		}
		switch p := want.k.private().(type) {
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(p)
			if err != nil {
				t.Fatal(err)
			}
			forms["SEC 1"] = append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...)
		case *rsa.PrivateKey:
			forms["PKCS #1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(p)})
			forms["PKCS #1 public"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&p.PublicKey)})
		}
		for form, data := range forms {
			got, err := ParseKey(append([]byte("\n "), data...))
			if err != nil {
				t.Errorf("%s, %s: ParseKey = %v", alg, form, err)
				continue
			}
			if got.ID() != want.ID() || got.Algorithm() != alg {
				t.Errorf("%s, %s: ParseKey = %v, want %v", alg, form, got, want)
			}
			if wantSign := form != "PKIX" && form != "JWK" && form != "PKCS #1 public"; got.CanSign() != wantSign {
				t.Errorf("%s, %s: CanSign = %v, want %v", alg, form, got.CanSign(), wantSign)
			}
		}
	}
}

func TestParseKeyJWK(t *testing.T) {
	t.Parallel()
	const secret = "Wk9sdmNRM2JZcFRuRjdoUjJ4S2pNNXVHOHdEMWFFNHpTNkJ2TjBtUXlM"
	k, err := ParseKey([]byte(`{"kty":"oct","k":"` + secret + `","kid":"mine","alg":"HS256","use":"sig"}`))
	if err != nil || k.Algorithm() != HS256 || k.ID() == "mine" {
		t.Errorf("ParseKey(oct) = %v, %v, want an HMAC key with its own ID", k, err)
	}
	// RFC 8037 appendix A.1, private.
	const okp = `"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	k, err = ParseKey([]byte(`{` + okp + `}`))
	if err != nil || !k.CanSign() {
		t.Errorf("ParseKey(OKP) = %v, %v, want a key that signs", k, err)
	}
	public := `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	if _, err := ParseKey([]byte(`{` + public + `,"key_ops":["verify"]}`)); err != nil {
		t.Errorf("ParseKey(key_ops verify) = %v", err)
	}
	for name, data := range map[string]string{
		"empty": "", "text": "hello", "empty object": "{}", "unknown type": `{"kty":"XYZ"}`, "oct HS512": `{"kty":"oct","k":"` + secret + `","alg":"HS512"}`, "oct short": `{"kty":"oct","k":"AAAA"}`, "oct none": `{"kty":"oct","k":""}`,
		"for encryption": `{` + public + `,"use":"enc"}`, "for derivation": `{` + public + `,"key_ops":["deriveKey"]}`, "another algorithm": `{` + public + `,"alg":"ES512"}`, "none": `{` + public + `,"alg":"none"}`, "as HMAC": `{` + public + `,"alg":"HS256"}`,
		"off the curve": strings.Replace(`{`+public+`}`, "x_FE", "y_FE", 1), "x twice": `{` + public + `,"x":"AA"}`, "use twice": `{` + public + `,"use":"enc","use":"sig"}`, "X25519": `{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "mixed halves": strings.Replace(`{`+okp+`}`, "11qY", "21qY", 1),
		"not PEM": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "other PEM": "-----BEGIN X-----\nAAAA\n-----END X-----\n", "encrypted": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"encrypted old": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "a set": `{"keys":[{` + public + `}]}`,
	} {
		if k, err := ParseKey([]byte(data)); err == nil {
			t.Errorf("%s: ParseKey = %v, want an error", name, k)
		} else if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "nWGxne") {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
	one := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: mustPKIX(t, testKeys()[ES256])})
	if k, err := ParseKey(append(bytes.Clone(one), one...)); err == nil {
		t.Errorf("ParseKey(two PEM blocks) = %v, want an error", k)
	}
}

func mustPKIX(t *testing.T, k Key) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.k.public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestThumbprints pins key IDs to the examples of RFC 7638 §3.1 and RFC 8037
// appendix A.3.
func TestThumbprints(t *testing.T) {
	t.Parallel()
	for jwk, want := range map[string]string{
		`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
	} {
		k, err := ParseKey([]byte(jwk))
		if err != nil || k.ID() != want {
			t.Errorf("ParseKey(%.40s…) = %v, %v, want ID %s", jwk, k, err, want)
		}
	}
}

// TestKeysNeverPrintTheirSecrets puts keys where they end up by mistake.
func TestKeysNeverPrintTheirSecrets(t *testing.T) {
	t.Parallel()
	secret := []byte("Zk3!v9Qw#x8Lm2@Rt7$Yp4%Ns6^Hd1&Gb5*")
	h, err := HMAC(secret)
	if err != nil {
		t.Fatal(err)
	}
	seed := bytes.Repeat([]byte{0xA7}, 32)
	e, err := PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	ring := newRing(t, h, e)
	type config struct {
		Key     Key
		Pointer *Key
		Keys    []Key
		ByName  map[string]Key
		hidden  Key
		ring    *Keyring
	}
	c := config{h, &e, []Key{h, e}, map[string]Key{"k": h}, e, ring}
	var out strings.Builder
	for _, v := range []any{h, &h, e, &e, c, &c, ring, []any{h, e}, Key{}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e", "% x", "%#x", "%10.3v"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if j, err := json.Marshal(v); err == nil {
			out.Write(j)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	got := out.String()
	for name, s := range map[string]string{
		"text": string(secret), "hexadecimal": hex.EncodeToString(secret), "HEXADECIMAL": strings.ToUpper(hex.EncodeToString(secret)), "base64": b64.EncodeToString(secret)[:40], "decimal": "90 107 51", "Go syntax": "0x5a, 0x6b, 0x33",
		"seed": hex.EncodeToString(seed[:8]), "SEED": strings.ToUpper(hex.EncodeToString(seed[:8])), "seed, decimal": "167 167 167", "seed, Go syntax": "0xa7, 0xa7", "seed, raw": string(seed[:8]),
	} {
		if strings.Contains(got, s) {
			t.Errorf("the secret appears as %s", name)
		}
	}
	if want := "token.Key{HS256 " + h.ID() + "}"; h.String() != want || fmt.Sprintf("%#v", h) != want || fmt.Sprintf("%x", h) != want {
		t.Errorf("String = %s, want %s for every verb", h, want)
	}
}
