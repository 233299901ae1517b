#!/usr/bin/env bash
# every module builds on its own, without the workspace, and names what it needs
# limit: 600

alone() {
	GOWORK=off go build ./... && GOWORK=off go mod tidy -diff
}

each_module alone
