// Package bench measures this library beside others, in one run, so that the
// ratios hold on a machine whose speed changes from minute to minute.
//
//	go test -run xxx -bench . -cpu 1 -count 10 ./examples/bench
package bench
