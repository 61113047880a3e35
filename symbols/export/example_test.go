package export_test

import (
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols/export"
)

// withExports is a small DLL for x86: one section, which begins with the export
// directory of three functions.
func withExports() []byte {
	b := make([]byte, 0x600)
	put := func(at int, values ...uint32) {
		for i, v := range values {
			binary.LittleEndian.PutUint32(b[at+4*i:], v)
		}
	}
	copy(b, "MZ")
	put(0x3c, 0x80, 0)
	put(0x80, 0x4550, 1<<16|0x14c, 0, 0, 0, 0x2102<<16|0xe0)
	put(0x98, 0x10b, 0, 0, 0, 0, 0, 0, 0x10000000, 0x1000, 0x200, 0, 0, 0, 0, 0x3000, 0x200)
	put(0x98+92, 16, 0x1000, 0x400)
	copy(b[0x178:], ".text")
	put(0x178+8, 0x400, 0x1000, 0x400, 0x200, 0, 0, 0, 0x60000020)
	const raw = 0x200 // of RVA 1000
	put(raw+16, 10, 3, 2, 0x1028, 0x1034, 0x103c)
	put(raw+0x28, 0x1400, 0x1060, 0x1410)           // addresses: the second is a forwarder
	put(raw+0x34, 0x1050, 0x1058, 0<<0|1<<16)       // names, and the ordinals of their functions
	copy(b[raw+0x50:], "Alloc\x00\x00\x00Free\x00") // sorted
	copy(b[raw+0x60:], "OTHER.Free\x00")
	return b
}

// The exports of a DLL: two names, one of which stands for a function of another
// module, and a function with a number alone.
func Example() {
	table, err := export.New(symtest.Image(withExports()))
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
