package symtest

import "encoding/binary"

// DLL is a small one for x86: one section, which begins with the export
// directory of three functions: one
// of them stands for OTHER.Free, one has no name.
func DLL() []byte {
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
