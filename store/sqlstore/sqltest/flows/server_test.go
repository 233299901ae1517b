package flows_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/exampleserver"
)

// program is the server of the examples, running as a process of its own.
type program struct{ *exampleserver.Program }

var serverBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "aegis-flows-")
	if err != nil {
		return "", err
	}
	name, err := exampleserver.Build(dir)
	if err != nil {
		os.RemoveAll(dir)
	}
	return name, err
})

// removeServer removes what serverBinary made, if it did.
func removeServer() {
	if serverBuilt {
		if name, err := serverBinary(); err == nil {
			os.RemoveAll(filepath.Dir(name))
		}
	}
}

var serverBuilt bool // only tests that do not run at the same time build

// newProgram returns a server that does not run yet.
func newProgram(tb testing.TB, settings ...string) program {
	tb.Helper()
	serverBuilt = true
	name, err := serverBinary()
	if err != nil {
		tb.Fatal(err)
	}
	return program{exampleserver.New(tb, name, append([]string{"JWT_SECRET_KEY=" + secret}, settings...)...)}
}

// reply is an answer that came over a socket.
type reply struct {
	status  int
	body    string
	cookies map[string]string
}

// post sends JSON with cookies and reads the answer to the end.
func (p program) post(c *http.Client, path string, body any, cookies map[string]string) (*reply, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest("POST", "http://"+p.Addr+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	r := &reply{res.StatusCode, strings.TrimSpace(string(text)), make(map[string]string)}
	for _, k := range res.Cookies() {
		r.cookies[k.Name] = k.Value
	}
	return r, nil
}
