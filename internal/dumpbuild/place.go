package dumpbuild

// placer puts the pages of one range where their states say. The structures
// of the mapped file are made when the first page needs them.
type placer struct {
	b      *builder
	root   uint64
	base   uint64
	pages  int
	file   string
	image  *image // nil: one subsection, file offset = page
	mapped *mapped
}

// place puts page n, with these contents if it is in memory.
func (pl *placer) place(n int, p Page, content []byte) PageFacts {
	f := PageFacts{Addr: pl.base + uint64(n)*pl.b.mem.page(), State: p.State}
	if pl.b.err != nil {
		return f
	}
	switch p.State {
	case PrototypeFile, PrototypeValid, PrototypeTransition, PrototypePageFile:
		pl.prototype(n, p, content, &f)
	case NotMapped:
		return f
	default:
		f.PTE = pl.b.encode(p, content, &f)
	}
	if _, ok := pl.b.mem.direct(f.Addr); ok { // no table has it
		f.PTE = 0
		return f
	}
	if pl.b.err == nil {
		pl.b.fail(pl.b.mem.setPTE(pl.root, f.Addr, f.PTE))
	}
	return f
}

// prototype writes the prototype PTE of page n and the PTE that leads to it.
func (pl *placer) prototype(n int, p Page, content []byte, f *PageFacts) {
	b := pl.b
	if pl.mapped == nil {
		pl.mapped = b.mapFile(pl.file, pl.image, pl.base, pl.pages)
	}
	f.Prototype = pl.mapped.prototypes + uint64(n)*b.mem.entrySize()
	if p.State == PrototypeFile {
		b.fail(pl.mapped.filePTE)
		f.File = pl.file
		f.FileOffset = uint64(n) * b.mem.page()
		if pl.image != nil {
			var ok bool
			if f.FileOffset, ok = pl.image.fileOffset(n); !ok {
				b.failf("page %d of %s has no bytes in the file", n, pl.file)
			}
		}
	} else {
		plain := map[State]State{PrototypeValid: Resident, PrototypeTransition: Transition, PrototypePageFile: PageFile}[p.State]
		b.put(f.Prototype, b.encode(Page{plain, p.PageFile, p.Slot}, content, f), b.mem.entrySize())
	}
	pte, err := b.pte.prototype(f.Prototype)
	b.fail(err)
	f.PTE = pte
}

// encode returns the PTE of a page that no prototype PTE speaks for, and
// takes a frame for it if it needs one.
func (b *builder) encode(p Page, content []byte, f *PageFacts) uint64 {
	switch p.State {
	case Resident, Transition:
		f.Frame = b.frameFor(f.Addr)
		copy(b.mem.frames[f.Frame], content)
	case NotInDump:
		f.Frame = b.mem.allocLost()
	}
	switch p.State {
	case Resident, NotInDump:
		return f.Frame<<b.mem.shift | b.mem.flags(f.Addr)
	case Transition:
		return b.pte.transition(f.Frame)
	case DemandZero:
		return b.pte.demandZero()
	case PageFile:
		if p.Slot == 0 {
			p.Slot = b.freeSlot(p.PageFile)
		}
		pte, err := b.pte.pageFile(p.PageFile, p.Slot)
		b.fail(err)
		f.PageFile, f.Offset = p.PageFile, uint64(p.Slot)*b.mem.page()
		b.swap(f.PageFile, f.Offset, content)
		return pte
	}
	b.failf("page %x in state %d", f.Addr, p.State)
	return 0
}

// frameFor takes a frame for a page.
func (b *builder) frameFor(va uint64) uint64 {
	f, ok := b.mem.direct(va)
	if !ok {
		return b.mem.alloc()
	}
	if b.mem.frames[f] != nil {
		b.failf("page %x is in use twice", va)
	}
	b.mem.frames[f] = make([]byte, b.mem.page())
	return f
}

// mapped are the structures of a mapped file.
type mapped struct {
	controlArea, subsection, prototypes uint64
	base                                uint64 // of the image in memory
	filePTE                             error  // why this kernel's PTEs cannot lead to the file
}

// part is a run of pages of a file: a subsection.
type part struct {
	first, pages int
	offset, size uint64 // bytes in the file
}

// parts returns the subsections the memory manager makes of an image: one
// each for the headers and the sections, one in all for low alignment.
func parts(img *image, pages int, page uint64) []part {
	if img == nil || img.lowAlign() {
		return []part{{0, pages, 0, uint64(pages) * page}}
	}
	list := []part{{0, 1, 0, uint64(img.headers)}}
	for _, s := range img.sections {
		n := int(roundUp(max(uint64(s.VirtualSize), 1), page) / page)
		list = append(list, part{int(uint64(s.VirtualAddress) / page), n, uint64(s.Offset), uint64(s.Size)})
	}
	return list
}

// mapFile writes the file object, control area, segment, subsections and
// prototype PTEs of a file. Every prototype PTE says at first that its page is
// still in the file only. Subsections stand behind their control area, where
// debuggers look for them.
func (b *builder) mapFile(name string, img *image, base uint64, pages int) *mapped {
	list, size := parts(img, pages, b.mem.page()), b.sizeOf("SUBSECTION")
	m := &mapped{base: base, prototypes: b.alloc(&b.paged, "MmSt", uint64(pages)*b.mem.entrySize())}
	m.controlArea = b.alloc(&b.nonPaged, "MmCi", b.sizeOf("CONTROL_AREA")+size*uint64(len(list)))
	m.subsection = m.controlArea + b.sizeOf("CONTROL_AREA")
	file := b.object(&b.nonPaged, "File", "FILE_OBJECT").set("Type", 5).set("Size", b.sizeOf("FILE_OBJECT")).name(&b.paged, "IoNm", "FileName", name)
	b.area(m, file.at, img, len(list), pages)
	for i, p := range list {
		at := m.subsection + uint64(i)*size
		r := b.record("SUBSECTION", at).set("ControlArea", m.controlArea).set("StartingSector", p.offset/512).set("NumberOfFullSectors", p.size/512).
			set("PtesInSubsection", uint64(p.pages)).may("u.SubsectionFlags.Protection", protectionOf(img))
		if i+1 < len(list) {
			r.set("NextSubsection", at+size)
		}
		b.prototypes(m, r, p)
	}
	return m
}

// protectionOf is that of the pages of a mapping.
func protectionOf(img *image) uint64 {
	if img == nil {
		return 1
	}
	return 7
}

// area writes the control area and the segment of a file.
func (b *builder) area(m *mapped, file uint64, img *image, subsections, pages int) {
	r := b.record("CONTROL_AREA", m.controlArea).may("NumberOfSectionReferences", 1).may("NumberOfMappedViews", 1).
		may("NumberOfUserReferences", 1).may("NumberOfSubsections", uint64(subsections)).may("u.Flags.File", 1)
	if img != nil {
		r.may("u.Flags.Image", 1)
	}
	if b.has("SEGMENT", "ControlArea") {
		s := b.make(&b.paged, "MmSt", "SEGMENT").set("ControlArea", m.controlArea).set("TotalNumberOfPtes", uint64(pages)).
			may("SizeOfSegment", uint64(pages)*b.mem.page()).may("PrototypePte", m.prototypes).may("BasedAddress", m.base)
		r.set("Segment", s.at)
	}
	if refs, ok := b.field("CONTROL_AREA", "FilePointer.RefCnt"); ok { // low bits that count references
		file |= 1<<refs.Bits - 1
	}
	b.putPtr(r.addr("FilePointer"), file)
}

// prototypes writes the prototype PTEs of a subsection.
func (b *builder) prototypes(m *mapped, subsection record, p part) {
	first := m.prototypes + uint64(p.first)*b.mem.entrySize()
	subsection.set("SubsectionBase", first)
	pte, err := b.pte.subsection(subsection.at)
	if err != nil {
		pte, m.filePTE = b.pte.demandZero(), err
	}
	for n := range uint64(p.pages) {
		b.put(first+n*b.mem.entrySize(), pte, b.mem.entrySize())
	}
}
