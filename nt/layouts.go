package nt

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/symres/symres/pdb"
	"github.com/symres/symres/vadmath"
)

// layouts are all the layouts one kernel needs. A part whose Bits are 0 is not
// known. layouts are plain data.
type layouts struct {
	Module  moduleLayout
	Section sectionLayout
	Process processLayout
	VAD     vadLayout
	Loader  loaderLayout
	Thread  threadLayout
}

// layoutsFor returns the embedded layouts for a machine and build, the
// fallback for a kernel whose PDB is not at hand.
func layoutsFor(machine uint16, build uint32) layouts {
	l := layouts{
		Module: moduleLayoutFor(machine, build), Section: sectionLayoutFor(machine, build),
		Process: processLayoutFor(machine, build), VAD: vadLayoutFor(machine, build),
		Thread: threadLayoutFor(machine, build),
	}
	l.Loader = loaderLayoutFor(l.Module.Bits)
	if size := pageSizeOf(machine); size != vadmath.Page4K {
		return l.paged(size)
	}
	return l
}

// paged gives the size of pages to the layouts that need it; 0 is 4 KB.
func (l layouts) paged(size vadmath.PageSize) layouts {
	l.Section.Page, l.VAD.Page, l.Loader.Page = size, size, size
	return l
}

// pageSizeOf is the size of a machine's pages: 4 KB where it is not known.
func pageSizeOf(machine uint16) vadmath.PageSize {
	size, err := vadmath.PageSizeOf(machine)
	if err != nil {
		return vadmath.Page4K
	}
	return size
}

// over takes every known part of l and the others from below.
func (l layouts) over(below layouts) layouts {
	if l.Module.Bits == 0 {
		l.Module = below.Module
	}
	if l.Section.Bits == 0 {
		l.Section = below.Section
	}
	if l.Process.Bits == 0 {
		l.Process = below.Process
	}
	if l.VAD.Bits == 0 {
		l.VAD = below.VAD
	}
	if l.Loader.Entry.Bits == 0 {
		l.Loader = below.Loader
	}
	if l.Thread.Bits == 0 {
		l.Thread = below.Thread
	}
	return l.paged(below.VAD.Page)
}

const ofTypes = "types of the kernel's PDB"

// layoutsOf reads the layouts out of the type records of the kernel's own PDB.
// Which form a structure has is decided by what its type has, not by a build
// number. A part whose types are not in the PDB, or not whole, stays unknown,
// and the error says what is missing of it; the others are good. Errors wrap
// [pdb.ErrNotFound], or [pdb.ErrFormat] for a damaged PDB.
func layoutsOf(f *pdb.File) (layouts, error) {
	bits, err := pointerBits(f)
	if err != nil {
		return layouts{}, err
	}
	var l layouts
	var errs []error
	part := func(what string, fill func(t *typeReader)) {
		t := &typeReader{f: f, bits: bits}
		if fill(t); t.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, t.err))
		}
	}
	part("driver list", func(t *typeReader) { l.Module = t.module() })
	part("mapped files", func(t *typeReader) { l.Section = t.section() })
	part("processes", func(t *typeReader) { l.Process = t.process() })
	part("VADs", func(t *typeReader) { l.VAD = t.vad() })
	part("loader lists", func(t *typeReader) { l.Loader = t.loader() })
	// Nothing but stacks depends on these, and who asks for them is told.
	t := &typeReader{f: f, bits: bits}
	if l.Thread = t.thread(); t.err != nil && !errors.Is(t.err, pdb.ErrNotFound) {
		errs = append(errs, fmt.Errorf("threads: %w", t.err))
	}
	return l, errors.Join(errs...)
}

// pointerBits is the width of the target's pointers. Public PDBs as old as
// those of Windows XP name no machine; a list entry is two pointers in each.
func pointerBits(f *pdb.File) (int, error) {
	switch f.Info().DBI.Machine {
	case machineI386, machineARM:
		return 32, nil
	case machineAMD64, machineARM64, machineIA64:
		return 64, nil
	case 0:
		size, err := sizeOfType(f, "_LIST_ENTRY")
		if err == nil && size != 8 && size != 16 {
			err = fmt.Errorf("list entries of %d bytes: %w", size, ErrMalformed)
		}
		return int(size) * 4, err
	}
	return 0, fmt.Errorf("types of machine %#x: %w", f.Info().DBI.Machine, pdb.ErrNotFound)
}

// maxStructure bounds the structures of the kernel that are read: the largest,
// EPROCESS, has some 3 KB.
const maxStructure = 0x4000

// typeReader finds fields by name; the first one that must be there and is not
// sticks.
type typeReader struct {
	f    *pdb.File
	bits int
	err  error
}

// has finds the first of the paths that leads to a field of the type.
func (t *typeReader) has(typ string, paths ...string) (pdb.Field, bool) {
	def, err := t.f.TypeByName(typ)
	if err != nil {
		t.damage(err)
		return pdb.Field{}, false
	}
	for _, path := range paths {
		f, err := def.Field(path)
		if err == nil && f.Offset+f.Size <= maxStructure {
			return f, true
		}
		t.damage(err)
	}
	return pdb.Field{}, false
}

// damage keeps an error that is more than a miss.
func (t *typeReader) damage(err error) {
	if err != nil && !errors.Is(err, pdb.ErrNotFound) {
		t.err = cmp.Or(t.err, err)
	}
}

// may is the field, if the type has it as an integer or pointer.
func (t *typeReader) may(typ string, paths ...string) field {
	f, ok := t.has(typ, paths...)
	if !ok || f.Size == 0 || f.Size > 8 {
		return field{}
	}
	return field{uint16(f.Offset), uint8(f.Size), f.Bit, f.Bits}
}

// must is the field, which has to be there.
func (t *typeReader) must(typ string, paths ...string) field {
	f := t.may(typ, paths...)
	if !f.known() && t.err == nil {
		t.err = fmt.Errorf("%s has no %s: %w", typ, paths[0], pdb.ErrNotFound)
	}
	return f
}

// offset is where a field of any size begins.
func (t *typeReader) offset(typ string, paths ...string) uint16 {
	f, ok := t.has(typ, paths...)
	if !ok && t.err == nil {
		t.err = fmt.Errorf("%s has no %s: %w", typ, paths[0], pdb.ErrNotFound)
	}
	return uint16(f.Offset)
}

// optional is an offset, or 0 for what the type does not have.
func (t *typeReader) optional(typ string, paths ...string) uint16 {
	f, _ := t.has(typ, paths...)
	return uint16(f.Offset)
}

func (t *typeReader) module() moduleLayout {
	const entry = "_KLDR_DATA_TABLE_ENTRY"
	l := moduleLayout{
		Origin: ofTypes, Bits: t.bits, Base: t.offset(entry, "DllBase"), EntryPoint: t.offset(entry, "EntryPoint"),
		Size: t.offset(entry, "SizeOfImage"), Path: t.offset(entry, "FullDllName"), Name: t.offset(entry, "BaseDllName"),
		CheckSum: t.optional(entry, "CheckSum"), DebugInfo: t.optional(entry, "NonPagedDebugInfo"),
		SizeUnrounded: t.optional(entry, "SizeOfImageNotRounded"), TimeDateStamp: t.optional(entry, "TimeDateStamp"),
	}
	if t.err != nil {
		return moduleLayout{}
	}
	return l
}

func (t *typeReader) section() sectionLayout {
	const subsection, area = "_SUBSECTION", "_CONTROL_AREA"
	l := sectionLayout{
		Origin: ofTypes, Bits: t.bits, SubsectionBase: t.offset(subsection, "SubsectionBase"),
		StartingSector: t.offset(subsection, "StartingSector"), PtesInSubsection: t.offset(subsection, "PtesInSubsection"),
		FilePointer: t.offset(area, "FilePointer"), FileName: t.offset("_FILE_OBJECT", "FileName"),
	}
	if pte, err := t.f.TypeByName("_MMPTE"); err == nil {
		l.PTE, err = pte.Size()
		t.damage(err)
	}
	if refs, ok := t.has(area, "FilePointer.RefCnt"); ok {
		l.ReferenceBits = 1<<refs.Bits - 1
	}
	if l.PTE != 4 && l.PTE != 8 && t.err == nil {
		t.err = fmt.Errorf("_MMPTE has %d bytes: %w", l.PTE, pdb.ErrNotFound)
	}
	if t.err != nil {
		return sectionLayout{}
	}
	return l
}

func (t *typeReader) process() processLayout {
	const process = "_EPROCESS"
	l := processLayout{
		Origin: ofTypes, Bits: t.bits, PID: t.must(process, "UniqueProcessId"), Links: t.must(process, "ActiveProcessLinks.Flink"),
		PEB: t.must(process, "Peb"), Root: t.must(process, "Pcb.DirectoryTableBase[0]", "Pcb.DirectoryTableBase"),
		Parent: t.may(process, "InheritedFromUniqueProcessId"), Image: t.may(process, "SectionBaseAddress"),
		VADRoot: t.vadRoot(), WoW64: t.may(process, "WoW64Process", "Wow64Process"), Session: t.may(process, "Session"),
		SessionRoot: t.may(process, "Pcb.SessionParentBase"),
	}
	if name, ok := t.has(process, "ImageFileName"); ok && name.Size <= 64 {
		l.Name = at(uint16(name.Offset), uint8(min(name.Size, 15)))
	}
	t.wow64(&l)
	t.session(&l)
	if t.err != nil {
		return processLayout{}
	}
	return l
}

// vadRoot is the pointer to the root: VadRoot itself on XP, that of an
// RTL_AVL_TREE since Windows 8.1, and the right child of the sentinel in an
// MM_AVL_TABLE between the two.
func (t *typeReader) vadRoot() field {
	return t.must("_EPROCESS", "VadRoot.BalancedRoot.RightChild", "VadRoot.Root", "VadRoot")
}

// wow64 tells whether WoW64Process is a PEB or leads to one.
func (t *typeReader) wow64(l *processLayout) {
	if f, ok := t.has("_EPROCESS", "WoW64Process", "Wow64Process"); ok {
		if to, err := f.Type.Elem(); err == nil && to.IsTag() {
			l.WoW64PEB = t.may(to.Name(), "Peb")
		}
	}
}

// session finds the number of a session in what EPROCESS.Session points to:
// its type, or MM_SESSION_SPACE where the pointer has none.
func (t *typeReader) session(l *processLayout) {
	f, ok := t.has("_EPROCESS", "Session")
	if !ok {
		return
	}
	typ := "_MM_SESSION_SPACE"
	if to, err := f.Type.Elem(); err == nil && to.IsTag() {
		typ = to.Name()
	}
	l.SessionID = t.may(typ, "SessionId")
}

func (t *typeReader) vad() vadLayout {
	const short, long = "_MMVAD_SHORT", "_MMVAD"
	flags := func(names ...string) (paths []string) {
		for _, name := range names {
			paths = append(paths, "u.VadFlags."+name, "u1.VadFlags1."+name, "VadFlags."+name)
		}
		return paths
	}
	l := vadLayout{
		Origin: ofTypes, Bits: t.bits,
		Left: t.must(short, "VadNode.Left", "VadNode.LeftChild", "LeftChild"), Right: t.must(short, "VadNode.Right", "VadNode.RightChild", "RightChild"),
		Start: t.must(short, "StartingVpn"), End: t.must(short, "EndingVpn"),
		StartHigh: t.may(short, "StartingVpnHigh"), EndHigh: t.may(short, "EndingVpnHigh"),
		StartHigher: t.may(short, "StartingVpnHigher", "u5.StartingVpnHigher"), EndHigher: t.may(short, "EndingVpnHigher", "u5.EndingVpnHigher"),
		Protection: t.must(short, flags("Protection")...), Private: t.must(short, flags("PrivateMemory")...),
		Type: t.may(short, flags("VadType")...), ImageMap: t.may(short, flags("ImageMap")...), Physical: t.may(short, flags("PhysicalMapping")...),
		Commit:     t.may(short, flags("CommitCharge")...),
		Subsection: t.may(long, "Subsection"), ControlArea: t.may(long, "ControlArea"), FirstPrototype: t.may(long, "FirstPrototypePte"),
		Inherit: t.may(long, "u2.VadFlags2.Inherit"),
	}
	if !l.Subsection.known() && !l.ControlArea.known() && t.err == nil {
		t.err = fmt.Errorf("%s has neither Subsection nor ControlArea: %w", long, pdb.ErrNotFound)
	}
	if t.err != nil {
		return vadLayout{}
	}
	return l
}

func (t *typeReader) loader() loaderLayout {
	const entry, ldr, peb = "_LDR_DATA_TABLE_ENTRY", "_PEB_LDR_DATA", "_PEB"
	l := loaderLayout{
		Origin: ofTypes, ImageBase: t.offset(peb, "ImageBaseAddress"), Ldr: t.offset(peb, "Ldr"),
		Heads: [3]uint16{t.offset(ldr, "InLoadOrderModuleList"), t.offset(ldr, "InMemoryOrderModuleList"), t.offset(ldr, "InInitializationOrderModuleList")},
		Links: [3]uint16{t.offset(entry, "InLoadOrderLinks"), t.offset(entry, "InMemoryOrderLinks"),
			t.offset(entry, "InInitializationOrderLinks", "InProgressLinks")},
		Entry: moduleLayout{Origin: ofTypes, Bits: t.bits, Base: t.offset(entry, "DllBase"), EntryPoint: t.offset(entry, "EntryPoint"),
			Size: t.offset(entry, "SizeOfImage"), Path: t.offset(entry, "FullDllName"), Name: t.offset(entry, "BaseDllName"),
			TimeDateStamp: t.optional(entry, "TimeDateStamp")},
	}
	// Before Windows 11 22H2 CheckSum shares its place with links that
	// entries of processes have there.
	if sum := t.optional(entry, "CheckSum"); sum > l.Entry.TimeDateStamp && l.Entry.TimeDateStamp != 0 {
		l.Entry.CheckSum = sum
	}
	if t.err != nil {
		return loaderLayout{}
	}
	return l
}
