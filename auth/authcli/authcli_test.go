package authcli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authcli"
	"github.com/aegis-auth/aegis/auth/authtest"
	"github.com/aegis-auth/aegis/store"
)

// run runs one command and returns what it wrote.
func run(t *testing.T, svc *auth.Service, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	err = authcli.Tool{Service: svc}.Run(t.Context(), args, authcli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errOut})
	return out.String(), errOut.String(), err
}

func mustRun(t *testing.T, svc *auth.Service, stdin string, args ...string) string {
	t.Helper()
	out, _, err := run(t, svc, stdin, args...)
	if err != nil {
		t.Fatalf("%v = %v", args, err)
	}
	return out
}

func TestCreateUserWithPasswordFromStdin(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	out := mustRun(t, env.Service, "correct horse battery\n", "create-user", "--password-stdin", "--role", "admin", "--full-name", "Ann", "ann@example.com", "--verified")
	if strings.Contains(out, "correct horse") {
		t.Error("the password is printed")
	}
	g, err := env.SignIn(t.Context(), "ann@example.com", "correct horse battery", auth.Device{})
	if err != nil {
		t.Fatal(err)
	}
	if g.User.Role != "admin" || g.User.Name != "Ann" || !g.User.EmailVerified {
		t.Errorf("user = %+v", g.User)
	}
}

func TestCreateTestUsers(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	first := mustRun(t, env.Service, "", "create-test-user", "--json")
	var m struct{ Email, Password string }
	if err := json.Unmarshal([]byte(first), &m); err != nil || m.Email != "test@example.com" {
		t.Fatalf("create-test-user = %s, %v", first, err)
	}
	if _, err := env.SignIn(t.Context(), m.Email, m.Password, auth.Device{}); err != nil {
		t.Errorf("sign-in with the generated password = %v", err)
	}
	var all []struct{ Email, Password string }
	if err := json.Unmarshal([]byte(mustRun(t, env.Service, "", "create-test-users", "--count", "20", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 20 || all[0].Email != "test1@example.com" || all[19].Email != "test20@example.com" {
		t.Errorf("create-test-users made %d, from %v on", len(all), all[0])
	}
	out := mustRun(t, env.Service, "", "list-users", "--email", "test1", "--limit", "100")
	if n := strings.Count(out, "\n"); n != 1+11 { // test1 and test10 to test19
		t.Errorf("list-users has %d lines:\n%s", n, out)
	}
}

func TestRolesSessionsAndUnlock(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	u := env.User(t, "user")
	mustRun(t, env.Service, "", "promote-user", u.Email)
	if u, _ := env.Service.User(t.Context(), u.ID); u.Role != "admin" {
		t.Errorf("role = %s, want admin", u.Role)
	}
	if _, _, err := run(t, env.Service, "", "set-role", u.Email, "user"); err == nil {
		t.Error("the last administrator can be demoted")
	}
	env.Grant(t, u)
	mustRun(t, env.Service, "", "revoke-sessions", u.Email)
	if s, _ := env.Sessions(t.Context(), u.ID); len(s) != 0 {
		t.Errorf("%d sessions live after revoke-sessions", len(s))
	}
	env.Grant(t, u)
	mustRun(t, env.Service, "", "revoke-sessions", "--all")
	if s, _ := env.Sessions(t.Context(), u.ID); len(s) != 0 {
		t.Errorf("%d sessions live after revoke-sessions --all", len(s))
	}
	mustRun(t, env.Service, "", "unlock", u.Email)
	mustRun(t, env.Service, "", "prune")
	mustRun(t, env.Service, "", "verify-audit")
	mustRun(t, env.Service, "", "doctor")
}

// TestImport reads both forms, with hashes of several costs, and signs in.
func TestImport(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	h5, err := auth.InsecureBcrypt(5).Hash("first password here")
	if err != nil {
		t.Fatal(err)
	}
	h6, err := auth.InsecureBcrypt(6).Hash("second password here")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	csvFile, jsonFile := filepath.Join(dir, "users.csv"), filepath.Join(dir, "users.jsonl")
	os.WriteFile(csvFile, []byte("id,email,full_name,hashed_password,is_active,is_verified,created_at\n"+
		"1,One@Example.com,One,"+h5+",True,True,2024-05-01 10:00:00.123456\n"+
		"2,two@example.com,,"+strings.Replace(h6, "$2a$", "$2b$", 1)+",False,False,\n"), 0o600)
	os.WriteFile(jsonFile, []byte(`{"email":"three@example.com","hashed_password":null,"is_active":true,"role":"moderator"}`+"\n"+
		`{"email":"one@example.com"}`+"\n"+`{"email":"bad address"}`+"\n"+`{"email":"four@example.com","hashed_password":"$2b$31$`+strings.Repeat("a", 53)+`"}`+"\n"), 0o600)
	mustRun(t, env.Service, "", "import-users", csvFile)
	out, errOut, err := run(t, env.Service, "", "import-users", jsonFile)
	if err == nil || !strings.Contains(out, "Created 1, skipped 1") || !strings.Contains(errOut, "line 3") || !strings.Contains(errOut, "line 4") {
		t.Errorf("import of a file with faults = %v\n%s%s", err, out, errOut)
	}
	g, err := env.SignIn(t.Context(), "one@example.com", "first password here", auth.Device{})
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := env.Service.User(t.Context(), g.User.ID); !strings.HasPrefix(u.PasswordHash, "$2a$04$") || u.CreatedAt.Year() != 2024 {
		t.Errorf("after the first sign-in the hash is %.7s… and the account of %v", u.PasswordHash, u.CreatedAt)
	}
	if _, err := env.SignIn(t.Context(), "two@example.com", "second password here", auth.Device{}); err == nil {
		t.Error("a disabled account can sign in after its import")
	}
	u, err := env.Store.UserByEmail(t.Context(), "three@example.com")
	if err != nil || u.Role != "moderator" {
		t.Errorf("three = %+v, %v", u, err)
	}
}

func TestKeysSecretsAndRoutes(t *testing.T) {
	t.Parallel()
	secret := strings.TrimSpace(mustRun(t, nil, "", "new-secret"))
	if len(secret) != 64 {
		t.Errorf("new-secret = %q", secret)
	}
	for _, algorithm := range []string{"EdDSA", "ES256", "RS256"} {
		if out := mustRun(t, nil, "", "new-key", "--algorithm", algorithm); !strings.HasPrefix(out, "-----BEGIN PRIVATE KEY-----") {
			t.Errorf("new-key %s = %.40q", algorithm, out)
		}
	}
	env := authtest.New(t)
	if out := mustRun(t, env.Service, "", "routes"); !strings.Contains(out, "/auth/token") {
		t.Errorf("routes = %s", out)
	}
}

// TestBadInput: one clear line for each.
func TestBadInput(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	for _, args := range [][]string{
		{"no-such-command"}, {"create-user"}, {"create-user", "not an address"}, {"create-user", "--role", "emperor", "a@example.com"},
		{"create-user", "--password-stdin", "a@example.com"}, {"create-user", "a@example.com", "b@example.com"}, {"create-user", "--nonsense"},
		{"create-test-users"}, {"create-test-users", "--count", "-1"}, {"create-test-users", "--count", "many"},
		{"set-role", "a@example.com"}, {"set-role", "nobody@example.com", "admin"}, {"promote-user", "nobody@example.com"},
		{"revoke-sessions"}, {"revoke-sessions", "--all", "a@example.com"}, {"unlock", "x"}, {"list-users", "--status", "odd"}, {"list-users", "--limit", "0"},
		{"import-users"}, {"import-users", "/nowhere.csv"}, {"import-users", "users.xml"}, {"new-key", "--algorithm", "HS256"},
		{"list-members", "nothing"}, {"migrate", "--plan"},
	} {
		_, _, err := run(t, env.Service, "", args...)
		if err == nil {
			t.Errorf("%v succeeds", args)
		} else if text := err.Error(); strings.Contains(text, "\n") || len(text) > 200 {
			t.Errorf("%v = %q, want one short line", args, text)
		}
	}
}

// TestEveryCommandExplainsItself asks each for help, without a service if it can
// do without.
func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	for line := range strings.SplitSeq(strings.TrimSpace(mustRun(t, env.Service, "", "help")), "\n") {
		name := strings.Fields(line)[0]
		if out := mustRun(t, env.Service, "", name, "--help"); !strings.Contains(out, "Usage: server "+name) {
			t.Errorf("%s --help = %q", name, out)
		}
	}
}

func TestOrgs(t *testing.T) {
	t.Parallel()
	env := authtest.New(t)
	u := env.User(t, "user")
	now := env.Now()
	o := &store.Org{ID: store.NewID(now), Name: "Acme", Slug: "acme", CreatedAt: now, UpdatedAt: now}
	if err := env.Store.CreateOrg(context.Background(), o, &store.Member{OrgID: o.ID, UserID: u.ID, Role: store.OrgOwner, JoinedAt: now}); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, env.Service, "", "list-orgs"); !strings.Contains(out, "acme") {
		t.Errorf("list-orgs = %s", out)
	}
	for _, name := range []string{"acme", o.ID} {
		if out := mustRun(t, env.Service, "", "list-members", name); !strings.Contains(out, u.Email) || !strings.Contains(out, "owner") {
			t.Errorf("list-members %s = %s", name, out)
		}
	}
}
