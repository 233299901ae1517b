// Package docstest executes the documentation: README.md and what is in docs.
//
// Every block of Go is compiled, one without a package clause as the body of a
// function. Every block of shell says in a comment above it what becomes of it:
//
//	<!-- run -->               it is run and must succeed
//	<!-- run: start -->        it is left running, and answers on localhost:8000
//	<!-- run: fails -->        it is run; that a request is refused is its point
//	<!-- not run: REASON -->   it is not run
//
// Blocks of one document follow each other in one folder, which is empty at
// first. A block of text after <!-- output --> is what the block before it
// printed: each line is in the output, in that order, where … stands for
// anything. A block after <!-- file: NAME --> is written to that file; one after
// <!-- with: DECLARATIONS --> is compiled together with them.
//
// Four things differ from what a reader does. The port 8000 is replaced by a free
// one. A program of the examples is built once and not every time "go run" names
// it. A new module takes the library from this working tree. And curl fails when
// a request is refused, so that the test does.
//
// Lists that are made from the code are compared with what the documents have,
// and written there with
//
//	go test -count=1 ./docstest -update
//
// The go command does not know that these tests read documents, so -count=1 keeps
// it from repeating an older verdict.
package docstest
