// Package openapitest holds the OpenAPI document of package auth, and of what
// extends it, against kin-openapi: the document itself, and the answers that the
// routes really give. It has nothing to import, and is a module of its own so
// that nobody else requires that library.
package openapitest
