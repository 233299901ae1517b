#!/usr/bin/env bash
# all tests pass, on all stores, under the race detector, in any order
# limit: 1800

need gcc gcc libc6-dev # the race detector links with it
CGO_ENABLED=1 go test -race -shuffle=on -timeout 25m "$(all_packages)"
