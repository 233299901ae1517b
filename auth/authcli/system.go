package authcli

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/aegis-auth/aegis/oauth"
	"github.com/aegis-auth/aegis/store"
)

func migrate(c *call) error {
	plan := c.flags.Bool("plan", false, "")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	m, ok := c.Store.(store.Migrator)
	if !ok {
		return errors.New("this store has no schema")
	}
	if !*plan {
		if err := m.Migrate(c.ctx); err != nil {
			return err
		}
		fmt.Fprintln(c.Out, "The schema is up to date")
		return nil
	}
	if c.Plan == nil {
		return errors.New("this store does not say what it would do")
	}
	missing, err := c.Plan(c.ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(missing)
	}
	if len(missing) == 0 {
		fmt.Fprintln(c.Out, "Nothing is missing")
	}
	for _, name := range missing {
		fmt.Fprintln(c.Out, name)
	}
	return nil
}

func prune(c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	n, err := c.Service.Prune(c.ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(map[string]int{"removed": n})
	}
	fmt.Fprintf(c.Out, "Removed %d rows\n", n)
	return nil
}

func verifyAudit(c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	n, err := c.Service.VerifyAudit(c.ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(map[string]int{"entries": n})
	}
	fmt.Fprintf(c.Out, "%d entries, every chain is whole\n", n)
	return nil
}

func newSecret(c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	secret := make([]byte, 48)
	rand.Read(secret)
	text := base64.RawURLEncoding.EncodeToString(secret)
	if c.json {
		return c.printJSON(map[string]string{"secret": text})
	}
	fmt.Fprintln(c.Out, text)
	return nil
}

func newKey(c *call) error {
	algorithm := c.flags.String("algorithm", "EdDSA", "")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	var key crypto.Signer
	var err error
	switch *algorithm {
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(nil)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	default:
		return fmt.Errorf("algorithm %q is none of EdDSA, ES256, RS256", *algorithm)
	}
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if c.json {
		return c.printJSON(map[string]string{"algorithm": *algorithm, "pem": string(text)})
	}
	_, err = c.Out.Write(text)
	return err
}

func routes(c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	all := c.Routes
	if all == nil {
		all = c.Service.Routes()
	}
	type route struct {
		Name   string `json:"name"`
		Method string `json:"method"`
		Path   string `json:"path"`
		Access string `json:"access"`
	}
	out := make([]route, len(all))
	rows := make([][]string, len(all))
	for i, r := range all {
		out[i] = route{r.Name, r.Method(), r.Path(), r.Access}
		rows[i] = []string{r.Method(), r.Path(), r.Access, r.Name}
	}
	if c.json {
		return c.printJSON(out)
	}
	return c.table("METHOD,PATH,ACCESS,NAME", rows)
}

// check is one finding of the doctor.
type check struct {
	What string `json:"check"`
	OK   bool   `json:"ok"`
	Note string `json:"note,omitempty"`
}

func doctor(c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	checks := c.examine()
	failed := 0
	rows := make([][]string, len(checks))
	for i, k := range checks {
		mark := "ok"
		if !k.OK {
			mark = "FAIL"
			failed++
		}
		rows[i] = []string{mark, k.What, k.Note}
	}
	var err error
	if c.json {
		err = c.printJSON(checks)
	} else {
		err = c.table("RESULT,CHECK,NOTE", rows)
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return err
}

// examine looks at what a running service depends on.
func (c *call) examine() []check {
	conf := c.Service.Config()
	ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
	defer cancel()
	result := func(what string, err error, note string) check {
		if err != nil {
			return check{what, false, oneLine(err).Error()}
		}
		return check{what, true, note}
	}
	_, err := conf.Store.UserByID(ctx, store.NewID(time.Now()))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	checks := []check{result("the store answers", err, "")}
	if c.Plan != nil {
		missing, err := c.Plan(ctx)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("%d migrations are missing", len(missing))
		}
		checks = append(checks, result("the schema is up to date", err, ""))
	}
	if conf.Users != nil && conf.Roles != nil {
		admins, err := c.Service.Users(ctx, store.UserQuery{Role: "admin", Status: store.StatusActive, Limit: 1})
		if err == nil && len(admins) == 0 {
			err = errors.New("nobody is an administrator: try promote-user")
		}
		checks = append(checks, result("somebody is an administrator", err, ""))
	}
	if conf.Audit != nil {
		n, err := c.Service.VerifyAudit(ctx)
		checks = append(checks, result("the audit trail verifies", err, fmt.Sprintf("%d entries", n)))
	}
	var mail error
	if conf.Mailer == nil {
		mail = errors.New("no mailer is set: mails go to the log")
	} else if m, ok := conf.Mailer.(interface{ Check(context.Context) error }); ok {
		mail = m.Check(ctx)
	}
	checks = append(checks, result("mail can be sent", mail, ""))
	for _, p := range conf.Providers {
		note := "configured"
		if !oauth.Configured(p) {
			note = "switched off: no credentials"
		}
		checks = append(checks, check{"provider " + p.Name(), true, note})
	}
	return checks
}
