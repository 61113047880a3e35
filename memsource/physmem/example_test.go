package physmem_test

import (
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/physmem"
)

// A LiME image with a gap between its two ranges.
func Example() {
	f, err := physmem.Open("../../testdata/demo/ram.lime")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	fmt.Println(f.Format())
	for _, r := range f.Ranges() {
		fmt.Printf("%x, %x bytes\n", r.Address, r.Size)
	}
	buf := make([]byte, 0x1000)
	fmt.Println(memsource.ReadFull(f, buf, 0x100000))
	fmt.Println(memsource.ReadFull(f, buf, 0x8000))
	// Output:
	// LiME
	// 1000, 1000 bytes
	// 100000, 1000 bytes
	// <nil>
	// 00008000: page 8 is not in the dump
}
