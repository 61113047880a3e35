package paging

import (
	"errors"
	"math"

	"github.com/symres/symres/memsource"
)

// Itanium has eight regions of 2^61 bytes, and Windows three of them with page
// tables. The constants are those of Microsoft's kd, which agree with kxia64.h.
const (
	regionShift   = 61
	regionUser    = 0 // of the process
	regionSession = 1
	regionKernel  = 7
	regions       = 8

	frameIA64 = 1<<51 - 1<<13 // physical address bits 13 to 50

	kseg0    = 0xe000000080000000 // where the boot loader puts the kernel's image
	kseg0End = 0xe0000000c0000000
	kseg3    = 4 // region of all physical memory, cached
	kseg4    = 5 // the same, not cached
	ksegBits = 44
)

var errNoRegion = errors.New("no page tables are known of this region")

func regionOf(va uint64) uint64 { return va >> regionShift }

// tableWindows returns where each region sees its own tables: those of PTEs, those of
// PDEs and the root, as far as there are any. An address there has the offset
// of an entry for an address of its region; nothing maps these windows, the
// processor has them in translation registers.
func tableWindows() [3]window {
	return [...]window{{0x1ffffe0000000000, 8 << 30}, {0x1fffffff80000000, 8 << 20}, {0x1fffffffffe00000, 8 << 10}}
}

type window struct{ base, size uint64 }

// inTables returns the address whose entry is at va, and how many levels of tables
// stay unwalked to find the entry; 0 for an address that is none of a table.
func inTables(va uint64) (of uint64, level int) {
	const inRegion = 1<<regionShift - 1
	for i, w := range tableWindows() {
		if off := va&inRegion - w.base; off < w.size {
			return va&^inRegion | off<<(10*(i+1)), i + 1
		}
	}
	return 0, 0
}

// untilRange is how many bytes from va the next range begins of those that the
// tables for va do not decide; the largest number where there is none.
func untilRange(va uint64) uint64 {
	region, until := va>>regionShift<<regionShift, uint64(math.MaxUint64)
	if va < kseg0 {
		until = kseg0 - va
	}
	for _, w := range tableWindows() {
		if start := region | w.base; va < start {
			until = min(until, start-va)
		}
	}
	return until
}

// direct returns the physical address of a virtual one that needs no table, and
// how many bytes from there are mapped so.
func direct(va uint64) (pa, left uint64, ok bool) {
	switch r := regionOf(va); {
	case va >= kseg0 && va < kseg0End:
		return va - kseg0, kseg0End - va, true
	case (r == kseg3 || r == kseg4) && va<<3>>(ksegBits+3) == 0:
		return va & (1<<ksegBits - 1), rest(va, ksegBits), true
	}
	return 0, 0, false
}

// regional finds what needs no whole walk; done is false for the rest.
func (w *walker) regional(va uint64) (m mapping, f *memsource.Fault, done bool) {
	if pa, left, ok := direct(va); ok {
		return mapping{at: place{off: pa}, left: left}, nil, true
	}
	if w.s.root(va) == 0 {
		f = memsource.NewFault(memsource.ReasonNotMapped, va, rest(va, regionShift))
		f.Level, f.Err = int8(len(w.s.geo.levels)-1), errNoRegion
		return mapping{}, f, true
	}
	if of, level := inTables(va); level != 0 {
		m, f = w.table(va, of, level)
		return m, f, true
	}
	return mapping{}, nil, false
}

// table is the mapping of va, which is in the table that has the entry of another
// address at a level below the one given.
func (w *walker) table(va, of uint64, level int) (mapping, *memsource.Fault) {
	m := mapping{at: place{off: w.s.root(va)}, level: level}
	for lv := len(w.s.geo.levels) - 1; lv >= level; lv-- {
		e, f := w.entry(lv, m.at, of)
		if f == nil {
			m.pte = e
			f = w.next(&m, of, e, lv)
		}
		if f != nil {
			f.Addr, f.Len = va, w.s.geo.page(va)
			return mapping{}, f
		}
	}
	m.at.off |= va & (1<<w.s.geo.pageShift() - 1)
	m.left = w.s.geo.page(va)
	return m, nil
}

// next goes from the entry e of level lv to the table it names.
func (w *walker) next(m *mapping, of, e uint64, lv int) (f *memsource.Fault) {
	switch {
	case e&valid != 0:
		m.at, m.swapped = place{off: e & w.s.geo.frame}, nil
		return nil
	case e == 0:
		f = memsource.NewFault(memsource.ReasonNotMapped, of, 0)
		f.Level = int8(lv)
		return f
	}
	t, f := w.outTable(of, e, lv)
	m.at, m.soft, m.swapped = t.at, true, t.swapped
	return f
}
