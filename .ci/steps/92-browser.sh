#!/usr/bin/env bash
# examples/browser: people, many tabs and attackers use every page in Chromium
# limit: 1200

[ -d examples/browser ] || absent "there is no examples/browser"
need chromium chromium
need node nodejs
need npm npm

go build -o "$CI_TMP/product" ./examples/server || fail "examples/server does not build"
cd examples/browser || exit 1
npm ci --no-audit --no-fund --silent || fail "cannot install playwright-core and axe-core"
AEGIS_SERVER=$CI_TMP/product SHOTS=$CI_TMP/shots npm test
