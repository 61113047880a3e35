package vadmath_test

import (
	"fmt"
	"strings"

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

// A detailed block names the file, so it gives the whole command.
func ExampleParseListing() {
	const pasted = `
VAD @ e000012601be1080
  Start VPN:      37d9bd30  End VPN: 37d9bd3e  Control Area:  e00001260197b8d0
   ImageMap ViewShare EXECUTE_WRITECOPY
        File: \Windows\System32\ExplorerFrame.dll
`
	page, err := vadmath.PageSizeOf(0x200) // IA-64
	if err != nil {
		fmt.Println(err)
		return
	}
	for entry, err := range vadmath.ParseListing(strings.NewReader(pasted)) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(entry.Reload(page))
	}
	// Output:
	// .reload /f ExplorerFrame.dll=000006fb`37a60000,1e000 <nil>
}

func ExampleReload_Warnings() {
	r, err := vadmath.ParseReload(".reload /f ExplorerFrame.dll=6fb`37a7c000,1e000")
	fmt.Println(err, r.Warnings())
	// Output:
	// <nil> [base 000006fb`37a7c000 is 0xc000 past a multiple of 64 KB, where no user-mode image lies]
}
