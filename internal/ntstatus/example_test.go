package ntstatus_test

import (
	"fmt"

	"github.com/symres/symres/internal/ntstatus"
)

// What stopped a system, and where.
func Example() {
	const code = 0xd1
	parameters := [4]uint64{0x28, 2, 0, 0xfffff80712345678}
	fmt.Println(ntstatus.BugCheck(code))
	for i, meaning := range ntstatus.BugCheckParameters(code, parameters) {
		fmt.Printf("%#x  %s\n", parameters[i], meaning)
	}
	fault := ntstatus.BugCheckFault(code, parameters)
	fmt.Printf("%#x: %s of %#x\n", fault.Address, fault.Access, fault.Target)
	// Output:
	// DRIVER_IRQL_NOT_LESS_OR_EQUAL
	// 0x28  address accessed
	// 0x2  IRQL: DISPATCH_LEVEL
	// 0x0  access: read
	// 0xfffff80712345678  instruction
	// 0xfffff80712345678: read of 0x28
}
