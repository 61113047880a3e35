package wire_test

import (
	"fmt"

	"github.com/symres/symres/internal/wire"
)

func ExampleCursor() {
	c := wire.New("file header", []byte{0x64, 0x86, 3, 0})
	machine, sections, stamp := c.U16(), c.U16(), c.U32()
	fmt.Printf("%#x %d %d\n%v\n", machine, sections, stamp, c.Err())
	// Output:
	// 0x8664 3 0
	// file header+0x4: need 4 bytes, have 0: unexpected EOF
}
