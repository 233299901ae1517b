// Package consumer holds what a program gets that uses this library: modules
// outside the workspace import some of it, and what they download, link and weigh
// is compared with what is written down here.
package consumer
