// Redis shares rate limits and lockouts between nodes through Redis: an attacker
// who is refused by one is refused by all. Users and sessions stay where they
// are, here in SQLite; only Config.Attempts is set.
//
//	JWT_SECRET_KEY=… REDIS_URL=redis://localhost:6379/0 go run ./examples/redis
package main

import (
	"cmp"
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/sqlstore"
)

func main() {
	options, err := redis.ParseURL(cmp.Or(os.Getenv("REDIS_URL"), "redis://localhost:6379/0"))
	if err != nil {
		log.Fatal(err)
	}
	// A limiter that does not answer refuses sign-ins: better soon than late.
	options.ReadTimeout, options.WriteTimeout = time.Second, time.Second
	client := redis.NewClient(options)
	defer client.Close()

	people, err := sqlstore.Open("sqlite", "redis-example.db", sqlstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer people.Close()
	if err := people.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
	svc, err := auth.New(auth.Config{
		Store:    people,
		Attempts: &attempts{client: client, prefix: "aegis:"},
		Secret:   []byte(os.Getenv("JWT_SECRET_KEY")),
		BaseURL:  "http://localhost:8000/auth",
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8000", svc.Mux()))
}
