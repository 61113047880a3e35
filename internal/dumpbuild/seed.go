package dumpbuild

import "cmp"

// A Reader returns a file of testdata by its slash-separated name.
type Reader func(name string) ([]byte, error)

// Demo is the dump of the demo: Windows XP on x86, Fs_Rec.SYS at fe0c8000
// with its header page in pagefile 0, a driver that is whole, the kernel,
// wide.sys, of which a third is away and one function is hooked, and
// explorer.exe and notepad.exe, whose PEBs are in the pagefile.
func Demo(read Reader) (Spec, error) {
	f := files{read: read, dir: "x86"}
	s := Spec{Machine: X86, Build: buildXP, Type: Full, KernelPDB: f.kernelPDB(), Modules: []Module{
		f.kernel(0x804d7000),
		{Name: "Fs_Rec.SYS", Path: `\SystemRoot\System32\Drivers\Fs_Rec.SYS`, Base: 0xfe0c8000, PE: f.fsRec("good"),
			Pages: map[int]Page{0: {State: PageFile, Slot: 0x1234}}},
		{Name: "Null.SYS", Path: `\SystemRoot\System32\Drivers\Null.SYS`, Base: 0xfe0d0000, PE: f.fsRec("nodebug")},
		{Name: "wide.sys", Path: `\SystemRoot\System32\Drivers\wide.sys`, Base: 0xfe200000, PE: f.get("wide/x86/wide.sys"),
			Pages: thinned(), Patches: map[uint32][]byte{0xd120: {0xe9, 0x4b, 0x1d, 0xe0, 0x01}}},
	}}
	u := userPlaces{peb: 0x7ffdf000, teb: 0x7ffde000, stack: 0x7f000, program: 0x01000000, dll: 0x75f80000}
	s.Processes = f.pagedOut(u)
	s.Unloaded = []Unloaded{{"imapi.sys", 0xf7000000, 0xf7006000, created}, {"Cdaudio.SYS", 0xf7100000, 0xf7103000, created}}
	return s, f.err
}

// thinned takes out of the demo's wide.sys what a machine short of memory
// would: the header, code that has not run for a while, the discarded tail.
func thinned() map[int]Page {
	pages := map[int]Page{}
	slot := uint32(0x2000)
	for _, r := range [][2]int{{0, 1}, {4, 8}, {15, 18}, {22, 25}, {30, 31}, {38, 41}, {45, 51}} {
		for n := r[0]; n < r[1]; n++ {
			pages[n] = Page{State: PageFile, Slot: slot}
			slot++
		}
	}
	return pages
}

// Seed32 is a dump of Windows XP on x86 with a driver for each way its header
// page can be away, a driver of more than forty pages in mixed states, and
// three processes. typ is Full or Bitmap.
func Seed32(read Reader, typ uint32) (Spec, error) {
	f := files{read: read, dir: "x86"}
	return f.seed32(typ)
}

func (f *files) seed32(typ uint32) (Spec, error) {
	s := Spec{Machine: X86, Build: buildXP, Type: typ, KernelPDB: f.kernelPDB(), Modules: f.modules(0x804d7000, 0xfe0c8000, 0xf8400000, 0x400000)}
	s.Processes = f.processes(0x7ffdf000, 0x01000000, 0x75f80000, `\WINDOWS\system32\browseui.dll`)
	return s, f.err
}

// SeedPAE is [Seed32] of a kernel with PAE.
func SeedPAE(read Reader, typ uint32) (Spec, error) {
	f := files{read: read, dir: "x86", nt: "nt/x86-pae"}
	s, err := f.seed32(typ)
	s.PAE = true
	return s, err
}

// SeedLA57 is [Seed64] on a processor with page tables of five levels.
func SeedLA57(read Reader, typ uint32) (Spec, error) {
	s, err := Seed64(read, typ)
	s.FiveLevels = true
	return s, err
}

// Seed64 is the like of [Seed32] for Windows 10 2004 on x64. typ is Full,
// Bitmap or Triage.
func Seed64(read Reader, typ uint32) (Spec, error) {
	f := files{read: read, dir: "x64"}
	s := Spec{Machine: X64, Build: build2004, Type: typ, KernelPDB: f.kernelPDB(),
		Modules: f.modules(0xfffff80002c00000, 0xfffff80003a00000, 0xfffff80004000000, 0x200000)}
	s.Processes = f.processes(0x7f7ffffe000, 0x7f78e9e0000, 0x7fb37a60000, `\Windows\System32\ExplorerFrame.dll`)
	return s, f.err
}

// files reads fixtures; the first error sticks.
type files struct {
	read Reader
	dir  string // machine
	nt   string // folder of the kernel; "": that of the machine
	err  error
}

func (f *files) get(name string) []byte {
	b, err := f.read(name)
	if f.err == nil {
		f.err = err
	}
	return b
}

func (f *files) fsRec(variant string) []byte {
	return f.get("fs_rec/" + f.dir + "/" + variant + "/fs_rec.sys")
}

// kernel is ntoskrnl under large pages; its INIT page has been reused.
func (f *files) kernel(base uint64) Module {
	m := Module{Name: "ntoskrnl.exe", Path: `\SystemRoot\system32\ntoskrnl.exe`, File: `\WINDOWS\system32\ntoskrnl.exe`,
		Base: base, PE: f.get(f.kernelDir() + "ntoskrnl.exe"), Large: true, Pages: map[int]Page{}}
	img, err := parseImage(m.PE)
	if err != nil {
		f.err = cmp.Or(f.err, err)
		return m
	}
	for _, s := range img.sections {
		if s.Name == "INIT" {
			m.Pages[int(s.VirtualAddress/pageSize)] = Page{State: NotInDump}
		}
	}
	return m
}

// kernelPDB is the PDB of that kernel.
func (f *files) kernelPDB() []byte { return f.get(f.kernelDir() + "ntkrnlmp.pdb") }

func (f *files) kernelDir() string { return cmp.Or(f.nt, "nt/"+f.dir) + "/" }

// modules are the kernel, Fs_Rec.SYS at fs and the others from base on, each
// with page tables of its own.
func (f *files) modules(kernel, fs, base, step uint64) []Module {
	drivers := `\SystemRoot\System32\DRIVERS\`
	list := []Module{f.kernel(kernel), {Name: "Fs_Rec.SYS", Path: drivers + "Fs_Rec.SYS", Base: fs, PE: f.fsRec("good"),
		Pages: map[int]Page{0: {State: PageFile, Slot: 0x1234}}}}
	for _, d := range []struct {
		name, variant string
		header        State
	}{
		{"Null.SYS", "ts1", PrototypeFile},
		{"fdc.sys", "samets", Transition},
		{"Beep.SYS", "bigger", PrototypeValid},
		{"kbdclass.sys", "nodebug", DemandZero},
		{"mouclass.sys", "private", NotInDump},
		{"rasl2tp.sys", "good", PrototypeTransition},
		{"raspppoe.sys", "good", PrototypePageFile},
		{"ptilink.sys", "good", NotMapped},
	} {
		list = append(list, Module{Name: d.name, Path: drivers + d.name, Base: base, PE: f.fsRec(d.variant),
			Pages: map[int]Page{0: {State: d.header}}})
		base += step
	}
	return append(list, Module{Name: "wide.sys", Path: drivers + "wide.sys", Base: base, PE: f.get("wide/" + f.dir + "/wide.sys"), Pages: mixed()})
}

// mixed gives the first forty pages states in turn, the header's being file
// backed; every fourth page is resident.
func mixed() map[int]Page {
	turn := []State{PrototypeFile, PageFile, Transition, Resident, PrototypeValid, NotInDump, NotMapped, Resident,
		PrototypePageFile, DemandZero, PrototypeTransition, Resident}
	pages := map[int]Page{}
	for n := range 40 {
		pages[n] = Page{State: turn[n%len(turn)]}
		if s := turn[n%len(turn)]; s == PageFile || s == PrototypePageFile {
			pages[n] = Page{State: s, PageFile: n % 3, Slot: 0x5000 + uint32(n)}
		}
	}
	return pages
}

// processes are System, an explorer and a notepad; both user processes have
// their PEB in the pagefile and the pages of a dialog's DLL not read in yet.
func (f *files) processes(peb, notepad, dll uint64, dllFile string) []Process {
	page := func(va uint64) uint64 { return va / pageSize }
	frame := VAD{Start: page(dll), End: page(dll) + 0x1d, File: dllFile, Protection: 7}
	image := func(base uint64, file string) VAD {
		return VAD{Start: page(base), End: page(base) + 0x31, File: file, Protection: 7,
			Pages: map[int]Page{0: {State: PageFile, Slot: 0x78}, 1: {State: Resident}}, Data: append(make([]byte, pageSize), "second page"...)}
	}
	shared := VAD{Start: 0x7ffe0, End: 0x7ffe0, Protection: 1}
	heap := VAD{Start: 0x150, End: 0x24f, Protection: 4}
	stack := VAD{Start: 0x30, End: 0x6f, Protection: 4}
	away := Page{State: PageFile, Slot: 0x77}
	return []Process{
		f.system(),
		{Name: "explorer.exe", PID: 0xb50, PEB: peb, PEBPage: away,
			VADs: []VAD{shared, heap, stack, image(notepad+0x1000000, `\Windows\explorer.exe`), frame}},
		{Name: "notepad.exe", PID: 0xc24, PEB: peb, PEBPage: away,
			VADs: []VAD{shared, heap, stack, image(notepad, `\Windows\System32\notepad.exe`), frame}},
	}
}
