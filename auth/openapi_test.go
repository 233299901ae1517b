package auth_test

import (
	"strings"
	"testing"
)

// TestOpenAPINamesEveryRoute: the document has each route of the table, and each
// says what it answers.
func TestOpenAPINamesEveryRoute(t *testing.T) {
	t.Parallel()
	e := newEnv(t, withEverything)
	c := e.client(t)
	doc := c.want(c.get("/auth/openapi.json"), 200).json(t)
	if doc["openapi"] != "3.1.0" {
		t.Errorf("openapi = %v, want 3.1.0", doc["openapi"])
	}
	paths := doc["paths"].(obj)
	for _, r := range e.Routes() {
		if r.Doc == nil {
			t.Errorf("%s has no Doc", r.Name)
			continue
		}
		item, _ := paths[r.Path()].(obj)
		op, _ := item[strings.ToLower(r.Method())].(obj)
		if op == nil || op["operationId"] != r.Name || op["summary"] == "" {
			t.Errorf("%s is not in the document", r.Pattern)
		}
		if _, open := op["security"]; open == (r.Access == "public") {
			t.Errorf("%s: access %q and security %v", r.Pattern, r.Access, op["security"])
		}
	}
}
