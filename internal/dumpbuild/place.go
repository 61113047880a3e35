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
	f := PageFacts{Addr: pl.base + uint64(n)*pageSize, State: p.State}
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
	if pl.b.err == nil {
		pl.b.fail(pl.b.mem.setPTE(pl.root, f.Addr, f.PTE))
	}
	return f
}

// prototype writes the prototype PTE of page n and the PTE that leads to it.
func (pl *placer) prototype(n int, p Page, content []byte, f *PageFacts) {
	b := pl.b
	if pl.mapped == nil {
		pl.mapped = b.mapFile(pl.file, pl.image, pl.pages)
	}
	f.Prototype = pl.mapped.prototypes + uint64(n)*b.mem.entrySize()
	if p.State == PrototypeFile {
		b.fail(pl.mapped.filePTE)
		f.File = pl.file
		f.FileOffset = uint64(n) * pageSize
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
		f.Frame = b.mem.alloc()
		copy(b.mem.frames[f.Frame], content)
	case NotInDump:
		f.Frame = b.mem.allocLost()
	}
	switch p.State {
	case Resident, NotInDump:
		return f.Frame<<12 | b.mem.flags(f.Addr)
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
		f.PageFile, f.Offset = p.PageFile, uint64(p.Slot)*pageSize
		b.swap(f.PageFile, f.Offset, content)
		return pte
	}
	b.failf("page %x in state %d", f.Addr, p.State)
	return 0
}

// mapped are the structures of a mapped file.
type mapped struct {
	controlArea, subsection, prototypes uint64
	filePTE                             error // why this kernel's PTEs cannot lead to the file
}

// part is a run of pages of a file: a subsection.
type part struct {
	first, pages int
	offset, size uint64 // bytes in the file
}

// parts returns the subsections the memory manager makes of an image: one
// each for the headers and the sections, one in all for low alignment.
func parts(img *image, pages int) []part {
	if img == nil || img.lowAlign() {
		return []part{{0, pages, 0, uint64(pages) * pageSize}}
	}
	list := []part{{0, 1, 0, uint64(img.headers)}}
	for _, s := range img.sections {
		n := int(roundUp(max(uint64(s.VirtualSize), 1), pageSize) / pageSize)
		list = append(list, part{int(s.VirtualAddress / pageSize), n, uint64(s.Offset), uint64(s.Size)})
	}
	return list
}

// mapFile writes the file object, control area, subsections and prototype
// PTEs of a file. Every prototype PTE says at first that its page is still in
// the file only.
func (b *builder) mapFile(name string, img *image, pages int) *mapped {
	s := b.lay.section
	m := &mapped{
		prototypes:  b.alloc(&b.paged, "MmSt", uint64(pages)*b.mem.entrySize()),
		controlArea: b.alloc(&b.nonPaged, "MmCi", s.controlAreaSize),
	}
	object := b.alloc(&b.nonPaged, "File", s.fileObjectSize)
	b.put16(object, 5)
	b.put16(object+2, s.fileObjectSize)
	b.text(&b.paged, "IoNm", object+s.fileName, name)
	b.putPtr(m.controlArea+s.filePointer, object|s.fastRef)
	link := uint64(0)
	for _, p := range parts(img, pages) {
		at := b.alloc(&b.nonPaged, "MmSb", s.subsectionSize)
		if link == 0 {
			m.subsection = at
		} else {
			b.putPtr(link, at)
		}
		link = at + s.next
		first := m.prototypes + uint64(p.first)*b.mem.entrySize()
		b.putPtr(at, m.controlArea)
		b.putPtr(at+s.subsectionBase, first)
		b.put32(at+s.sector, p.offset/512)
		b.put32(at+s.sectors, p.size/512)
		b.put32(at+s.ptes, uint64(p.pages))
		pte, err := b.pte.subsection(at)
		if err != nil {
			pte, m.filePTE = b.pte.demandZero(), err
		}
		for n := range uint64(p.pages) {
			b.put(first+n*b.mem.entrySize(), pte, b.mem.entrySize())
		}
	}
	return m
}
