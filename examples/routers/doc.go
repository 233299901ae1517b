// Package routers holds examples of other routers than that of net/http. They
// are a module of their own so that nothing else requires those routers.
package routers
