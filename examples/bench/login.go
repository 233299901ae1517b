package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/examples/bench/turns"
	"github.com/aegis-auth/aegis/store"
	"github.com/aegis-auth/aegis/store/memstore"
)

// loginTables compares a whole sign-in over HTTP with the one bcrypt that it
// cannot do without. At a low cost the rest stands out: that is compared with the
// bcrypt of the usual cost.
func loginTables(o options, w io.Writer) (err error) {
	db, err := openSQLite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.drop()) }()
	cheap, end, err := loginContestants(4, db.store)
	if err != nil {
		return err
	}
	defer end()
	dear, end, err := loginContestants(o.cost, db.store)
	if err != nil {
		return err
	}
	defer end()
	settings := turns.Settings{Rounds: o.rounds, Slice: o.slice, Procs: 2, Workers: 1}
	waited, err := turns.Run(settings, dear)
	if err != nil {
		return err
	}
	settings.CPU = true
	twelve, err := turns.Run(settings, dear)
	if err != nil {
		return err
	}
	four, err := turns.Run(settings, cheap)
	if err != nil {
		return err
	}
	rows := make([][]string, len(dear))
	for i := range rows {
		rows[i] = []string{dear[i].Name, turns.Time(waited[i].Median()), "", turns.Time(twelve[i].Median()), "", turns.Time(four[i].Median()), "", ""}
		if i > 0 {
			rest := above(four[i], four[0])
			rows[i][2] = turns.Percent(waited[i].Over(waited[0]) - 1)
			rows[i][4] = turns.Percent(twelve[i].Over(twelve[0]) - 1)
			rows[i][6] = turns.Time(rest)
			rows[i][7] = turns.Percent(rest / twelve[0].Median())
		}
	}
	io.WriteString(w, turns.Table([]string{"one at a time", fmt.Sprintf("cost %d, on the wall", o.cost), "above bare",
		fmt.Sprintf("cost %d, of the processor", o.cost), "above bare", "cost 4, of the processor", "above bare", fmt.Sprintf("of cost %d", o.cost)}, rows))
	fmt.Fprintln(w)
	for _, r := range four[1:] {
		goals{w}.atMost(r.Name+", besides bcrypt, of a sign-in", above(r, four[0])/twelve[0].Median(), 0.01, turns.Percent)
	}
	fmt.Fprintln(w)
	return floodTable(o, w, dear)
}

// above is how much longer r takes than bare, at the median of the rounds.
func above(r, bare turns.Result) float64 {
	list := make([]float64, len(r.Rounds))
	for i := range list {
		list[i] = r.Rounds[i] - bare.Rounds[i]
	}
	return turns.Median(list)
}

// floodTable has a few clients sign in at once; the gate lets one of two cores
// hash. More clients would wait longer than the gate lets them, and be told to come
// back.
func floodTable(o options, w io.Writer, dear []turns.Contestant) error {
	const clients = 4
	alone, err := turns.Run(turns.Settings{Rounds: max(1, o.rounds/4), Slice: o.slice, Procs: 2, Workers: 1}, dear[:1])
	if err != nil {
		return err
	}
	together, err := turns.Run(turns.Settings{Rounds: max(1, o.rounds/4), Slice: o.slice, Procs: 2, Workers: clients}, dear[1:2])
	if err != nil {
		return err
	}
	rows := [][]string{
		{"bare bcrypt, one goroutine", fmt.Sprintf("%.2f", alone[0].PerSecond()), ""},
		{fmt.Sprintf("sign-ins of %d clients, through the gate", clients), fmt.Sprintf("%.2f", together[0].PerSecond()),
			turns.Percent(together[0].PerSecond() / alone[0].PerSecond())},
	}
	_, err = io.WriteString(w, turns.Table([]string{fmt.Sprintf("cost %d, 2 processors", o.cost), "a second", "of bare"}, rows))
	return err
}

// loginContestants are bcrypt at that cost and sign-ins of a service that hashes
// so, in memory and on st.
func loginContestants(cost int, st store.Store) (list []turns.Contestant, end func(), err error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return nil, nil, err
	}
	list = []turns.Contestant{{Name: "bare bcrypt", Worker: func() func() error {
		return func() error { return bcrypt.CompareHashAndPassword(hash, []byte(password)) }
	}}}
	var ends []func()
	end = func() {
		for _, f := range ends {
			f()
		}
	}
	for _, kind := range []struct {
		name string
		st   store.Store
	}{{"sign-in, in memory", memstore.New()}, {"sign-in, SQLite", st}} {
		s, err := newService(kind.st, func(c *auth.Config) { c.Hasher = auth.InsecureBcrypt(cost) })
		if err != nil {
			end()
			return nil, nil, err
		}
		address := fmt.Sprintf("cost%d@example.com", cost)
		if _, err := s.account(address, "user"); err != nil {
			end()
			return nil, nil, err
		}
		server := httptest.NewServer(s.Mux())
		ends = append(ends, server.Close, s.end)
		list = append(list, turns.Contestant{Name: kind.name, Worker: signInWorker(server, address)})
	}
	return list, end, nil
}

// signInWorker signs in over HTTP, on a connection that stays open. On a machine
// so busy that the gate turns it away it tries again, as clients do.
func signInWorker(server *httptest.Server, address string) func() func() error {
	body := url.Values{"grant_type": {"password"}, "username": {address}, "password": {password}}.Encode()
	return func() func() error {
		client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
		return func() (err error) {
			for range 20 {
				if err = signIn(client, server.URL, body); !errors.Is(err, errBusy) {
					break
				}
			}
			return err
		}
	}
}

func signIn(client *http.Client, base, body string) error {
	r, err := http.NewRequest("POST", base+"/auth/token", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(client, r, http.StatusOK)
}
