// Package gctune has the garbage collector rest while little memory is in use, and
// work as usual, or more, when much is.
package gctune

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	rest  = 400      // percent that the heap may grow between collections at most,
	least = 50       // and at least
	spare = 48 << 20 // bytes it may grow between them
)

// Start sets how far the heap may grow before the next collection, now and after each
// collection, for as long as the program runs. A run of a command is short and
// mostly keeps little: measured, thousands of addresses take a third less time. What
// a hostile file makes it keep must not be there five times.
func Start() {
	debug.SetGCPercent(rest)
	after(&cycle{})
}

// cycle is an object that each collection finds unused.
type cycle struct{ _ [16]byte }

func after(c *cycle) {
	runtime.SetFinalizer(c, func(c *cycle) {
		debug.SetGCPercent(percent(live()))
		after(c)
	})
}

// live is what the last collection found in use, in bytes.
func live() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return math.MaxUint64
	}
	return s[0].Value.Uint64()
}

// percent is how far the heap may grow above what is in use.
func percent(live uint64) int {
	return int(max(least, min(rest, 100*spare/max(1, live))))
}
