package physmem_test

import (
	"bytes"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/physmem"
)

// A LiME image with a gap between its two ranges.
func Example() {
	image := lime(run{0x1000, []byte("low memory")}, run{0x100000, []byte("high memory")})
	f, err := physmem.New(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Format())
	buf := make([]byte, 11)
	fmt.Println(memsource.ReadFull(f, buf, 0x100000), string(buf))
	fmt.Println(memsource.ReadFull(f, buf, 0x8000))
	// Output:
	// LiME
	// <nil> high memory
	// 00008000: page 8 is not in the dump
}
