# For the steps that run a program of the examples as a user would. Sourced.
#
# "go run" is started in the scratch directory, so that the files the program
# makes are made there.

# start PACKAGE runs it in the background and waits until it answers at BASE.
# STARTED is the process of "go run".
start() {
	local package=$1
	mkdir -p "$CI_TMP/smoke"
	(cd "$CI_TMP/smoke" && GOWORK=$CI_ROOT/go.work exec go run "$package") >"$CI_TMP/smoke.log" 2>&1 &
	STARTED=$!
	if ! wait_for 240 answers_or_gone || ! kill -0 "$STARTED" 2>/dev/null; then
		cat "$CI_TMP/smoke.log"
		fail "$package did not come up at $BASE"
	fi
}

answers_or_gone() { ! kill -0 "$STARTED" || curl -s -o "$CI_TMP/null" "$BASE/"; }

# program prints the process that "go run" started, which is the one to signal:
# "go run" itself does not pass a SIGTERM on.
program() { pgrep -P "$STARTED"; }

# ask STATUS CURL-ARGUMENTS… wants that status and leaves the body in BODY.
ask() {
	local want=$1 got
	shift
	got=$(curl -s -S -m 20 -o "$CI_TMP/body" -w '%{http_code}' "$@") || fail "curl $*"
	BODY=$(cat "$CI_TMP/body")
	[ "$got" = "$want" ] || fail "curl $* answered $got, want $want: $BODY"
}

# register_and_sign_in is the session of the README. The token is left in TOKEN.
register_and_sign_in() {
	ask 201 -X POST "$BASE/auth/register" -H 'Content-Type: application/json' \
		-d '{"email":"test@example.com","password":"secure123"}'
	ask 200 -X POST "$BASE/auth/token" -d 'username=test@example.com&password=secure123'
	TOKEN=$(sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p' <<<"$BODY")
	[ -n "$TOKEN" ] || fail "no access token in: $BODY"
	ask 200 "$BASE/auth/me" -H "Authorization: Bearer $TOKEN"
	grep -q '"test@example.com"' <<<"$BODY" || fail "/auth/me does not know the address: $BODY"
	ask 401 "$BASE/auth/me"
}

# stop wants the program to end with status 0 on SIGTERM.
stop() {
	local status=0
	kill -TERM $(program) || fail "the program is gone"
	wait "$STARTED" || status=$?
	if [ "$status" -ne 0 ]; then
		cat "$CI_TMP/smoke.log"
		fail "the program ended with status $status on SIGTERM, want 0"
	fi
}
