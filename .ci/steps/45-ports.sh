#!/usr/bin/env bash
# the library compiles for other systems, and where int has 32 bits
# limit: 600

failed=0
for target in windows/amd64 linux/386; do
	echo "# $target"
	CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go build ./... || failed=1
done
exit "$failed"
