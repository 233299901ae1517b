package sqltest

import (
	"encoding/json"
	"io"
	"net/url"
	"strings"
)

// Body returns what a request with the body v sends, and its content type: nothing
// for nil, a form for [url.Values], and JSON for all else.
func Body(v any) (r io.Reader, contentType string, err error) {
	switch v := v.(type) {
	case nil:
		return nil, "", nil
	case url.Values:
		return strings.NewReader(v.Encode()), "application/x-www-form-urlencoded", nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, "", err
	}
	return strings.NewReader(string(data)), "application/json", nil
}
