#!/usr/bin/env bash
# go vet finds nothing, in any module
# limit: 900

each_module go vet ./...
