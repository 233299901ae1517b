package flows_test

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// contexts are what is made of a seed: it is put where it might end a text, a
// statement, an address or a tag, or written as something decodes it.
var contexts = []func(string) string{
	func(s string) string { return s },
	func(s string) string { return "a" + s + "b" },
	func(s string) string { return "'" + s },
	func(s string) string { return `"` + s + `"` },
	func(s string) string { return "x') " + s + " -- " },
	func(s string) string { return s + "@example.com" },
	func(s string) string { return "a@" + s + ".example.com" },
	func(s string) string { return "/app?x=" + s },
	func(s string) string { return "//" + s },
	func(s string) string { return `">` + s + `<!--` },
	func(s string) string { return "\r\n" + s },
	func(s string) string { return s + "\x00" },
	func(s string) string { return "\u202e" + s + "\u200b" },
	func(s string) string { return "\xc0\xa7" + s + "\xff" },
	func(s string) string { return strings.ToUpper(s) },
	url.QueryEscape,
	func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	html.EscapeString,
	func(s string) string { return hex.EncodeToString([]byte(s)) },
	func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	func(s string) string {
		return "art1_" + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(s, 9)))
	},
	wide,
	func(s string) string { return strings.Repeat(s+" ", 40) },
}

// wide writes ASCII as the wide letters that some normal forms turn back.
func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, s)
}

// long are texts beyond every limit, or just at one.
func long() (list []string) {
	for _, unit := range []string{"a", "'", "<", "\u00e9", "\u0301", "\U0001f600", "[", "%", "\xff", "../", "&amp;"} {
		for _, n := range []int{63, 64, 65, 72, 73, 100, 200, 254, 255, 256, 257, 1000, 1024, 4096, 8192, 40000} {
			list = append(list, strings.Repeat(unit, n))
		}
	}
	return list
}

// corpus returns every seed by itself and in two fifths of the contexts, each text
// once.
func corpus(tb testing.TB) (list []string) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "seeds.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	seen := make(map[string]bool)
	add := func(s string) {
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		seed, err := strconv.Unquote(`"` + strings.ReplaceAll(line, `"`, `\"`) + `"`)
		if err != nil {
			tb.Fatalf("seeds.txt:%d: %v", i+1, err)
		}
		for j, in := range contexts {
			if j == 0 || (i+j)%5 < 2 {
				add(in(seed))
			}
		}
	}
	for _, s := range long() {
		add(s)
	}
	return list
}

// TestCorpus holds the corpus to what it is said to be.
func TestCorpus(t *testing.T) {
	t.Parallel()
	list := corpus(t)
	if len(list) < 5000 {
		t.Errorf("%d texts, want at least 5,000", len(list))
	}
	var invalid, zero, lines int
	for _, s := range list {
		if !utf8.ValidString(s) {
			invalid++
		}
		if strings.Contains(s, "\x00") {
			zero++
		}
		if strings.ContainsAny(s, "\r\n") {
			lines++
		}
	}
	if invalid < 200 || zero < 200 || lines < 200 {
		t.Errorf("%d are no UTF-8, %d have a zero, %d a line end; want 200 of each", invalid, zero, lines)
	}
	t.Logf("%d texts", len(list))
}
