// Package interop lets programs of other authors meet the service: a certified
// OpenID Connect provider, JOSE and OAuth 2.0 client libraries of npm, and
// Chromium. It has tests only. They need node, the packages of package-lock.json
// (npm ci), and Chromium, and say NOT RUN where something is missing; with
// AEGIS_TEST_REQUIRE_SERVERS=1 they fail instead.
package interop
