package openapitest

import (
	"net/http/httptest"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store"
)

// TestUserViewIsDocumented: the document says what Config.UserView makes of a
// user, and the answers are that.
func TestUserViewIsDocumented(t *testing.T) {
	t.Parallel()
	theme := store.NewField[string]("theme")
	type view struct {
		ID    string `json:"id"`
		Email string `json:"email"`
		Theme string `json:"theme"`
	}
	for name, f := range map[string]func(u *store.User) any{
		"a struct": func(u *store.User) any {
			text, _ := theme.Get(u)
			return view{u.ID, u.Email, text}
		},
		"a pointer": func(u *store.User) any { return &view{ID: u.ID, Email: u.Email} },
		"a map":     func(u *store.User) any { return map[string]any{"id": u.ID, "metadata": u.Metadata} },
		"anything":  func(u *store.User) any { return nil },
		"a panic":   func(u *store.User) any { return string(u.Metadata["theme"][1:5]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *auth.Config) {
				c.UserView, c.MetadataKeys = f, []string{"theme"}
			})
			u := w.User(t, "user")
			if _, err := w.UpdateUser(t.Context(), u.ID, func(u *store.User) error { return theme.Set(u, "dark") }); err != nil {
				t.Fatal(err)
			}
			c := w.as(t, u)
			c.want(t, 200, "GET", "/auth/me", nil)
			c.want(t, 200, "PATCH", "/auth/me", obj{"metadata": obj{"theme": "light"}})
		})
	}
}

// TestCheckerNoticesLies: an answer that says other than the document is noticed.
func TestCheckerNoticesLies(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world){
		"a missing member": func(w *world) { w.doc.Components.Schemas["User"].Value.Required = []string{"nickname"} },
		"one too many":     func(w *world) { delete(w.doc.Components.Schemas["User"].Value.Properties, "email") },
		"another type": func(w *world) {
			s := *w.doc.Components.Schemas["User"].Value.Properties["email"].Value
			s.Type = &openapi3.Types{"integer"}
			w.doc.Components.Schemas["User"].Value.Properties["email"].Value = &s
		},
		"another status": func(w *world) { w.doc.Paths.Value("/auth/me").Get.Responses.Delete("200") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.as(t, w.User(t, "user"))
			change(w)
			r := c.request(t, "GET", "/auth/me", nil)
			op, err := w.operation(r)
			if err != nil {
				t.Fatal(err)
			}
			rec := httptest.NewRecorder()
			w.mux.ServeHTTP(rec, r)
			if err := w.check(op, rec); err == nil {
				t.Errorf("check(%s) = nil", rec.Body)
			}
		})
	}
}
