package interop

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/oauth/oauthtest"
)

// startProgram runs examples/server at base with these settings and no others.
func startProgram(tb testing.TB, program, base string, settings map[string]string) {
	tb.Helper()
	cmd := exec.Command(program)
	cmd.Dir = tb.TempDir() // where it would find an .env file
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	for name, value := range settings {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the program does not stop well: %v", err)
		}
		if tb.Failed() {
			tb.Logf("the program said:\n%s", &output)
		}
	})
	for range 600 {
		if res, err := http.Get(base + "/healthz"); err == nil {
			res.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond) // until another process listens
	}
	tb.Fatal("the program does not answer")
}

// TestProgramWithProviders configures examples/server by its settings alone: the
// certified provider, a fake GitHub, a fake Google, and whichever is blank.
func TestProgramWithProviders(t *testing.T) {
	program := filepath.Join(t.TempDir(), "server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../server").CombinedOutput(); err != nil {
		t.Fatalf("build examples/server: %v\n%s", err, out)
	}
	git := oauthtest.NewServer(t, oauthtest.Script{User: oauthtest.User{Email: "grace@example.com"}})
	google := oauthtest.NewServer(t, oauthtest.Script{User: oauthtest.User{Email: "joan@gmail.com"}})

	for _, blank := range []string{"google", "github"} {
		t.Run("without "+blank, func(t *testing.T) {
			l, base := reserve(t)
			issuer := startOP(t, base+"/auth/oauth/work/callback", "client_secret_basic", "ES256", false)
			settings := map[string]string{
				"ADDR": l.Addr().String(), "BASE_URL": base, "DATABASE_URL": "memory:", "JWT_SECRET_KEY": secret, "LOG_LEVEL": "warn",
				"OIDC_NAME": "work", "OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": opClient, "OIDC_CLIENT_SECRET": opSecret,
				"GITHUB_BASE_URL": git.URL, "GOOGLE_ISSUER": google.URL,
			}
			other, srv, address := "GITHUB", git, "grace@example.com"
			if blank == "github" {
				other, srv, address = "GOOGLE", google, "joan@gmail.com"
			}
			settings[other+"_OAUTH_CLIENT_ID"], settings[other+"_OAUTH_CLIENT_SECRET"] = "client", "client-secret"
			l.Close() // the program takes it over
			startProgram(t, program, base, settings)

			p := newPerson(t)
			var offered []string
			for _, one := range p.json(base + "/auth/config")["providers"].([]any) {
				offered = append(offered, one.(map[string]any)["name"].(string))
			}
			if want := strings.ToLower(other) + " work"; strings.Join(offered, " ") != want {
				t.Errorf("offered are %v, want %s", offered, want)
			}
			if status := p.open(base + "/auth/oauth/" + blank + "/start"); status != 503 || !strings.Contains(p.body, "provider_not_configured") {
				t.Errorf("start of the blank provider = %d %s, want 503 provider_not_configured", status, p.body)
			}
			if status := p.open(base + "/login"); status != 200 || strings.Contains(p.body, "/oauth/"+blank+"/") || !strings.Contains(p.body, "/oauth/work/start") {
				t.Errorf("the sign-in page = %d, and has a button for %s or none for work:\n%s", status, blank, p.body)
			}

			p.open(base + "/auth/oauth/work/start?next=/account")
			p.agree(base, "ada")
			if me := p.json(base + "/auth/me"); me["email"] != email || me["is_verified"] != true {
				t.Errorf("me by the certified provider = %v", me)
			}

			p = newPerson(t) // the fakes agree at once
			p.open(base + "/auth/oauth/" + strings.ToLower(other) + "/start?next=/healthz")
			if p.at.String() != base+"/healthz" {
				t.Errorf("the sign-in by %s ends at %s, want /healthz", other, p.at)
			}
			if me := p.json(base + "/auth/me"); me["email"] != address || me["is_verified"] != true || me["has_password"] != false {
				t.Errorf("me by %s = %v", other, me)
			}
			if faults := srv.Faults(); faults != nil {
				t.Errorf("the program was at fault: %v", faults)
			}
		})
	}
}
