#!/usr/bin/env bash
# go run ./examples/quickstart: its handler greets who has signed in
# limit: 420

[ -d examples/quickstart ] || absent "there is no examples/quickstart"
. .ci/smoke.sh
need curl curl
need pgrep procps

BASE=http://localhost:8000
port_taken 8000 && fail "port 8000 is taken; the quick start listens there and nowhere else"
JWT_SECRET_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
export JWT_SECRET_KEY
start github.com/aegis-auth/aegis/examples/quickstart
register_and_sign_in
ask 200 "$BASE/hello" -H "Authorization: Bearer $TOKEN"
grep -q 'hello test@example.com' <<<"$BODY" || fail "/hello said: $BODY"
ask 401 "$BASE/hello"
kill $(program)
