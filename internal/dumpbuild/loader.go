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
	u := userLayoutOf(pointer)
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
	pl := placer{b: b, root: root, base: l.Heap, pages: len(pages)}
	for i, page := range pages {
		pl.place(i, l.Pages[i], page)
	}
	peb = make([]byte, pageSize)
	if len(list) > 0 {
		putN(peb[u.image:][:pointer], list[0].base)
	}
	putN(peb[u.ldr:][:pointer], l.Heap)
	return peb
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
