#!/usr/bin/env bash
# go run ./examples/server: the session of the README works, SIGTERM ends it well
# limit: 420

[ -d examples/server ] || absent "there is no examples/server"
. .ci/smoke.sh
need curl curl
need pgrep procps

BASE=http://localhost:8000
if port_taken 8000; then
	port=$(free_port)
	export ADDR=localhost:$port BASE_URL=http://localhost:$port
	BASE=$BASE_URL
	echo "port 8000 is taken, using $port"
fi
start github.com/aegis-auth/aegis/examples/server
grep -q "$BASE" "$CI_TMP/smoke.log" || {
	cat "$CI_TMP/smoke.log"
	fail "it does not print its address"
}
ask 200 "$BASE/healthz"
ask 200 "$BASE/readyz"
register_and_sign_in
stop
