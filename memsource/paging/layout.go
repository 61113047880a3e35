package paging

import "strings"

// Layout describes the page-table entries that the processor ignores and
// Windows uses. The positions of their fields differ between versions:
// LayoutFor has them by build, and a caller that has the kernel's types can
// fill them in. A Layout is a plain value: copy it and change fields, such as
// the bases of the XP pools or the InvalidMask.
type Layout struct {
	Origin string // where the positions come from, for reports

	PageFile        Field // number of the paging file
	PageFileOffset  Field // page within it
	Protection      Field // the software protection, MM_* values
	TransitionFrame Field // frame of a page in transition
	VADMarker       Field // all ones: the prototype PTE is to be found through the VAD
	Prototype       Field // 1: the entry names a prototype PTE
	Transition      Field // 1, and Prototype 0: the page is in transition

	Proto      Address // of the prototype PTE
	Subsection Address // of the SUBSECTION a mapped page belongs to

	// SwizzleBit is the position of the bit that tells, when clear, that the
	// high part was stored combined with InvalidMask so that speculation
	// through it (L1TF) hits no memory; 0 where the layout has no such bit.
	SwizzleBit uint8
	// InvalidMask is nt!MiState's InvalidPteMask, if MaskKnown. If it is
	// unknown, bit 45 is cleared when the plain value leads to no memory.
	InvalidMask uint64
	MaskKnown   bool

	// A prototype PTE with v&FileMask == FileValue also marks a page in a
	// mapped file; it does not say which file. Layouts without that mark have
	// FileMask 0.
	FileMask, FileValue uint64
}

// Field is a run of Width bits beginning at bit Shift.
type Field struct{ Shift, Width uint8 }

func (f Field) of(v uint64) uint64 { return v >> f.Shift & (1<<f.Width - 1) }

func (f Field) allOnes(v uint64) bool { return f.Width > 0 && f.of(v) == 1<<f.Width-1 }

// Move takes Width bits at From of an entry to bit To of an address.
type Move struct{ From, Width, To uint8 }

func (m Move) of(v uint64) uint64 { return v >> m.From & (1<<m.Width - 1) << m.To }

// Address says how an entry encodes a kernel address: Low and High are combined
// and added to Base. Three details vary: SignBit, if not 0, is the top bit of
// the result, which is extended upwards. PoolBit, if not 0, is a bit of the
// entry; if it is clear, the address counts down from Top instead. Relative
// says that Base is required, so that a Base of 0 means unknown.
type Address struct {
	Low, High Move
	Base, Top uint64
	SignBit   uint8
	PoolBit   uint8
	Relative  bool
}

// decode returns the address in v, and false if a base it needs is not known.
func (a Address) decode(v uint64) (uint64, bool) {
	off := a.Low.of(v) | a.High.of(v)
	if a.SignBit != 0 {
		up := 63 - a.SignBit
		off = uint64(int64(off<<up) >> up)
	}
	if a.PoolBit != 0 && v>>a.PoolBit&1 == 0 {
		return a.Top - off, a.Top != 0
	}
	return a.Base + off, a.Base != 0 || !a.Relative
}

// The builds at which positions changed.
const (
	buildVista  = 6000
	build1803   = 17134 // pagefile number moves to make room for the swizzle bit
	buildWin11b = 22621 // 22H2: mapped files marked without a subsection form
)

// LayoutFor returns the layout of a Windows build. The positions are embedded,
// from the public kernel types of those builds (MMPTE_SOFTWARE, _PROTOTYPE,
// _TRANSITION, _SUBSECTION) and, for XP, measured in its PDB; Origin names the
// row. Build 0 gives the oldest row of the mode. ARM64 has the rows of x64.
func LayoutFor(m Mode, build uint32) Layout {
	switch {
	case m == ModeX86 && build < buildVista:
		return layoutXP()
	case m == ModeX86:
		return layout7()
	case m == ModePAE:
		return layoutPAE()
	case m == ModeIA64:
		return layoutIA64()
	}
	l := layout64()
	if build >= build1803 {
		l.Origin = "embedded: x64, Windows 10 1803 and later"
		l.PageFile = Field{12, 4}
		l.SwizzleBit = 4
	}
	if build >= buildWin11b {
		l.Origin = "embedded: x64, Windows 11 22H2 and later"
		l.FileMask, l.FileValue = 0xffff80000000000f, 0xffff800000000000
	}
	if m == ModeARM64 {
		l.Origin = strings.Replace(l.Origin, "x64", "ARM64, taken from x64", 1)
	}
	return l
}

// layoutXP is 32-bit Windows without PAE up to Server 2003. Addresses are
// offsets from pool bounds: MmPagedPoolStart and MmNonPagedPoolEnd have their
// usual values here, MmSubsectionBase has none and is left unknown. All three
// are in KDDEBUGGER_DATA64, where a caller should take them from.
func layoutXP() Layout {
	l := layout32("embedded: x86 without PAE, Windows XP and Server 2003")
	l.Proto = Address{Low: Move{1, 7, 2}, High: Move{11, 21, 9}, Base: 0xe1000000, Relative: true}
	l.Subsection = Address{Low: Move{1, 4, 3}, High: Move{11, 20, 7},
		PoolBit: 31, Top: 0xffbe0000, Relative: true}
	return l
}

// layout7 is 32-bit Windows without PAE from Vista on: addresses are whole,
// with the top bit implied.
func layout7() Layout {
	l := layout32("embedded: x86 without PAE, Windows Vista and 7")
	l.Proto = Address{Low: Move{1, 8, 2}, High: Move{11, 21, 10}, Base: 1 << 31}
	l.Subsection = Address{Low: Move{1, 9, 1}, High: Move{11, 21, 10}, Base: 1 << 31}
	return l
}

// layoutPAE is 32-bit Windows with PAE, from XP on: as on x64, with addresses
// of 32 bits.
func layoutPAE() Layout {
	l := layout64()
	l.Origin = "embedded: x86 with PAE"
	l.TransitionFrame = Field{12, 26}
	l.Proto = Address{High: Move{32, 32, 0}}
	l.Subsection = l.Proto
	return l
}

func layout32(origin string) Layout {
	return Layout{
		Origin:          origin,
		PageFile:        Field{1, 4},
		PageFileOffset:  Field{12, 20},
		Protection:      Field{5, 5},
		TransitionFrame: Field{12, 20},
		VADMarker:       Field{12, 20},
		Prototype:       Field{10, 1},
		Transition:      Field{11, 1},
	}
}

func layout64() Layout {
	whole := Address{High: Move{16, 48, 0}, SignBit: 47}
	return Layout{
		Origin:          "embedded: x64, before Windows 10 1803",
		PageFile:        Field{1, 4},
		PageFileOffset:  Field{32, 32},
		Protection:      Field{5, 5},
		TransitionFrame: Field{12, 36},
		VADMarker:       Field{32, 32},
		Prototype:       Field{10, 1},
		Transition:      Field{11, 1},
		Proto:           whole,
		Subsection:      whole,
	}
}

// layoutIA64 is Windows for Itanium. Every position is what Microsoft's kd takes
// it for, found by changing the bits of entries one at a time; of the region of
// an address, the kernel's is implied. That prototype PTEs name subsections in the
// same form is assumed.
func layoutIA64() Layout {
	kernel := Address{High: Move{12, 52, 0}, Base: regionKernel << regionShift}
	return Layout{
		Origin:          "embedded: IA-64",
		PageFile:        Field{28, 4},
		PageFileOffset:  Field{32, 32},
		Protection:      Field{2, 5},
		TransitionFrame: Field{13, 38},
		VADMarker:       Field{32, 32},
		Prototype:       Field{1, 1},
		Transition:      Field{7, 1},
		Proto:           kernel,
		Subsection:      kernel,
	}
}

// inTransition reports whether the entry is of a page in transition. The bit
// alone does not say so: with the prototype bit it means something else (on x64
// Combined and ColdPage).
func (l *Layout) inTransition(v uint64) bool {
	return v&valid == 0 && l.Prototype.of(v) == 0 && l.Transition.of(v) != 0
}

// usualMask is the InvalidPteMask of most machines that have one: bit 45.
const usualMask = 1 << 45

// plain returns the values an entry may have had before it was swizzled, the
// likeliest first. The second equals the first when there is no doubt.
func (l *Layout) plain(v uint64) (first, second uint64) {
	switch {
	case l.SwizzleBit == 0 || v>>l.SwizzleBit&1 != 0:
		return v, v
	case l.MaskKnown:
		return v &^ l.InvalidMask, v &^ l.InvalidMask
	}
	return v, v &^ usualMask
}

// pageFileOffset returns the page within the paging file. Unlike frames and
// addresses, offsets were xored with the high half of the mask.
func (l *Layout) pageFileOffset(v uint64) uint64 {
	const high = 0xffffffff << 32
	switch {
	case l.SwizzleBit == 0 || v>>l.SwizzleBit&1 != 0:
	case l.MaskKnown:
		v ^= l.InvalidMask & high
	default:
		v &^= usualMask
	}
	return l.PageFileOffset.of(v)
}
