package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// byteCount writes a size as people read it.
func byteCount(n int64) string {
	units := []string{"bytes", "KB", "MB", "GB", "TB"}
	size, i := float64(n), 0
	for ; size >= 1024 && i < len(units)-1; i++ {
		size /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[i])
}

// splitUnit cuts "1.5GB" into the number and the unit in lower case.
func splitUnit(s string) (float64, string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.ParseFloat(digits, 64)
	return n, strings.TrimSpace(s[len(digits):]), err == nil && n >= 0 && !math.IsInf(n, 0)
}

// parseSize reads 10G, 500MB, 1.5TiB or a number of bytes. Units are powers of
// 1024.
func parseSize(s string) (int64, error) {
	units := map[string]float64{"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
	n, unit, ok := splitUnit(s)
	if len(unit) > 1 {
		unit = strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")
	}
	size, known := units[unit]
	if !ok || !known || n*size >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q: want a number with K, M, G or T behind it, such as 10G", s)
	}
	return int64(n * size), nil
}

// parseAge reads 30d, 2w, 12h, or what [time.ParseDuration] reads.
func parseAge(s string) (time.Duration, error) {
	units := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	n, unit, ok := splitUnit(s)
	age := n * float64(units[unit])
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	if !ok || units[unit] == 0 || age < 1 || age >= math.MaxInt64 {
		return 0, fmt.Errorf("age %q: want a number with d, w or h behind it, such as 30d", s)
	}
	return time.Duration(age), nil
}

// count writes a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
