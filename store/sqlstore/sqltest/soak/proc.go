package main

import (
	"os"
	"strconv"
	"strings"
)

// memoryOf returns the resident memory of a process in bytes, and the most it had.
// Both are 0 where there is no /proc.
func memoryOf(process string) (now, peak uint64) {
	data, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return 0, 0
	}
	for text := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(text, ":")
		number, _ := strings.CutSuffix(strings.TrimSpace(value), " kB")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			now = n << 10
		case "VmHWM":
			peak = n << 10
		}
	}
	return now, peak
}

// filesOf returns how many files and connections a process has open, 0 where there
// is no /proc.
func filesOf(process string) int {
	entries, err := os.ReadDir("/proc/" + process + "/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
