# What the steps of .ci/run have in common. Sourced, by run and before each step.
#
# A step is a bash script in .ci/steps, "NN-name.sh". Its second line is a comment
# that says what it proves; a line "# limit: N" bounds it to N seconds, 300 if
# there is none. It starts in the root of the repository, without input. It fails
# by its exit status, and "absent" ends it where there is nothing to check yet.
# What it starts in the background ends with it; servers that later steps need
# are ended by what at_end was given.

set -uo pipefail

readonly ABSENT=77

export HOME=${HOME:-/root}
export PATH=$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
export GOFLAGS= GOWORK=
export AEGIS_TEST_REQUIRE_SERVERS=1

# absent REASON ends the step: it is not counted.
absent() {
	echo "nothing to do: $*"
	exit "$ABSENT"
}

fail() {
	echo "FAIL: $*"
	exit 1
}

# each_module COMMAND… runs a command in the directory of every module of the
# workspace and fails if it fails in one.
each_module() {
	local dir dirs failed=0
	dirs=$(modules) || fail "the workspace does not load"
	for dir in $dirs; do
		echo "# ${dir#"$CI_ROOT"/}"
		(cd "$dir" && "$@") || failed=1
	done
	return "$failed"
}

# modules prints the directory of every module.
modules() {
	go list -m -f '{{.Dir}}'
}

# all_packages prints the pattern for the packages of all modules.
all_packages() {
	if [ -f go.work ]; then echo work; else echo ./...; fi
}

# remember NAME VALUE sets an environment variable for all later steps.
remember() {
	printf 'export %s=%q\n' "$1" "$2" >>"$CI_TMP/env"
	export "$1=$2"
}

load_env() { . "$CI_TMP/env"; }

# at_end COMMAND runs a shell command when everything is over, last one first.
at_end() { echo "$*" >>"$CI_TMP/at-end"; }

run_at_end() {
	local command
	tac "$CI_TMP/at-end" | while read -r command; do
		bash -c "$command" </dev/null >/dev/null 2>&1
	done
}

# need COMMAND PACKAGE… installs Debian packages if the command is missing.
need() {
	local command=$1
	shift
	command -v "$command" >/dev/null && return
	command -v apt-get >/dev/null || fail "$command is missing, and there is no apt-get to install $*"
	echo "installing $*"
	if [ ! -e "$CI_TMP/apt-updated" ]; then
		apt-get -qq update && : >"$CI_TMP/apt-updated"
	fi
	apt-get -qq -y --no-install-recommends install "$@" >"$CI_TMP/apt.log" 2>&1 || {
		tail -n 20 "$CI_TMP/apt.log"
		fail "cannot install $*"
	}
	command -v "$command" >/dev/null || fail "$* is installed, but there is no $command"
}

# wait_for SECONDS COMMAND… repeats a command until it succeeds.
wait_for() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -ge "$until" ] && return 1
		sleep 0.2
	done
}

# free_port prints a TCP port that nothing listens on now.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 10000))
		port_taken "$port" || break
	done
	echo "$port"
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || (exec 3<>"/dev/tcp/localhost/$1") 2>/dev/null; }
