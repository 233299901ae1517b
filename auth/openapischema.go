package auth

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

type schema = map[string]any

// schemas turns Go types into JSON schemas. Named structs become components.
type schemas struct {
	named    schema
	failures schema
	names    map[reflect.Type]string
	userView reflect.Type // what Config.UserView returns, nil if it is not known
}

func newSchemas(s *Service) *schemas {
	b := &schemas{named: schema{}, failures: schema{}, names: map[reflect.Type]string{}, userView: s.userViewType()}
	text := schema{"type": "string"}
	b.named["Problem"] = schema{"type": "object",
		"required": []string{"type", "title", "status", "detail", "code", "request_id"},
		"properties": schema{
			"type": text, "title": text, "status": schema{"type": "integer"},
			"detail": text, "code": text, "request_id": text,
			"errors": schema{"type": "array", "items": b.of(reflect.TypeFor[problem.Field]())},
			"error":  text, "error_description": text, // RFC 6749 §5.2
		}}
	return b
}

// userViewType returns the type of a user's JSON form. Config.UserView is asked
// with a user nobody is; what panics on one is not known.
func (s *Service) userViewType() (t reflect.Type) {
	if s.cfg.UserView == nil {
		return reflect.TypeFor[userJSON]()
	}
	defer func() {
		if recover() != nil {
			t = nil
		}
	}()
	now := s.now()
	t = reflect.TypeOf(s.cfg.UserView(&store.User{ID: store.NewID(now), Email: "somebody@example.com", CreatedAt: now, UpdatedAt: now}))
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// enums are the members that have one of a few values, by type and name.
var enums = map[reflect.Type]map[string][]string{
	reflect.TypeFor[tokenJSON]():  {"token_type": {"bearer"}},
	reflect.TypeFor[statusJSON](): {"status": {"sent", "already_verified"}},
	reflect.TypeFor[configJSON](): {"registration": {"open", "private", "closed"}},
}

// of returns the schema of a type in an answer, where every member without
// omitempty is there.
func (b *schemas) of(t reflect.Type) schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return schema{}
	case reflect.TypeFor[store.OrgRole]():
		return schema{"type": "string", "enum": []string{"member", "admin", "owner"}}
	case reflect.TypeFor[userJSON]():
		return b.user()
	}
	switch t.Kind() {
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return schema{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.Pointer:
		return orNull(b.of(t.Elem()))
	case reflect.Slice, reflect.Array:
		return schema{"type": "array", "items": b.of(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": b.of(t.Elem())}
	case reflect.Struct:
		return b.structure(t)
	}
	return schema{}
}

// user returns a reference to the form that users have in this service.
func (b *schemas) user() schema {
	if b.named["User"] == nil {
		switch {
		case b.userView == nil || b.userView.Kind() != reflect.Struct && b.userView.Kind() != reflect.Map:
			b.named["User"] = schema{} // whatever Config.UserView makes of them
		case b.userView.Kind() == reflect.Struct:
			b.named["User"] = b.object(b.userView, nil)
		default:
			b.named["User"] = b.of(b.userView)
		}
	}
	return b.component("User")
}

// structure returns a reference to the component of a struct, or, if its type has
// no name of its own, its schema.
func (b *schemas) structure(t reflect.Type) schema {
	name := strings.TrimSuffix(t.Name(), "JSON")
	if name == "" || strings.Contains(name, "[") {
		return b.object(t, nil)
	}
	if known, ok := b.names[t]; ok {
		return b.component(known)
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if name == "Field" {
		name = "ProblemField"
	}
	for b.named[name] != nil { // another package has one of that name
		name += "2"
	}
	b.names[t] = name
	b.named[name] = schema{} // taken, should the struct contain itself
	b.named[name] = b.object(t, nil)
	return b.component(name)
}

func (b *schemas) component(name string) schema {
	return schema{"$ref": "#/components/schemas/" + name}
}

func orNull(s schema) schema {
	kind, ok := s["type"].(string)
	if !ok || s["enum"] != nil {
		return schema{"anyOf": []schema{s, {"type": "null"}}}
	}
	out := schema{}
	for k, v := range s {
		out[k] = v
	}
	out["type"] = []string{kind, "null"}
	return out
}

// object returns the schema of a struct. required nil stands for an answer.
func (b *schemas) object(t reflect.Type, required []string) schema {
	properties := schema{}
	var present []string
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		properties[name] = b.of(f.Type)
		if values := enums[t][name]; values != nil {
			properties[name] = schema{"type": "string", "enum": values}
		}
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
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
