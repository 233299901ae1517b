package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Outbox is a [Mailer] for development: it delivers nothing, writes to the log
// that a message was sent and with which link, and keeps the last ones to be
// looked at. It is safe for concurrent use.
//
// It shows tokens, so it has no place in production. As an [http.Handler] it
// answers only to browsers on the same machine that ask for a loopback name, and
// not through a proxy.
type Outbox struct {
	logger *slog.Logger
	keep   int

	mu       sync.Mutex
	messages []*Message // oldest first
}

var (
	_ Mailer       = (*Outbox)(nil)
	_ http.Handler = (*Outbox)(nil)
)

// NewOutbox returns an outbox that keeps the last keep messages, or 100 if keep
// is not positive. A nil logger stands for [slog.Default].
func NewOutbox(logger *slog.Logger, keep int) *Outbox {
	if logger == nil {
		logger = slog.Default()
	}
	if keep <= 0 {
		keep = 100
	}
	return &Outbox{logger: logger, keep: keep}
}

// Send keeps a copy of m and logs it, link included. It never fails.
func (o *Outbox) Send(ctx context.Context, m *Message) error {
	kept := *m
	o.mu.Lock()
	if len(o.messages) >= o.keep {
		o.messages = slices.Delete(o.messages, 0, len(o.messages)-o.keep+1)
	}
	o.messages = append(o.messages, &kept)
	o.mu.Unlock()
	o.logger.LogAttrs(ctx, slog.LevelInfo, "development mail, not delivered",
		slog.String("kind", string(m.Kind)), slog.String("to", m.To),
		slog.String("subject", m.Subject), slog.String("link", m.Link))
	return nil
}

// Messages returns copies of the messages kept, oldest first.
func (o *Outbox) Messages() []*Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]*Message, len(o.messages))
	for i, m := range o.messages {
		c := *m
		list[i] = &c
	}
	return list
}

// Last returns a copy of the last message sent to the address to, or to anybody
// if to is empty, or nil if there is none.
func (o *Outbox) Last(to string) *Message {
	for _, m := range slices.Backward(o.Messages()) {
		if to == "" || m.To == to {
			return m
		}
	}
	return nil
}

// Clear forgets all messages.
func (o *Outbox) Clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages = nil
}

// ServeHTTP shows the messages, newest first, on a page; as JSON if the request
// accepts nothing else or says "?format=json"; and with "?html=ID" the HTML part
// of one message. All others than browsers on this machine get 404.
func (o *Outbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if !fromLoopback(r) {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	list := o.Messages()
	slices.Reverse(list)
	query := r.URL.Query()
	switch {
	case query.Has("html"):
		o.servePart(w, r, list, query.Get("html"))
	case query.Get("format") == "json" || r.Header.Get("Accept") == "application/json":
		serveOutboxJSON(w, list)
	default:
		o.servePage(w, list)
	}
}

// fromLoopback reports whether r comes from this machine, for a name of this
// machine, and was not passed on by a proxy. The name matters because any page
// on the web can make a browser here ask for a name of its own that resolves to
// 127.0.0.1 and then read the answer.
func fromLoopback(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if len(r.Header.Values(name)) > 0 {
			return false
		}
	}
	host := r.Host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// servePart shows the HTML of one message as a mail program would: without
// scripts, and with nothing from elsewhere.
func (o *Outbox) servePart(w http.ResponseWriter, r *http.Request, list []*Message, id string) {
	i := slices.IndexFunc(list, func(m *Message) bool { return m.ID == id && id != "" })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(list[i].HTML))
}

func serveOutboxJSON(w http.ResponseWriter, list []*Message) {
	type item struct {
		ID        string    `json:"id"`
		Kind      MailKind  `json:"kind"`
		To        string    `json:"to"`
		Subject   string    `json:"subject"`
		Link      string    `json:"link"`
		Text      string    `json:"text"`
		CreatedAt time.Time `json:"created_at"`
	}
	items := make([]item, len(list))
	for i, m := range list {
		items[i] = item{m.ID, m.Kind, m.To, m.Subject, m.Link, m.Text, m.CreatedAt}
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // links stay readable in a terminal
	_ = e.Encode(map[string]any{"items": items})
}

func (o *Outbox) servePage(w http.ResponseWriter, list []*Message) {
	nonce := rand.Text()
	var page bytes.Buffer
	err := outboxPage.Execute(&page, map[string]any{"Nonce": nonce, "Messages": list, "Keep": o.keep})
	if err != nil {
		o.logger.Error("outbox page", "error", err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page.Bytes())
}

var outboxPage = template.Must(template.New("outbox").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Outbox</title>
<style nonce="{{.Nonce}}">
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
article { border-top: 1px solid; padding: 1rem 0; }
h2 { margin: 0; font-size: 1.1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .5rem 0; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Outbox</h1>
<p>Development mail. Nothing here was delivered; the last {{.Keep}} messages are kept in memory. Newest first.</p>
{{range .Messages}}<article>
<h2>{{.Subject}}</h2>
<dl>
<dt>To</dt><dd>{{.To}}</dd>
<dt>Kind</dt><dd>{{.Kind}}</dd>
<dt>Time</dt><dd>{{.CreatedAt.UTC.Format "2006-01-02 15:04:05"}} UTC</dd>
{{with .Link}}<dt>Link</dt><dd><a href="{{.}}" rel="noreferrer">{{.}}</a></dd>
{{end}}</dl>
<details><summary>Text</summary><pre>{{.Text}}</pre></details>
<p><a href="?html={{.ID}}">HTML</a></p>
</article>
{{else}}<p>No messages yet.</p>
{{end}}</body>
</html>
`))
