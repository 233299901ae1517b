package oauthtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const hugeSize = 2 << 20

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "oauthtest: "+err.Error(), http.StatusInternalServerError)
		return
	}
	writeBody(w, status, "application/json; charset=utf-8", body)
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body)
}

func writeHTML(w http.ResponseWriter) {
	writeBody(w, http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html><title>Sign in</title><script>alert(1)</script>"))
}

// writeError is an error answer of a token endpoint that quotes what it was
// sent, so that tests notice clients that repeat it.
func writeError(w http.ResponseWriter, r *http.Request, status int, code string) {
	sent := fmt.Sprintf("you sent code %s, verifier %s and secret %s",
		r.PostForm.Get("code"), r.PostForm.Get("code_verifier"), r.PostForm.Get("client_secret"))
	writeJSON(w, status, map[string]any{"error": code, "error_description": sent, "error_uri": "https://attacker.example/" + r.PostForm.Get("code")})
}

// writeHuge is v with a member that makes it two megabytes long.
func writeHuge(w http.ResponseWriter, v map[string]any, declared bool) {
	v["padding"] = strings.Repeat("a", hugeSize)
	body, _ := json.Marshal(v) // strings and numbers only
	w.Header().Set("Content-Type", "application/json")
	if declared {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(http.StatusOK)
	io.Copy(w, bytes.NewReader(body))
}

// writeCompressed is v with sixteen megabytes of padding, in a few kilobytes.
func writeCompressed(w http.ResponseWriter, v map[string]any) {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	head, _ := json.Marshal(v)
	z.Write(bytes.TrimSuffix(head, []byte("}")))
	io.WriteString(z, `,"padding":"`)
	chunk := bytes.Repeat([]byte("a"), 1<<20)
	for range 16 {
		z.Write(chunk)
	}
	io.WriteString(z, `"}`)
	z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	writeBody(w, http.StatusOK, "application/json", body.Bytes())
}

// writeSlow sends a byte now and then, for half a minute at most.
func (s *Server) writeSlow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w).Flush
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 300 {
		io.WriteString(w, " ")
		flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.quit:
			return
		}
	}
}

// cut sends text as it is, in place of an answer, and closes the connection.
func cut(w http.ResponseWriter, text string) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "oauthtest: "+err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	rw.WriteString(text)
	rw.Flush()
}

// trap is a good answer to everything, for clients that follow redirects.
func (s *Server) trap(w http.ResponseWriter, r *http.Request) {
	s.fault("a redirect to %s was followed", r.URL.Path)
	switch strings.TrimPrefix(r.URL.Path, "/trap/") {
	case "discovery":
		writeJSON(w, http.StatusOK, s.metadata())
	case "jwks":
		writeJSON(w, http.StatusOK, s.keySet())
	case "user":
		writeJSON(w, http.StatusOK, gitHubUser(s.current().User))
	default:
		writeJSON(w, http.StatusOK, map[string]any{"access_token": "trapped", "token_type": "bearer", "sub": s.current().User.Subject})
	}
}
