package dumpbuild_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/kdtext"
	"github.com/symres/symres/vadmath"
)

// kdCase is a dump of the builder as Microsoft's kd is to see it: what it is
// asked, and what it must answer.
type kdCase struct {
	spec     dumpbuild.Spec
	facts    *dumpbuild.Facts
	want     kdtext.Facts
	commands []string
	bits     int
	shift    uint // of pages
}

func newKdCase(spec dumpbuild.Spec, facts *dumpbuild.Facts) *kdCase {
	c := &kdCase{spec: spec, facts: facts, want: kdtext.Facts{}, bits: 64, shift: 12}
	if spec.Machine == dumpbuild.X86 {
		c.bits = 32
	}
	if spec.Machine == dumpbuild.IA64 {
		c.shift = 13
	}
	if spec.Type == dumpbuild.Bitmap { // which came with Windows 8; TestKdBitmap compares them with the full dumps
		c.want.Set("opened", "no")
		return c
	}
	c.ask(".process", "vertarget", ".bugcheck", "r", "lm", "lm t n", "k")
	c.system()
	for _, m := range facts.Modules {
		c.module(m)
	}
	if c.spec.Type == dumpbuild.Triage {
		c.kept()
		return c
	}
	c.ask("!process 0 7")
	for i := range facts.Processes {
		c.process(&spec.Processes[i], &facts.Processes[i])
	}
	return c
}

// kept are the process and the thread a triage dump keeps, and the pages of it
// that kd reads: headers that were in memory and those of images it has copies of.
func (c *kdCase) kept() {
	c.ask("!process")
	for i := range c.facts.Processes {
		if f := &c.facts.Processes[i]; c.running(f) {
			c.summary(f)
			for _, m := range c.facts.Modules[1:] {
				c.header(hexOf(f.Address), m, m.Pages[0].State == dumpbuild.Resident || m.Name == "Fs_Rec.SYS")
			}
		}
	}
}

// newMinidumpCase is a minidump of a process.
func newMinidumpCase(m dumpbuild.Minidump) *kdCase {
	c := &kdCase{want: kdtext.Facts{}, bits: 32}
	c.ask("lm", ".lastevent", ".ecxr")
	name := func(path string) string { return path[strings.LastIndexByte(path, '\\')+1:] }
	for _, v := range m.Modules {
		c.want.Set("user 0 "+hexOf(v.Base), hexOf(v.Base+uint64(v.Size)), strings.Split(name(v.Name), ".")[0])
	}
	for _, v := range m.Unloaded {
		c.want.Set("unloaded "+hexOf(v.Base), hexOf(v.Base+uint64(v.Size)), name(v.Name))
	}
	c.want.Set("exception", hexOf(uint64(m.Exception.ID)), hexOf(uint64(m.ExceptionIs)))
	c.want.Set("exception address", hexOf(m.ExceptionAt))
	return c
}

func (c *kdCase) ask(commands ...string) { c.commands = append(c.commands, commands...) }

func hexOf(n uint64) string { return fmt.Sprintf("%x", n) }

func (c *kdCase) system() {
	c.want.Set("build", c.spec.Build)
	c.want.Set("kernel", hexOf(c.facts.Modules[0].Base), hexOf(c.facts.PsLoadedModuleList))
	c.want.Set("bugcheck code", "e2")
	c.want.Set("bugcheck parameters", "0 0 0 0")
	names := map[string]string{"SegCs": "cs", "SegDs": "ds", "SegEs": "es", "SegFs": "fs", "SegGs": "gs", "SegSs": "ss", "EFlags": "efl",
		"StIIP": "iip", "IntSp": "sp", "RsBSP": "bsp", "RsBSPSTORE": "bspstore"}
	for name, v := range c.facts.Registers {
		if name == "ContextFlags" || name == "MxCsr" { // not shown
			continue
		}
		short := names[name]
		if short == "" {
			short = strings.ToLower(name)
		}
		c.want.Set("register "+short, hexOf(v))
	}
	for _, u := range c.spec.Unloaded {
		if c.spec.Type == dumpbuild.Triage { // which keeps 12 characters
			u.Name = u.Name[:min(len(u.Name), 12)]
		}
		c.want.Set("unloaded "+hexOf(u.Start), hexOf(u.End), u.Name)
	}
}

func (c *kdCase) module(m dumpbuild.ModuleFacts) {
	key, name := "module "+hexOf(m.Base), strings.Split(m.Name, ".")[0]
	image, stamp := m.Name, "0"
	if readable(m.Pages[0].State) && len(c.sessions(m)) == 0 || c.spec.Type == dumpbuild.Triage || name == "Fs_Rec" && c.blamed() { // kd found a copy when it explained the bug check
		stamp = hexOf(uint64(m.Stamp))
	}
	if name == "ntoskrnl" { // called after its PDB
		name, image = "nt", "ntkrnlmp.exe"
		c.want.Set(key+" symbols", "private pdb symbols")
	}
	c.want.Set(key, hexOf(m.Base+m.Size), name)
	c.want.Set(key+" image", image)
	c.want.Set(key+" stamp", stamp)
}

// sessions are those of an image of session space, which System does not see.
func (c *kdCase) sessions(m dumpbuild.ModuleFacts) []uint32 {
	i := slices.IndexFunc(c.spec.Modules, func(s dumpbuild.Module) bool { return s.Base == m.Base })
	return c.spec.Modules[i].Sessions
}

// readable reports whether kd reads a page: it follows prototype PTEs, too.
func readable(s dumpbuild.State) bool {
	return slices.Contains([]dumpbuild.State{dumpbuild.Resident, dumpbuild.Transition, dumpbuild.PrototypeValid, dumpbuild.PrototypeTransition}, s)
}

// blamed reports whether Fs_Rec.SYS is on the stack of the thread that was running.
func (c *kdCase) blamed() bool {
	for _, p := range c.facts.Processes {
		for _, t := range p.Threads {
			if t.Running && slices.ContainsFunc(t.Frames, func(f dumpbuild.FrameFacts) bool { return strings.HasPrefix(f.Where, "Fs_Rec!") }) {
				return true
			}
		}
	}
	return false
}

// summary is what a list of processes and threads says.
func (c *kdCase) summary(f *dumpbuild.ProcessFacts) {
	addr := hexOf(f.Address)
	key := "process " + addr + " "
	for name, v := range map[string]uint64{"pid": f.PID, "parent": f.Parent, "peb": f.PEB, "dirbase": f.Root} {
		c.want.Set(key+name, hexOf(v))
	}
	session := "none"
	if f.Session != 0 {
		session = fmt.Sprint(f.Session)
	}
	c.want.Set(key+"session", session)
	c.want.Set(key+"image", f.Name)
	c.want.Set(key+"vads", hexOf(f.VADRoot), len(f.VADs))
	for _, t := range f.Threads {
		c.thread(f, t)
	}
}

// process are the facts of a process, its address space and its threads.
func (c *kdCase) process(p *dumpbuild.Process, f *dumpbuild.ProcessFacts) {
	c.summary(f)
	if f.PEB == 0 {
		return
	}
	addr := hexOf(f.Address)
	c.ask(".process /p /r "+addr, "lmu")
	if p.PEBPage.State == dumpbuild.PageFile {
		ldr := hexOf(f.PEB + uint64(c.bits/8*3)) // of Peb.Ldr
		c.want.Set("peb "+addr+" out", ldr)
		if c.running(f) {
			c.want.Set("peb 0 out", ldr) // while the dump was opened
		}
	}
	c.vads(addr, p, f)
	c.pages(addr, f)
	if c.spec.Machine == dumpbuild.IA64 {
		c.endPage(addr, f)
	}
	if p.Loader != nil {
		c.ask("!peb")
		c.peb(addr, p, f)
	}
}

// endPage loads a DLL where its VAD begins, and again where Microsoft's page about
// paged-out PEBs loads it: at the page the VAD ends with. kd does so, and the
// module at the right place is left without symbols.
func (c *kdCase) endPage(process string, f *dumpbuild.ProcessFacts) {
	for _, v := range f.VADs {
		if !strings.HasSuffix(v.File, `\ExplorerFrame.dll`) {
			continue
		}
		size := (v.End - v.Start + 1) << c.shift
		for i, base := range []uint64{v.Start << c.shift, v.End << c.shift} {
			c.ask(fmt.Sprintf(".reload /f ExplorerFrame.dll=%s,%x", vadmath.FormatAddr(base, c.bits), size))
			key := fmt.Sprintf("user %s %x", process, base)
			c.want.Set(key, hexOf(base+size), []string{"ExplorerFrame", "ExplorerFrame_" + hexOf(base)}[i])
			c.want.Set(key+" symbols", []string{"no symbols", "pdb symbols"}[i])
		}
		c.ask("lmu")
	}
}

// running reports whether a thread of the process was running.
func (c *kdCase) running(f *dumpbuild.ProcessFacts) bool {
	return slices.ContainsFunc(f.Threads, func(t dumpbuild.ThreadFacts) bool { return t.Running })
}

func (c *kdCase) thread(f *dumpbuild.ProcessFacts, t dumpbuild.ThreadFacts) {
	c.ask("!thread " + hexOf(t.Address))
	state := "WAIT"
	if t.Running {
		state = "RUNNING"
	}
	c.want.Set("thread "+hexOf(t.Address), hexOf(f.PID), hexOf(t.TID), hexOf(t.TEB), state)
	for i, fr := range t.Frames {
		c.want.Set(fmt.Sprintf("frame %x %02d", t.Address, i), hexOf(fr.Stack), hexOf(fr.Return), fr.Where)
		if t.Running {
			c.want.Set(fmt.Sprintf("frame %02d", i), hexOf(fr.Stack), hexOf(fr.Return), fr.Where)
		}
	}
}

func (c *kdCase) vads(process string, p *dumpbuild.Process, f *dumpbuild.ProcessFacts) {
	c.ask("!vad " + hexOf(f.VADRoot))
	levels, deepest := 0, 0
	for _, v := range f.VADs {
		levels, deepest = levels+v.Level, max(deepest, v.Level)
		c.vad(v, slices.ContainsFunc(p.VADs, func(s dumpbuild.VAD) bool { return s.Start == v.Start && s.NameOut }))
	}
	c.want.Set("vads "+hexOf(f.VADRoot), len(f.VADs), levels/len(f.VADs)+1, deepest)
}

func (c *kdCase) vad(v dumpbuild.VADFacts, nameOut bool) {
	base, key, protection := v.Start<<c.shift, "vad "+hexOf(v.Address), vadmath.ProtectionName(v.Protection)
	c.ask("!vad " + hexOf(base) + " 1")
	kind, flags := "Private", "ViewUnmap PrivateMemory"
	switch {
	case v.Image:
		kind, flags = "MappedExe", "ImageMap ViewShare"
		if nameOut {
			v.File = ""
			break
		}
		name := v.File[strings.LastIndexByte(v.File, '\\')+1:]
		c.want.Set(key+" reload", fmt.Sprintf(".reload %s=%s,%x", name, vadmath.FormatAddr(base, c.bits), (v.End-v.Start+1)<<c.shift))
	case v.File != "":
		kind, flags = "Mapped", "ViewUnmap"
	}
	commit := int64(v.Commit)
	if commit == 1<<51-1 { // all ones
		commit = -1
	}
	c.want.Set(key, v.Level, hexOf(v.Start), hexOf(v.End), commit, kind, protection, v.File)
	c.want.Set(key+" pages", hexOf(v.Start), hexOf(v.End))
	c.want.Set(key+" flags", flags, protection)
	if v.File != "" {
		c.want.Set(key+" file", v.File)
	}
}

// pages are the first one of every module and mapped image, or all, and the PEB.
func (c *kdCase) pages(process string, f *dumpbuild.ProcessFacts) {
	list, most := []dumpbuild.PageFacts{f.PEBPage}, 1
	if c.spec.Machine == dumpbuild.IA64 { // which no other judge knows
		most = 1 << 10
	}
	for _, m := range c.facts.Modules[1:] {
		if s := c.sessions(m); len(s) == 0 || s[len(s)-1] == f.Session { // the facts are of the last session
			list = append(list, m.Pages[:min(most, len(m.Pages))]...)
		}
	}
	for _, v := range f.VADs {
		if v.Image && len(v.Pages) > 0 {
			list = append(list, v.Pages[:min(most, len(v.Pages))]...)
		}
	}
	for _, p := range list {
		c.page(process, p)
	}
}

func (c *kdCase) page(process string, p dumpbuild.PageFacts) {
	c.ask("!pte " + hexOf(p.Addr))
	key := "pte " + process + " " + hexOf(p.Addr)
	c.want.Set(key+" contents", hexOf(p.PTE))
	switch p.State {
	case dumpbuild.Resident, dumpbuild.NotInDump:
		c.want.Set(key, "valid", hexOf(p.Frame))
	case dumpbuild.PageFile:
		c.want.Set(key, "pagefile", p.PageFile, hexOf(p.Offset>>c.shift))
	case dumpbuild.Transition:
		c.want.Set(key, "transition", hexOf(p.Frame))
	case dumpbuild.PrototypeFile, dumpbuild.PrototypeValid, dumpbuild.PrototypeTransition, dumpbuild.PrototypePageFile:
		c.want.Set(key, "prototype", hexOf(p.Prototype))
	}
	for _, m := range c.facts.Modules {
		if m.Base == p.Addr {
			c.header(process, m, readable(p.State))
		}
	}
}

// header are the first bytes of a module.
func (c *kdCase) header(process string, m dumpbuild.ModuleFacts, readable bool) {
	c.ask("db " + hexOf(m.Base) + " L10")
	bytes := "-"
	if readable {
		bytes = hex.EncodeToString(m.Memory[:16])
	}
	c.want.Set("bytes "+process+" "+hexOf(m.Base), bytes)
}

func (c *kdCase) peb(process string, p *dumpbuild.Process, f *dumpbuild.ProcessFacts) {
	key := "peb " + process + " "
	first, n := "", -1
	for _, s := range p.VADs {
		if s.PE == nil {
			continue
		}
		if n++; p.Loader.Pages[1+2*n].State == dumpbuild.PageFile { // here the list breaks off
			break
		}
		for _, v := range f.VADs {
			if s.Start != v.Start {
				continue
			}
			name := v.File[strings.LastIndexByte(v.File, '\\')+1:]
			c.want.Set(fmt.Sprintf("user %s %x", process, v.Start<<12), hexOf((v.End+1)<<12), strings.Split(name, ".")[0])
			c.want.Set(key+"module "+hexOf(v.Start<<12), "4fdec700", "C:"+v.File)
			if s.Start == p.VADs[0].Start {
				first = v.File
				c.want.Set(key+"image", hexOf(v.Start<<12))
			}
		}
	}
	name := first[strings.LastIndexByte(first, '\\')+1:]
	for what, v := range map[string]string{"ldr": hexOf(p.Loader.Heap), "heap": hexOf(p.Loader.Heap), "parameters": hexOf(p.Loader.Heap + 0x100),
		"command": name + " readme.txt", "title": name, "file": "C:" + first, "folder": `C:\`} {
		c.want.Set(key+what, v)
	}
	from, to := f.Entries[0], f.Entries[len(f.Entries)-1]
	for i, list := range []string{"load", "memory", "initialization"} {
		off := uint64(i * c.bits / 4)
		c.want.Set(key+list, hexOf(from+off), hexOf(to+off))
	}
}
