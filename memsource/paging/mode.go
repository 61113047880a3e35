package paging

import "fmt"

// Mode is a page-table format of the processor.
type Mode uint8

// The formats. The zero Mode is none of them.
const (
	X86 Mode = iota + 1 // 32-bit without PAE: 4 KB and 4 MB pages (PSE, PSE-36)
	X64                 // 64-bit, four levels: 4 KB, 2 MB and 1 GB pages
)

// String returns "x86" or "x64".
func (m Mode) String() string {
	switch m {
	case X86:
		return "x86"
	case X64:
		return "x64"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// geometry is a format in numbers (Intel SDM volume 3, chapter 4).
type geometry struct {
	entry    uint64  // bytes of a table entry
	frame    uint64  // mask of the frame address in an entry
	addrBits uint8   // bits of an address that are translated
	levels   []level // 0 is the PTE
}

// level is one level of tables: each of its entries covers 1<<shift bytes.
type level struct {
	shift, bits uint8
	large       func(entry uint64) uint64 // frame of a large page, nil where none exist
}

// geometry returns the numbers of m, and false for no known format.
func (m Mode) geometry() (geometry, bool) {
	switch m {
	case X86:
		return geometry{entry: 4, frame: 0xfffff000, addrBits: 32, levels: []level{
			{12, 10, nil}, {22, 10, frame4M},
		}}, true
	case X64:
		const frame = 0xffffffffff000
		return geometry{entry: 8, frame: frame, addrBits: 48, levels: []level{
			{12, 9, nil}, {21, 9, frame2M}, {30, 9, frame1G}, {39, 9, nil},
		}}, true
	}
	return geometry{}, false
}

// frame4M puts physical address bits 32 to 39 in place, which PSE-36 keeps in
// bits 13 to 20. Bit 12 is PAT and no address.
func frame4M(e uint64) uint64 { return e&0xffc00000 | e>>13&0xff<<32 }

// frame2M and frame1G drop the bits below the page, PAT in bit 12 among them.
func frame2M(e uint64) uint64 { return e & 0xfffffffe00000 }
func frame1G(e uint64) uint64 { return e & 0xfffffc0000000 }

// covers returns how many bytes from va to the end of what one table of level
// lv covers; for the topmost table that is to the end of va's half.
func (g *geometry) covers(lv int, va uint64) uint64 {
	bits := g.levels[lv].shift + g.levels[lv].bits
	if lv == len(g.levels)-1 && g.addrBits > 32 {
		bits-- // sign-extended: the two halves do not touch
	}
	return rest(va, bits)
}

// rest returns how many bytes from va to the next multiple of 1<<bits.
func rest(va uint64, bits uint8) uint64 { return 1<<bits - va&(1<<bits-1) }

// hole returns how many bytes from va no address exists for, 0 if va is one.
func (g *geometry) hole(va uint64) uint64 {
	if g.addrBits == 32 {
		if va>>32 == 0 {
			return 0
		}
		return -va
	}
	half := uint64(1) << (g.addrBits - 1)
	if va < half || va >= -half {
		return 0
	}
	return -half - va
}
