//go:build !race

package flows_test

// stride is how many calls the crash test goes on from one fault to the next.
const stride = 1
