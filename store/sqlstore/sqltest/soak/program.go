package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/aegis-auth/aegis/store/sqlstore/sqltest/exampleserver"
)

// program is the server of the examples with its own settings, as a process of its
// own.
type program struct{ *exampleserver.Program }

// startProgram builds the server and starts it, and waits until it answers.
func startProgram(tb testing.TB, cost int) (program, error) {
	tb.Helper()
	name, err := exampleserver.Build(tb.TempDir())
	if err != nil {
		return program{}, err
	}
	p := program{exampleserver.New(tb, name, "BCRYPT_COST="+strconv.Itoa(cost))}
	p.Start()
	return p, nil
}

var plainClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// send sends a request and reads the answer to its end.
func (p program) send(method, path string, body any, cookies []*http.Cookie) (status int, set []*http.Cookie, err error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, "http://"+p.Addr+path, content)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for _, c := range cookies {
		req.AddCookie(c)
	}
	res, err := plainClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Cookies(), err
}

// register makes an account and returns the cookies of its browser.
func (p program) register() ([]*http.Cookie, error) {
	status, cookies, err := p.send("POST", "/auth/register", obj{"email": "owner@example.com", "password": "correct horse battery"}, nil)
	if err == nil && status != 201 {
		err = fmt.Errorf("register = %d, want 201", status)
	}
	return cookies, err
}

// process is the name of the process below /proc.
func (p program) process() string { return strconv.Itoa(p.PID()) }
