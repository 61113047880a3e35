package nt

import (
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
)

// KernelRoad says how the kernel of a target was found.
type KernelRoad uint8

// The roads.
const (
	KernelRoadHeader       KernelRoad = iota // the header of a dump
	KernelRoadProcessor                      // the interrupt table of a processor
	KernelRoadLowStub                        // the code in the first megabyte that processors start by
	KernelRoadDebugRecord                    // a CodeView record of a kernel, and page tables that map it
	KernelRoadDebuggerData                   // a debugger data block, and page tables that map it
	KernelRoadAddress                        // an address in the header of a dump that is in the kernel
)

// String names the road in words.
func (r KernelRoad) String() string {
	words := [...]string{"dump header", "interrupt table", "low stub", "debug record", "debugger data block", "addresses in the dump header"}
	if int(r) < len(words) {
		return words[r]
	}
	return fmt.Sprintf("KernelRoad(%d)", uint8(r))
}

// MarshalText is String; it never fails.
func (r KernelRoad) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Road returns how the kernel was found.
func (k *Kernel) Road() KernelRoad { return k.road }

// Problems lists the fields of a dump's header that are wrong or missing, and
// what was used instead. Each wraps [ErrMalformed] or [ErrNoKernel].
func (k *Kernel) Problems() []error { return append([]error(nil), k.problems...) }

func (k *Kernel) problem(format string, args ...any) {
	k.problems = append(k.problems, &headerError{fmt.Sprintf("dump header: "+format, args...)})
}

// headerError is an [ErrMalformed] in words of its own.
type headerError struct{ text string }

func (e *headerError) Error() string        { return e.text }
func (e *headerError) Is(target error) bool { return target == ErrMalformed }

// A grade says how well an address passes for the head of a list.
type grade uint8

const (
	unreadable grade = iota
	readable         // two pointers into the kernel, whose entries are out
	linked           // an entry links back to it, or it is empty
)

// gradeHead grades the head of a list; good judges an entry.
func (k *Kernel) gradeHead(head uint64, good func(links uint64) bool) grade {
	w := width(k.header.Bits / 8)
	if head == 0 || head%uint64(w) != 0 {
		return unreadable
	}
	next, err1 := w.read(k.plain, head)
	last, err2 := w.read(k.plain, head+uint64(w))
	if err1 != nil || err2 != nil || !w.inKernel(next) || !w.inKernel(last) {
		return unreadable
	}
	if next == head && last == head {
		return linked
	}
	back, err1 := w.read(k.plain, next+uint64(w))
	forth, err2 := w.read(k.plain, last)
	if err1 == nil && back == head && good(next) || err2 == nil && forth == head && good(last) {
		return linked
	}
	return readable
}

// inKernel reports whether a pointer is one that links of the kernel may have.
func (w width) inKernel(p uint64) bool { return p > w.top()/2 && p%uint64(w) == 0 }

// gradeModules grades the head of the loaded-module list.
func (k *Kernel) gradeModules(head uint64) grade {
	return k.gradeHead(head, func(links uint64) bool {
		_, err := k.entry(links)
		return err == nil
	})
}

// entry reads a loader entry.
func (k *Kernel) entry(links uint64) (Module, error) {
	r := entryReader{src: k.plain, l: k.layouts.Module, most: maxImage}
	return r.read(links)
}

// gradeProcesses grades the head of the process list.
func (k *Kernel) gradeProcesses(head uint64) grade {
	return k.gradeHead(head, func(uint64) bool { return true })
}

// mend holds what the header says against memory, as the page tables it names
// show it, and replaces what is not so by what the rest leads to. It reports
// whether anything was found that only a kernel has.
func (k *Kernel) mend() bool {
	claim := k.header.KdDebuggerDataBlock
	d, err := k.debuggerData()
	good := err == nil && d.sound()
	list := k.gradeModules(k.header.PsLoadedModuleList)
	if !good && list == linked {
		if d, err = k.blockByModules(); err == nil {
			good = true
			k.problem("KdDebuggerDataBlock %s is none; found at %s in the kernel's data", k.addr(claim), k.addr(d.addr))
		}
	}
	if good {
		k.mendBy(d)
	}
	return good || list == linked
}

// addr shows an address of the target, or that there is none.
func (k *Kernel) addr(a uint64) string {
	if a == 0 {
		return "(not written)"
	}
	return fmt.Sprintf("%0*x", k.header.Bits/4, a)
}

// sound reports whether the block is one of a kernel, and not just tagged so.
func (d debuggerData) sound() bool {
	base, err := d.value(kdKernBase)
	return err == nil && d.size <= maxBlock && base%pageSize == 0 && d.width.inKernel(base)
}

// mendBy replaces what is not so by what the debugger data block says.
func (k *Kernel) mendBy(d debuggerData) {
	k.header.KdDebuggerDataBlock = d.addr
	k.mendHead("PsLoadedModuleList", &k.header.PsLoadedModuleList, d, kdPsLoadedModuleList, k.gradeModules)
	k.mendHead("PsActiveProcessHead", &k.header.PsActiveProcessHead, d, kdPsActiveProcessHead, k.gradeProcesses)
	if k.header.Build != 0 {
		return
	}
	if build := buildOf(d); build != 0 {
		k.header.Build = build
		k.problem("no build number; taking %d of NtBuildLab", build)
	}
}

// mendHead replaces the head of a list, unless it is a better one than that of the
// block.
func (k *Kernel) mendHead(name string, head *uint64, d debuggerData, off uint64, judge func(uint64) grade) {
	other, err := d.value(off)
	if err != nil || other == *head {
		return
	}
	if by := judge(other); by == unreadable || by < judge(*head) {
		return
	}
	k.problem("%s %s is not that of the debugger data block; taking %s", name, k.addr(*head), k.addr(other))
	*head = other
}

// blockByModules finds the debugger data block in the image of the kernel: that is
// the first module, unless the head of the list is an entry of it. Where no image is
// a kernel's, because its header is out, it is looked for in all of them.
func (k *Kernel) blockByModules() (debuggerData, error) {
	w := width(k.header.Bits / 8)
	var list []Module
	for m, err := range modulesOf(k.plain, k.layouts.Module, k.header.PsLoadedModuleList) {
		if err != nil {
			continue
		}
		list = append(list, m)
		if img := readKernel(k.plain, m.Base, k.header.Machine); img != nil {
			if block, err := img.debuggerBlock(); err == nil {
				return openDebuggerData(k.plain, block, w)
			}
		}
	}
	left := uint64(maxBlockScan)
	for _, m := range list {
		size := min(m.Size, left)
		left -= size
		if block := tagged(k.plain, w, m.Base, m.Base, size); block != 0 {
			return openDebuggerData(k.plain, block, w)
		}
	}
	return debuggerData{}, malformed(k.header.PsLoadedModuleList, "no module with a debugger data block that can be read")
}

// maxBlockScan bounds the bytes of images in which the debugger data block is
// looked for.
const maxBlockScan = 64 << 20

// modesOf are the forms of page tables a dump may have, that which its header says
// first. The error wraps crashdump.ErrUnsupported.
func modesOf(h crashdump.Header) ([]paging.Mode, error) {
	wide := h.Bits == 64
	switch {
	case h.Machine == machineAMD64 && wide:
		return []paging.Mode{paging.ModeX64, paging.ModeLA57}, nil
	case h.Machine == machineARM64 && wide:
		return []paging.Mode{paging.ModeARM64}, nil
	case h.Machine == machineIA64 && wide:
		return []paging.Mode{paging.ModeIA64}, nil
	case h.Machine == machineI386 && !wide && !h.PAE:
		return []paging.Mode{paging.ModeX86, paging.ModePAE}, nil
	case h.Machine == machineI386 && !wide:
		return []paging.Mode{paging.ModePAE, paging.ModeX86}, nil
	case h.Machine == 0 || h.Machine == machineAMD64 || h.Machine == machineARM64 || h.Machine == machineI386:
		if wide {
			return []paging.Mode{paging.ModeX64, paging.ModeLA57, paging.ModeARM64}, nil
		}
		return []paging.Mode{paging.ModePAE, paging.ModeX86}, nil
	}
	return nil, fmt.Errorf("page tables of machine %#04x: %w", h.Machine, crashdump.ErrUnsupported)
}

// asIn is the header of a target whose page tables have a form.
func asIn(h crashdump.Header, mode paging.Mode) crashdump.Header {
	h.Machine, h.PAE = machineOf(mode), mode == paging.ModePAE
	return h
}

// noteMode tells of page tables that are not those the header says.
func (k *Kernel) noteMode(h crashdump.Header, mode paging.Mode) {
	switch {
	case h.Machine != k.header.Machine:
		k.problem("machine %#04x; the page tables are of %#04x (%v)", h.Machine, k.header.Machine, mode)
	case h.PAE != k.header.PAE:
		k.problem("PaeEnabled says %t; the page tables are of the %v form", h.PAE, mode)
	}
}

// search looks for the kernel of a dump whose header does not lead to one: by the
// addresses it names, and as in an image of the same pages. bound is phys limited
// to the time of opening. Where there is none, k stays as the header has it.
func (k *Kernel) search(phys, bound memsource.Source, modes []paging.Mode) (*Kernel, error) {
	h := k.file.Header()
	f := &finder{phys: memsource.Cache(bound, memsource.CacheOptions{}), plain: bound, modes: modes, scan: 1 << 52}
	if h.DirectoryTableBase != 0 {
		for _, mode := range modes {
			f.roots = append(f.roots, top{mode, h.DirectoryTableBase})
		}
	}
	found, err := f.find(func() ([]hint, error) { return named(h, modes), nil }, f.lowStub)
	if err != nil {
		k.problems = append(k.problems, fmt.Errorf("dump header: it leads to no kernel, and: %w", err))
		return k, nil
	}
	return k.replacedBy(found, phys)
}

// named are the addresses in the header of a dump that are the kernel's.
func named(h crashdump.Header, modes []paging.Mode) (hints []hint) {
	for _, mode := range modes {
		for _, addr := range []uint64{h.KdDebuggerDataBlock, h.PsLoadedModuleList, h.PsActiveProcessHead} {
			if addr != 0 && h.DirectoryTableBase != 0 {
				hints = append(hints, hint{mode, h.DirectoryTableBase, addr, KernelRoadAddress})
			}
		}
	}
	return hints
}

// replacedBy is the kernel that was found in the pages of the dump, with what its
// header says besides.
func (k *Kernel) replacedBy(found *Kernel, phys memsource.Source) (*Kernel, error) {
	h, mode := k.file.Header(), found.paging.Mode
	out := &Kernel{file: k.file, header: asIn(h, mode), base: found.base, road: found.road}
	root := found.header.DirectoryTableBase
	out.header.DirectoryTableBase = root
	out.layouts = layoutsFor(out.header.Machine, out.header.Build)
	if root != h.DirectoryTableBase {
		out.problem("DirectoryTableBase %x leads to no kernel; taking the page tables at %x, found by the %v", h.DirectoryTableBase, root, found.road)
	} else {
		out.problem("its lists and its debugger data block lead to no kernel; found by the %v", found.road)
	}
	out.noteMode(h, mode)
	if err := out.translate(phys, mode); err != nil {
		return nil, err
	}
	d, err := openDebuggerData(out.plain, found.header.KdDebuggerDataBlock, width(out.header.Bits/8))
	if err == nil {
		out.mendBy(d)
	}
	return out.mended(phys)
}
