package nt

import (
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/pdb"
)

// Offsets in KDDEBUGGER_DATA64 (wdbgexts.h): the address of the variable that has the
// frame of the root of region 7, and where threads and processes have what leads to
// the roots of the others.
const (
	kdMmSystemParentTablePage = 0x288
	kdThreadProcess           = 0x2a0 // OffsetKThreadApcProcess, 16 bits
	kdProcessRoot             = 0x2ae // OffsetEprocessDirectoryTableBase, 16 bits
)

// Where a KPROCESS of IA-64 has SessionParentBase, from DirectoryTableBase on, for
// a kernel whose types do not say it (as Microsoft's kd has it).
const (
	sessionRootXP  = 0x28
	sessionRoot7   = 0x20
	buildSession7  = 6801
	regionPageBits = 13
)

// regions finds the root of the kernel's region where the header of an IA-64 dump
// does not lead to it: the debugger data block is in the image of the kernel, which
// needs no tables.
func (k *Kernel) regions() {
	if k.paging.Mode != paging.ModeIA64 {
		return
	}
	direct, err := paging.New(k.phys, k.paging)
	if err != nil {
		return
	}
	d, err := openDebuggerData(direct, k.header.KdDebuggerDataBlock, 8)
	if err != nil {
		return
	}
	if page, err := d.variable(kdMmSystemParentTablePage); err == nil {
		k.takeKernelRoot(page)
	}
}

// takeKernelRoot takes the frame MmSystemParentTablePage names, if it can be read.
func (k *Kernel) takeKernelRoot(page uint64) {
	root := page << regionPageBits
	if page == 0 || root>>regionPageBits != page || root == k.paging.Root2 {
		return
	}
	if _, err := memsource.U64(k.phys, root); err != nil {
		return
	}
	k.problem("DirectoryTableBase %x is not the root of the kernel's region; taking %x of MmSystemParentTablePage", k.header.DirectoryTableBase, root)
	k.paging.Root2, k.header.DirectoryTableBase = root, root
}

// enterByBlock makes the process that was running the current one of an IA-64 kernel,
// as far as the debugger data block leads to its roots. One that leads nowhere
// leaves user addresses without tables.
func (k *Kernel) enterByBlock() error {
	if k.paging.Mode != paging.ModeIA64 {
		return nil
	}
	p, err := k.runningByBlock()
	if err != nil {
		return nil
	}
	k.own = p
	return k.start()
}

// runningByBlock finds the roots of the process whose thread ran on the first processor.
func (k *Kernel) runningByBlock() (Process, error) {
	d, err := k.debuggerData()
	if err != nil {
		return Process{}, err
	}
	at, err := d.value(kdKiProcessorBlock)
	for _, off := range []uint16{0, d.offset(kdPrcbThread), d.offset(kdThreadProcess)} { // processor, thread, process
		if err == nil {
			at, err = memsource.U64(k.plain, at+uint64(off))
		}
	}
	if err != nil {
		return Process{}, err
	}
	root := field{Offset: d.offset(kdProcessRoot), Size: 8}
	b, err := structure(k.plain, "process", at, int(root.Offset)+sessionRootXP+8)
	if err != nil {
		return Process{}, err
	}
	return Process{Address: at, Root: root.of(b), SessionRoot: k.sessionRoot(root).of(b)}, nil
}

// enterRunning is [Kernel.enterByBlock] by the kernel's types.
func (k *Kernel) enterRunning(f *pdb.File) error {
	if k.paging.Mode != paging.ModeIA64 {
		return nil
	}
	if root := &k.layouts.Process.SessionRoot; !root.known() && k.layouts.Process.known() {
		*root = k.sessionRoot(k.layouts.Process.Root)
	}
	k.rootBySymbol(f)
	if err := k.start(); err != nil {
		return err
	}
	p, err := k.CurrentProcess()
	if err != nil {
		return fmt.Errorf("current process: %w", err)
	}
	k.own = p
	return k.start()
}

// sessionRoot is the place of SessionParentBase without its type, by that of
// DirectoryTableBase.
func (k *Kernel) sessionRoot(root field) field {
	if k.header.Build < buildSession7 {
		return at(root.Offset+sessionRootXP, 8)
	}
	return at(root.Offset+sessionRoot7, 8)
}

// inSession reads the number of the session of an IA-64 process where the process has
// it: the structure is at one address in each session.
func (k *Kernel) inSession(p Process) Process {
	l := &k.layouts.Process
	if k.paging.Mode != paging.ModeIA64 || !l.Session.known() || !l.SessionID.known() {
		return p
	}
	p.Session, p.HasSession = 0, false
	space, err := k.space(p, nil)
	if err != nil || p.SessionRoot == 0 {
		return p
	}
	at, err := memsource.U64(k.plain, p.Address+uint64(l.Session.Offset))
	if err == nil {
		p.session(space, l, at)
	}
	return p
}

// rootBySymbol is [Kernel.regions] by the symbol, for a debugger data block that
// does not name the variable.
func (k *Kernel) rootBySymbol(f *pdb.File) {
	base, err := k.Base()
	if err != nil {
		return
	}
	if d, err := k.debuggerData(); err == nil {
		if at, err := d.value(kdMmSystemParentTablePage); err == nil && at != 0 {
			return
		}
	}
	at := symbolFinder{f: f, base: base}.addr("MmSystemParentTablePage")
	if page, err := memsource.U64(k.plain, at); at != 0 && err == nil {
		k.takeKernelRoot(page)
	}
}
