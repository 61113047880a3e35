package export_test

import (
	"fmt"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols/export"
)

// The exports of a DLL: two names, one of which stands for a function of another
// module, and a function with a number alone.
func Example() {
	table, err := export.New(symtest.Image(symtest.DLL()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for s, err := range table.All() {
		fmt.Println(s.Ordinal, s.Raw, s.Forwarder, fmt.Sprintf("%x", s.RVA), err)
	}
	near, err := table.Nearest(0x1416)
	fmt.Println(near[0].Raw, err)
	// Output:
	// 10 Alloc  1400 <nil>
	// 11 Free OTHER.Free 0 <nil>
	// 12 Ordinal12  1410 <nil>
	// Ordinal12 <nil>
}
