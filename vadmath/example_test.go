package vadmath_test

import (
	"fmt"

	"github.com/symres/symres/vadmath"
)

// Microsoft's page on paged-out PEBs converts the start VPN 37d9bd30 but, by a
// slip, multiplies the end VPN and so loads ExplorerFrame.dll at the wrong
// address. The start VPN gives a base that is 64 KB aligned, as it must be.
func ExamplePages_Bytes() {
	pages := vadmath.Pages{Start: 0x37d9bd30, End: 0x37d9bd3e}
	base, size, err := pages.Bytes(vadmath.Page8K)
	fmt.Printf("%s,%x %v\n", vadmath.FormatAddr(base, 64), size, err)

	slip, _ := vadmath.Page8K.Addr(pages.End)
	fmt.Printf("%s is the slip, %x past a 64 KB boundary\n", vadmath.FormatAddr(slip, 64), slip%0x10000)
	// Output:
	// 000006fb`37a60000,1e000 <nil>
	// 000006fb`37a7c000 is the slip, c000 past a 64 KB boundary
}
