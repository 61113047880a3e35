package dumpbuild

import "unicode/utf16"

// userModule is an entry of a loader's lists.
type userModule struct {
	name, path string
	base, size uint64
	entry      uint32
	stamp      uint32
}

// loader lays out what the loader of a process keeps from heap on: a page for
// PEB_LDR_DATA, and for each module one for its entry and one for its names.
// It returns the page the PEB is on.
func (b *builder) loader(root, pointer uint64, l *Loader, list []userModule, f *ProcessFacts) (peb []byte) {
	u, pageSize := userLayoutOf(pointer), b.mem.page()
	if l.Empty {
		list = nil
	}
	pages := make([][]byte, 1+2*len(list))
	for i := range pages {
		pages[i] = make([]byte, pageSize)
	}
	at := func(addr uint64) []byte { return pages[(addr-l.Heap)/pageSize][addr%pageSize:] }
	entries := make([]uint64, len(list))
	for i, m := range list {
		entries[i] = l.Heap + uint64(1+2*i)*pageSize + 0x40
		e, names := at(entries[i]), entries[i]-0x40+pageSize
		putN(e[u.base:][:pointer], m.base)
		putN(e[u.entry:][:pointer], m.base+uint64(m.entry))
		putN(e[u.sizeOfImage:][:4], m.size)
		putN(e[u.hash:][:pointer], names) // links of a hash table stand where drivers have a checksum
		putN(e[u.hash+pointer:][:pointer], names+0x20)
		putN(e[u.stamp:][:4], uint64(m.stamp))
		u.text(e[u.path:], at(names), m.path, names)
		u.text(e[u.name:], at(names+0x800), m.name, names+0x800)
		f.Entries = append(f.Entries, entries[i])
	}
	for n := range uint64(3) {
		ring := []uint64{l.Heap + u.heads + 2*pointer*n}
		for _, e := range entries {
			ring = append(ring, e+2*pointer*n)
		}
		for i, link := range ring {
			putN(at(link)[:pointer], ring[(i+1)%len(ring)])
			putN(at(link)[pointer:][:pointer], ring[(i+len(ring)-1)%len(ring)])
		}
	}
	peb = make([]byte, pageSize)
	if pointer == b.lay.pointer && len(list) > 0 {
		b.parameters(l.Heap, pages[0], peb, list[0])
	}
	pl := placer{b: b, root: root, base: l.Heap, pages: len(pages)}
	for i, page := range pages {
		pl.place(i, l.Pages[i], page)
	}
	if len(list) > 0 {
		putN(peb[u.image:][:pointer], list[0].base)
	}
	putN(peb[u.ldr:][:pointer], l.Heap)
	return peb
}

// Where the first page of a loader's heap has the parameters of the process,
// and their texts.
const parametersAt, textsAt = 0x100, 0x800

// parameters completes the first page of the heap and the PEB with what only
// debuggers show: texts of the process and numbers of the system.
func (b *builder) parameters(heap uint64, page, peb []byte, image userModule) {
	if !b.has("RTL_USER_PROCESS_PARAMETERS", "CommandLine") {
		return
	}
	u, at := userLayoutOf(b.lay.pointer), uint64(textsAt)
	store(page, b, "PEB_LDR_DATA", 0, map[string]uint64{"Length": b.sizeOf("PEB_LDR_DATA"), "Initialized": 1})
	store(page, b, "RTL_USER_PROCESS_PARAMETERS", parametersAt, map[string]uint64{"MaximumLength": 0x1000, "Length": 0x1000, "Flags": 1}) // 1: texts have addresses
	for _, t := range []struct{ path, text string }{
		{"ImagePathName", image.path}, {"CommandLine", image.name + " readme.txt"}, {"WindowTitle", image.name}, {"DesktopInfo", `WinSta0\Default`},
		{"DllPath", `C:\WINDOWS\system32`}, {"CurrentDirectory.DosPath", `C:\`},
	} {
		u.text(page[parametersAt+b.off("RTL_USER_PROCESS_PARAMETERS", t.path):], page[at:], t.text, heap+at)
		at = roundUp(at+uint64(2*len(t.text)+2), 8)
	}
	version := b.version()
	store(peb, b, "PEB", 0, map[string]uint64{"ProcessParameters": heap + parametersAt, "ProcessHeap": heap, "NumberOfProcessors": 1,
		"OSMajorVersion": uint64(version[0]), "OSMinorVersion": uint64(version[1]), "OSBuildNumber": uint64(b.spec.Build), "OSPlatformId": 2})
}

// store sets those fields of a structure in page that the kernel's has.
func store(page []byte, b *builder, typ string, at uint64, values map[string]uint64) {
	for path, v := range values {
		if f, ok := b.field(typ, path); ok {
			putN(page[at+f.Offset:][:f.Size], v)
		}
	}
}

// text writes a string and the UNICODE_STRING that says where it is.
func (u userLayout) text(at, buf []byte, s string, addr uint64) {
	units := utf16.Encode([]rune(s))
	for i, c := range units {
		putN(buf[2*i:][:2], uint64(c))
	}
	putN(at[:2], uint64(2*len(units)))
	putN(at[2:4], uint64(2*len(units)+2))
	putN(at[u.pointer:][:u.pointer], addr)
}
