#!/usr/bin/env bash
# staticcheck finds nothing, in any module
# limit: 900

version=v0.8.2

export GOBIN=$CI_TMP/bin
GOWORK=off go install "honnef.co/go/tools/cmd/staticcheck@$version" || fail "cannot install staticcheck $version"
each_module "$GOBIN/staticcheck" ./...
