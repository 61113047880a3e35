package nt

import "github.com/symres/symres/vadmath"

// processLayout says where the fields of an EPROCESS are that lead to the
// modules of a process, and those of the two structures behind it. It is plain
// data.
type processLayout struct {
	Origin string // which Windows it is of, and where it was taken from
	Bits   int    // 32 or 64: the width of pointers; 0 for a layout that is not known

	Root    field // Pcb.DirectoryTableBase
	PID     field // UniqueProcessId
	Parent  field // InheritedFromUniqueProcessId
	Links   field // ActiveProcessLinks; Size is that of one pointer
	Name    field // ImageFileName; Size is that of the text
	PEB     field
	Image   field // SectionBaseAddress
	VADRoot field // the pointer to the root of the VAD tree, inside whatever VadRoot is
	WoW64   field // WoW64Process
	Session field

	SessionRoot field // Pcb.SessionParentBase, of IA-64

	WoW64PEB  field // of EWOW64PROCESS; not known: WoW64Process is the 32-bit PEB itself
	SessionID field // of the structure Session points to
}

// processLayoutFor returns the embedded layout for a machine and build. Its
// Bits are 0 where none is embedded, which is for almost all: the offsets move
// with nearly every build, so the kernel's PDB should be asked, see [layoutsOf].
//
// Those of XP SP2 were measured in its PDB, those of Windows 10 2004 to 22H2
// are of public dumps of the kernel's types.
func processLayoutFor(machine uint16, build uint32) processLayout {
	switch {
	case machine == machineI386 && build == buildXP:
		return processLayout{
			Origin: "embedded: x86, Windows XP SP2", Bits: 32,
			Root: at(0x18, 4), PID: at(0x84, 4), Parent: at(0x14c, 4), Links: at(0x88, 4), Name: at(0x174, 15),
			PEB: at(0x1b0, 4), Image: at(0x13c, 4), VADRoot: at(0x11c, 4), Session: at(0x170, 4), SessionID: at(8, 4),
		}
	case machine == machineAMD64 && build >= build2004 && build <= build22H2:
		return processLayout{
			Origin: "embedded: x64, Windows 10 2004 to 22H2", Bits: 64,
			Root: at(0x28, 8), PID: at(0x440, 8), Parent: at(0x540, 8), Links: at(0x448, 8), Name: at(0x5a8, 15),
			PEB: at(0x550, 8), Image: at(0x520, 8), VADRoot: at(0x7d8, 8), WoW64: at(0x580, 8), WoW64PEB: at(0, 8),
			Session: at(0x558, 8), SessionID: at(8, 4),
		}
	}
	return processLayout{}
}

func (l *processLayout) width() width { return width(l.Bits / 8) }

// size is the size of the part of an EPROCESS that is read.
func (l *processLayout) size() int {
	n := 0
	for _, f := range []field{l.Root, l.PID, l.Parent, l.Links, l.Name, l.PEB, l.Image, l.VADRoot, l.WoW64, l.Session, l.SessionRoot} {
		n = max(n, f.end())
	}
	return n
}

// known reports whether processes can be listed by the layout.
func (l *processLayout) known() bool {
	return l.Bits != 0 && l.Root.known() && l.PID.known() && l.Links.known() && l.PEB.known()
}

// loaderLayout says where the loader of a process keeps its lists: fields of
// the PEB, of PEB_LDR_DATA and of the entries. Offsets are bytes. It is plain
// data.
type loaderLayout struct {
	Origin    string
	Page      vadmath.PageSize // 0: 4 KB
	ImageBase uint16           // ImageBaseAddress in the PEB
	Ldr       uint16           // in the PEB
	Heads     [3]uint16        // of the lists in load, memory and initialization order, in PEB_LDR_DATA
	Links     [3]uint16        // of the same in an entry
	Entry     moduleLayout     // LDR_DATA_TABLE_ENTRY
}

// loaderLayoutFor returns the embedded layout for pointers of 32 or 64 bits.
// It has not changed since Windows XP (measured in the PDB of XP SP2; public
// headers of the later ones). A 32-bit process on a 64-bit system has both.
//
// An entry of a process has no CheckSum: its links of a hash table stand where
// a driver's entry keeps it.
func loaderLayoutFor(bits int) loaderLayout {
	switch bits {
	case 32:
		return loaderLayout{
			Origin: "embedded: 32-bit", ImageBase: 0x08, Ldr: 0x0c,
			Heads: [3]uint16{0x0c, 0x14, 0x1c}, Links: [3]uint16{0, 8, 0x10},
			Entry: moduleLayout{Origin: "embedded: 32-bit", Bits: 32, Base: 0x18, EntryPoint: 0x1c, Size: 0x20,
				Path: 0x24, Name: 0x2c, TimeDateStamp: 0x44},
		}
	case 64:
		return loaderLayout{
			Origin: "embedded: 64-bit", ImageBase: 0x10, Ldr: 0x18,
			Heads: [3]uint16{0x10, 0x20, 0x30}, Links: [3]uint16{0, 0x10, 0x20},
			Entry: moduleLayout{Origin: "embedded: 64-bit", Bits: 64, Base: 0x30, EntryPoint: 0x38, Size: 0x40,
				Path: 0x48, Name: 0x58, TimeDateStamp: 0x80},
		}
	}
	return loaderLayout{}
}

func (l *loaderLayout) width() width { return l.Entry.width() }
