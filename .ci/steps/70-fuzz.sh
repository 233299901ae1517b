#!/usr/bin/env bash
# every fuzz target holds for a few seconds
# limit: 900

seconds=4

main() {
	local dir target failed=0
	each_module targets >"$CI_TMP/listing" || {
		cat "$CI_TMP/listing"
		fail "the targets cannot be listed"
	}
	sed -n 's/^target //p' "$CI_TMP/listing" >"$CI_TMP/targets"
	[ -s "$CI_TMP/targets" ] || fail "no fuzz targets found"
	while read -r dir target; do
		fuzz "$dir" "$target" || failed=1
	done <"$CI_TMP/targets"
	echo "$(wc -l <"$CI_TMP/targets") targets"
	return "$failed"
}

# targets prints "target DIRECTORY NAME" for each in this module. Only packages
# whose source speaks of fuzzing are compiled and asked.
targets() {
	local files dir dirs
	files=$(go list -f '{{$dir := .Dir}}{{range .TestGoFiles}}{{$dir}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$dir}}/{{.}} {{end}}' ./...) || return
	dirs=$(echo $files | xargs -r grep -l '^func Fuzz' | xargs -r -n 1 dirname | sort -u)
	for dir in $dirs; do
		(cd "$dir" && go test -list '^Fuzz' . | sed -n "s|^Fuzz.*|target $dir &|p") || return
	done
}

# fuzz runs one target. The go command sometimes ends a target that found nothing
# with "context deadline exceeded", because its time ran out while a worker was
# busy; only then it is tried again.
fuzz() {
	local dir=$1 target=$2 log=$CI_TMP/fuzz.log try
	for try in 1 2; do
		if (cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" -parallel 2 .) </dev/null >"$log" 2>&1; then
			printf '%-24s %-32s %s\n' "${dir#"$CI_ROOT"/}" "$target" "$(grep -o 'execs: [0-9]*' "$log" | tail -n 1)"
			return 0
		fi
		grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log" || break
	done
	cat "$log"
	return 1
}

main
