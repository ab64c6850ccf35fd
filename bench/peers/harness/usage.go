package harness

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Milliseconds of the machine's monotonic clock, as process.hrtime of Node tells them.
func monotonic() float64 {
	var now unix.Timespec
	Check(unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	return float64(now.Nano()) / 1e6
}

// Milliseconds of processor time since the process began.
func processorTime() float64 {
	own := resources()
	return float64(own.Utime.Nano()+own.Stime.Nano()) / 1e6
}

func usage() map[string]any {
	return map[string]any{"cpu": processorTime(), "rss": residentBytes(), "peakRss": peakBytes(), "encodes": 0, "loopP99": 0, "loopMax": 0}
}

func resources() unix.Rusage {
	var own unix.Rusage
	Check(unix.Getrusage(unix.RUSAGE_SELF, &own))
	return own
}

// Linux counts in KiB, others in bytes.
func peakBytes() int64 {
	if runtime.GOOS == "linux" {
		return resources().Maxrss * 1024
	}
	return resources().Maxrss
}

// Where the system does not tell, the peak.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return peakBytes()
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	Check(err)
	return pages * int64(os.Getpagesize())
}
