#!/usr/bin/env bash
#
# Runs sqlmap over the parameters of the routes of examples/server, on SQLite,
# PostgreSQL and MySQL or MariaDB. It needs sqlmap, curl and python3; servers are
# looked for where the tests look for them, with psql and mysql.
#
#	bash store/sqlstore/sqltest/flows/sqlmap.sh                   everything
#	bash store/sqlstore/sqltest/flows/sqlmap.sh sqlite postgres   on these
#
# LEVEL (3), RISK (1) and THREADS (2) are those of sqlmap; ONLY is a pattern of
# targets. The last line says how many targets were tested; the exit status is 0 if
# none has a finding and all were tested.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.." || exit 1

LEVEL=${LEVEL:-3} RISK=${RISK:-1} THREADS=${THREADS:-2} ONLY=${ONLY:-.}
work=$(mktemp -d) || exit 1
server=
database=aegis_sqlmap_$$
tested=0 found=0 unclear=0

cleanup() {
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
	server=
	drop 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

engine=
create() {
	case $engine in
	postgres) psql -q "${AEGIS_TEST_POSTGRES:-postgres://postgres@127.0.0.1:5432/postgres}" -c "CREATE DATABASE $database" ;;
	mysql) mysql -h 127.0.0.1 -u root -e "CREATE DATABASE $database" ;;
	esac
}
drop() {
	case $engine in
	postgres) psql -q "${AEGIS_TEST_POSTGRES:-postgres://postgres@127.0.0.1:5432/postgres}" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" ;;
	mysql) mysql -h 127.0.0.1 -u root -e "DROP DATABASE IF EXISTS $database" ;;
	esac
}

# start starts the server over an empty database, and makes an administrator, a user
# and an organization.
start() {
	local url port
	case $engine in
	sqlite) url=sqlite:$work/sqlite.db ;;
	postgres) url=postgres://postgres@127.0.0.1:5432/$database ;;
	mysql) url=mysql://root@127.0.0.1:3306/$database ;;
	esac
	create || return 1
	port=$((20000 + RANDOM % 10000))
	base=http://127.0.0.1:$port
	(cd "$work" && exec env ADDR="127.0.0.1:$port" BASE_URL="$base" DATABASE_URL="$url" RATE_LIMITS=off BCRYPT_COST=10 \
		JWT_SECRET_KEY=5b1c7e90d24f836aa8e3f0716d9c2b45 ACCESS_TOKEN_EXPIRE_MINUTES=1000 LOG_LEVEL=error "$work/server") >"$work/$engine.log" 2>&1 &
	server=$!
	for _ in $(seq 200); do
		curl -sf "$base/readyz" >/dev/null && break
		sleep 0.1
	done
	json=(-sS -H "Content-Type: application/json")
	curl "${json[@]}" "$base/auth/register" -d '{"email":"boss@example.com","password":"correct horse battery"}' >/dev/null || return 1
	user=$(curl "${json[@]}" "$base/auth/register" -d '{"email":"user@example.com","password":"correct horse battery"}' | member id)
	token=$(curl -sS "$base/auth/token" -d 'username=boss@example.com&password=correct+horse+battery' | member access_token)
	org=$(curl "${json[@]}" -H "Authorization: Bearer $token" "$base/orgs" -d '{"name":"An Organization","slug":"an-org"}' | member id)
	[ -n "$user" ] && [ -n "$token" ] && [ -n "$org" ]
}

member() { python3 -c 'import json,sys; print(json.load(sys.stdin)["'"$1"'"])'; }

# check METHOD PATH [JSON or form] tests every parameter of one request, or those
# marked with * if any is. What is named token has to be marked: sqlmap takes it for
# a token against forgery and leaves it out.
check() {
	local method=$1 path=$2 data=${3:-} name="$engine $1 $2" out began=$SECONDS kind=()
	[[ $name =~ $ONLY ]] || return
	out=$work/out
	# Headers are tested with the one target that says so.
	local skip=(--skip=user-agent,referer,host,cookie,authorization)
	[ "${HEADERS:-}" ] && skip=()
	case $data in
	{*) kind=(--headers="Content-Type: application/json") ;;
	esac
	[ -n "$data" ] && kind+=(--data="$data")
	sqlmap --batch --level "$LEVEL" --risk "$RISK" --threads "$THREADS" --dbms="$dbms" --flush-session --disable-coloring \
		--output-dir="$work/sqlmap" --method="$method" --auth-type=bearer --auth-cred="$token" --ignore-code='*' --drop-set-cookie \
		--timeout=30 "${skip[@]}" "${kind[@]}" -u "$base$path" </dev/null >"$out" 2>&1
	tested=$((tested + 1))
	if grep -q 'identified the following injection point\|is vulnerable' "$out"; then
		found=$((found + 1))
		echo "FOUND   $name ($((SECONDS - began)) s)"
		grep -A20 'identified the following injection point' "$out"
	elif grep -q 'does not seem to be injectable' "$out"; then
		echo "nothing $name ($((SECONDS - began)) s, $(grep -c 'does not seem to be injectable' "$out") parameters)"
	else
		unclear=$((unclear + 1))
		echo "UNCLEAR $name"
		tail -n 15 "$out"
	fi
}

targets() {
	HEADERS=1 check GET /auth/sessions?x=1
	check POST /auth/token 'username=user@example.com&password=correct+horse+battery&grant_type=password'
	check POST /auth/register '{"email":"new@example.com*","password":"correct horse battery*","full_name":"A Name*","invite_token":"x*"}'
	check POST /auth/revoke 'token=x*'
	check PATCH /auth/me '{"full_name":"A Name"}'
	check POST /auth/password '{"current_password":"x","new_password":"another horse battery"}'
	check POST /auth/password-reset/request '{"email":"user@example.com"}'
	check POST /auth/password-reset/confirm '{"token":"x*","new_password":"another horse battery*"}'
	check POST /auth/verify-email '{"token":"x*"}'
	check POST /auth/email-change/request '{"email":"next@example.com"}'
	check POST /auth/email-change/confirm '{"token":"x*"}'
	check DELETE "/auth/sessions/$user*"
	check POST /auth/reauthenticate '{"password":"correct horse battery"}'
	check GET '/auth/users?email=user&role=user&status=active&limit=5&after=x'
	check GET '/auth/users?email=user&role=user'
	check POST /auth/users '{"email":"made@example.com","full_name":"A Name","role":"user"}'
	check GET "/auth/users/$user*"
	check PATCH "/auth/users/$user*" '{"full_name":"A Name*"}'
	check PATCH "/auth/users/$user*/role" '{"role":"user*"}'
	check POST "/auth/users/$user*/unlock"
	check GET "/auth/audit?user=$user&kind=auth.login_success&since=2026-01-01T00:00:00Z&limit=5"
	check POST /orgs '{"name":"A Name","slug":"slug","description":"Words."}'
	check GET "/orgs/$org*"
	check PATCH "/orgs/$org*" '{"name":"A Name*","slug":"an-org*","description":"Words.*"}'
	check GET "/orgs/memberships?user=$user&limit=5"
	check GET '/orgs/all?deleted=false&limit=5'
	check POST "/orgs/$org*/members" "{\"user_id\":\"$user*\",\"role\":\"member*\"}"
	check POST "/orgs/$org*/invites" '{"email":"guest@example.com*","role":"member*"}'
	check POST "/auth/invites/$org*/accept"
	check POST /auth/accept-invite '{"token":"x*"}'
	check GET '/login?next=/app&done=x'
	check GET '/reset-password?token=x*'
}

command -v sqlmap >/dev/null || { echo "sqlmap is missing: apt-get install sqlmap"; exit 2; }
(cd examples && go build -o "$work/server" ./server) || exit 1
[ $# -gt 0 ] || set -- sqlite postgres mysql
for engine; do
	case $engine in
	sqlite) dbms=SQLite ;;
	postgres) dbms=PostgreSQL ;;
	mysql) dbms=MySQL ;;
	*) echo "no such engine: $engine"; exit 2 ;;
	esac
	start || { echo "the server on $engine does not start:"; cat "$work/$engine.log"; exit 1; }
	targets
	kill "$server" && wait "$server" 2>/dev/null
	server=
	drop
done
echo "level $LEVEL, risk $RISK: $tested targets, $found with findings, $unclear that were not tested"
[ "$found" -eq 0 ] && [ "$unclear" -eq 0 ] && [ "$tested" -gt 0 ]
