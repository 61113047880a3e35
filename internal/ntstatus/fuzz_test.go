package ntstatus

import (
	"slices"
	"strings"
	"testing"
)

// FuzzNames: whatever a dump has for codes and parameters, there is one text for each
// parameter and none that would break a line, and an access comes with its address.
func FuzzNames(f *testing.F) {
	f.Add(uint32(0xd1), uint64(0x10), uint64(2), uint64(8), uint64(0x30))
	f.Add(uint32(0x1000008e), uint64(0xffffffffc0000005), uint64(1), uint64(2), uint64(3))
	f.Add(uint32(0xc0000006), uint64(0), uint64(0x10), uint64(0xc000009c), uint64(0))
	f.Add(uint32(0x1000001e), uint64(0xffffffffc0000005), uint64(1), uint64(2), uint64(3)) // no kind of access
	f.Add(uint32(0x9f), uint64(3), uint64(0), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, code uint32, a, b, c, d uint64) {
		p := [4]uint64{a, b, c, d}
		meanings := BugCheckParameters(code, p)
		all := append(meanings[:], ExceptionParameters(code, p[:])...)
		if len(all) != 8 {
			t.Fatalf("%d texts", len(all))
		}
		all = append(all, Name(code), Title(code), BugCheck(code), BugCheckTitle(code), FastFail(a))
		if slices.ContainsFunc(all, func(s string) bool { return strings.ContainsAny(s, "\n\r|@") }) {
			t.Fatalf("%q", all)
		}
		for _, fault := range []Fault{BugCheckFault(code, p), ExceptionFault(code, p[:])} {
			if fault.Access == "" && fault.Target != 0 || fault.Access != "" && !slices.Contains(p[:], fault.Target) {
				t.Fatalf("%+v of %x", fault, p)
			}
		}
	})
}
