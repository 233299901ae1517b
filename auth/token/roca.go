package token

import "math/big"

// rocaPrimes are the primes whose product divides what the generator of
// CVE-2017-15361 builds its RSA primes on, for keys of every size.
var rocaPrimes = []uint64{
	2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// isROCA reports whether an RSA modulus was made by that generator, which smart
// cards and TPMs had from 2007 to 2017: it can be factored (Nemec, Sýs and others,
// The Return of Coppersmith's Attack, 2017). Both its primes are powers of 65537
// modulo each of these primes, and so is the modulus; another modulus is that for
// all of them once in more than 2^27.
func isROCA(n *big.Int) bool {
	var prime, rest big.Int
	for _, p := range rocaPrimes {
		rest.Mod(n, prime.SetUint64(p))
		for power := uint64(1); power != rest.Uint64(); {
			if power = power * 65537 % p; power == 1 { // once around
				return false
			}
		}
	}
	return true
}
