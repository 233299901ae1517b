#!/usr/bin/env bash
# the browser client holds under the test runner of Node

ls auth/pages/testdata/*.test.mjs >/dev/null 2>&1 || absent "the pages have no browser client yet"
need node nodejs
node --version
node --test auth/pages/testdata/
