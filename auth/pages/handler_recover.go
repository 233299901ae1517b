package pages

import (
	"context"
	"errors"
	"net/http"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/middleware"
	"github.com/aegis-auth/aegis/store"
)

// ForgotPasswordHandler answers /forgot-password. Its answer does not say
// whether there is an account.
func ForgotPasswordHandler(p *Pages) http.Handler {
	return p.handler(page{
		path: "/forgot-password",
		show: func(w http.ResponseWriter, r *http.Request, status int, v *View) error {
			p.write(w, r, status, "forgot-password", v)
			return nil
		},
		post: func(w http.ResponseWriter, r *http.Request, f form) error {
			if err := p.svc.RequestPasswordReset(r.Context(), f.get("email")); err != nil {
				return refuse("forgot", err)
			}
			p.goTo(w, r, "/forgot-password?done=reset_sent")
			return nil
		},
	})
}

// ResetPasswordHandler answers /reset-password?token=, where the mail of
// /forgot-password leads. Looking at it spends nothing.
func ResetPasswordHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/reset-password", show: p.showReset, post: p.postReset})
}

func (p *Pages) showReset(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	p.takeToken(r, v)
	p.write(w, r, status, "reset-password", v)
	return nil
}

// takeToken gives v the token of the link, or says that there is none. A form
// that was refused for another reason keeps its token.
func (p *Pages) takeToken(r *http.Request, v *View) {
	if v.Form == "" {
		v.Token = r.URL.Query().Get("token")
	}
	if v.Failure == p.invalidToken(v) {
		v.Token = ""
	}
	if len(v.Token) > 512 {
		v.Token = ""
	}
	if v.Token == "" && v.Failure == "" && v.Done == "" {
		v.Failure = p.invalidToken(v)
	}
}

func (p *Pages) invalidToken(v *View) string {
	return v.lang.textOr("problem."+auth.ErrInvalidToken.Code, auth.ErrInvalidToken.Detail)
}

func (p *Pages) postReset(w http.ResponseWriter, r *http.Request, f form) error {
	if _, err := p.svc.ResetPassword(r.Context(), f.get("token"), f.get("new_password")); err != nil {
		return refuse("reset", err)
	}
	p.svc.ClearCookies(w) // no session is left; the next page need not find out
	p.goTo(w, r, "/login?done=reset")
	return nil
}

// VerifyEmailHandler answers /verify-email?token=, where the mail of a
// registration leads. The button on it proves the address.
func VerifyEmailHandler(p *Pages) http.Handler {
	return p.oneTimePage("/verify-email", "verify", "verified", p.svc.VerifyEmail)
}

// ConfirmEmailHandler answers /confirm-email?token=, where the mail to a new
// address leads. The button on it makes that the user's.
func ConfirmEmailHandler(p *Pages) http.Handler {
	return p.oneTimePage("/confirm-email", "change", "email_changed", p.svc.ConfirmEmailChange)
}

// spend is an operation that takes a token; keep is the session that lives on.
type spend = func(ctx context.Context, token, keep string) (*store.User, error)

// oneTimePage makes the pages whose button spends a token of a mail. texts names
// the page's texts, done the notice afterwards.
func (p *Pages) oneTimePage(path, texts, done string, take spend) http.Handler {
	return p.handler(page{
		path: path, renew: true,
		show: func(w http.ResponseWriter, r *http.Request, status int, v *View) error {
			p.takeToken(r, v)
			if v.Done != "" {
				v.Token = ""
			}
			v.Data = VerifyData{Title: texts + ".title", Text: texts + ".text", Button: texts + ".button", Action: path}
			p.write(w, r, status, "verify-email", v)
			return nil
		},
		post: func(w http.ResponseWriter, r *http.Request, f form) error {
			who, _ := middleware.PrincipalFrom(r.Context())
			keep := ""
			if who != nil {
				keep = who.SessionID
			}
			u, err := take(r.Context(), f.get("token"), keep)
			if err != nil {
				return refuse(texts, err)
			}
			if who != nil && who.UserID == u.ID {
				p.keepSignedIn(w, r, u, keep)
			}
			p.goTo(w, r, path+"?done="+done)
			return nil
		},
	})
}

// keepSignedIn gives this browser fresh tokens after a change that ended every
// other session. If that fails, the change has happened all the same and the
// person signs in again.
func (p *Pages) keepSignedIn(w http.ResponseWriter, r *http.Request, u *store.User, sessionID string) {
	g, err := p.svc.Regrant(r, u, sessionID)
	if err == nil {
		p.svc.SetCookies(w, g)
		return
	}
	if !errors.Is(err, auth.ErrSessionExpired) {
		p.settings.Logger.WarnContext(r.Context(), "keep session", "err", err)
	}
}

// VerifyPendingHandler answers /verify-pending, which asks to look for the mail
// and can send it again.
func VerifyPendingHandler(p *Pages) http.Handler {
	return p.handler(page{path: "/verify-pending", renew: true, show: p.showPending, post: p.postPending})
}

func (p *Pages) showPending(w http.ResponseWriter, r *http.Request, status int, v *View) error {
	if v.Me != nil && v.Me.Verified && v.Form == "" {
		p.goTo(w, r, "/account?done=already_verified")
		return nil
	}
	p.write(w, r, status, "verify-pending", v)
	return nil
}

func (p *Pages) postPending(w http.ResponseWriter, r *http.Request, _ form) error {
	who, ok := middleware.PrincipalFrom(r.Context())
	if !ok {
		p.goTo(w, r, withNext("/login", "/verify-pending"))
		return nil
	}
	if who.EmailVerified {
		p.goTo(w, r, "/account?done=already_verified")
		return nil
	}
	if err := p.svc.RequestVerification(r.Context(), who.UserID); err != nil {
		return refuse("pending", err)
	}
	p.goTo(w, r, "/verify-pending?done=sent")
	return nil
}
