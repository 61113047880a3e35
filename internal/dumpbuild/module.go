package dumpbuild

import "strings"

const kldr = "KLDR_DATA_TABLE_ENTRY"

// module maps a module and writes its loader entry.
func (b *builder) module(m *Module) {
	if b.err != nil {
		return
	}
	img, err := b.load(m)
	if err != nil {
		b.fail(err)
		return
	}
	path := m.Path
	if path == "" {
		path = `\SystemRoot\System32\DRIVERS\` + m.Name
	}
	f := ModuleFacts{Name: m.Name, Path: path, Base: m.Base, Size: b.entrySize(img), SizeOfImage: img.size,
		CheckSum: img.check, Stamp: img.stamp, EntryHasTime: b.has(kldr, "TimeDateStamp"), Memory: img.flat}
	switch {
	case len(m.Sessions) > 0:
		b.inSession = append(b.inSession, sessionImage{len(b.facts.Modules), img})
	case m.Large:
		f.Pages = b.placeLarge(m, img)
	default:
		f.Pages = b.placeModule(m, img, path)
	}
	b.aloneIf(m.EntryOut, &b.nonPaged, func() { f.Entry = b.make(&b.nonPaged, "MmLd", kldr).at })
	b.aloneIf(m.NamesOut, &b.paged, func() {
		b.record(kldr, f.Entry).name(&b.paged, "MmLd", "FullDllName", path).name(&b.paged, "MmLd", "BaseDllName", m.Name)
	})
	b.entry(f, img)
	b.facts.Modules = append(b.facts.Modules, f)
}

// entrySize is the size a loader entry has: Windows 10 rounds it up to pages
// and keeps the linker's beside.
func (b *builder) entrySize(img *image) uint64 {
	if b.has(kldr, "SizeOfImageNotRounded") {
		return uint64(len(img.flat))
	}
	return uint64(img.size)
}

// load lays a module out and checks what it says of itself.
func (b *builder) load(m *Module) (*image, error) {
	if m.Base%b.mem.page() != 0 {
		b.failf("%s is based at %x", m.Name, m.Base)
	}
	img, err := loadImage(m.PE, b.spec.Machine, m.Base)
	if err != nil {
		return nil, err
	}
	for n := range m.Pages {
		if n < 0 || n >= img.pages() {
			b.failf("%s has no page %d", m.Name, n)
		}
	}
	if kernel := &b.spec.Modules[0]; m != kernel {
		err = img.bind(kernel.Base + b.mem.page())
	}
	for rva, bytes := range m.Patches {
		if uint64(rva)+uint64(len(bytes)) > uint64(len(img.flat)) {
			b.failf("a patch of %s at %x is outside the image", m.Name, rva)
			continue
		}
		copy(img.flat[rva:], bytes)
	}
	return img, err
}

// entry writes the KLDR_DATA_TABLE_ENTRY but for its links and names.
func (b *builder) entry(f ModuleFacts, img *image) {
	r := b.record(kldr, f.Entry).set("DllBase", f.Base).set("EntryPoint", f.Base+uint64(img.entry)).set("SizeOfImage", f.Size).
		set("Flags", 0x09004000).set("LoadCount", 1).set("CheckSum", uint64(f.CheckSum))
	// Where XP keeps its imports other structures keep a stamp: no reader
	// should take the one for the other.
	r.may("LoadedImports", b.lay.pagedPool+0x2468)
	r.may("SizeOfImageNotRounded", uint64(f.SizeOfImage)).may("TimeDateStamp", uint64(f.Stamp))
}

func (b *builder) linkModules() {
	var links []uint64
	for _, m := range b.facts.Modules {
		links = append(links, m.Entry)
	}
	b.link(b.facts.PsLoadedModuleList, links)
}

// placeLarge maps a module under large pages; pages that are not in the dump
// have frames like the others, which the dump does not hold.
func (b *builder) placeLarge(m *Module, img *image) (facts []PageFacts) {
	large := b.mem.largeSize()
	first := m.Base &^ (large - 1)
	for va := first; va < m.Base+uint64(len(img.flat)) && b.err == nil; va += large {
		b.fail(b.mem.mapLarge(b.root, va, b.lay.kernelFrames<<12+va-first))
	}
	for n := range len(img.flat) / pageSize {
		p := PageFacts{Addr: m.Base + uint64(n)*pageSize, State: m.Pages[n].State}
		p.Frame = b.lay.kernelFrames + (p.Addr-first)/pageSize
		switch p.State {
		case Resident:
			if b.mem.frames[p.Frame] != nil {
				b.failf("%s is under a second set of large pages", m.Name)
			}
			b.mem.frames[p.Frame] = append([]byte(nil), img.flat[n*pageSize:][:pageSize]...)
		case NotInDump:
		default:
			b.failf("page %d of %s cannot be in state %d under a large page", n, m.Name, p.State)
		}
		facts = append(facts, p)
	}
	return facts
}

// placeModule maps a module under ordinary pages.
func (b *builder) placeModule(m *Module, img *image, path string) (facts []PageFacts) {
	file := m.File
	if file == "" {
		file = strings.Replace(path, `\SystemRoot`, `\WINDOWS`, 1)
	}
	pl := placer{b: b, root: b.root, base: m.Base, pages: img.pages(), file: file, image: img}
	for n := range pl.pages {
		facts = append(facts, pl.place(n, m.Pages[n], img.pageAt(n)))
	}
	return facts
}
