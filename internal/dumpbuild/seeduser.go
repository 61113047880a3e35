package dumpbuild

import "fmt"

// SeedUser is a dump of Windows 10 2004 on x64 for user modules, with the
// addresses of Microsoft's page about paged-out PEBs. explorer.exe and
// notepad.exe, in session 1, have their PEB in the pagefile, notepad.exe its
// image header too; the headers of explorer.exe and ExplorerFrame.dll are in
// their files only. calc.exe, in session 2, has everything its loader keeps,
// cmd.exe two entries of its list in the pagefile. win32k.sys is of both
// sessions, ati2draa.dll of the second alone. typ is Full or Bitmap.
func SeedUser(read Reader, typ uint32) (Spec, error) {
	f := files{read: read, dir: "x64"}
	const notepad, frame, peb, drivers = 0x7f78e9e0000, 0x7fb37a60000, 0x7f7ffffe000, `\SystemRoot\System32\`
	s := Spec{Machine: X64, Build: build2004, Type: typ, KernelPDB: f.kernelPDB(), Modules: []Module{
		f.kernel(0xfffff80002c00000),
		{Name: "Fs_Rec.SYS", Path: drivers + `DRIVERS\Fs_Rec.SYS`, Base: 0xfffff80003a00000, PE: f.fsRec("good"),
			Pages: map[int]Page{0: {State: PageFile}}},
		{Name: "win32k.sys", Path: drivers + "win32k.sys", Base: 0xfffff96000000000, PE: f.fsRec("private"), Sessions: []uint32{1, 2}},
		{Name: "ati2draa.dll", Path: drivers + "ati2draa.dll", Base: 0xfffff960c0000000, PE: f.fsRec("ts1"), Sessions: []uint32{2}},
	}}
	away, inFile := Page{State: PageFile}, Page{State: PrototypeFile}
	program := func(base uint64, file string, header Page) VAD {
		return f.image(base, file, "notepad.exe", header)
	}
	browser := f.image(frame, `\Windows\System32\ExplorerFrame.dll`, "ExplorerFrame.dll", Page{State: NotMapped})
	loader := func(out ...int) *Loader {
		l := &Loader{Heap: 0x20000000000, Pages: map[int]Page{}}
		for _, n := range out {
			l.Pages[n] = away
		}
		return l
	}
	s.Unloaded = []Unloaded{{"kbdclass.sys", 0xfffff80005000000, 0xfffff80005008000, 0x01c04395a2a3e800},
		{"dump_storport.sys", 0xfffff80005100000, 0xfffff8000510c000, 0x01c04395b2a3e800}}
	rest := []VAD{{Start: 0x7ffe0, End: 0x7ffe0, Protection: 1, Commit: 1<<31 - 1}, {Start: 0x150, End: 0x24f, Protection: 4, Commit: 0x33},
		{Start: 0x30, End: 0x6f, Protection: 4, Commit: 5}}
	with := func(v ...VAD) []VAD { return append(v, rest...) }
	s.Processes = []Process{
		f.system(),
		{Name: "explorer.exe", PID: 0xb50, Parent: 0xefc, Session: 1, PEB: peb, PEBPage: away,
			VADs: with(program(notepad+0x1000000, `\Windows\explorer.exe`, inFile), browser)},
		{Name: "notepad.exe", PID: 0xc24, Parent: 0xb50, Session: 1, PEB: peb, PEBPage: away,
			VADs: with(program(notepad, `\Windows\System32\notepad.exe`, away), browser)},
		{Name: "calc.exe", PID: 0xd10, Parent: 0xb50, Session: 2, PEB: peb, Loader: loader(),
			VADs: with(program(notepad+0x2000000, `\Windows\System32\calc.exe`, Page{}), browser)},
		{Name: "cmd.exe", PID: 0xd44, Parent: 0xb50, Session: 2, PEB: peb, Loader: loader(3, 5),
			VADs: with(program(notepad+0x3000000, `\Windows\System32\cmd.exe`, Page{}), browser,
				program(frame+0x1000000, `\Windows\System32\one.dll`, Page{}), program(frame+0x2000000, `\Windows\System32\two.dll`, Page{}))},
	}
	return s, f.err
}

// image is a VAD that maps a file of testdata/user: code and constants are in
// memory, the rest was never touched.
func (f *files) image(base uint64, file, pe string, header Page) VAD {
	v := VAD{File: file, PE: f.get("user/" + f.dir + "/" + pe), Protection: 7, Commit: 2, Pages: map[int]Page{0: header}}
	img, err := parseImage(v.PE)
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return v
	}
	v.Start = base / img.page
	v.End = v.Start + uint64(img.size)/img.page - 1
	for n := 4; n < int(uint64(img.size)/img.page); n++ {
		v.Pages[n] = Page{State: NotMapped}
	}
	return v
}

// pagedOut are System and two processes whose PEB is in the pagefile, with a
// DLL mapped of which only the code is in memory; one has its image header
// in the pagefile too. A thread of the first one was running.
func (f *files) pagedOut(u userPlaces) []Process {
	away, inFile := Page{State: PageFile}, Page{State: PrototypeFile}
	browser := f.image(u.dll, `\Windows\System32\ExplorerFrame.dll`, "ExplorerFrame.dll", inFile)
	rest := []VAD{{Start: u.stack/pageSize - 0xf, End: u.stack / pageSize, Protection: 4, Commit: 2}, {Start: u.teb / pageSize, End: u.peb / pageSize, Protection: 4, Commit: 2}}
	return []Process{
		{Name: "System", PID: systemPID, Threads: []Thread{{TID: 8, Calls: f.calls(f.startup(), "PspSystemThreadStartup")}}},
		{Name: "explorer.exe", PID: 0xb50, Parent: 0xefc, PEB: u.peb, PEBPage: away, Threads: []Thread{f.running(u, 0xb54)},
			VADs: append([]VAD{f.image(u.program, `\Windows\explorer.exe`, "notepad.exe", inFile), browser}, rest...)},
		{Name: "notepad.exe", PID: 0xc24, Parent: 0xb50, PEB: u.peb, PEBPage: away, Threads: []Thread{f.waiting(u, 0xc28, f.fault())},
			VADs: append([]VAD{f.image(u.program, `\Windows\System32\notepad.exe`, "notepad.exe", away), browser}, rest...)},
	}
}

// Eras lists the machines and builds that [SeedEra] knows.
func Eras() []Spec {
	var list []Spec
	for _, build := range []uint32{buildXP, build2003, build7, build8, buildWindows10} {
		list = append(list, Spec{Machine: X86, Build: build})
	}
	for _, build := range []uint32{build2003, build7, build8, build81, build1803, build2004, 22621, build26H1} {
		list = append(list, Spec{Machine: X64, Build: build})
	}
	return list
}

// eraKernel is the folder of testdata with the kernel of an era.
func eraKernel(machine uint16, build uint32) string {
	if machine == X86 && build == buildXP || machine == X64 && build == build2004 {
		return "nt/" + machineName(machine) + "/"
	}
	return fmt.Sprintf("nt/%s-%d/", machineName(machine), build)
}

// SeedEra is a bitmap dump of one of the [Eras], for what changed with them:
// one process, in session 3, with VADs of every kind and its PEB in the
// pagefile. Where the era can, page numbers need more than 32 bits.
func SeedEra(read Reader, machine uint16, build uint32) (Spec, error) {
	f := files{read: read, dir: machineName(machine)}
	dir, base, user := eraKernel(machine, build), uint64(0x804d7000), uint64(0x75000)
	if machine == X64 {
		base, user = 0xfffff80002c00000, 0x75000000
	}
	s := Spec{Machine: machine, Build: build, Type: Bitmap, KernelPDB: f.get(dir + "ntkrnlmp.pdb"), Modules: []Module{
		{Name: "ntoskrnl.exe", Path: `\SystemRoot\system32\ntoskrnl.exe`, Base: base, PE: f.get(dir + "ntoskrnl.exe")},
	}}
	vads := []VAD{
		{Start: 0x10, End: 0x1f, Protection: 4, Commit: 16},
		{Start: 0x30, End: 0x30, Protection: 1, File: `\Windows\System32\locale.nls`},
		{Start: 0x7ffe0, End: 0x7ffe0, Protection: 1},
		{Start: user, End: user + 0x31, Protection: 7, Commit: 3, File: `\Windows\System32\notepad.exe`},
		{Start: user + 0x100, End: user + 0x11d, Protection: 7, Commit: 2, File: `\Windows\System32\ExplorerFrame.dll`},
		{Start: user + 0x200, End: user + 0x203, Protection: 7, Commit: 1, File: `\Windows\System32\nameless.dll`, NameOut: true},
		{Start: user + 0x300, End: user + 0x301, Protection: 0x18},
		{Start: user + 0x400, End: user + 0x400, Protection: 0x14, Commit: 1},
	}
	if machine == X64 && build >= build81 { // before, user memory ended at 8 TB
		vads = append(vads, VAD{Start: 0x6ffffffff, End: 0x700000003, Protection: 7, File: `\Windows\System32\carry.dll`},
			VAD{Start: 0x7ffdc7590, End: 0x7ffdc7787, Protection: 7, Commit: 16, File: `\Windows\System32\ntdll.dll`})
	}
	s.Processes = []Process{f.system(), {Name: "explorer.exe", PID: 0xb50, Parent: 0xefc, Session: 3,
		PEB: 0x7ffdf000, PEBPage: Page{State: PageFile}, VADs: vads}}
	return s, f.err
}
