package nt

import "github.com/symres/symres/vadmath"

// moduleLayout says where the fields of a KLDR_DATA_TABLE_ENTRY are, the
// loader's record of one driver. Offsets are bytes; 0 means that the structure
// does not have the field. A moduleLayout is plain data.
type moduleLayout struct {
	Origin string // which Windows it is of, and where it was taken from
	Bits   int    // 32 or 64: the width of pointers

	DebugInfo     uint16 // NonPagedDebugInfo
	Base          uint16 // DllBase
	EntryPoint    uint16
	Size          uint16 // SizeOfImage
	Path          uint16 // FullDllName
	Name          uint16 // BaseDllName
	CheckSum      uint16
	SizeUnrounded uint16 // SizeOfImageNotRounded
	TimeDateStamp uint16
}

// moduleLayoutFor returns the embedded layout for a machine and build. Its
// Bits are 0 for a machine that is not known.
//
// The order of the fields is that of winsiderss/systeminformer (ntfill.h), the
// offsets for x64 those of public structure dumps, for 32 bits computed from
// the order. Before Windows 10 the place of TimeDateStamp held LoadedImports
// or nothing, so there is no stamp (measured on the XP SP2 kernel's PDB).
func moduleLayoutFor(machine uint16, build uint32) moduleLayout {
	var l moduleLayout
	switch machine {
	case machineI386, machineARM:
		l = moduleLayout{
			Origin: "embedded: 32-bit, before Windows 10", Bits: 32,
			DebugInfo: 0x14, Base: 0x18, EntryPoint: 0x1c, Size: 0x20, Path: 0x24, Name: 0x2c, CheckSum: 0x40,
		}
		if build >= build10 {
			l.Origin, l.SizeUnrounded, l.TimeDateStamp = "embedded: 32-bit, Windows 10", 0x54, 0x58
		}
	case machineAMD64, machineARM64, machineIA64:
		l = moduleLayout{
			Origin: "embedded: 64-bit, before Windows 10", Bits: 64,
			DebugInfo: 0x28, Base: 0x30, EntryPoint: 0x38, Size: 0x40, Path: 0x48, Name: 0x58, CheckSum: 0x78,
		}
		if build >= build10 {
			l.Origin, l.SizeUnrounded, l.TimeDateStamp = "embedded: 64-bit, Windows 10 and later", 0x98, 0x9c
		}
	}
	return l
}

func (l *moduleLayout) width() width { return width(l.Bits / 8) }

// core is the size of the part without which an entry is no module: everything
// up to the names.
func (l *moduleLayout) core() int {
	return int(max(l.Path, l.Name) + l.width().stringSize())
}

// size is the size of the part that is read.
func (l *moduleLayout) size() int {
	return max(l.core(), int(max(l.CheckSum, l.SizeUnrounded, l.TimeDateStamp))+4)
}

// sectionLayout says where the fields are that lead from a SUBSECTION to a
// file name: SUBSECTION, CONTROL_AREA and FILE_OBJECT. Offsets are bytes. A
// sectionLayout is plain data.
type sectionLayout struct {
	Origin string           // which Windows it is of, and where it was taken from
	Bits   int              // 32 or 64: the width of pointers
	PTE    uint64           // size of a prototype PTE in bytes: 4, or 8 for x64 and PAE
	Page   vadmath.PageSize // 0: 4 KB

	SubsectionBase   uint16 // address of the first prototype PTE
	StartingSector   uint16 // where its page is in the file, in units of 512 bytes
	PtesInSubsection uint16
	FilePointer      uint16 // in CONTROL_AREA
	FileName         uint16 // in FILE_OBJECT

	ReferenceBits uint64 // of FilePointer that count references and are no address
}

// sectionLayoutFor returns the embedded layout for a machine and build. Its
// Bits are 0 for a machine that is not known. ControlArea is always the first
// field of a SUBSECTION.
//
// The offsets were read in public dumps of the kernels' types (ntdiff/headers,
// Vergilius); the order of the fields of XP's SUBSECTION in arizvisa/ptypes.
// Those of 64-bit Server 2003 are computed from that order.
func sectionLayoutFor(machine uint16, build uint32) sectionLayout {
	switch machine {
	case machineI386:
		return sectionLayout32(build)
	case machineAMD64:
		return sectionLayout64(build)
	}
	return sectionLayout{}
}

func sectionLayout32(build uint32) sectionLayout {
	l := sectionLayout{Bits: 32, PTE: 4, FilePointer: 0x24, FileName: 0x30, ReferenceBits: 7}
	switch {
	case build < buildVista:
		l.Origin = "embedded: x86, Windows XP and Server 2003"
		l.SubsectionBase, l.StartingSector, l.PtesInSubsection = 0x10, 0x08, 0x18
		l.ReferenceBits = 0
	case build < build8:
		l.Origin = "embedded: x86, Windows Vista and 7"
		l.SubsectionBase, l.StartingSector, l.PtesInSubsection = 0x04, 0x18, 0x0c
	default:
		l.Origin = "embedded: x86, Windows 8 and 10"
		l.SubsectionBase, l.StartingSector, l.PtesInSubsection = 0x04, 0x14, 0x1c
		l.FilePointer = 0x20
	}
	return l
}

func sectionLayout64(build uint32) sectionLayout {
	l := sectionLayout{Bits: 64, PTE: 8, FilePointer: 0x40, FileName: 0x58, ReferenceBits: 0xf}
	switch {
	case build < buildVista:
		l.Origin = "computed: x64, Windows XP and Server 2003"
		l.SubsectionBase, l.StartingSector, l.PtesInSubsection = 0x18, 0x0c, 0x24
		l.FilePointer, l.ReferenceBits = 0x30, 0
	case build < build8:
		l.Origin = "embedded: x64, Windows Vista and 7"
		l.SubsectionBase, l.StartingSector, l.PtesInSubsection = 0x08, 0x2c, 0x18
	default:
		l.Origin = "embedded: x64, Windows 8 and later"
		l.SubsectionBase, l.StartingSector, l.PtesInSubsection = 0x08, 0x24, 0x2c
	}
	return l
}
