package cli_test

import (
	"testing"
	"time"

	"github.com/symres/symres/internal/cli"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1": 1, "10G": 10 << 30, "10 gb": 10 << 30, "1.5MiB": 3 << 19, "2K": 2048, "1t": 1 << 40, "12b": 12,
		"": -1, "G": -1, "-1": -1, "1X": -1, "1GBi": -1, "1e30": -1, "NaN": -1, "9999999T": -1,
	} {
		got, err := cli.ParseSize(s)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d (%v), want %d", s, got, err, want)
		}
	}
}

func TestParseAge(t *testing.T) {
	const day = 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"30d": 30 * day, "2w": 14 * day, "12h": 12 * time.Hour, "1.5d": 36 * time.Hour, "1h30m": 90 * time.Minute,
		"": -1, "d": -1, "30": -1, "-1d": -1, "0d": -1, "1y": -1, "999999999w": -1, "-3h": -1,
	} {
		got, err := cli.ParseAge(s)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %v (%v), want %v", s, got, err, want)
		}
	}
}

func TestByteCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1536: "1.5 KB", 5 << 30: "5.0 GB", 3 << 50: "3072.0 TB"} {
		if got := cli.ByteCount(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
