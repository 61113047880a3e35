package eval

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// narrow reports whether a value is shown with 32 bits: that of a 32-bit target
// which is one of its addresses, extended by its sign or not.
func narrow(v uint64, bits int) bool {
	return bits == 32 && (v>>32 == 0 || v>>31 == 1<<33-1)
}

// Evaluated returns the two spellings that `?` shows: the value as a signed decimal
// number, and in hex with the digits that the target's addresses have.
func Evaluated(v uint64, bits int) (decimal int64, hex string) {
	if narrow(v, bits) {
		return int64(int32(uint32(v))), fmt.Sprintf("%08x", uint32(v))
	}
	return int64(v), fmt.Sprintf("%08x`%08x", v>>32, uint32(v))
}

// Formats returns the lines that `.formats` shows of a value, without the one in
// front of them.
func Formats(v uint64, bits int) []string {
	decimal, hex := Evaluated(v, bits)
	size := 8
	octal := fmt.Sprintf("%022o", v)
	if narrow(v, bits) {
		size = 4
		octal = fmt.Sprintf("%011o", uint32(v))
	}
	var binary []string
	var chars []byte
	for i := size - 1; i >= 0; i-- {
		b := byte(v >> (8 * i))
		binary = append(binary, fmt.Sprintf("%08b", b))
		if b < 0x20 || b > 0x7e {
			b = '.'
		}
		chars = append(chars, b)
	}
	low, high := math.Float32frombits(uint32(v)), math.Float32frombits(uint32(v>>32))
	return []string{
		"  Hex:     " + hex,
		fmt.Sprintf("  Decimal: %d", decimal),
		"  Octal:   " + octal,
		"  Binary:  " + strings.Join(binary, " "),
		"  Chars:   " + string(chars),
		"  Time:    " + formatTime(v),
		"  Float:   low " + formatFloat32(low) + " high " + formatFloat32(high),
		"  Double:  " + formatDouble(v),
	}
}

func formatFloat32(f float32) string { return formatFloat(float64(f), 6) }

func formatDouble(v uint64) string { return formatFloat(math.Float64frombits(v), 6) }

// formatTime reads a value as the seconds since 1970 or, where it has more than 32
// bits, as the units of 100 ns since 1601.
func formatTime(v uint64) string {
	const to1970 = 116444736000000000 // in units of 100 ns
	switch {
	case v == 0:
		return "unavailable"
	case v>>31 == 1<<33-1, v>>31 == 1:
		return "***** Invalid"
	case v>>32 == 0:
		return time.Unix(int64(v), 0).UTC().Format("Mon Jan 02 15:04:05 2006")
	case v>>63 != 0:
		return "***** Invalid FILETIME"
	}
	units := int64(v) - to1970
	t := time.Unix(units/1e7, units%1e7*100).UTC()
	return fmt.Sprintf("%s%03d %d (UTC + 0:00)", t.Format("Mon Jan _2 15:04:05."), t.Nanosecond()/1e6, t.Year())
}
