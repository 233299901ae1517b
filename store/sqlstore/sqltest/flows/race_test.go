//go:build race

package flows_test

// stride is how many calls the crash test goes on from one fault to the next. The
// race detector makes everything many times slower and finds nothing in the calls
// between.
const stride = 3
