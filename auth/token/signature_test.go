package token

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestECDSAForm compares with encoding/asn1, above all where a number begins with
// zero bits or a one bit, which few real signatures do.
func TestECDSAForm(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	halves := [][]byte{make([]byte, 32), append(make([]byte, 31), 1), append(make([]byte, 31), 0x80), append(make([]byte, 31), 0x7f), bytes.Repeat([]byte{0xff}, 32), append([]byte{0x80}, make([]byte, 31)...), append([]byte{0, 0x80}, make([]byte, 30)...)}
	for range 500 {
		h := make([]byte, 32)
		for i := rnd.IntN(32); i < 32; i++ {
			h[i] = byte(rnd.Uint32())
		}
		halves = append(halves, h)
	}
	for i, r := range halves {
		s := halves[(i*7+3)%len(halves)]
		want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
		if err != nil {
			t.Fatal(err)
		}
		if got := appendECDSA(nil, append(bytes.Clone(r), s...)); !bytes.Equal(got, want) || len(got) > ecdsaDERMax {
			t.Fatalf("appendECDSA(%x, %x) = %x, want %x", r, s, got, want)
		}
	}
}

// TestECDSALength: the two numbers have one length each, RFC 7518 §3.4; longer
// ones of equal value would be a second spelling.
func TestECDSALength(t *testing.T) {
	t.Parallel()
	k := testKeys()[ES256]
	ring := newRing(t, k)
	raw := mustSign(t, ring, testClaims())
	dot := strings.LastIndexByte(raw, '.') + 1
	sig, err := decode(nil, raw[dot:])
	if err != nil {
		t.Fatal(err)
	}
	r, s := sig[:32], sig[32:]
	zero := []byte{0}
	for name, sig := range map[string][]byte{
		"longer": bytes.Join([][]byte{zero, r, zero, s}, nil), "shorter": bytes.Join([][]byte{r[1:], s[1:]}, nil), "uneven": bytes.Join([][]byte{r, zero, s}, nil),
		"ASN.1": appendECDSA(nil, sig), "zero r": append(make([]byte, 32), s...), "zero s": append(bytes.Clone(r), make([]byte, 32)...), "one byte": zero, "empty": nil, "r alone": r,
	} {
		if _, err := ring.VerifySignature(t.Context(), raw[:dot]+b64.EncodeToString(sig)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: VerifySignature = %v, want ErrInvalid", name, err)
		}
	}
}
