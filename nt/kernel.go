package nt

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/pdb"
)

// Kernel is the kernel of a target: its memory, drivers and processes. It is
// safe for concurrent use.
type Kernel struct {
	// immutable
	file     *crashdump.File // nil for a target that is no crash dump
	header   crashdump.Header
	layouts  layouts
	phys     memsource.Source // nil where there are no page tables to walk
	paging   paging.Config    // of the address space that was current
	plain    memsource.Source // that space, or the pieces of a triage dump
	memory   memsource.Source // plain, with the other contexts considered
	block    memsource.Source // where the debugger data block is read; nil: plain
	own      Process          // its roots are those of the address space that was current
	base     uint64           // of the kernel image, where it was searched for
	prcbs    uint64           // KiProcessorBlock by its symbol; 0: not known
	road     KernelRoad
	problems []error // with the header of a dump

	contexts *contexts
}

// FromDump makes a Kernel of a crash dump, which must stay open while the
// Kernel is used. Page dumps (all that are no triage dumps) of x86, x64, ARM64
// and IA-64 are translated through the page tables of the process that was running;
// triage dumps work for every machine. A header of IA-64 names the kernel's own
// page tables; which process was running is found by its processor. Structures are read by the embedded layouts of
// the build, see [Kernel.WithTypes].
//
// The fields of the header are compared with memory. Fields that are wrong or
// missing are taken from the debugger data block; if the header does not point
// to that block, it is searched for. If the header leads to no kernel at all,
// the kernel is searched for as in [FromPhysical], in all pages of the dump.
// [Kernel.Problems] and [Kernel.Road] say what was done.
//
// Errors wrap crashdump.ErrUnsupported for a type of dump, or a machine's page
// tables, that are not read yet, and crashdump.ErrFormat for a damaged dump.
func FromDump(f *crashdump.File) (*Kernel, error) { return FromDumpContext(context.Background(), f) }

// FromDumpContext is [FromDump] whose search for a kernel ends with the
// context. ctx is used for opening only.
func FromDumpContext(ctx context.Context, f *crashdump.File) (*Kernel, error) {
	h := f.Header()
	if h.Type == crashdump.TypeTriage {
		return fromTriage(f)
	}
	phys, err := f.Physical()
	if err != nil {
		return nil, err
	}
	modes, err := modesOf(h)
	if err != nil {
		return nil, err
	}
	var first *Kernel
	for _, mode := range modes {
		k := &Kernel{file: f, header: asIn(h, mode)}
		k.layouts = layoutsFor(k.header.Machine, h.Build)
		if err := k.translate(phys, mode); err != nil {
			return nil, err
		}
		if first == nil {
			first = k
		}
		if k.mend() {
			k.noteMode(h, mode)
			return k.mended(phys)
		}
	}
	return first.search(phys, memsource.Bind(ctx, phys), modes)
}

// mended makes the address space anew where mending changed what it is made by.
func (k *Kernel) mended(phys memsource.Source) (*Kernel, error) {
	if len(k.problems) == 0 {
		return k, nil
	}
	k.layouts = layoutsFor(k.header.Machine, k.header.Build)
	return k, k.translate(phys, k.paging.Mode)
}

func fromTriage(f *crashdump.File) (*Kernel, error) {
	blocks, err := f.Blocks()
	if err != nil {
		return nil, err
	}
	h := f.Header()
	return &Kernel{file: f, header: h, layouts: layoutsFor(h.Machine, h.Build), plain: blocks, memory: blocks, contexts: &contexts{}}, nil
}

// translate puts the page-table walker over physical memory.
func (k *Kernel) translate(phys memsource.Source, mode paging.Mode) error {
	h := k.header
	k.phys = memsource.Cache(phys, memsource.CacheOptions{})
	k.paging = tablesAt(mode, h.DirectoryTableBase)
	k.paging.Layout = paging.LayoutFor(mode, h.Build)
	k.own = Process{Root: k.paging.Root}
	if mode == paging.ModePAE {
		k.layouts.Section.PTE = 8
	}
	k.fiveLevels()
	k.regions()
	if err := k.start(); err != nil || !k.paging.Layout.Proto.Relative && !k.paging.Layout.Subsection.Relative {
		return cmp.Or(err, k.enterByBlock())
	}
	if d, err := openDebuggerData(k.plain, h.KdDebuggerDataBlock, width(h.Bits/8)); err == nil {
		d.poolBounds(&k.paging.Layout)
	}
	return k.start()
}

// start makes the address space by what is known of the layouts.
func (k *Kernel) start() error {
	k.paging.ResolveFile = subsectionFile(k.layouts.Section)
	plain, err := k.space(k.own, nil)
	if err != nil {
		return err
	}
	k.contexts = &contexts{}
	k.plain, k.memory = plain, &contextual{own: plain, root: k.own.Root, k: k}
	return nil
}

// tablesAt is the address space of the tables a kernel goes by: on IA-64 those of
// its own region alone.
func tablesAt(mode paging.Mode, root uint64) paging.Config {
	if mode == paging.ModeIA64 {
		return paging.Config{Mode: mode, Root2: root}
	}
	return paging.Config{Mode: mode, Root: root}
}

// space is the address space of a process, of which only the roots matter.
// prototypeOf finds prototype PTEs of pages its tables do not know of; nil finds
// none.
func (k *Kernel) space(p Process, prototypeOf func(uint64) (uint64, bool)) (*paging.Space, error) {
	if k.phys == nil {
		return nil, fmt.Errorf("page tables of a triage dump: %w", crashdump.ErrUnsupported)
	}
	cfg := k.paging
	cfg.Root, cfg.SessionRoot, cfg.PrototypeOf = p.Root, p.SessionRoot, prototypeOf
	return paging.New(k.phys, cfg)
}

// WithTypes returns the kernel with the layouts from the type records in its
// PDB, which replace the embedded ones. The error names the structures for
// which the PDB has no types. On error the returned Kernel is still usable; it
// reads these structures by the embedded layouts. f is not kept.
func (k *Kernel) WithTypes(f *pdb.File) (*Kernel, error) {
	found, missing := layoutsOf(f)
	typed := *k
	typed.problems = slices.Clone(k.problems)
	typed.layouts = found.over(k.layouts)
	if k.phys != nil {
		missing = errors.Join(missing, typed.typePages(f))
		if err := typed.start(); err != nil {
			return nil, err
		}
	}
	missing = errors.Join(missing, typed.findBlock(f))
	return &typed, errors.Join(missing, typed.enterRunning(f))
}

// Memory returns the virtual memory of the kernel, and of the process that was
// running. In a triage dump almost all of it faults as not in the dump. An
// address that is not mapped here and is in another process, such as those of
// a session or of the user modules of a process, faults as WrongContext.
func (k *Kernel) Memory() memsource.Source { return k.memory }

// Machine returns the IMAGE_FILE_MACHINE_* value of the target.
func (k *Kernel) Machine() uint16 { return k.header.Machine }

// page is the size of the target's pages in bytes.
func (k *Kernel) page() uint64 { return uint64(pageSizeOf(k.header.Machine)) }

// Bits returns the width of the target's virtual addresses, 32 or 64.
func (k *Kernel) Bits() int { return k.header.Bits }

// Build returns the Windows build number, such as 2600 or 19041.
func (k *Kernel) Build() uint32 { return k.header.Build }

// Base returns the address of the kernel image in the debugger data block.
// Errors wrap a [*memsource.Fault] or [ErrMalformed].
func (k *Kernel) Base() (uint64, error) {
	if k.base != 0 {
		return k.base, nil
	}
	d, err := k.debuggerData()
	if err != nil {
		return 0, err
	}
	return d.value(kdKernBase)
}

func (k *Kernel) debuggerData() (debuggerData, error) {
	src := k.plain
	if k.block != nil {
		src = k.block
	}
	return openDebuggerData(src, k.header.KdDebuggerDataBlock, width(k.header.Bits/8))
}

// Modules lists the loaded drivers in load order, the kernel first: in a triage
// dump from the driver list the dump has, in a page dump by walking the list in
// memory. Errors need not end the sequence; see [Modules].
func (k *Kernel) Modules() iter.Seq2[Module, error] {
	if k.header.Type == crashdump.TypeTriage {
		return k.drivers()
	}
	return func(yield func(Module, error) bool) {
		head, err := k.listHead()
		if err != nil {
			yield(Module{}, fmt.Errorf("loaded-module list: %w", err))
			return
		}
		for m, err := range modulesOf(k.plain, k.layouts.Module, head) {
			if !yield(m, err) {
				return
			}
		}
	}
}

// Processes lists the processes, System first. Errors need not end the
// sequence; see [Processes]. A triage dump has no list of processes: the error
// then wraps a [*memsource.Fault].
func (k *Kernel) Processes() iter.Seq2[Process, error] {
	return func(yield func(Process, error) bool) {
		head, err := k.processHead()
		if err != nil {
			yield(Process{}, fmt.Errorf("process list: %w", err))
			return
		}
		for p, err := range processesOf(k.plain, k.layouts.Process, head) {
			if !yield(k.inSession(p), err) {
				return
			}
		}
	}
}

// processHead is the address of PsActiveProcessHead: from the dump header,
// else from the debugger data block.
func (k *Kernel) processHead() (uint64, error) {
	if head := k.header.PsActiveProcessHead; head != 0 {
		return head, nil
	}
	d, err := k.debuggerData()
	if err != nil {
		return 0, err
	}
	return d.value(kdPsActiveProcessHead)
}

// listHead is the address of PsLoadedModuleList: from the dump header, else
// from the debugger data block.
func (k *Kernel) listHead() (uint64, error) {
	if head := k.header.PsLoadedModuleList; head != 0 {
		return head, nil
	}
	d, err := k.debuggerData()
	if err != nil {
		return 0, err
	}
	return d.value(kdPsLoadedModuleList)
}

// drivers turns the triage driver list into modules.
func (k *Kernel) drivers() iter.Seq2[Module, error] {
	return func(yield func(Module, error) bool) {
		for d, err := range k.file.Drivers() {
			m := Module{
				Name: lastPart(d.Name), Path: d.Name, NameErr: d.NameErr, PathErr: d.NameErr,
				Base: d.Base, Size: uint64(d.Size), CheckSum: d.CheckSum, TimeDateStamp: d.TimeDateStamp,
				Origin: "triage driver list",
			}
			if err != nil {
				m = Module{}
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// Offsets in KDDEBUGGER_DATA64 (wdbgexts.h). All members are 64 bits wide on
// every machine; most hold the address of a variable.
const (
	kdTag                  = 0x10
	kdSize                 = 0x14
	kdHeader               = 0x18
	kdKernBase             = 0x18
	kdPsLoadedModuleList   = 0x48
	kdPsActiveProcessHead  = 0x50
	kdNtBuildLab           = 0x208
	kdMmUnloadedDrivers    = 0x220
	kdMmLastUnloadedDriver = 0x228
	kdMmSubsectionBase     = 0xd8
	kdMmNonPagedPoolEnd    = 0x118
	kdMmPagedPoolStart     = 0x120

	kdOwner = 0x4742444b // 'KDBG'
)

// debuggerData is the kernel's debugger data block.
type debuggerData struct {
	src   memsource.Source
	addr  uint64
	size  uint32 // as the block says; older kernels have less
	width width
}

func openDebuggerData(src memsource.Source, addr uint64, w width) (debuggerData, error) {
	if addr == 0 {
		return debuggerData{}, fmt.Errorf("debugger data block: the dump does not say where it is: %w", ErrMalformed)
	}
	b, err := structure(src, "debugger data block", addr, kdHeader)
	if err != nil {
		return debuggerData{}, err
	}
	if tag := binary.LittleEndian.Uint32(b[kdTag:]); tag != kdOwner {
		return debuggerData{}, malformed(addr, "debugger data block with tag %#x", tag)
	}
	return debuggerData{src: src, addr: addr, size: binary.LittleEndian.Uint32(b[kdSize:]), width: w}, nil
}

// value reads a member. A 32-bit kernel stores addresses with copies of the
// sign in the upper half, which is cut off.
func (d debuggerData) value(off uint64) (uint64, error) {
	if off+8 > uint64(d.size) {
		return 0, malformed(d.addr, "debugger data block of %#x bytes has no member at %#x", d.size, off)
	}
	v, err := memsource.U64(d.src, d.addr+off)
	if err != nil {
		return 0, fmt.Errorf("debugger data block: %w", err)
	}
	return v & d.width.top(), nil
}

// variable reads the pointer-sized variable a member points to.
func (d debuggerData) variable(off uint64) (uint64, error) {
	at, err := d.value(off)
	if err != nil {
		return 0, err
	}
	return d.width.read(d.src, at)
}

// poolBounds replaces the bounds that prototype PTEs of Windows XP are relative
// to. What cannot be read stays as the layout has it.
func (d debuggerData) poolBounds(l *paging.Layout) {
	set := func(to *uint64, off uint64) {
		if v, err := d.variable(off); err == nil && v != 0 {
			*to = v
		}
	}
	set(&l.Proto.Base, kdMmPagedPoolStart)
	set(&l.Subsection.Base, kdMmSubsectionBase)
	set(&l.Subsection.Top, kdMmNonPagedPoolEnd)
}
