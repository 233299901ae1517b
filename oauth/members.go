package oauth

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// members is a JSON object whose values are looked at one by one, by exact name
// and exact type. Decoding into a struct would match names without regard to
// case and take null for an empty string.
type members map[string]json.RawMessage

// parseObject reads an object that has passed strictjson.Check, or is part of
// one that has.
func parseObject(data []byte) (members, bool) {
	var m members
	if json.Unmarshal(data, &m) != nil || m == nil {
		return nil, false
	}
	for name, raw := range m {
		m[name] = bytes.TrimSpace(raw)
	}
	return m, true
}

func (m members) has(name string) bool {
	_, ok := m[name]
	return ok
}

// str is the member if it is a string.
func (m members) str(name string) (string, bool) {
	raw, ok := m[name]
	if !ok || len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// text is the member if it is a string, and empty otherwise. For what is only
// shown.
func (m members) text(name string) string {
	s, _ := m.str(name)
	return s
}

// isTrue reports whether the member is the literal true. "true" and 1 are not.
func (m members) isTrue(name string) bool { return string(m[name]) == "true" }

// strs is the member if it is a string or a list of strings, not empty.
func (m members) strs(name string) ([]string, bool) {
	if s, ok := m.str(name); ok {
		return []string{s}, true
	}
	raw, ok := m[name]
	if !ok || len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil || len(items) == 0 {
		return nil, false
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := (members{"": bytes.TrimSpace(item)}).str("")
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// maxUnix is the end of the year 9999. Later times overflow elsewhere.
const maxUnix = 253402300799

// unix is the member if it is a NumericDate (RFC 7519, section 2): a positive
// number of seconds. Fractions are allowed there and cut off here.
func (m members) unix(name string) (time.Time, bool) {
	raw, ok := m[name]
	if !ok || len(raw) > 32 || strings.ContainsAny(string(raw), "eE") {
		return time.Time{}, false
	}
	// No other JSON value than a number is one to ParseFloat.
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || n < 1 || n > maxUnix {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(n)), 0), true
}
