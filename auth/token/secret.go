package token

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const (
	minSecret         = 32 // bytes, RFC 7518 §3.2: as long as the hash
	minDistinctInHMAC = 16 // different bytes among them
)

// placeholders are what documentation, tutorials and generators of example
// configuration put where a secret belongs, reduced to lower-case letters and
// digits. A secret that contains one was not made by a random generator: none is
// shorter than seven characters, and the chance that 43 random base64url characters
// contain a given seven of them, in either case, is near 1 in 10^9.
var placeholders = []string{
	"changeme", "changethis", "changeit", "changein", "pleasechange", "mustchange", "tobechanged",
	"yoursecret", "yourjwtsecret", "yourkey", "yoursuper", "yourvery", "your256bit", "yourown", "your32b", "your32c",
	"mysecret", "mysuper", "myjwtkey", "myjwttoken", "mykeyis", "mykeyfor",
	"supersecret", "verysecret", "topsecret", "notsosecret", "notasecret", "secretsecret",
	"secretkey", "jwtsecret", "stringsecret", "defaultsecret", "devsecret", "developmentsecret", "testsecret",
	"examplesecret", "samplesecret", "sessionsecret", "demosecret",
	"placeholder", "replaceme", "replacethis", "replacewith", "insecure", "donotuse", "onlyfordev", "fordevelopment",
	"atleast256bits", "atleast32", "32characters", "32chars", "32bytes", "thisisasecret", "thisisthesecret",
	"passwordpassword", "correcthorsebattery", "loremipsum",
	"0123456789", "1234567890", "abcdefghijklm", "qwertyuiop", "deadbeef",
}

// checkSecret reports why a secret is not fit to be an HMAC key, or nil.
func checkSecret(secret []byte) error {
	if len(secret) < minSecret {
		return fmt.Errorf("token: the HMAC secret has %d bytes and must have at least %d", len(secret), minSecret)
	}
	if looksPublic(secret) {
		// Verifiers that took a public key for an HMAC secret are the oldest
		// hole in JWT (RFC 8725 §2.1): everybody knows it.
		return errors.New("token: the HMAC secret is an encoded key, perhaps a public one; use ParseKey")
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return -1
	}, string(secret))
	for _, p := range placeholders {
		if strings.Contains(plain, p) {
			return errors.New("token: the HMAC secret contains a well-known placeholder; make a random one, for example with: openssl rand -base64 32")
		}
	}
	// 32 random bytes in hexadecimal use only 16 different characters, and one
	// time in four not even all of those.
	judged := secret
	if raw, err := hex.DecodeString(string(secret)); err == nil && len(raw) >= minSecret {
		judged = raw
	}
	if n := distinct(judged); n < minDistinctInHMAC {
		return fmt.Errorf("token: the HMAC secret has %d different bytes and must have at least %d; make a random one", n, minDistinctInHMAC)
	}
	return nil
}

// looksPublic recognises keys as they are usually written: PEM, JWK, OpenSSH, DER.
func looksPublic(secret []byte) bool {
	s := bytes.TrimSpace(secret)
	for _, prefix := range []string{"-----BEGIN", "ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if bytes.HasPrefix(s, []byte(prefix)) {
			return true
		}
	}
	if json.Valid(s) {
		return true
	}
	if _, err := x509.ParsePKIXPublicKey(secret); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PublicKey(secret); err == nil {
		return true
	}
	_, err := x509.ParseCertificate(secret)
	return err == nil
}

func distinct(b []byte) int {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}
