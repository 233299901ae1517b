#!/usr/bin/env bash
# node, Chromium and the packages of examples/interop are there for the tests
# limit: 600

[ -f examples/interop/package-lock.json ] || absent "there is no examples/interop"
need node nodejs
need npm npm
need chromium chromium
cd examples/interop && npm ci --ignore-scripts --no-audit --no-fund
