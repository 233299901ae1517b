package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestOutbox(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := NewOutbox(slog.New(slog.NewTextHandler(&log, nil)), 3)
	if o.Last("") != nil || len(o.Messages()) != 0 {
		t.Error("a new outbox is not empty")
	}
	for i := range 5 {
		m := &Message{Kind: MailVerify, ID: fmt.Sprint("ID", i), To: fmt.Sprintf("u%d@example.com", i%2), Subject: "Hello", Link: sampleLink, Text: "t"}
		if err := o.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		m.Subject = "changed afterwards"
	}
	list := o.Messages()
	if len(list) != 3 || list[0].ID != "ID2" || list[2].ID != "ID4" {
		t.Errorf("Messages = %v, want the last three, oldest first", list)
	}
	list[0].Subject = "changed"
	if got := o.Messages()[0].Subject; got != "Hello" {
		t.Errorf("Subject = %q after a change to a copy, want Hello", got)
	}
	if got := o.Last("u1@example.com"); got == nil || got.ID != "ID3" {
		t.Errorf("Last(u1) = %v, want ID3", got)
	}
	if got := o.Last(""); got == nil || got.ID != "ID4" {
		t.Errorf("Last() = %v, want ID4", got)
	}
	if got := o.Last("nobody@example.com"); got != nil {
		t.Errorf("Last(nobody) = %v, want nil", got)
	}
	if n := strings.Count(log.String(), sampleLink); n != 5 {
		t.Errorf("the log holds the link %d times, want 5:\n%s", n, &log)
	}
	if !strings.Contains(log.String(), "development mail, not delivered") {
		t.Errorf("the log does not say that this is development:\n%s", &log)
	}
	o.Clear()
	if len(o.Messages()) != 0 {
		t.Error("Clear left messages")
	}
}

func TestOutboxConcurrent(t *testing.T) {
	t.Parallel()
	o := NewOutbox(quiet(), 10)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				_ = o.Send(t.Context(), &Message{Kind: MailVerify, To: "a@example.com"})
				o.ServeHTTP(httptest.NewRecorder(), localRequest("GET", "/dev/outbox"))
			}
		})
	}
	wg.Wait()
	if got := len(o.Messages()); got != 10 {
		t.Errorf("%d messages kept, want 10", got)
	}
	if got := NewOutbox(nil, 0).keep; got != 100 {
		t.Errorf("keep = %d by default, want 100", got)
	}
}

func localRequest(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "localhost:8000"
	return r
}

// TestOutboxLoopbackOnly: the page shows tokens, so it is for browsers on this
// machine alone.
func TestOutboxLoopbackOnly(t *testing.T) {
	t.Parallel()
	o := NewOutbox(quiet(), 3)
	if err := o.Send(t.Context(), &Message{Kind: MailReset, ID: "ID1", To: "victim@example.com", Subject: "canary", Link: sampleLink, HTML: "canary"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, remote, host, header string
		want                       int
	}{
		{"this machine", "127.0.0.1:1", "localhost:8000", "", 200},
		{"this machine, upper case", "127.0.0.1:1", "LOCALHOST", "", 200},
		{"by IPv4 address", "127.0.0.1:1", "127.0.0.1:8000", "", 200},
		{"another loopback address", "127.8.9.1:1", "127.8.9.1", "", 200},
		{"by IPv6 address", "[::1]:1", "[::1]:8000", "", 200},
		{"by IPv6 address without port", "[::1]:1", "[::1]", "", 200},
		{"IPv4 in IPv6", "[::ffff:127.0.0.1]:1", "localhost", "", 200},
		{"another machine", "192.0.2.1:1", "localhost:8000", "", 404},
		{"private network", "192.168.1.2:1", "localhost:8000", "", 404},
		{"another machine by IPv6", "[2001:db8::1]:1", "localhost", "", 404},
		{"a rebound name", "127.0.0.1:1", "evil.example:8000", "", 404},
		{"a name that begins alike", "127.0.0.1:1", "localhost.evil.example", "", 404},
		{"an address that begins alike", "127.0.0.1:1", "127.0.0.1.evil.example", "", 404},
		{"no name", "127.0.0.1:1", "", "", 404},
		{"any address", "127.0.0.1:1", "0.0.0.0:8000", "", 404},
		{"no peer", "", "localhost", "", 404},
		{"a socket", "@", "localhost", "", 404},
		{"a proxy", "127.0.0.1:1", "localhost", "X-Forwarded-For", 404},
		{"a proxy by RFC 7239", "127.0.0.1:1", "localhost", "Forwarded", 404},
		{"nginx", "127.0.0.1:1", "localhost", "X-Real-IP", 404},
	} {
		for _, target := range []string{"/dev/outbox", "/dev/outbox?format=json", "/dev/outbox?html=ID1"} {
			r := localRequest("GET", target)
			r.RemoteAddr, r.Host = c.remote, c.host
			if c.header != "" {
				r.Header.Set(c.header, "192.0.2.1")
			}
			w := httptest.NewRecorder()
			o.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%s: GET %s = %d, want %d", c.name, target, w.Code, c.want)
			}
			if shown := strings.Contains(w.Body.String(), "canary"); shown != (c.want == 200) {
				t.Errorf("%s: GET %s shows the mail: %t", c.name, target, shown)
			}
		}
	}
	for _, method := range []string{"POST", "DELETE", "PUT"} {
		w := httptest.NewRecorder()
		o.ServeHTTP(w, localRequest(method, "/dev/outbox"))
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s = %d, Allow %q, want 405", method, w.Code, w.Header().Get("Allow"))
		}
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(w, localRequest("GET", "/dev/outbox?html=nope"))
	if w.Code != 404 {
		t.Errorf("an unknown message = %d, want 404", w.Code)
	}
}

// TestOutboxPage sends a hostile message and looks at what a browser would do.
func TestOutboxPage(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	o := NewOutbox(quiet(), 10)
	for _, m := range []*Message{
		{Kind: MailVerify, ID: "ID1", To: "a@example.com", Subject: "first", Link: sampleLink, Text: "plain <b>", HTML: "<p>rich</p>", CreatedAt: mailTime},
		{Kind: evil, ID: evil, To: evil, Subject: evil, Link: "javascript:alert(1)", Text: evil, HTML: evil},
	} {
		if err := o.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(o)
	defer srv.Close()
	get := func(query, accept string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY"} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("GET %s: %s = %q, want %q", query, name, got, want)
			}
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") ||
			!strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("GET %s: Content-Security-Policy = %q", query, csp)
		}
		return resp, string(body)
	}

	resp, page := get("/", "text/html")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("page: %d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Contains(page, `href="javascript`) {
		t.Errorf("the page holds what the message brought:\n%s", page)
	}
	if !strings.Contains(page, `href="`+html.EscapeString(sampleLink)+`"`) {
		t.Errorf("the link is not clickable:\n%s", page)
	}
	if a, b := strings.Index(page, "alert(1)"), strings.Index(page, "<h2>first<"); a < 0 || b < a {
		t.Errorf("the newest message does not come first")
	}
	nonce := regexp.MustCompile(`<style nonce="([A-Z0-9]+)">`).FindStringSubmatch(page)
	if nonce == nil || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "style-src 'nonce-"+nonce[1]+"'") {
		t.Errorf("the style sheet has nonce %v, the policy is %q", nonce, resp.Header.Get("Content-Security-Policy"))
	}
	if _, again := get("/", "text/html"); strings.Contains(again, nonce[1]) {
		t.Error("two answers have the same nonce")
	}

	resp, part := get("/?html=ID1", "text/html")
	if part != "<p>rich</p>" || !strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "sandbox; ") {
		t.Errorf("HTML part = %q under %q, want it sandboxed", part, resp.Header.Get("Content-Security-Policy"))
	}
	for _, c := range [][2]string{{"/?format=json", "*/*"}, {"/", "application/json"}} {
		resp, text := get(c[0], c[1])
		var list struct {
			Items []struct{ ID, Kind, To, Subject, Link, Text string }
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("JSON: %v, %s", err, resp.Header.Get("Content-Type"))
		}
		if len(list.Items) != 2 || list.Items[0].To != evil || list.Items[1].Link != sampleLink {
			t.Errorf("JSON = %s, want both messages, newest first", text)
		}
		if !strings.Contains(text, sampleLink) {
			t.Errorf("the link is not readable in %s", text)
		}
	}
	o.Clear()
	if _, page := get("/", ""); !strings.Contains(page, "No messages yet.") {
		t.Errorf("the empty page does not say so:\n%s", page)
	}
}
