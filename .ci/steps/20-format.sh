#!/usr/bin/env bash
# every Go file is as gofmt writes it

files=$(git ls-files '*.go' 2>/dev/null | grep -v /testdata/ || find . -name '*.go' -not -path '*/testdata/*')
[ -n "$files" ] || fail "no Go files found"
unformatted=$(echo "$files" | xargs gofmt -l) || fail "gofmt cannot read them"
[ -z "$unformatted" ] || fail "not as gofmt writes them:" $unformatted
