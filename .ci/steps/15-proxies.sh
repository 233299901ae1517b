#!/usr/bin/env bash
# nginx and Caddy are there, so that what docs/deployment.md has for them is tried
# limit: 300

need nginx nginx-light
need caddy caddy
remember AEGIS_TEST_REQUIRE_PROXIES 1
