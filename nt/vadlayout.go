package nt

import "github.com/symres/symres/vadmath"

// vadLayout says where the fields of the virtual address descriptors are:
// MMVAD_SHORT, MMVAD and the node of the tree they begin with. The zero field
// is one they do not have. It is plain data.
type vadLayout struct {
	Origin string           // which Windows it is of, and where it was taken from
	Bits   int              // 32 or 64: the width of pointers; 0 for a layout that is not known
	Page   vadmath.PageSize // of the page numbers; 0: 4 KB

	Left, Right            field
	Start, End             field // StartingVpn, EndingVpn
	StartHigh, EndHigh     field // their bits above the width of Start and End
	StartHigher, EndHigher field // and above those

	Commit     field // CommitCharge in pages; all ones stands for none
	Protection field // MM protection, 5 bits
	Private    field // PrivateMemory
	Type       field // VadType; Windows XP has single flags instead
	ImageMap   field // XP
	Physical   field // XP: PhysicalMapping

	// Of MMVAD alone, which describes what is not private memory. Subsection
	// leads to a control area, before Vista ControlArea does so at once.
	Subsection, ControlArea field
	FirstPrototype          field // FirstPrototypePte
	Inherit                 field // VadFlags2.Inherit: children get the view
}

// vadLayoutFor returns the embedded layout for a machine and build. Its Bits
// are 0 for a machine that is not known.
//
// XP was measured in the PDB of SP2. The others were read in public readers
// and headers (MemProcFS, ReactOS, generated SDK headers); those of Server
// 2003's MMVAD are computed from the order of its fields there.
func vadLayoutFor(machine uint16, build uint32) vadLayout {
	var l vadLayout
	switch machine {
	case machineI386:
		l = vadLayout32(build)
	case machineAMD64, machineARM64:
		l = vadLayout64(build)
	}
	return l
}

func vadLayout32(build uint32) vadLayout {
	switch {
	case build < build2003:
		return vadLayout{
			Origin: "embedded: x86, Windows XP", Bits: 32, Start: at(0, 4), End: at(4, 4), Left: at(0x0c, 4), Right: at(0x10, 4),
			Commit: bitsAt(0x14, 4, 0, 19), Physical: bitsAt(0x14, 4, 19, 1), ImageMap: bitsAt(0x14, 4, 20, 1),
			Protection: bitsAt(0x14, 4, 24, 5), Private: bitsAt(0x14, 4, 31, 1),
			ControlArea: at(0x18, 4), FirstPrototype: at(0x1c, 4), Inherit: bitsAt(0x24, 4, 30, 1),
		}
	case build < build8:
		l := vadLayout{
			Origin: "embedded: x86, Windows Vista and 7", Bits: 32, Left: at(4, 4), Right: at(8, 4), Start: at(0x0c, 4), End: at(0x10, 4),
			Commit: bitsAt(0x14, 4, 0, 19), Type: bitsAt(0x14, 4, 20, 3), Protection: bitsAt(0x14, 4, 24, 5), Private: bitsAt(0x14, 4, 31, 1),
			Subsection: at(0x24, 4), FirstPrototype: at(0x28, 4), Inherit: bitsAt(0x20, 4, 30, 1),
		}
		if build < buildVista {
			l.Origin = "computed: x86, Windows Server 2003"
			l.Subsection, l.ControlArea, l.FirstPrototype = field{}, at(0x18, 4), at(0x1c, 4)
			l.Inherit = bitsAt(0x24, 4, 30, 1)
		}
		return l
	case build < build81:
		return vadLayout{
			Origin: "embedded: x86, Windows 8", Bits: 32, Left: at(4, 4), Right: at(8, 4), Start: at(0x0c, 4), End: at(0x10, 4),
			Commit: bitsAt(0x1c, 4, 0, 31), Type: bitsAt(0x18, 4, 0, 3), Protection: bitsAt(0x18, 4, 3, 5), Private: bitsAt(0x18, 4, 15, 1),
			Subsection: at(0x2c, 4), FirstPrototype: at(0x30, 4), Inherit: bitsAt(0x28, 4, 26, 1),
		}
	}
	l := vadLayout{
		Origin: "embedded: x86, Windows 8.1 and 10", Bits: 32, Left: at(0, 4), Right: at(4, 4), Start: at(0x0c, 4), End: at(0x10, 4),
		Commit: bitsAt(0x20, 4, 0, 31), Subsection: at(0x2c, 4), FirstPrototype: at(0x30, 4), Inherit: bitsAt(0x28, 4, 26, 1),
	}
	l.flags(0x1c, build)
	return l
}

func vadLayout64(build uint32) vadLayout {
	switch {
	case build < build8:
		l := vadLayout{
			Origin: "embedded: x64, Windows Vista and 7", Bits: 64, Left: at(8, 8), Right: at(0x10, 8), Start: at(0x18, 8), End: at(0x20, 8),
			Commit: bitsAt(0x28, 8, 0, 51), Type: bitsAt(0x28, 8, 52, 3), Protection: bitsAt(0x28, 8, 56, 5), Private: bitsAt(0x28, 8, 63, 1),
			Subsection: at(0x48, 8), FirstPrototype: at(0x50, 8), Inherit: bitsAt(0x40, 4, 30, 1),
		}
		if build < buildVista {
			l.Origin = "computed: x64, Windows XP and Server 2003"
			l.Subsection, l.ControlArea, l.FirstPrototype = field{}, at(0x30, 8), at(0x38, 8)
			l.Inherit = bitsAt(0x48, 4, 30, 1)
		}
		return l
	case build < build81:
		return vadLayout{
			Origin: "embedded: x64, Windows 8", Bits: 64, Left: at(8, 8), Right: at(0x10, 8), Start: at(0x18, 4), End: at(0x1c, 4),
			Commit: bitsAt(0x2c, 4, 0, 31), Type: bitsAt(0x28, 4, 0, 3), Protection: bitsAt(0x28, 4, 3, 5), Private: bitsAt(0x28, 4, 15, 1),
			Subsection: at(0x48, 8), FirstPrototype: at(0x50, 8), Inherit: bitsAt(0x40, 4, 26, 1),
		}
	}
	l := vadLayout{
		Origin: "embedded: x64, Windows 8.1 and later", Bits: 64, Left: at(0, 8), Right: at(8, 8), Start: at(0x18, 4), End: at(0x1c, 4),
		StartHigh: at(0x20, 1), EndHigh: at(0x21, 1),
		Commit: bitsAt(0x34, 4, 0, 31), Subsection: at(0x48, 8), FirstPrototype: at(0x50, 8), Inherit: bitsAt(0x40, 4, 26, 1),
	}
	l.flags(0x30, build)
	if build >= build26H1 {
		l.Origin = "embedded: x64, Windows 11 26H1"
		l.Subsection, l.FirstPrototype, l.Inherit = at(0x50, 8), at(0x58, 8), bitsAt(0x48, 4, 26, 1)
	}
	return l
}

// flags are those of Windows 8.1 and later: the flags moved three times.
func (l *vadLayout) flags(offset uint16, build uint32) {
	kind, protection, private := uint8(0), uint8(3), uint8(15)
	switch {
	case build >= build20348:
		kind, protection, private = 4, 7, 21
	case build >= build1903:
		kind, protection, private = 4, 7, 20
	case build >= build1803:
		private = 14
	}
	l.Type, l.Protection, l.Private = bitsAt(offset, 4, kind, 3), bitsAt(offset, 4, protection, 5), bitsAt(offset, 4, private, 1)
}

func (l *vadLayout) width() width { return width(l.Bits / 8) }

// short is the size of the part every descriptor has.
func (l *vadLayout) short() int {
	n := 0
	for _, f := range []field{l.Left, l.Right, l.Start, l.End, l.StartHigh, l.EndHigh, l.StartHigher, l.EndHigher,
		l.Commit, l.Protection, l.Private, l.Type, l.ImageMap, l.Physical} {
		n = max(n, f.end())
	}
	return n
}

// long is the size of the part that is read of a descriptor of a mapping.
func (l *vadLayout) long() int {
	return max(l.Subsection.end(), l.ControlArea.end(), l.FirstPrototype.end())
}

// known reports whether a tree can be walked by the layout.
func (l *vadLayout) known() bool {
	return l.Bits != 0 && l.Left.known() && l.Right.known() && l.Start.known() && l.End.known()
}
