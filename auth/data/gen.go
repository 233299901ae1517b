//go:build ignore

// This program writes common.bin from the list of passwords of the npm package
// named in NOTICE:
//
//	npm pack @zxcvbn-ts/language-common@4.1.3
//	tar -xzf zxcvbn-ts-language-common-4.1.3.tgz
//	go run gen.go package/src/passwords.json
//
// The list is kept as hashes, not as words: sorted prefixes of equal length can
// be searched where they lie in the binary, without unpacking and without a map.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	minLength  = 8 // shorter ones are refused for their length
	prefixSize = 5 // bytes; the same as in ../commonlist.go
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run gen.go passwords.json")
	}
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var words []string
	if err := json.Unmarshal(raw, &words); err != nil {
		log.Fatalf("%s: %v", os.Args[1], err)
	}
	var prefixes [][]byte
	for _, w := range words {
		if utf8.RuneCountInString(w) >= minLength {
			sum := sha256.Sum256([]byte(strings.ToLower(w)))
			prefixes = append(prefixes, sum[:prefixSize])
		}
	}
	slices.SortFunc(prefixes, bytes.Compare)
	prefixes = slices.CompactFunc(prefixes, bytes.Equal)
	if err := os.WriteFile("common.bin", bytes.Join(prefixes, nil), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d words\n", len(prefixes), len(words))
}
