package dumpbuild

// Where Microsoft's page about paged-out PEBs, which is of an Itanium, has what.
const (
	explorerIA64 = 0xe000012601ba0af0 // the EPROCESS
	vadRootIA64  = 0xe000012601a35e70
	vadsIA64     = 201
	pebIA64      = 0x6fbfffde000
	tebIA64      = 0x6fbfffdc000
)

// SeedIA64 is a dump of an Itanium with what Microsoft's page about paged-out
// PEBs shows, at its addresses: explorer.exe, whose PEB is in the pagefile, with
// 201 VADs, of which the four that the page prints are at the levels it prints.
// Drivers have their headers in every place. typ is Full or Bitmap.
func SeedIA64(read Reader, typ uint32) (Spec, error) {
	f := files{read: read, dir: "ia64"}
	drivers := `\SystemRoot\System32\Drivers\`
	s := Spec{Machine: IA64, Build: build7, Type: typ, KernelPDB: f.kernelPDB(), Modules: []Module{
		{Name: "ntoskrnl.exe", Path: `\SystemRoot\system32\ntoskrnl.exe`, Base: 0xe000000083000000, PE: f.get("nt/ia64/ntoskrnl.exe")},
		{Name: "Fs_Rec.SYS", Path: drivers + "Fs_Rec.SYS", Base: 0xe000000701200000, PE: f.fsRec("good"), Pages: map[int]Page{0: {State: PageFile, Slot: 0x1234}}},
	}}
	for i, d := range []struct {
		name   string
		header State
	}{{"Null.SYS", Transition}, {"Beep.SYS", PrototypeValid}, {"fdc.sys", PrototypeFile}, {"kbdclass.sys", DemandZero}, {"mouclass.sys", NotInDump},
		{"rasl2tp.sys", PrototypeTransition}, {"raspppoe.sys", PrototypePageFile}, {"ptilink.sys", NotMapped}, {"cdrom.sys", Resident}} {
		s.Modules = append(s.Modules, Module{Name: d.name, Path: drivers + d.name, Base: 0xe000000701230000 + uint64(i)*0x20000, PE: f.fsRec("good"),
			Pages: map[int]Page{0: {State: d.header}}})
	}
	s.Unloaded = []Unloaded{{"imapi.sys", 0xe000000702000000, 0xe000000702008000, created}}
	s.Processes = []Process{
		{Name: "System", PID: systemPID, Threads: []Thread{{TID: 8}}},
		{Name: "explorer.exe", At: explorerIA64, Root: 0x79e8000 >> 13, PID: 0xb50, Parent: 0xefc, Session: 2, PEB: pebIA64, PEBPage: Page{State: PageFile},
			VADs: f.vadsIA64(), Threads: []Thread{{TID: 0xb54, TEB: tebIA64, Start: 0x4aaa9b00, Running: true}}},
	}
	return s, f.err
}

// vadsIA64 are the page's four descriptors among others of private memory.
func (f *files) vadsIA64() []VAD {
	const system32 = `\Windows\System32\`
	frame := f.image(0x6fb37a60000, system32+"ExplorerFrame.dll", "ExplorerFrame.dll", Page{State: PrototypeFile})
	frame.At, frame.Pages[2] = 0xe000012601be1080, Page{State: PrototypeFile} // with it the name of the PDB is out
	four := []VAD{
		{Start: 0x3fff0, End: 0x3fff7, At: 0xe0000126019f9790, Protection: 1, Commit: 1<<51 - 1},
		frame,
		{Start: 0x37d9bec0, End: 0x37d9bece, At: 0xe000012600acd970, Protection: 7, Commit: 2, File: system32 + "DUser.dll"},
		{Start: 0x37d9c910, End: 0x37d9c924, At: 0xe000012601a5cba0, Protection: 7, Commit: 2, File: system32 + "UIAutomationCore.dll"},
	}
	below := placeIn(vadsIA64, []int{6, 7, 5, 7})
	private := func(start, end, commit uint64) VAD { return VAD{Start: start, End: end, Protection: 4, Commit: commit} }
	var list []VAD
	for i := range uint64(below - 1) {
		list = append(list, private(0x10+0x20*i, 0x1f+0x20*i, 4))
	}
	list = append(list, VAD{Start: 0x25540, End: 0x2569f, Protection: 7, Commit: 2, File: `\Windows\explorer.exe`})
	list = append(list, four...)
	for i := uint64(0); len(list) < vadsIA64-2; i++ {
		list = append(list, private(0x37da0000+0x40*i, 0x37da000f+0x40*i, 4))
	}
	list = append(list, private(tebIA64>>13, tebIA64>>13, 1), private(pebIA64>>13, pebIA64>>13, 1))
	list[len(list)/2].At = vadRootIA64
	return list
}

// placeIn returns where in a tree of total nodes, halved at each, nodes that
// follow each other have the levels given.
func placeIn(total int, levels []int) int {
	all := make([]int, total)
	var halve func(from, to, level int)
	halve = func(from, to, level int) {
		if from < to {
			mid := from + (to-from)/2
			all[mid] = level
			halve(from, mid, level+1)
			halve(mid+1, to, level+1)
		}
	}
	halve(0, total, 0)
	for i := 60; i+len(levels) <= total; i++ {
		same := true
		for k, level := range levels {
			same = same && all[i+k] == level
		}
		if same {
			return i
		}
	}
	return 0
}
