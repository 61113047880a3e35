package gctune

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: rest, 1 << 20: rest, 12 << 20: 400, 24 << 20: 200, 48 << 20: 100, 160 << 20: least, 1 << 40: least} {
		if got := percent(live); got != want {
			t.Errorf("%d MB: %d, want %d", live>>20, got, want)
		}
	}
}

// TestStart: the percentage follows what is in use, both ways.
func TestStart(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	Start()
	big := make([]byte, 160<<20)
	until(t, least)
	runtime.KeepAlive(big)
	until(t, rest)
}

// until collects until that is the percentage.
func until(t *testing.T, want int) {
	t.Helper()
	got := 0
	for range 100 {
		runtime.GC()
		time.Sleep(time.Millisecond) // finalizers have a goroutine of their own
		got = debug.SetGCPercent(-1)
		debug.SetGCPercent(got)
		if got == want {
			return
		}
	}
	t.Errorf("%d percent, want %d", got, want)
}
