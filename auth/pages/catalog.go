package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Catalog is the text of the pages in one language, by key. In a text, {0} and
// {1} stand for the arguments of the place that shows it. The keys, and the
// English texts, are in locales/en.json; see [Files]. A key that a catalogue
// leaves out is shown in English.
type Catalog map[string]string

// language is one catalogue over the English one.
type language struct {
	tag   string // "de", "pt-br": lower case
	texts Catalog
}

// text returns the text with that key. An unknown key is an error, so that a
// template that asks for one fails when it is first rendered, in New.
func (l *language) text(key string, args ...any) (string, error) {
	s, ok := l.texts[key]
	if !ok {
		return "", fmt.Errorf("no text has the key %q", key)
	}
	return fill(s, args), nil
}

// textOr is text for keys that may not be there, such as the kind of an event
// that the application itself has made.
func (l *language) textOr(key, otherwise string, args ...any) string {
	if s, ok := l.texts[key]; ok {
		return fill(s, args)
	}
	return otherwise
}

func fill(s string, args []any) string {
	if len(args) == 0 || !strings.Contains(s, "{") {
		return s
	}
	pairs := make([]string, 0, 2*len(args))
	for i, a := range args {
		pairs = append(pairs, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	// One pass: a placeholder inside an argument stays as it is.
	return strings.NewReplacer(pairs...).Replace(s)
}

var placeholder = regexp.MustCompile(`\{\d+\}`)

// loadLanguages reads locales/*.json of the layers, lays the catalogues of the
// configuration over them, and fills gaps with English.
func loadLanguages(l layers, extra map[string]Catalog) (map[string]*language, error) {
	found := map[string]Catalog{}
	for _, layer := range slices.Backward(l) {
		names, err := fs.Glob(layer, "locales/*.json")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			raw, err := fs.ReadFile(layer, name)
			if err != nil {
				return nil, err
			}
			var c Catalog
			if err := json.Unmarshal(raw, &c); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			merge(found, strings.TrimSuffix(path.Base(name), ".json"), c)
		}
	}
	for tag, c := range extra {
		merge(found, tag, c)
	}
	english := found["en"]
	languages := make(map[string]*language, len(found))
	var wrong []error
	for tag, c := range found {
		texts := maps.Clone(english)
		for key, s := range c {
			if was, ok := english[key]; ok && placeholders(was) != placeholders(s) {
				wrong = append(wrong, fmt.Errorf("language %q: the text %q must have the placeholders %q", tag, key, placeholders(was)))
			}
			texts[key] = s
		}
		languages[tag] = &language{tag: tag, texts: texts}
	}
	return languages, errors.Join(wrong...)
}

func merge(into map[string]Catalog, tag string, c Catalog) {
	tag = strings.ToLower(tag)
	if into[tag] == nil {
		into[tag] = Catalog{}
	}
	maps.Copy(into[tag], c)
}

// placeholders lists those of s, each once and in order.
func placeholders(s string) string {
	all := placeholder.FindAllString(s, -1)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// preferred picks from an Accept-Language header (RFC 9110 §12.5.4) the best
// language that there is: each range is tried as it is and then by its first
// part, and "*" takes the default.
func preferred(header, otherwise string, have map[string]*language) string {
	if len(header) > 1024 {
		return otherwise
	}
	best, bestQ := otherwise, 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || !(f >= 0 && f <= 1) {
				continue
			}
			q = f
		}
		if q <= bestQ {
			continue
		}
		tag = strings.ToLower(strings.TrimSpace(tag))
		first, _, _ := strings.Cut(tag, "-")
		switch {
		case tag == "*":
			best, bestQ = otherwise, q
		case have[tag] != nil:
			best, bestQ = tag, q
		case have[first] != nil:
			best, bestQ = first, q
		}
	}
	return best
}
