package dumpbuild

import (
	"fmt"
	"strings"
)

// Kds lists the targets that [SeedKd] knows: Windows XP on x86 without and with
// PAE, Windows 7 and 10 on x64, Windows 7 on IA-64, and every dump of the other functions here, those
// of [SeedEra] as "era-x86-2600".
func Kds() []string {
	list := []string{"xp", "xp-pae", "w7", "w10", "ia64", "demo", "seed32", "pae", "seed64", "la57", "user", "triage",
		"seed32-bitmap", "pae-bitmap", "seed64-bitmap", "user-bitmap", "ia64-bitmap"}
	for _, e := range Eras() {
		list = append(list, fmt.Sprintf("era-%s-%d", machineName(e.Machine), e.Build))
	}
	return list
}

// machineName is what the folders of testdata call a machine.
func machineName(machine uint16) string {
	return map[uint16]string{X86: "x86", X64: "x64", IA64: "ia64"}[machine]
}

// KdSymbols are the folders of testdata with the PDBs and images of a target of
// [Kds], the kernel's first.
func KdSymbols(name string) []string {
	name = strings.TrimSuffix(name, "-bitmap")
	switch name {
	case "w7":
		return []string{"nt/x64-7601", "fs_rec/x64/good", "user/x64"}
	case "w10", "seed64", "la57", "user", "triage":
		return []string{"nt/x64", "fs_rec/x64/good", "user/x64"}
	case "ia64":
		return []string{"nt/ia64", "fs_rec/ia64/good", "user/ia64"}
	case "xp-pae", "pae":
		return []string{"nt/x86-pae", "fs_rec/x86/good", "user/x86", "wide/x86"}
	}
	for _, e := range Eras() {
		if name == fmt.Sprintf("era-%s-%d", machineName(e.Machine), e.Build) {
			return []string{strings.TrimSuffix(eraKernel(e.Machine, e.Build), "/")}
		}
	}
	return []string{"nt/x86", "fs_rec/x86/good", "user/x86", "wide/x86"}
}

// seeds are the functions that make dumps of one type or another.
func seeds() map[string]func(Reader, uint32) (Spec, error) {
	return map[string]func(Reader, uint32) (Spec, error){"seed32": Seed32, "pae": SeedPAE, "seed64": Seed64, "la57": SeedLA57, "user": SeedUser, "ia64": SeedIA64}
}

// SeedKd is the dump of a name of [Kds]. Those of the first four names are full
// dumps with everything Microsoft's kd asks for. Fs_Rec.SYS has
// its header in the pagefile, Null.SYS in transition, fdc.sys in its file,
// Beep.SYS in memory. explorer.exe, which was running, and notepad.exe have
// their PEBs in the pagefile; calc.exe has all its loader keeps. Threads wait
// in a system call, in a page fault and in the kernel. Those of [SeedEra] are
// full, as this kd reads no bitmaps.
func SeedKd(read Reader, name string) (Spec, error) {
	plain, isBitmap := strings.CutSuffix(name, "-bitmap")
	if seed := seeds()[plain]; seed != nil {
		return seed(read, map[bool]uint32{false: Full, true: Bitmap}[isBitmap])
	}
	switch name {
	case "demo":
		return Demo(read)
	case "triage":
		s, err := Seed64(read, Triage)
		s.Unloaded = []Unloaded{{"imapi.sys", 0xfffff80006000000, 0xfffff80006006000, created}, {"dump_storport.sys", 0xfffff80006100000, 0xfffff80006103000, created}}
		return s, err
	}
	for _, e := range Eras() {
		if name == fmt.Sprintf("era-%s-%d", machineName(e.Machine), e.Build) {
			s, err := SeedEra(read, e.Machine, e.Build)
			s.Type = Full
			return s, err
		}
	}
	f := files{read: read, dir: "x86"}
	s := Spec{Machine: X86, Build: buildXP, Type: Full, PAE: name == "xp-pae"}
	base, fs, driver := uint64(0x804d7000), uint64(0xfe0c8000), uint64(0xf8400000)
	u := userPlaces{peb: 0x7ffde000, teb: 0x7ffdd000, stack: 0x7f000, program: 0x01000000, dll: 0x75f80000, heap: 0x150000}
	if name == "w7" || name == "w10" {
		s = Spec{Machine: X64, Build: map[string]uint32{"w7": build7, "w10": build2004}[name], Type: Full}
		f.dir, base, fs, driver = "x64", 0xfffff80002a00000, 0xfffff88001200000, 0xfffff88004000000
		u = userPlaces{peb: 0x7fffffde000, teb: 0x7fffffdc000, stack: 0x17f000, program: 0x7f78e9e0000, dll: 0x6fb37a60000, heap: 0x250000}
	}
	dir := KdSymbols(name)[0] + "/"
	s.KernelPDB = f.get(dir + "ntkrnlmp.pdb")
	drivers := `\SystemRoot\System32\Drivers\`
	s.Modules = []Module{
		{Name: "ntoskrnl.exe", Path: `\SystemRoot\system32\ntoskrnl.exe`, Base: base, PE: f.get(dir + "ntoskrnl.exe")},
		{Name: "Fs_Rec.SYS", Path: drivers + "Fs_Rec.SYS", Base: fs, PE: f.fsRec("good"), Pages: map[int]Page{0: {State: PageFile, Slot: 0x1234}}},
	}
	for i, d := range []struct {
		name   string
		header State
	}{{"Null.SYS", Transition}, {"fdc.sys", PrototypeFile}, {"Beep.SYS", Resident}} {
		s.Modules = append(s.Modules, Module{Name: d.name, Path: drivers + d.name, Base: driver + uint64(i)*0x10000, PE: f.fsRec("nodebug"),
			Pages: map[int]Page{0: {State: d.header}}})
	}
	s.Unloaded = []Unloaded{{"imapi.sys", driver + 0x100000, driver + 0x106000, created}, {"Cdaudio.SYS", driver + 0x200000, driver + 0x203000, created}}
	s.Processes = f.kdProcesses(u)
	return s, f.err
}

// userPlaces are where processes have what.
type userPlaces struct{ peb, teb, stack, program, dll, heap uint64 }

func (f *files) kdProcesses(u userPlaces) []Process {
	away, inFile := Page{State: PageFile}, Page{State: PrototypeFile}
	page := func(va uint64) uint64 { return va / pageSize }
	browser := f.image(u.dll, `\Windows\System32\ExplorerFrame.dll`, "ExplorerFrame.dll", inFile)
	private := func(from, to uint64, commit uint64) VAD {
		return VAD{Start: page(from), End: page(to), Protection: 4, Commit: commit}
	}
	common := []VAD{private(0x10000, 0x10000, 1), private(u.stack-0xf000, u.stack, 1), private(u.peb, u.peb, 1), private(u.teb, u.teb, 1),
		{Start: 0x300, End: 0x305, Protection: 1, File: `\Windows\System32\locale.nls`, Mapped: true}}
	with := func(list ...VAD) []VAD { return append(list, common...) }
	program := func(file string, header Page) VAD { return f.image(u.program, file, "notepad.exe", header) }
	return []Process{
		{Name: "System", PID: systemPID, Threads: []Thread{{TID: 8, Calls: f.calls(f.startup(), "PspSystemThreadStartup")}}},
		{Name: "explorer.exe", PID: 0xb50, Parent: 0xefc, Session: 1, PEB: u.peb, PEBPage: away,
			VADs: with(program(`\Windows\explorer.exe`, inFile), browser), Threads: []Thread{f.running(u, 0xb54), f.waiting(u, 0xb58, f.fault())}},
		{Name: "notepad.exe", PID: 0x7d0, Parent: 0xb50, Session: 1, PEB: u.peb, PEBPage: away,
			VADs: with(program(`\Windows\System32\notepad.exe`, away), browser), Threads: []Thread{f.waiting(u, 0x7d4, f.call())}},
		{Name: "calc.exe", PID: 0x8d0, Parent: 0xb50, Session: 1, PEB: u.peb, Loader: &Loader{Heap: u.heap},
			VADs: with(program(`\Windows\System32\calc.exe`, Page{}), browser, private(u.heap, u.heap+0xf000, 4)), Threads: []Thread{f.waiting(u, 0x8d4, f.call())}},
	}
}

// calls are functions of the kernel up to where a thread waits.
func (f *files) calls(names ...string) (list []Call) {
	for _, n := range append(names, "KeWaitForSingleObject") {
		list = append(list, Call{Name: n})
	}
	if f.dir == "x86" {
		return append(list, Call{Name: "KiSwapThread"}, Call{Name: "KiSwapContext"})
	}
	return append(list, Call{Name: "KiCommitThreadWait"}, Call{Name: "KiSwapContext"})
}

// call is a system call that waits.
func (f *files) call() []Call {
	entry := map[string]string{"x86": "KiSystemService", "x64": "KiSystemServiceExit"}[f.dir]
	return f.calls(entry, "NtWaitForSingleObject")
}

// fault is a page fault that waits for the page.
func (f *files) fault() []Call {
	entry := map[string]string{"x86": "KiTrap0E", "x64": "KiPageFault"}[f.dir]
	return f.calls(entry, "MmAccessFault", "IopPageRead")
}

func (f *files) waiting(u userPlaces, tid uint64, calls []Call) Thread {
	return Thread{TID: tid, TEB: u.teb, Start: u.program + 0x1000, Calls: calls,
		User: &UserFrame{IP: u.program + 0x1034, SP: u.stack + 0x800, Returns: []uint64{u.program + 0x1064}}}
}

// running is the thread that was: in a system call, in which Fs_Rec.SYS stopped
// the system.
func (f *files) running(u userPlaces, tid uint64) Thread {
	t := f.waiting(u, tid, nil)
	names := []string{"KiFastCallEntry", "NtFsControlFile", "IopSynchronousServiceTail", "IofCallDriver"}
	driver := Call{Name: "Fs_Rec!FsRecDispatch+0x17", Module: "Fs_Rec.SYS", RVA: 0x1817}
	if f.dir == "x64" {
		names = []string{"KiSystemServiceCopyEnd", "NtFsControlFile", "IopXxxControlFile", "IopSynchronousServiceTail", "IofCallDriver"}
		driver = Call{Name: "Fs_Rec!FsRecDispatch+0xc", Module: "Fs_Rec.SYS", RVA: 0x500c}
	}
	for _, n := range names {
		t.Calls = append(t.Calls, Call{Name: n})
	}
	t.Calls = append(t.Calls, driver, Call{Name: "KeBugCheckEx"})
	t.Running = true
	return t
}

// startup is where threads of the system begin.
func (f *files) startup() string {
	return map[string]string{"x86": "KiThreadStartup", "x64": "KiStartSystemThread"}[f.dir]
}

// system is a System whose thread was running.
func (f *files) system() Process {
	t := Thread{TID: 8, Running: true, Calls: f.calls(f.startup(), "PspSystemThreadStartup")}
	t.Calls = append(t.Calls[:2], Call{Name: "KeWaitForSingleObject"})
	return Process{Name: "System", PID: systemPID, Threads: []Thread{t}}
}
