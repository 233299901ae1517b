package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

// link is one string of the corpus of return paths, with what the service makes
// of it.
type link struct {
	Next string `json:"next"`
	Out  string `json:"out"` // with a fallback in place of a refusal
}

const fallback = "/fallback"

// corpus is the corpus of package auth, put through the service.
func corpus(tb testing.TB, s *auth.Service) (list []link, accepted int) {
	tb.Helper()
	data, err := os.ReadFile("../../auth/testdata/next.json")
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if len(list) < 60 {
		tb.Fatalf("the corpus has %d strings, want 60 at least", len(list))
	}
	for i := range list {
		list[i].Out = s.ReturnPath(list[i].Next, fallback)
		if list[i].Out != fallback {
			accepted++
		}
	}
	return list, accepted
}

// TestReturnPathsInNode resolves what the service makes of the corpus with node's
// implementation of the URL Standard. The raw strings are resolved as well: if
// none of them left the site, the corpus would prove nothing.
func TestReturnPathsInNode(t *testing.T) {
	l, base := reserve(t)
	list, accepted := corpus(t, newSite(t, l).Service)
	links := make([]string, 0, 2*len(list))
	for _, one := range list {
		links = append(links, one.Out)
	}
	for _, one := range list {
		links = append(links, one.Next)
	}
	var origins []string
	ask(t, "urls.mjs", map[string]any{"base": base + "/auth/oauth/github/callback", "links": links}, &origins)
	dangerous := 0
	for i, one := range list {
		if origins[i] != base {
			t.Errorf("%q becomes %q, which leads to %s", one.Next, one.Out, origins[i])
		}
		if origins[len(list)+i] != base {
			dangerous++
		}
	}
	if dangerous < 30 {
		t.Errorf("%d strings of the corpus would leave the site, want 30 at least", dangerous)
	}
	t.Logf("%d strings, %d accepted, %d would leave the site as they are", len(list), accepted, dangerous)
}

// readingPage is the page that reads the corpus in the browser: it resolves each
// path by the browser's parser of URLs and of links, and then goes there by a
// redirect of the server, in a request and in a frame. A frame that has left the
// origin cannot be looked into.
const readingPage = `<!doctype html><meta charset="utf-8"><title>Return paths</title><body><script type="module">
const origin = async (make) => { try { return await make(); } catch (e) { return "none: " + e; } };
const answers = [];
for (const { next, out } of await (await fetch("/corpus")).json()) {
  const link = (href) => Object.assign(document.createElement("a"), { href }).origin;
  const through = "/go?next=" + encodeURIComponent(next);
  const answer = {
    url: await origin(() => new URL(out, location.href).origin),
    link: link(out),
    raw: link(next),
    request: await origin(async () => new URL((await fetch(through)).url).origin),
    frame: "not framed",
  };
  if (!out.startsWith("/auth/")) { // which refuses to be framed
    const frame = document.createElement("iframe");
    const loaded = new Promise((done) => { frame.onload = done; setTimeout(done, 5000); });
    frame.src = through;
    document.body.append(frame);
    await loaded;
    answer.frame = await origin(() => frame.contentWindow.location.origin + " " + frame.contentDocument.title);
    frame.remove();
  }
  answers.push(answer);
}
await fetch("/answers", { method: "POST", body: JSON.stringify(answers) });
</script>`

// TestReturnPathsInChromium asks a real browser.
func TestReturnPathsInChromium(t *testing.T) {
	l, base := reserve(t)
	s := newSite(t, l)
	list, accepted := corpus(t, s.Service)

	type answer struct{ URL, Link, Raw, Request, Frame string }
	received := make(chan []answer, 1)
	s.mux.HandleFunc("GET /read", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, readingPage)
	})
	s.mux.HandleFunc("GET /corpus", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(list) })
	s.mux.HandleFunc("POST /answers", func(w http.ResponseWriter, r *http.Request) {
		var answers []answer
		if err := json.NewDecoder(r.Body).Decode(&answers); err != nil {
			t.Errorf("the browser's answers: %v", err)
		}
		received <- answers
	})
	openChromium(t, base+"/read")

	var answers []answer
	select {
	case answers = <-received:
	case <-time.After(3 * time.Minute):
		t.Fatal("the browser does not answer")
	}
	dangerous, framed := 0, 0
	for i, one := range list {
		a := answers[i]
		if a.URL != base || a.Link != base {
			t.Errorf("%q becomes %q, which leads to %s as a URL and %s as a link", one.Next, one.Out, a.URL, a.Link)
		}
		if a.Request != base {
			t.Errorf("a redirect for %q, to %q, ends at %s", one.Next, one.Out, a.Request)
		}
		if a.Frame == base+" here" {
			framed++
		} else if a.Frame != "not framed" {
			t.Errorf("a frame for %q, to %q, ends at %s", one.Next, one.Out, a.Frame)
		}
		if a.Raw != base {
			dangerous++
		}
	}
	if dangerous < 30 || framed < 60 {
		t.Errorf("%d strings of the corpus would leave the site as they are, %d were followed in a frame; want 30 and 60 at least", dangerous, framed)
	}
	t.Logf("%d strings, %d accepted, %d would leave the site as they are", len(list), accepted, dangerous)
}

// openChromium opens a page in a browser without a window, until the test ends.
func openChromium(tb testing.TB, page string) {
	tb.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		notRun(tb, "there is no Chromium: apt-get install chromium")
	}
	profile, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+profile, page)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with all that it starts
	if err := cmd.Start(); err != nil {
		notRun(tb, "Chromium does not start: %v", err)
	}
	tb.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		os.RemoveAll(profile)
	})
}
