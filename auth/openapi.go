package auth

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
)

// Doc describes an endpoint for the OpenAPI document.
type Doc struct {
	Summary string
	// Request is a value of the struct that the body is decoded into; nil if the
	// endpoint reads none. Required names its members that must be there.
	Request  any
	Required []string
	// Form is set if the body may be a form as well as JSON.
	Form bool
	// Query names the parameters of the query.
	Query []string
	// Status is the status of success, and Response a value of what is answered;
	// nil if there is no body.
	Status   int
	Response any
	// Errors are the further statuses that the endpoint answers by design.
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

type schema = map[string]any

// OpenAPI returns the OpenAPI 3.1 document of those routes that have a Doc.
func (s *Service) OpenAPI(routes []Route) map[string]any {
	b := &schemas{named: schema{}}
	problemSchema := schema{"type": "object", "required": []string{"type", "title", "status", "detail", "code", "request_id"}, "properties": schema{
		"type": schema{"type": "string"}, "title": schema{"type": "string"}, "status": schema{"type": "integer"},
		"detail": schema{"type": "string"}, "code": schema{"type": "string"}, "request_id": schema{"type": "string"},
		"errors": schema{"type": "array", "items": b.of(reflect.TypeFor[problem.Field]())},
		"error":  schema{"type": "string"}, "error_description": schema{"type": "string"},
	}}
	b.named["Problem"] = problemSchema
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
		"info":    schema{"title": s.cfg.AppName, "version": "1"},
		"servers": []schema{{"url": s.origin.String()}},
		"paths":   paths,
		"components": schema{
			"schemas": b.named,
			"securitySchemes": schema{
				"bearer":  schema{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
				"session": schema{"type": "apiKey", "in": "cookie", "name": s.cookies.session},
			},
		},
	}
}

// schemas turns Go types into JSON schemas; named structs become components.
type schemas struct{ named schema }

func (b *schemas) operation(r Route) schema {
	op := schema{"operationId": r.Name, "summary": r.Doc.Summary, "responses": b.responses(r)}
	var params []schema
	for part := range strings.SplitSeq(r.Path(), "/") {
		if name := strings.Trim(part, "{}"); name != part {
			params = append(params, schema{"name": name, "in": "path", "required": true, "schema": schema{"type": "string"}})
		}
	}
	for _, name := range r.Doc.Query {
		params = append(params, schema{"name": name, "in": "query", "schema": schema{"type": "string"}})
	}
	if params != nil {
		op["parameters"] = params
	}
	if r.Access != "public" {
		op["security"] = []schema{{"bearer": []string{}}, {"session": []string{}}}
		op["description"] = "Access: " + r.Access + "."
	}
	if r.Doc.Request != nil {
		body := b.object(reflect.TypeOf(r.Doc.Request), r.Doc.Required)
		content := schema{"application/json": schema{"schema": body}}
		if r.Doc.Form {
			content["application/x-www-form-urlencoded"] = schema{"schema": body}
		}
		op["requestBody"] = schema{"required": len(r.Doc.Required) > 0, "content": content}
	}
	return op
}

func (b *schemas) responses(r Route) schema {
	status := func(n int) string { return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)}) }
	ok := schema{"description": http.StatusText(r.Doc.Status)}
	if r.Doc.Response != nil {
		ok["content"] = schema{"application/json": schema{"schema": b.of(reflect.TypeOf(r.Doc.Response))}}
	}
	out := schema{status(r.Doc.Status): ok}
	trouble := slices.Concat(r.Doc.Errors, []int{503})
	if r.Access != "public" {
		trouble = append(trouble, 401, 403)
	}
	if r.Doc.Request != nil {
		trouble = append(trouble, 400, 413, 415, 422, 429)
	}
	if strings.Contains(r.Path(), "{") {
		trouble = append(trouble, 404)
	}
	for _, n := range trouble {
		out[status(n)] = schema{"description": http.StatusText(n),
			"content": schema{"application/problem+json": schema{"schema": schema{"$ref": "#/components/schemas/Problem"}}}}
	}
	return out
}

// of returns the schema of a type in an answer, where every member without
// omitempty is there.
func (b *schemas) of(t reflect.Type) schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return schema{}
	}
	switch t.Kind() {
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Pointer:
		return orNull(b.of(t.Elem()))
	case reflect.Slice:
		return schema{"type": "array", "items": b.of(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": b.of(t.Elem())}
	case reflect.Struct:
		return b.object(t, nil)
	}
	return schema{}
}

func orNull(s schema) schema {
	if kind, ok := s["type"].(string); ok {
		out := schema{}
		for k, v := range s {
			out[k] = v
		}
		out["type"] = []string{kind, "null"}
		return out
	}
	return schema{"anyOf": []schema{s, {"type": "null"}}}
}

// object returns the schema of a struct. required nil stands for an answer.
func (b *schemas) object(t reflect.Type, required []string) schema {
	properties := schema{}
	var present []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		properties[name] = b.of(f.Type)
		if !strings.Contains(options, "omitempty") {
			present = append(present, name)
		}
	}
	out := schema{"type": "object", "properties": properties}
	if required != nil {
		present = required
	}
	if len(present) > 0 {
		out["required"] = present
	}
	return out
}
