package openapitest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/auth/org"
)

// world is a service with everything switched on, its document as its route
// serves it, and what has been seen of both.
type world struct {
	*authtest.Env
	orgs *org.Service
	mux  *http.ServeMux
	doc  *openapi3.T
	seen map[string]map[int]bool // statuses by operation
}

func newWorld(t *testing.T, change ...func(*auth.Config)) *world {
	t.Helper()
	w := &world{Env: authtest.New(t, change...), seen: map[string]map[int]bool{}}
	var err error
	if w.orgs, err = org.New(w.Service, org.Config{}); err != nil {
		t.Fatal(err)
	}
	w.mux = auth.NewMux(w.Service, slices.Concat(w.Routes(), w.orgs.Routes()), w.Path(), w.orgs.Path())
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/auth/openapi.json", nil))
	if w.doc, err = openapi3.NewLoader().LoadFromData(rec.Body.Bytes()); err != nil {
		t.Fatalf("load the document: %v", err)
	}
	if err := w.doc.Validate(t.Context(), openapi3.EnableSchemaFormatValidation(), openapi3.EnableSchemaPatternValidation()); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	if !w.doc.IsOpenAPI31OrLater() {
		t.Fatalf("openapi = %s, want 3.1", w.doc.OpenAPI)
	}
	closeSchemas(w.doc)
	return w
}

// closeSchemas makes members that the document does not name an error, so that
// an answer cannot say more than is documented.
func closeSchemas(doc *openapi3.T) {
	no := false
	var visit func(ref *openapi3.SchemaRef)
	visit = func(ref *openapi3.SchemaRef) {
		if ref == nil || ref.Value == nil {
			return
		}
		s := ref.Value
		if len(s.Properties) > 0 && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = &no
		}
		if ref.Ref != "" {
			return // visited as a component
		}
		for _, p := range s.Properties {
			visit(p)
		}
		visit(s.Items)
		for _, p := range s.AnyOf {
			visit(p)
		}
	}
	for _, ref := range doc.Components.Schemas {
		visit(&openapi3.SchemaRef{Value: ref.Value})
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				for _, media := range r.Value.Content {
					visit(media.Schema)
				}
			}
		}
	}
}

// operation returns the documented operation that a request would be for.
func (w *world) operation(r *http.Request) (*openapi3.Operation, error) {
	_, pattern := w.mux.Handler(r)
	method, path, ok := strings.Cut(pattern, " ")
	item := w.doc.Paths.Value(path)
	if !ok || item == nil || item.GetOperation(method) == nil {
		return nil, fmt.Errorf("%s %s (pattern %q) is not in the document", r.Method, r.URL.Path, pattern)
	}
	return item.GetOperation(method), nil
}

// send has r answered, and holds the answer against the document.
func (w *world) send(t *testing.T, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	op, err := w.operation(r)
	if err != nil {
		t.Fatal(err)
	}
	w.mux.ServeHTTP(rec, r)
	if err := w.check(op, rec); err != nil {
		t.Errorf("%s %s answered %d %s\n%s\n%v", r.Method, r.URL.Path, rec.Code, rec.Header().Get("Content-Type"), rec.Body, err)
	}
	if w.seen[op.OperationID] == nil {
		w.seen[op.OperationID] = map[int]bool{}
	}
	w.seen[op.OperationID][rec.Code] = true
	return rec
}

var visit = []openapi3.SchemaValidationOption{openapi3.EnableJSONSchema2020(), openapi3.VisitAsResponse(),
	openapi3.MultiErrors(), openapi3.EnableFormatValidation()}

func (w *world) check(op *openapi3.Operation, rec *httptest.ResponseRecorder) error {
	ref := op.Responses.Value(strconv.Itoa(rec.Code))
	if ref == nil {
		return fmt.Errorf("status %d is not documented for %s", rec.Code, op.OperationID)
	}
	for name, h := range ref.Value.Headers {
		value := rec.Header().Get(name)
		if value == "" {
			return fmt.Errorf("there is no header %s", name)
		}
		var typed any = value
		if n, err := strconv.ParseFloat(value, 64); err == nil && h.Value.Schema.Value.Type.Is("integer") {
			typed = n
		}
		if err := w.doc.ValidateSchemaJSON(h.Value.Schema.Value, typed, visit...); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	if len(ref.Value.Content) == 0 {
		if rec.Body.Len() > 0 && rec.Code/100 != 3 {
			return fmt.Errorf("there is a body, and none is documented")
		}
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(rec.Header().Get("Content-Type"))
	if err != nil {
		return err
	}
	media := ref.Value.Content[mediaType]
	if media == nil {
		return fmt.Errorf("media type %s is not documented", mediaType)
	}
	var body any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		return err
	}
	return w.doc.ValidateSchemaJSON(media.Schema.Value, body, visit...)
}

// obj is a JSON object.
type obj = map[string]any

// client is somebody who calls the routes.
type client struct {
	*world
	bearer  string
	cookies []*http.Cookie
	header  http.Header
}

// with returns a copy that sends one more header.
func (c client) with(name, value string) client {
	c.header = c.header.Clone()
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(name, value)
	return c
}

func (c client) request(t *testing.T, method, path string, body any) *http.Request {
	t.Helper()
	var r *http.Request
	switch b := body.(type) {
	case nil:
		r = httptest.NewRequest(method, path, nil)
	case url.Values:
		r = httptest.NewRequest(method, path, strings.NewReader(b.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		r = authtest.JSON(t, method, path, body)
	}
	r.Host = "localhost:8000"
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	for name := range c.header {
		r.Header.Set(name, c.header.Get(name))
	}
	return r
}

// want calls a route, wants that status, and returns the JSON of the answer.
func (c client) want(t *testing.T, status int, method, path string, body any) obj {
	t.Helper()
	rec := c.send(t, c.request(t, method, path, body))
	if rec.Code != status {
		t.Errorf("%s %s = %d, want %d\n%s", method, path, rec.Code, status, rec.Body)
	}
	var out obj
	json.Unmarshal(rec.Body.Bytes(), &out)
	return out
}
