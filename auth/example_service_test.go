package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// exampleConfig is quiet and quick; a program leaves Hasher and Logger alone.
func exampleConfig() auth.Config {
	return auth.Config{
		Store:   memstore.New(),
		Secret:  []byte("6b1f0c3e9a7d4528b0e2f4a1c8d9e7350f5a"),
		BaseURL: "http://localhost:8000/auth",
		Hasher:  auth.InsecureBcrypt(4),
		Logger:  slog.New(slog.DiscardHandler),
	}
}

// post sends a form, as a program would, and prints what comes back.
func post(h http.Handler, path, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A whole service, and a route of the program's own that only users may see.
func ExampleNew() {
	svc, err := auth.New(exampleConfig())
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", svc.Mux())
	mux.Handle("GET /hello", svc.Guard().RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := middleware.PrincipalFrom(r.Context())
		fmt.Fprint(w, "hello ", p.Email)
	})))

	w := post(mux, "/auth/register", "email=ann@example.com&password=correct horse battery")
	fmt.Println(w.Code)
	r := httptest.NewRequest(http.MethodGet, "/hello", nil)
	for _, cookie := range w.Result().Cookies() {
		r.AddCookie(cookie)
	}
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 201
	// 200 hello ann@example.com
}

// New names everything that is wrong, at once.
func ExampleNew_faults() {
	_, err := auth.New(auth.Config{Secret: []byte("secret"), BaseURL: "http://app.example.com/auth"})
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "auth: "), " ")
		fmt.Println(strings.TrimSuffix(name, ":"))
	}
	// Output:
	// Config.Store
	// Config.Secret
	// Config.BaseURL
}

// A route is wrapped by naming it beside the mux of the library.
func ExampleRegisterHandler() {
	svc, err := auth.New(exampleConfig())
	if err != nil {
		log.Fatal(err)
	}
	staffOnly := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Staff") == "" {
				http.Error(w, "ask the office", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", svc.Mux())
	mux.Handle("POST /auth/register", staffOnly(auth.RegisterHandler(svc)))

	w := post(mux, "/auth/register", "email=ann@example.com&password=correct horse battery")
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	// Output: 403 ask the office
}

// Events say what happened. A subscriber picks those it wants.
func ExampleService_Subscribe() {
	svc, err := auth.New(exampleConfig())
	if err != nil {
		log.Fatal(err)
	}
	svc.Subscribe(func(_ context.Context, e auth.Event) {
		switch e.Kind {
		case auth.UserRegistered, auth.SignInFailed:
			fmt.Println(e.Kind)
		}
	})
	post(svc.Mux(), "/auth/register", "email=ann@example.com&password=correct horse battery")
	post(svc.Mux(), "/auth/token", "username=ann@example.com&password=wrong")
	// Output:
	// auth.user_registered
	// auth.login_failed
}

// A hook may refuse, with an error that is shown as it is.
func ExampleHooks() {
	c := exampleConfig()
	c.Hooks.BeforeRegister = func(_ context.Context, u *store.User) error {
		if !strings.HasSuffix(u.Email, "@example.com") {
			return &problem.Error{Status: http.StatusForbidden, Code: "wrong_domain", Detail: "Use your work address."}
		}
		return nil
	}
	svc, err := auth.New(c)
	if err != nil {
		log.Fatal(err)
	}
	_, err = svc.Register(context.Background(), auth.Registrant{Email: "ann@example.org", Password: "correct horse battery"})
	fmt.Println(problem.From(err).Code)
	// Output: wrong_domain
}

// Accounts of another system keep their passwords.
func ExampleService_Import() {
	svc, err := auth.New(exampleConfig())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = svc.Import(ctx, auth.Imported{
		Email: "ann@example.com", Verified: true,
		PasswordHash: "$2b$10$Tftji0y/Qgajw9dual2YCO21dz2tCzwhdXIOEgFtMohrmnx4jZi3S",
	})
	if err != nil {
		log.Fatal(err)
	}
	g, err := svc.SignIn(ctx, "ann@example.com", "secret of ann", auth.Device{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(g.User.Email, g.Session.Method)
	// Output: ann@example.com password
}

// Errors are compared with errors.Is; their codes are stable.
func ExampleService_SignIn() {
	svc, err := auth.New(exampleConfig())
	if err != nil {
		log.Fatal(err)
	}
	_, err = svc.SignIn(context.Background(), "nobody@example.com", "a password", auth.Device{})
	fmt.Println(errors.Is(err, auth.ErrInvalidCredentials), problem.From(err).Status)
	// Output: true 401
}

// One spelling of an address is stored, compared and written to.
func ExampleCanonicalEmail() {
	fmt.Println(auth.CanonicalEmail("Ann.Lee+news@Example.COM"))
	_, err := auth.CanonicalEmail("Ann <ann@example.com>")
	fmt.Println(err != nil)
	// Output:
	// ann.lee+news@example.com <nil>
	// true
}
