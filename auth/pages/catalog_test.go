package pages

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func builtinLanguages(tb testing.TB) map[string]*language {
	tb.Helper()
	languages, err := loadLanguages(layers{builtin}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return languages
}

func TestBuiltinLanguagesSayTheSame(t *testing.T) {
	t.Parallel()
	languages := builtinLanguages(t)
	if got := slices.Sorted(maps.Keys(languages)); !slices.Equal(got, []string{"de", "en"}) {
		t.Fatalf("built-in languages = %v, want de and en", got)
	}
	raw := map[string]Catalog{}
	for _, tag := range []string{"de", "en"} {
		raw[tag] = readCatalog(t, tag)
	}
	for key := range raw["en"] {
		if raw["de"][key] == "" {
			t.Errorf("de has no text %q", key)
		}
	}
	for key := range raw["de"] {
		if raw["en"][key] == "" {
			t.Errorf("en has no text %q", key)
		}
	}
}

func TestCatalogsAddLanguagesAndReplaceTexts(t *testing.T) {
	t.Parallel()
	over := fstest.MapFS{"locales/fr.json": {Data: []byte(`{"login.button":"Se connecter","login.heading":"Connexion à {0}"}`)}}
	languages, err := loadLanguages(layers{over, builtin}, map[string]Catalog{"de": {"login.button": "Los"}, "pt-BR": {"login.button": "Entrar"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ tag, key, want string }{
		{"fr", "login.button", "Se connecter"},
		{"fr", "login.heading", "Connexion à Acme"},
		{"fr", "signout.button", "Sign out"}, // not translated: English
		{"de", "login.button", "Los"},
		{"de", "signout.button", "Abmelden"},
		{"pt-br", "login.button", "Entrar"},
		{"en", "login.button", "Sign in"},
	} {
		if got, err := languages[c.tag].text(c.key, "Acme"); err != nil || got != c.want {
			t.Errorf("%s text(%q) = %q, %v, want %q", c.tag, c.key, got, err, c.want)
		}
	}
}

func TestCatalogMistakesAreReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file  string
		extra map[string]Catalog
		want  string
	}{
		"a placeholder is missing": {extra: map[string]Catalog{"fr": {"login.heading": "Connexion"}}, want: "login.heading"},
		"one too many":             {extra: map[string]Catalog{"fr": {"login.button": "{0}"}}, want: "login.button"},
		"not JSON":                 {file: `{"login.button":`, want: "locales/fr.json"},
		"not texts":                {file: `{"login.button":1}`, want: "locales/fr.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := layers{builtin}
			if c.file != "" {
				l = layers{fstest.MapFS{"locales/fr.json": {Data: []byte(c.file)}}, builtin}
			}
			if _, err := loadLanguages(l, c.extra); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("loadLanguages = %v, want an error that names %q", err, c.want)
			}
		})
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		args []any
		want string
	}{
		{"plain", nil, "plain"},
		{"{0} on {1}", []any{"Firefox", "Linux"}, "Firefox on Linux"},
		{"{1} before {0}", []any{1, 2}, "2 before 1"},
		{"{0} and {1}", []any{"{1}", "b"}, "{1} and b"}, // arguments are not looked into
		{"{0} {7}", []any{"a"}, "a {7}"},
	} {
		if got := fill(c.text, c.args); got != c.want {
			t.Errorf("fill(%q, %v) = %q, want %q", c.text, c.args, got, c.want)
		}
	}
}

func TestPreferred(t *testing.T) {
	t.Parallel()
	have := map[string]*language{"en": {}, "de": {}, "pt-br": {}}
	for _, c := range []struct{ header, want string }{
		{"", "en"},
		{"de", "de"},
		{"DE-at, en;q=0.9", "de"},
		{"fr, de;q=0.8, en;q=0.9", "en"},
		{"fr, de;q=0.8, en;q=0.7", "de"},
		{"pt", "en"},
		{"pt-BR", "pt-br"},
		{"*", "en"},
		{"*;q=0.1, de;q=0.2", "de"},
		{"de;q=0", "en"},
		{"de;q=0, en;q=0", "en"},
		{"de;q=2", "en"},
		{"de;q=NaN", "en"},
		{"de;q=x, en;q=0.1", "en"},
		{" de ; q=0.5", "de"},
		{";;;,,,", "en"},
		{strings.Repeat("x,", 600) + "de", "en"},
	} {
		if got := preferred(c.header, "en", have); got != c.want {
			t.Errorf("preferred(%.40q) = %q, want %q", c.header, got, c.want)
		}
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	l := builtinLanguages(t)["en"]
	for _, c := range []struct{ agent, want string }{
		{"", ""},
		{"something else", ""},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"},
		{"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on macOS"},
		{"curl/8.5.0", "curl"},
		{"Dalvik/2.1.0 (Linux; U; Android 15)", "Android"},
	} {
		if got := l.device(c.agent); got != c.want {
			t.Errorf("device(%q) = %q, want %q", c.agent, got, c.want)
		}
	}
}
