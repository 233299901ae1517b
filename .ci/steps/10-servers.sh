#!/usr/bin/env bash
# PostgreSQL, MariaDB and Redis answer
# limit: 600
#
# Servers that answer on the usual ports without a password are used as they are.
# Others are started the way Debian starts them, and where those want a password,
# private ones are started instead, in the scratch directory and on free ports.
# CI_PRIVATE_SERVERS=1 starts private ones in any case.

main() {
	local name failed=0
	for name in postgres mysql redis; do
		if "${name}_up"; then
			echo "$name: $("${name}_version")"
		else
			echo "FAIL: $name does not answer"
			failed=1
		fi
	done
	return "$failed"
}

private() { [ "${CI_PRIVATE_SERVERS:-0}" = 1 ]; }

# PostgreSQL

pg_port=5432

postgres_up() {
	[ -n "${AEGIS_TEST_POSTGRES:-}" ] && return # somebody else's care
	need pg_ctlcluster postgresql
	if ! private; then
		postgres_answers && return
		local version
		version=$(ls /etc/postgresql | sort -V | tail -n 1)
		if ! port_taken "$pg_port" && pg_ctlcluster --skip-systemctl-redirect "$version" main start; then
			at_end "pg_ctlcluster --skip-systemctl-redirect $version main stop"
		fi
		wait_for 30 postgres_answers && return
	fi

	local bin dir=$CI_TMP/postgres
	bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	pg_port=$(free_port)
	install -d -m 700 -o postgres "$dir"
	su postgres -c "$bin/initdb -A trust -U postgres -D $dir" >/dev/null || return
	su postgres -c "$bin/pg_ctl -D $dir -l $dir/log -w -o '-p $pg_port -h 127.0.0.1 -k $dir' start" >/dev/null || return
	at_end "su postgres -c '$bin/pg_ctl -D $dir -m immediate stop'"
	wait_for 30 postgres_answers || return
	remember AEGIS_TEST_POSTGRES "postgres://postgres@127.0.0.1:$pg_port/postgres"
}

postgres_answers() { psql -w -h 127.0.0.1 -p "$pg_port" -U postgres -d postgres -c 'SELECT 1' >/dev/null 2>&1; }

postgres_version() { psql -w -d "${AEGIS_TEST_POSTGRES:-postgres://postgres@127.0.0.1/postgres}" -Atc 'SHOW server_version'; }

# MariaDB

mysql_port=3306

mysql_up() {
	[ -n "${AEGIS_TEST_MYSQL:-}" ] && return
	need mariadbd mariadb-server
	if ! private; then
		mysql_answers && return
		if ! port_taken "$mysql_port" && start-stop-daemon --start --oknodo --background --exec /usr/sbin/mariadbd; then
			at_end "start-stop-daemon --stop --retry 20 --exec /usr/sbin/mariadbd"
		fi
		wait_for 30 mysql_answers && return
	fi

	local dir=$CI_TMP/mysql
	mysql_port=$(free_port)
	install -d -m 700 -o mysql "$dir"
	mariadb-install-db --no-defaults --user=mysql --datadir="$dir" --auth-root-authentication-method=normal --skip-test-db >/dev/null || return
	start-stop-daemon --start --background --make-pidfile --pidfile "$CI_TMP/mysql.pid" --exec /usr/sbin/mariadbd -- \
		--no-defaults --user=mysql --datadir="$dir" --socket="$dir/socket" --bind-address=127.0.0.1 --port="$mysql_port" || return
	at_end "start-stop-daemon --stop --retry 20 --pidfile $CI_TMP/mysql.pid"
	wait_for 60 mysql_answers || return
	remember AEGIS_TEST_MYSQL "root@tcp(127.0.0.1:$mysql_port)/"
}

mysql_answers() { mariadb --no-defaults --protocol=tcp -h 127.0.0.1 -P "$mysql_port" -u root -e 'SELECT 1' >/dev/null 2>&1; }

mysql_version() {
	if [ -n "${AEGIS_TEST_MYSQL:-}" ] && [ "$mysql_port" = 3306 ]; then
		echo "at the address in AEGIS_TEST_MYSQL"
		return
	fi
	mariadb --no-defaults --protocol=tcp -h 127.0.0.1 -P "$mysql_port" -u root -Ne 'SELECT VERSION()'
}

# Redis

redis_port=6379

redis_up() {
	[ -n "${AEGIS_TEST_REDIS:-}" ] && return
	need redis-server redis-server
	if private; then
		redis_port=$(free_port)
	else
		redis_answers && return
	fi
	redis-server --daemonize yes --bind 127.0.0.1 -::1 --port "$redis_port" --save "" --appendonly no >/dev/null || return
	at_end "redis-cli -h 127.0.0.1 -p $redis_port shutdown nosave"
	wait_for 30 redis_answers || return
	if private; then
		remember AEGIS_TEST_REDIS "redis://127.0.0.1:$redis_port/0"
	fi
}

redis_answers() { [ "$(redis-cli -h 127.0.0.1 -p "$redis_port" ping)" = PONG ]; }

redis_version() {
	if [ -n "${AEGIS_TEST_REDIS:-}" ] && [ "$redis_port" = 6379 ]; then
		echo "at the address in AEGIS_TEST_REDIS"
		return
	fi
	redis-cli -h 127.0.0.1 -p "$redis_port" info server | sed -n 's/^redis_version://p' | tr -d '\r'
}

main
