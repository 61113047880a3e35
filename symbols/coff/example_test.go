package coff_test

import (
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols/coff"
)

// withSymbols is a small program for x86 with a COFF symbol table: a file, a
// section with its auxiliary record, and two functions, one with a long name.
func withSymbols() []byte {
	b := make([]byte, 0x400)
	put := func(at int, values ...uint32) {
		for i, v := range values {
			binary.LittleEndian.PutUint32(b[at+4*i:], v)
		}
	}
	copy(b, "MZ")
	put(0x3c, 0x80, 0)
	put(0x80, 0x4550, 1<<16|0x14c, 0, 0x400, 4, 0x102<<16|0xe0)
	put(0x98, 0x10b, 0, 0, 0, 0, 0, 0, 0x400000, 0x1000, 0x200, 0, 0, 0, 0, 0x2000, 0x200)
	put(0x98+92, 16)
	copy(b[0x178:], ".text")
	put(0x178+8, 0x200, 0x1000, 0x200, 0x200, 0, 0, 0, 0x60000020)
	symbol := func(name string, value uint32, section, kind uint16, class, aux byte) {
		r := append(make([]byte, 0, 18), name...)[:8]
		r = binary.LittleEndian.AppendUint32(r, value)
		r = binary.LittleEndian.AppendUint16(r, section)
		r = binary.LittleEndian.AppendUint16(r, kind)
		b = append(append(b, r...), class, aux)
	}
	symbol(".text\x00\x00\x00", 0, 1, 0, 3, 1)
	b = append(b, make([]byte, 18)...)
	symbol("_main\x00\x00\x00", 0x10, 1, 0x20, 2, 0)
	symbol("\x00\x00\x00\x00\x04\x00\x00\x00", 0x20, 1, 0x20, 3, 0)
	return append(b, "\x12\x00\x00\x00_long_helper\x00\x00"...)
}

// The symbols of a program that mingw linked.
func Example() {
	table, err := coff.New(symtest.Image(withSymbols()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for s, err := range table.All() {
		fmt.Printf("%x %s %s %v\n", s.RVA, s.Raw, s.Display(), err)
	}
	// Output:
	// 1010 _main main <nil>
	// 1020 _long_helper long_helper <nil>
}
