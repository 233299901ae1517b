package auth

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aegis-auth/aegis/auth/problem"
)

// Doc describes an endpoint for the OpenAPI document.
type Doc struct {
	Summary string
	// Request is a value of the struct that the body is decoded into; nil if the
	// endpoint reads none. Required names its members that must be there; without
	// any the body may be left out.
	Request  any
	Required []string
	// Form is set if the body may be a form as well as JSON.
	Form bool
	// Query names the parameters of the query.
	Query []string
	// Status is the status of success, and Response a value of what is answered;
	// nil if there is no body. MediaType is the form it has, "application/json"
	// if empty.
	Status    int
	Response  any
	MediaType string
	// Also are the further statuses that are no failures, with what they answer.
	Also map[int]any
	// Errors are the further statuses that the endpoint fails with by design.
	Errors []int
}

// OpenAPIHandler answers GET {P}/openapi.json with the OpenAPI 3.1 document of
// every route of s and of what extends it.
func OpenAPIHandler(s *Service) http.Handler {
	return s.handler(endpoint{method: http.MethodGet, serve: func(w http.ResponseWriter, r *http.Request) error {
		s.openapiOnce.Do(func() {
			routes := s.Routes()
			for _, more := range s.extensions {
				routes = append(routes, more()...)
			}
			s.openapi, s.openapiErr = json.Marshal(s.OpenAPI(routes))
		})
		if s.openapiErr != nil {
			return s.openapiErr
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Write(s.openapi)
		return nil
	}})
}

// Extend adds routes to the OpenAPI document of s. Call it before serving.
func (s *Service) Extend(routes func() []Route) { s.extensions = append(s.extensions, routes) }

// OpenAPI returns the OpenAPI 3.1 document of those routes that have a Doc.
func (s *Service) OpenAPI(routes []Route) map[string]any {
	b := newSchemas(s)
	paths := schema{}
	for _, r := range routes {
		if r.Doc == nil {
			continue
		}
		item, _ := paths[r.Path()].(schema)
		if item == nil {
			item = schema{}
			paths[r.Path()] = item
		}
		item[strings.ToLower(r.Method())] = b.operation(r)
	}
	return schema{
		"openapi": "3.1.0",
		"info": schema{"title": s.cfg.AppName, "version": "1",
			"description": "Failures are problem documents (RFC 9457): decide by code, show detail."},
		"servers": []schema{{"url": s.origin.String()}},
		"paths":   paths,
		"components": schema{
			"schemas":   b.named,
			"responses": b.failures,
			"securitySchemes": schema{
				"bearer":  schema{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
				"session": schema{"type": "apiKey", "in": "cookie", "name": s.cookies.session},
			},
		},
	}
}

// queryParams are the schemas of parameters that are more than a text.
var queryParams = map[string]schema{
	"limit":   {"type": "integer", "minimum": 1, "maximum": maxPage, "default": 50},
	"hard":    {"type": "boolean", "default": false},
	"deleted": {"type": "boolean", "default": false},
	"since":   {"type": "string", "format": "date-time"},
	"status":  {"type": "string", "enum": []string{"active", "disabled", "deleted", "any"}},
}

func (b *schemas) operation(r Route) schema {
	tag, _, grouped := strings.Cut(r.Name, ".")
	if !grouped {
		tag = "account"
	}
	op := schema{"operationId": r.Name, "summary": r.Doc.Summary, "tags": []string{tag}, "responses": b.responses(r)}
	var params []schema
	for part := range strings.SplitSeq(r.Path(), "/") {
		if name := strings.Trim(part, "{}"); name != part {
			params = append(params, schema{"name": name, "in": "path", "required": true, "schema": schema{"type": "string"}})
		}
	}
	for _, name := range r.Doc.Query {
		kind, known := queryParams[name]
		if !known {
			kind = schema{"type": "string"}
		}
		params = append(params, schema{"name": name, "in": "query", "schema": kind})
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.Access != "public" {
		op["security"] = []schema{{"bearer": []string{}}, {"session": []string{}}}
		op["description"] = "Access: " + r.Access + "."
	}
	if r.Doc.Request != nil {
		body := b.object(reflect.TypeOf(r.Doc.Request), append([]string{}, r.Doc.Required...))
		content := schema{"application/json": schema{"schema": body}}
		if r.Doc.Form {
			content["application/x-www-form-urlencoded"] = schema{"schema": body}
			content["multipart/form-data"] = schema{"schema": body}
		}
		op["requestBody"] = schema{"required": len(r.Doc.Required) > 0, "content": content}
	}
	return op
}

func (b *schemas) responses(r Route) schema {
	success := func(status int, v any) schema {
		out := schema{"description": http.StatusText(status)}
		if v != nil {
			media := r.Doc.MediaType
			if media == "" {
				media = "application/json"
			}
			out["content"] = schema{media: schema{"schema": b.of(reflect.TypeOf(v))}}
		}
		if status == http.StatusFound || status == http.StatusSeeOther {
			out["headers"] = schema{"Location": schema{"required": true, "schema": schema{"type": "string"}}}
		}
		return out
	}
	out := schema{strconv.Itoa(r.Doc.Status): success(r.Doc.Status, r.Doc.Response)}
	for status, v := range r.Doc.Also {
		out[strconv.Itoa(status)] = success(status, v)
	}
	failures := slices.Concat(r.Doc.Errors, []int{500, 503})
	if r.Access != "public" {
		failures = append(failures, 401)
	}
	if r.Access != "public" && r.Access != "user" {
		failures = append(failures, 403)
	}
	if r.Method() != http.MethodGet {
		failures = append(failures, 403) // from another site
	}
	if r.Doc.Request != nil {
		failures = append(failures, 400, 413, 415, 422)
	}
	if strings.Contains(r.Path(), "{") {
		failures = append(failures, 404)
	}
	for _, status := range failures {
		out[strconv.Itoa(status)] = b.failure(status)
	}
	return out
}

// failure returns a reference to the answer of that status.
func (b *schemas) failure(status int) schema {
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	if b.failures[name] == nil {
		out := schema{"description": http.StatusText(status),
			"content": schema{problem.ContentType: schema{"schema": b.component("Problem")}}}
		switch status {
		case http.StatusUnauthorized:
			out["headers"] = schema{"WWW-Authenticate": schema{"required": true, "schema": schema{"type": "string"}}}
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			out["headers"] = schema{"Retry-After": schema{"required": true, "schema": schema{"type": "integer", "minimum": 1}}}
		}
		b.failures[name] = out
	}
	return schema{"$ref": "#/components/responses/" + name}
}
