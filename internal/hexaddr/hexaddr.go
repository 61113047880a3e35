// Package hexaddr writes addresses the way the Windows debuggers print them:
// eight lower-case hex digits, with a back quote between the halves of a
// 64-bit address. It sits below every other package so that one spelling
// reaches error texts and listings alike.
package hexaddr

import "fmt"

// Addr formats a as eight digits when it fits 32 bits and in the 64-bit form
// of [Wide] when it does not. It never returns the same text for two values.
func Addr(a uint64) string {
	if a>>32 == 0 {
		return fmt.Sprintf("%08x", a)
	}
	return Wide(a)
}

// Wide formats a in the 64-bit form, 000006fb`37a60000, whatever its size.
func Wide(a uint64) string { return fmt.Sprintf("%08x`%08x", a>>32, uint32(a)) }
