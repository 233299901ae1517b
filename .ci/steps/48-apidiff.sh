#!/usr/bin/env bash
# the API is compatible with the last tag, or the changelog speaks of it
# limit: 300

tool=golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4

tag=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null) || absent "there is no tag to compare with"
module=$(GOWORK=off go list -m)
export GOBIN=$CI_TMP/bin GOWORK=off
go install "$tool" || fail "cannot install apidiff"
mkdir -p "$CI_TMP/old"
git archive "$tag" | tar -x -C "$CI_TMP/old" || fail "cannot unpack $tag"
(cd "$CI_TMP/old" && "$GOBIN/apidiff" -m -w "$CI_TMP/old.api" "$module") || fail "cannot read the API of $tag"
"$GOBIN/apidiff" -m -incompatible "$CI_TMP/old.api" "$module" >"$CI_TMP/api.diff" || fail "cannot compare with $tag"
if [ ! -s "$CI_TMP/api.diff" ]; then
	echo "compatible with $tag"
	exit 0
fi
cat "$CI_TMP/api.diff"
case $tag in
v0.*) echo "incompatible with $tag, which 0.x allows: the changelog has to say so" ;;
*) fail "incompatible with $tag" ;;
esac
