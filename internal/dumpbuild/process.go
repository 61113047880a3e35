package dumpbuild

import (
	"slices"
	"strings"
)

const (
	systemPID = 4
	eprocess  = "EPROCESS"
	created   = bootTime + 600_000_000 // FILETIME, a minute after the start
)

// processes writes the process list.
func (b *builder) processes() {
	var links []uint64
	for i := range b.spec.Processes {
		if b.err != nil {
			return
		}
		p := &b.spec.Processes[i]
		f := b.process(p)
		links = append(links, b.record(eprocess, f.Address).addr("ActiveProcessLinks"))
		b.facts.Processes = append(b.facts.Processes, f)
		if p.PID == systemPID {
			b.variable("PsInitialSystemProcess", f.Address)
		}
	}
	b.link(b.facts.PsActiveProcess, links)
	b.sessionLists()
}

// process writes an EPROCESS and the address space below it.
func (b *builder) process(p *Process) ProcessFacts {
	f := ProcessFacts{Name: p.Name, PID: p.PID, PEB: p.PEB, Root: b.root, Session: p.Session, Parent: p.Parent}
	if len(p.Name) > 15 {
		b.failf("process name %q", p.Name)
	}
	switch {
	case b.mem.ia64 != nil:
		f.Root = b.newRootIA64(p.Root)
	case p.PID != systemPID && p.PID != 0:
		f.Root = b.newRoot()
		b.roots = append(b.roots, f.Root)
	}
	r := b.objectAt(p.At, &b.nonPaged, "Process", eprocess)
	f.Address = r.at
	r.dispatcher("Pcb.Header", dispatchProcess)
	b.putPtr(r.at+b.off(eprocess, "Pcb.DirectoryTableBase[0]", "Pcb.DirectoryTableBase"), f.Root)
	r.set("UniqueProcessId", p.PID).set("Peb", p.PEB).set("InheritedFromUniqueProcessId", p.Parent)
	r.bytes(b.off(eprocess, "ImageFileName"), []byte(p.Name))
	b.charges(r)
	b.handles(r, p.PID)
	b.session(p, &f)
	b.vads(p, &f)
	if p.PEB != 0 {
		f.PEBPage = b.peb(f.Root, b.lay.pointer, p.PEB, p.PEBPage, p.Loader, b.loaded(p, p.Loader, false), &f)
	}
	b.narrow(p, &f)
	b.threads(p, &f)
	return f
}

// charges writes what a process has used, so that no number a debugger shows
// is another's.
func (b *builder) charges(r record) {
	for path, v := range map[string]uint64{
		"CreateTime.QuadPart": created, "VirtualSize": 0x2000000, "PeakVirtualSize": 0x2100000, "CommitCharge": 0x40,
		"NumberOfPrivatePages": 0x395, "ModifiedPageCount": 0x896, "ExitStatus": 0x103, "PriorityClass": 2, "Pcb.BasePriority": 8,
		"Vm.PageFaultCount": 1234, "Vm.PeakWorkingSetSize": 600, "Vm.WorkingSetSize": 500, "Vm.MinimumWorkingSetSize": 50, "Vm.MaximumWorkingSetSize": 345,
	} {
		r.may(path, v)
	}
	for _, head := range []string{"Pcb.ProfileListHead", "Pcb.ReadyListHead", "Pcb.ThreadListHead", "ThreadListHead", "SessionProcessLinks"} {
		r.list(head)
	}
}

// handles gives a process its table of handles, with one entry.
func (b *builder) handles(r record, pid uint64) {
	if !b.has("HANDLE_TABLE", "HandleCount") {
		return
	}
	entries := b.alloc(&b.paged, "Obtb", 0x200)
	t := b.make(&b.paged, "Obtb", "HANDLE_TABLE").set("TableCode", entries).set("QuotaProcess", r.at).set("UniqueProcessId", pid).set("HandleCount", 1).
		may("NextHandleNeedingPool", 0x800).list("HandleTableList")
	r.set("ObjectTable", t.at)
	b.putPtr(entries+2*b.lay.pointer, r.at-b.off("OBJECT_HEADER", "Body")|1)
	b.put32(entries+3*b.lay.pointer, 0x1f0fff)
}

// peb writes a PEB and what its loader keeps.
func (b *builder) peb(root, pointer, at uint64, page Page, l *Loader, list []userModule, f *ProcessFacts) PageFacts {
	var content []byte
	if l != nil && b.err == nil {
		content = b.loader(root, pointer, l, list, f)
		if pointer == b.lay.pointer {
			b.record(eprocess, f.Address).set("SectionBaseAddress", list[0].base)
		}
	}
	pl := placer{b: b, root: root, base: at, pages: 1}
	return pl.place(0, page, content)
}

// narrow writes what a 32-bit process has besides.
func (b *builder) narrow(p *Process, f *ProcessFacts) {
	at, ok := b.field(eprocess, "WoW64Process", "Wow64Process")
	if p.WoW64 == 0 || !ok {
		return
	}
	to := p.WoW64
	if b.has("EWOW64PROCESS", "Peb") {
		to = b.make(&b.nonPaged, "Wow6", "EWOW64PROCESS").set("Peb", p.WoW64).at
	}
	b.putPtr(f.Address+at.Offset, to)
	b.peb(f.Root, 4, p.WoW64, Page{}, p.Loader32, b.loaded(p, p.Loader32, true), f)
}

// session gives a process its session's structure, one for each session.
func (b *builder) session(p *Process, f *ProcessFacts) {
	if p.Session == 0 {
		return
	}
	b.sessionRoot(p.Session, f)
	b.members[p.Session] = append(b.members[p.Session], f.Root)
	at, ok := b.sessions[p.Session]
	if !ok {
		at = b.lay.sessions
		if b.mem.ia64 == nil { // where each has a region of its own
			at += uint64(len(b.sessions)) * 0x10000
		}
		root := b.sessionSpace(p.Session)
		b.ensure(root, at, b.sizeOf("MM_SESSION_SPACE"))
		b.in(root, "MM_SESSION_SPACE", at).set("SessionId", uint64(p.Session)).may("ReferenceCount", 1).list("ImageList")
		b.sessions[p.Session] = at
	}
	b.record(eprocess, f.Address).set("Session", at)
	b.sessionOf[p.Session] = append(b.sessionOf[p.Session], f.Address)
}

// sessionLists links the processes of each session, and the sessions.
func (b *builder) sessionLists() {
	var all []uint64
	for session, at := range b.sessions {
		var links []uint64
		for _, p := range b.sessionOf[session] {
			if f, ok := b.field(eprocess, "SessionProcessLinks"); ok {
				links = append(links, p+f.Offset)
			}
		}
		r := b.in(b.sessionSpace(session), "MM_SESSION_SPACE", at).list("ProcessList", links...)
		if b.has(r.typ, "WsListEntry") {
			all = append(all, r.addr("WsListEntry"))
		}
	}
	slices.Sort(all)
	all = slices.Compact(all) // on IA-64 each session has the same address
	head := b.symbol("MiSessionWsList")
	if head == 0 {
		return
	}
	if b.mem.ia64 == nil {
		b.link(head, all)
		return
	}
	for session := range b.sessions {
		b.linkIn(b.sessionSpace(session), head, all)
	}
}

// loaded lists the images of a process for one of its loaders.
func (b *builder) loaded(p *Process, l *Loader, narrow bool) (list []userModule) {
	if l == nil {
		return nil
	}
	for _, v := range p.VADs {
		if v.PE == nil || v.Narrow != narrow {
			continue
		}
		img, err := parseImage(v.PE)
		if err != nil {
			b.fail(err)
			return nil
		}
		list = append(list, userModule{name: v.File[strings.LastIndexByte(v.File, '\\')+1:], path: "C:" + v.File, base: v.Start * b.mem.page(),
			size: uint64(img.size), entry: img.entry, stamp: img.stamp})
	}
	if len(list) == 0 {
		b.failf("%s has a loader and no image", p.Name)
		return []userModule{{}}
	}
	return list
}
