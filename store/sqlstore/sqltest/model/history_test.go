package model_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/problem"
	"github.com/aegis-auth/aegis/store"
)

// clock is a time that tests set, safe for concurrent use.
type clock struct{ seconds atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.seconds.Store(time.Date(2031, 5, 17, 9, 30, 0, 0, time.UTC).Unix())
	return c
}

func (c *clock) now() time.Time { return time.Unix(c.seconds.Load(), 0).UTC() }

// mailbox keeps the last link of a reset.
type mailbox struct {
	mu   sync.Mutex
	link string
}

func (m *mailbox) Send(_ context.Context, msg *auth.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if msg.Kind == auth.MailReset {
		m.link = msg.Link
	}
	return nil
}

func (m *mailbox) take() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	link := m.link
	m.link = ""
	return link
}

// world is a service over a store that histories share, each with a user of its
// own.
type world struct {
	*auth.Service
	clock *clock
	mail  *mailbox
	users atomic.Int64
	turn  sync.Mutex // of requests for a reset, so that a mail has one sender
}

const secretKey = "3f9d1c77a2e84b06f5c1d8e93b7a6042dd"

// newWorld makes a service over st. The store keeps principals as well.
func newWorld(tb testing.TB, st store.Store, change ...func(*auth.Config)) *world {
	tb.Helper()
	w := &world{clock: newClock(), mail: new(mailbox)}
	c := auth.Config{
		Store: st, Secret: []byte(secretKey), BaseURL: "http://localhost:8000/auth", AppName: "Model",
		Hasher: auth.InsecureBcrypt(4), Mailer: w.mail, Now: w.clock.now,
		Logger: slog.New(slog.DiscardHandler), Limits: auth.Limits{InsecureOff: true},
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if w.Service, err = auth.New(c); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return w
}

// newUser makes a user with the first password.
func (w *world) newUser(tb testing.TB) *store.User {
	tb.Helper()
	email := fmt.Sprintf("person%d@example.com", w.users.Add(1))
	u, err := w.NewAccount(tb.Context(), auth.Registrant{Email: email, Password: passwordOf(1)}, "")
	if err == nil {
		u, err = w.UpdateUser(tb.Context(), u.ID, func(u *store.User) error {
			u.EmailVerified = true
			return nil
		})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func passwordOf(n int) string { return fmt.Sprintf("correct horse battery %d", n) }

// history is what several clients did to one user at once, as they saw it.
type history struct {
	w    *world
	user *store.User
	rate float64 // of calls to the store that fail; 0 for none
	dice func(n int) int

	time atomic.Int64 // one tick for every call and every answer
	ops  atomic.Int64

	mu        sync.Mutex
	steps     []porcupine.Operation
	numbers   map[string]int // of sessions, secrets and one-time tokens
	refresh   []string       // every refresh token ever seen, oldest first
	access    []*auth.Grant
	resets    []string
	sessions  []string
	passwords int
	done      int
}

func newHistory(tb testing.TB, w *world, rate float64) *history {
	tb.Helper()
	return &history{w: w, user: w.newUser(tb), rate: rate, dice: rand.IntN, numbers: make(map[string]int), passwords: 1}
}

// number returns the number of a secret or a name, which is new or known.
func (h *history) number(text string) int {
	if h.numbers[text] == 0 {
		h.numbers[text] = len(h.numbers) + 1
	}
	return h.numbers[text]
}

// parse reads a refresh token as only a test may.
func parse(tb testing.TB, token string) (session string, gen int, secret string) {
	tb.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "art1_"))
	if err != nil || len(raw) != 68 {
		tb.Errorf("refresh token %q cannot be read: %v", token, err)
		return "", 0, ""
	}
	return "session " + store.FormatID([16]byte(raw[:16])), int(raw[18])<<8 | int(raw[19]), "secret " + string(raw[20:52])
}

// call is one operation under way.
type call struct {
	h       *history
	client  int
	op      int
	begin   int64
	ctx     context.Context
	cancel  context.CancelFunc
	trouble *trouble
}

func (h *history) begin(ctx context.Context, client int) *call {
	c := &call{h: h, client: client, op: int(h.ops.Add(1)), trouble: &trouble{rate: h.rate}}
	c.ctx, c.cancel = context.WithCancel(withTrouble(ctx, c.trouble))
	if h.rate > 0 && rand.Float64() < h.rate {
		time.AfterFunc(time.Duration(rand.IntN(1500))*time.Microsecond, c.cancel)
	}
	c.begin = h.time.Add(1)
	return c
}

// end notes the steps of an operation. One whose outcome is not known may have
// happened, may happen at any later time, or never: then it comes last, where
// nobody sees it. The same goes for what an operation tidies up after its answer
// is settled, if the store failed it.
func (c *call) end(out answer, steps ...step) {
	now := c.h.time.Add(1)
	c.cancel()
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	for _, s := range steps {
		s.op = c.op
		until, told := now, out
		if out.text == unknown {
			until = math.MaxInt64
		}
		if c.trouble.hit.Load() && (s.kind == sweep || s.kind == drop) {
			until, told = math.MaxInt64, answer{text: unknown}
		}
		c.h.steps = append(c.h.steps, porcupine.Operation{ClientId: c.client, Input: s, Output: told, Call: c.begin, Return: until})
	}
	c.h.done++
}

// told is what a client is told by err.
func told(tb testing.TB, err error) string {
	tb.Helper()
	var p *problem.Error
	switch {
	case err == nil:
		return ok
	case !errors.As(err, &p):
		tb.Errorf("an operation failed with %v, which clients are not told", err)
		return unknown
	case p.Status == 503:
		return unknown
	case p.Code == auth.ErrRefreshConflict.Code:
		return conflict
	case p.Code == auth.ErrSessionReused.Code:
		return reused
	}
	return dead
}

func device(client int) auth.Device {
	return auth.Device{IP: netip.AddrFrom4([4]byte{10, 0, 0, byte(client)}), UserAgent: "model"}
}

// learn keeps the tokens of a grant for all clients.
func (h *history) learn(tb testing.TB, g *auth.Grant) answer {
	sid, gen, secret := parse(tb, g.RefreshToken)
	h.mu.Lock()
	defer h.mu.Unlock()
	out := answer{text: ok, sid: h.number(sid), gen: gen, secret: h.number(secret)}
	h.refresh = append(h.refresh, g.RefreshToken)
	h.access = append(h.access, g)
	if gen == 0 {
		h.sessions = append(h.sessions, g.Session.ID)
	}
	return out
}

// recent returns one of list, most often one of the last.
func recent[T any](dice func(int) int, list []T) (v T, found bool) {
	if len(list) == 0 {
		return v, false
	}
	reach := len(list)
	if dice(10) < 7 {
		reach = min(reach, 3)
	}
	return list[len(list)-1-dice(reach)], true
}

// pick returns one of what the clients know.
func pick[T any](h *history, list *[]T) (T, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return recent(h.dice, *list)
}

func (h *history) signIn(tb testing.TB, ctx context.Context, client int) {
	h.mu.Lock()
	n := max(1, h.passwords-h.dice(2)*h.dice(2))
	h.mu.Unlock()
	c := h.begin(ctx, client)
	g, err := h.w.SignIn(c.ctx, h.user.Email, passwordOf(n), device(client))
	out := answer{text: told(tb, err)}
	if err == nil {
		out = h.learn(tb, g)
	}
	if out.text == unknown {
		c.end(out) // a session whose tokens nobody has
		return
	}
	c.end(out, step{kind: signIn, arg: int64(n)})
}

// spent returns a refresh token as a step of a kind.
func (h *history) spent(tb testing.TB, kind kind, token string) step {
	sid, gen, secret := parse(tb, token)
	h.mu.Lock()
	defer h.mu.Unlock()
	return step{kind: kind, sid: h.number(sid), gen: gen, secret: h.number(secret)}
}

func (h *history) refreshOnce(tb testing.TB, ctx context.Context, client int) {
	token, found := pick(h, &h.refresh)
	if !found {
		h.signIn(tb, ctx, client)
		return
	}
	in := h.spent(tb, refresh, token)
	c := h.begin(ctx, client)
	g, err := h.w.Refresh(c.ctx, token, device(client))
	out := answer{text: told(tb, err)}
	if err == nil {
		out = h.learn(tb, g)
	}
	steps := []step{in}
	if out.text == reused || out.text == unknown {
		steps = append(steps, step{kind: refreshEnds, sid: in.sid})
	}
	c.end(out, steps...)
}

func (h *history) signOut(tb testing.TB, ctx context.Context, client int) {
	if token, found := pick(h, &h.refresh); found {
		in := h.spent(tb, signOut, token)
		c := h.begin(ctx, client)
		c.end(answer{text: told(tb, h.w.SignOut(c.ctx, token, device(client)))}, in)
	}
}

func (h *history) named(kind kind, id string) step {
	h.mu.Lock()
	defer h.mu.Unlock()
	return step{kind: kind, sid: h.number("session " + id)}
}

func (h *history) revoke(tb testing.TB, ctx context.Context, client int) {
	id, found := pick(h, &h.sessions)
	if !found {
		return
	}
	in := h.named(revoke, id)
	c := h.begin(ctx, client)
	out := answer{text: told(tb, h.w.RevokeSession(c.ctx, h.user.ID, id))}
	steps := []step{in}
	if out.text != dead {
		steps = append(steps, step{kind: revokeEnds, sid: in.sid})
	}
	c.end(out, steps...)
}

func (h *history) revokeAll(tb testing.TB, ctx context.Context, client int) {
	in, except := step{kind: revokeAll, sid: -1}, ""
	if id, found := pick(h, &h.sessions); found && h.dice(2) == 0 {
		in, except = h.named(revokeAll, id), id
	}
	c := h.begin(ctx, client)
	_, err := h.w.RevokeSessions(c.ctx, h.user.ID, except)
	c.end(answer{text: told(tb, err)}, in)
}

func (h *history) me(tb testing.TB, ctx context.Context, client int) {
	g, found := pick(h, &h.access)
	if !found {
		return
	}
	in := h.named(me, g.Session.ID)
	in.arg = g.ExpiresAt.Unix()
	c := h.begin(ctx, client)
	r := httptest.NewRequestWithContext(c.ctx, "GET", "http://localhost:8000/auth/me", nil)
	r.Header.Set("Authorization", "Bearer "+g.AccessToken)
	_, err := h.w.Authenticate(r)
	out := answer{text: told(tb, err)}
	if out.text == unknown {
		c.end(out) // it changes nothing
		return
	}
	c.end(out, in)
}

// request asks for a link. Only one client does at a time, and the mail goes out
// before the answer counts.
func (h *history) request(tb testing.TB, ctx context.Context, client int) {
	h.w.turn.Lock()
	defer h.w.turn.Unlock()
	c := h.begin(context.WithoutCancel(ctx), client)
	err := h.w.RequestPasswordReset(context.WithoutCancel(ctx), h.user.Email)
	if err == nil {
		err = h.w.Flush(ctx)
	}
	if err != nil {
		tb.Errorf("RequestPasswordReset = %v", err)
	}
	link, err := url.Parse(h.w.mail.take())
	if err != nil {
		tb.Error(err)
	}
	token := link.Query().Get("token")
	if token == "" {
		c.end(answer{text: none}, step{kind: request})
		return
	}
	h.mu.Lock()
	h.resets = append(h.resets, token)
	out := answer{text: ok, secret: h.number("reset " + token)}
	h.mu.Unlock()
	c.end(out, step{kind: request}, step{kind: requestPuts})
}

func (h *history) reset(tb testing.TB, ctx context.Context, client int) {
	token, found := pick(h, &h.resets)
	if !found {
		h.request(tb, ctx, client)
		return
	}
	h.mu.Lock()
	h.passwords++
	n, secret := h.passwords, h.number("reset "+token)
	h.mu.Unlock()
	c := h.begin(ctx, client)
	_, err := h.w.ResetPassword(c.ctx, token, passwordOf(n))
	out := answer{text: told(tb, err)}
	steps := []step{{kind: reset, secret: secret}, {kind: resetWrites, secret: secret, arg: int64(n)}}
	if out.text != dead {
		steps = append(steps, step{kind: sweep}, step{kind: drop})
	}
	if out.text == unknown {
		steps = append(steps, step{kind: resetPutsBack, secret: secret})
	}
	c.end(out, steps...)
}

func (h *history) setDisabled(tb testing.TB, ctx context.Context, client int, disabled bool) {
	c := h.begin(ctx, client)
	_, err := h.w.SetDisabled(c.ctx, h.user.ID, disabled)
	out := answer{text: told(tb, err)}
	if !disabled {
		c.end(out, step{kind: activate})
		return
	}
	c.end(out, step{kind: deactivate}, step{kind: sweep}, step{kind: drop})
}

// act makes one operation of those that clients make.
func (h *history) act(tb testing.TB, ctx context.Context, client int) {
	switch n := h.dice(100); {
	case n < 16:
		h.signIn(tb, ctx, client)
	case n < 58:
		h.refreshOnce(tb, ctx, client)
	case n < 62:
		h.signOut(tb, ctx, client)
	case n < 67:
		h.revoke(tb, ctx, client)
	case n < 69:
		h.revokeAll(tb, ctx, client)
	case n < 78:
		h.me(tb, ctx, client)
	case n < 83:
		h.request(tb, ctx, client)
	case n < 91:
		h.reset(tb, ctx, client)
	case n < 94:
		h.setDisabled(tb, ctx, client, true)
	default:
		h.setDisabled(tb, ctx, client, false)
	}
}

// wait moves the clock, while no operation is under way.
func (h *history) wait(d time.Duration) {
	c := h.begin(context.Background(), 0)
	h.w.clock.seconds.Add(int64(d / time.Second))
	c.end(answer{text: ok}, step{kind: advance, arg: int64(d / time.Second)})
}

// pauses between the bursts of a history: within the grace, at its very end, past
// it, past the life of a reset link, and of half an idle session.
var pauses = []time.Duration{time.Second, 9 * time.Second, 10 * time.Second, 11 * time.Second, 11 * time.Second,
	61 * time.Minute, 8 * 24 * time.Hour}

// run lets clients act at once in a few bursts, with a pause after each.
func (h *history) run(tb testing.TB, clients, bursts, each int) {
	tb.Helper()
	ctx := tb.Context()
	for range bursts {
		var wg sync.WaitGroup
		for client := 1; client <= clients; client++ {
			wg.Go(func() {
				for range each {
					h.act(tb, ctx, client)
				}
			})
		}
		wg.Wait()
		h.wait(pauses[h.dice(len(pauses))])
		if h.dice(4) == 0 {
			if _, err := h.w.Prune(ctx); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// check asks porcupine whether there is an order of all that happened in which the
// model gives the same answers.
func (h *history) check(start int64) (porcupine.CheckResult, string) {
	m := sequential(start)
	h.begin(context.Background(), 0).end(answer{text: ok}, step{kind: last})
	switch result := porcupine.CheckOperationsTimeout(m, h.steps, time.Minute); result {
	case porcupine.Ok:
		return result, ""
	default:
		var b strings.Builder
		for _, s := range h.steps {
			fmt.Fprintf(&b, "\t%4d–%-4d client %d: %s\n", s.Call, min(s.Return, 9999), s.ClientId, m.DescribeOperation(s.Input, s.Output))
		}
		return result, b.String()
	}
}
