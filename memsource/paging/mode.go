package paging

import "fmt"

// Mode is a page-table format of the processor.
type Mode uint8

// The formats. The zero Mode is invalid.
const (
	ModeX86   Mode = iota + 1 // 32-bit without PAE: 4 KB and 4 MB pages (PSE, PSE-36)
	ModeX64                   // 64-bit, four levels: 4 KB, 2 MB and 1 GB pages
	ModePAE                   // 32-bit with PAE: 4 KB and 2 MB pages
	ModeLA57                  // 64-bit, five levels: as X64, for addresses of 57 bits
	ModeARM64                 // 64-bit ARM with the 4 KB granule, four levels: pages as X64
	ModeIA64                  // Itanium: eight regions, three levels of 8 KB tables, 8 KB pages
)

// String returns "x86", "x64", "pae", "la57", "arm64" or "ia64".
func (m Mode) String() string {
	names := [...]string{ModeX86: "x86", ModeX64: "x64", ModePAE: "pae", ModeLA57: "la57", ModeARM64: "arm64", ModeIA64: "ia64"}
	if int(m) < len(names) && names[m] != "" {
		return names[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// geometry is a format in numbers (Intel SDM volume 3, chapter 4; Arm ARM, D8.3).
type geometry struct {
	entry    uint64  // bytes of a table entry
	frame    uint64  // mask of the frame address in an entry
	root     uint64  // mask of the table address in a root register
	addrBits uint8   // bits of an address that are translated, the sign included
	split    bool    // the upper half has a root of its own
	arm      bool    // entries are descriptors of ARM
	regions  bool    // IA-64: bits 61 to 63 choose one of eight regions
	levels   []level // 0 is the PTE
}

// level is one level of tables: each of its entries covers 1<<shift bytes.
type level struct {
	shift, bits uint8
	large       func(entry uint64) uint64 // frame of a large page, nil where none exist
}

const frame64 = 0xffffffffff000 // physical address bits 12 to 51

// geometry returns the numbers of a configuration, and false when there are none.
func (c *Config) geometry() (geometry, bool) {
	switch c.Mode {
	case ModeX86:
		return geometry{entry: 4, frame: 0xfffff000, root: 0xfffff000, addrBits: 32, levels: []level{
			{12, 10, nil}, {22, 10, frame4M},
		}}, true
	case ModePAE: // the topmost table has four entries and is aligned to its size only
		return geometry{entry: 8, frame: frame64, root: 0xffffffe0, addrBits: 32, levels: []level{
			{12, 9, nil}, {21, 9, frame2M}, {30, 2, nil},
		}}, true
	case ModeX64, ModeLA57:
		g := geometry{entry: 8, frame: frame64, root: frame64, addrBits: 48, levels: []level{
			{12, 9, nil}, {21, 9, frame2M}, {30, 9, frame1G}, {39, 9, nil}, {48, 9, nil},
		}}
		if c.Mode == ModeLA57 {
			g.addrBits = 57
		} else {
			g.levels = g.levels[:4]
		}
		return g, true
	case ModeARM64:
		return c.geometryARM()
	case ModeIA64:
		return geometry{entry: 8, frame: frameIA64, root: frameIA64, addrBits: 64, regions: true, levels: []level{
			{13, 10, nil}, {23, 10, nil}, {33, 10, nil},
		}}, true
	}
	return geometry{}, false
}

// geometryARM is that of ARM64 with the 4 KB granule and physical addresses of
// 48 bits. Each root translates VABits bits; a single root, as Windows has it,
// has the two halves of 47 bits in one table.
func (c *Config) geometryARM() (geometry, bool) {
	const frame = 0xfffffffff000
	bits := c.VABits
	if bits == 0 {
		bits = 47
		if c.Root2 != 0 && c.Root2&0xfff != 0x800 { // not the upper half of a table of both
			bits = 48
		}
	}
	if bits < 40 || bits > 48 || c.Root2 == 0 && bits != 47 {
		return geometry{}, false
	}
	top := bits - 39
	if c.Root2 == 0 {
		top = 9
	}
	return geometry{entry: 8, frame: frame, root: frame | 0xfff&^(8<<top-1), addrBits: bits + 1,
		split: c.Root2 != 0, arm: true, levels: []level{
			{12, 9, nil}, {21, 9, frame2MARM}, {30, 9, frame1GARM}, {39, top, nil},
		}}, true
}

// frame4M puts physical address bits 32 to 39 in place, which PSE-36 keeps in
// bits 13 to 20. Bit 12 is PAT and no address.
func frame4M(e uint64) uint64 { return e&0xffc00000 | e>>13&0xff<<32 }

// frame2M and frame1G drop the bits below the page, PAT in bit 12 among them.
func frame2M(e uint64) uint64 { return e & 0xfffffffe00000 }
func frame1G(e uint64) uint64 { return e & 0xfffffc0000000 }

func frame2MARM(e uint64) uint64 { return e & 0xffffffe00000 }
func frame1GARM(e uint64) uint64 { return e & 0xffffc0000000 }

// form is what an entry is to the processor.
type form uint8

const (
	formAbsent   form = iota // not valid: Windows decides what it means
	formTable                // leads to a table
	formPage                 // is a page, a large one above level 0
	formReserved             // valid, and of no form the architecture knows
)

// formOf classifies the entry e of a table of level lv.
func (g *geometry) formOf(e uint64, lv int) form {
	const tableOrPage = 1 << 1 // ARM: not a block
	switch {
	case e&valid == 0:
		return formAbsent
	case g.arm && e&tableOrPage == 0 && g.levels[lv].large == nil:
		return formReserved
	case lv == 0, g.arm && e&tableOrPage == 0, !g.arm && e&large != 0 && g.levels[lv].large != nil:
		return formPage
	}
	return formTable
}

// covers returns how many bytes from va to the end of what one table of level
// lv covers; for a topmost table of both halves that is to the end of va's half.
func (g *geometry) covers(lv int, va uint64) uint64 {
	bits := g.levels[lv].shift + g.levels[lv].bits
	if g.addrBits > 32 {
		bits = min(bits, g.addrBits-1) // sign-extended: the two halves do not touch
	}
	return rest(va, bits)
}

// rest returns how many bytes from va to the next multiple of 1<<bits.
func rest(va uint64, bits uint8) uint64 { return 1<<bits - va&(1<<bits-1) }

// upper reports whether va is in the half of the kernel, on IA-64 outside the
// region of the process.
func (g *geometry) upper(va uint64) bool {
	if g.regions {
		return regionOf(va) != regionUser
	}
	return va>>(g.addrBits-1) != 0
}

// pageShift is the binary logarithm of the size of a page.
func (g *geometry) pageShift() uint8 { return g.levels[0].shift }

// page is how many bytes from va to the end of its page.
func (g *geometry) page(va uint64) uint64 { return rest(va, g.pageShift()) }

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
