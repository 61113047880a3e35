package dumpbuild

import (
	"slices"
	"strings"
)

const systemPID = 4

// processes writes the process list.
func (b *builder) processes() {
	var links []uint64
	for i := range b.spec.Processes {
		if b.err != nil {
			return
		}
		f := b.process(&b.spec.Processes[i])
		links = append(links, f.Address+b.lay.process.links)
		b.facts.Processes = append(b.facts.Processes, f)
	}
	b.link(b.facts.PsActiveProcess, links)
}

// process writes an EPROCESS and the address space below it.
func (b *builder) process(p *Process) ProcessFacts {
	l := b.lay.process
	f := ProcessFacts{Name: p.Name, PID: p.PID, PEB: p.PEB, Root: b.root}
	if len(p.Name) > 15 {
		b.failf("process name %q", p.Name)
	}
	if p.PID != systemPID {
		f.Root = b.newRoot()
		b.roots = append(b.roots, f.Root)
	}
	f.Address = b.alloc(&b.nonPaged, "Proc", l.size)
	b.put32(f.Address, 0x00260003) // dispatcher header of a process
	b.putPtr(f.Address+l.root, f.Root)
	b.putPtr(f.Address+l.pid, p.PID)
	b.putPtr(f.Address+l.peb, p.PEB)
	b.putPtr(f.Address+l.parent, p.Parent)
	b.write(f.Address+l.name, []byte(p.Name))
	b.session(p, &f)
	b.vads(p, &f)
	if p.PEB != 0 {
		f.PEBPage = b.peb(f.Root, b.lay.pointer, p.PEB, p.PEBPage, p.Loader, b.loaded(p, p.Loader, false), &f)
	}
	b.narrow(p, &f)
	return f
}

// peb writes a PEB and what its loader keeps.
func (b *builder) peb(root, pointer, at uint64, page Page, l *Loader, list []userModule, f *ProcessFacts) PageFacts {
	var content []byte
	if l != nil && b.err == nil {
		content = b.loader(root, pointer, l, list, f)
		if pointer == b.lay.pointer {
			b.putPtr(f.Address+b.lay.process.image, list[0].base)
		}
	}
	pl := placer{b: b, root: root, base: at, pages: 1}
	return pl.place(0, page, content)
}

// narrow writes what a 32-bit process has besides.
func (b *builder) narrow(p *Process, f *ProcessFacts) {
	l := b.lay.process
	if p.WoW64 == 0 || l.wow64 == 0 {
		return
	}
	to := p.WoW64
	if l.wow64Indirect {
		to = b.alloc(&b.nonPaged, "Wow6", 0x10)
		b.putPtr(to, p.WoW64)
	}
	b.putPtr(f.Address+l.wow64, to)
	b.peb(f.Root, 4, p.WoW64, Page{}, p.Loader32, b.loaded(p, p.Loader32, true), f)
}

// session gives a process its session's structure, one for each session.
func (b *builder) session(p *Process, f *ProcessFacts) {
	if p.Session == 0 {
		return
	}
	at, ok := b.sessions[p.Session]
	if !ok {
		at = b.alloc(&b.nonPaged, "MmSs", 0x10)
		b.put32(at+8, uint64(p.Session))
		b.sessions[p.Session] = at
	}
	b.putPtr(f.Address+b.lay.process.session, at)
	b.members[p.Session] = append(b.members[p.Session], f.Root)
}

// loaded lists the images of a process for one of its loaders.
func (b *builder) loaded(p *Process, l *Loader, narrow bool) (list []userModule) {
	if l == nil {
		return nil
	}
	for _, v := range p.VADs {
		if v.PE == nil || v.Narrow != narrow {
			continue
		}
		img, err := parseImage(v.PE)
		if err != nil {
			b.fail(err)
			return nil
		}
		list = append(list, userModule{name: v.File[strings.LastIndexByte(v.File, '\\')+1:], path: "C:" + v.File, base: v.Start * pageSize,
			size: uint64(img.size), entry: img.entry, stamp: img.stamp})
	}
	if len(list) == 0 {
		b.failf("%s has a loader and no image", p.Name)
		return []userModule{{}}
	}
	return list
}

// vads writes the VAD tree of a process: a balanced one.
func (b *builder) vads(p *Process, f *ProcessFacts) {
	list := slices.Clone(p.VADs)
	slices.SortFunc(list, func(x, y VAD) int {
		if x.Start < y.Start {
			return -1
		}
		return 1
	})
	for i, v := range list {
		if v.End < v.Start || v.Protection > 31 || i > 0 && v.Start <= list[i-1].End || b.lay.vad.high == 0 && b.lay.pointer == 4 && v.End>>20 != 0 {
			b.failf("VAD %x-%x of %s", v.Start, v.End, p.Name)
			return
		}
		f.VADs = append(f.VADs, b.vad(v, f.Root))
	}
	root := b.tree(f.VADs, 0)
	b.putPtr(f.Address+b.lay.process.vadRoot, root)
	if at := b.lay.process.vadCount; at != 0 {
		b.putPtr(f.Address+at, uint64(len(list)))
	}
}

// tree links nodes, which are in address order, and returns the root.
func (b *builder) tree(nodes []VADFacts, parent uint64) uint64 {
	if len(nodes) == 0 {
		return 0
	}
	l, mid := b.lay.vad, len(nodes)/2
	at := nodes[mid].Address
	b.putPtr(at+l.parent, parent)
	b.putPtr(at+l.left, b.tree(nodes[:mid], at))
	b.putPtr(at+l.right, b.tree(nodes[mid+1:], at))
	return at
}

// vad writes one node without its links, what it maps, and its pages.
func (b *builder) vad(v VAD, root uint64) VADFacts {
	l := b.lay.vad
	f := VADFacts{Start: v.Start, End: v.End, File: v.File}
	tag, size, flags := "VadS", l.short, uint64(v.Protection)<<l.protectionAt
	if l.charge == 0 {
		flags |= v.Commit
	}
	if v.File != "" {
		tag, size = "Vad ", l.size
		flags |= uint64(l.imageType) << l.typeAt
	} else {
		flags |= 1 << l.privatAt
	}
	f.Address = b.alloc(&b.nonPaged, tag, size)
	b.put(f.Address+l.start, v.Start, l.vpn)
	b.put(f.Address+l.end, v.End, l.vpn)
	if l.high != 0 {
		b.put16(f.Address+l.high, v.Start>>32&0xff|v.End>>32&0xff<<8)
	}
	b.put(f.Address+l.flags, flags, l.flagSize)
	if l.charge != 0 {
		b.put32(f.Address+l.charge, v.Commit)
	}
	b.vadPages(v, root, &f)
	return f
}

// vadPages puts the pages of a VAD that are not simply unmapped, and points
// the VAD at its file.
func (b *builder) vadPages(v VAD, root uint64, f *VADFacts) {
	l, ptr := b.lay.vad, b.lay.pointer
	pl := placer{b: b, root: root, base: v.Start * pageSize, pages: int(v.End - v.Start + 1), file: v.File}
	b.vadImage(&v, &pl, f)
	if v.File != "" && b.err == nil {
		b.aloneIf(v.NameOut, &b.paged, func() { pl.mapped = b.mapOnce(v, pl.image, pl.pages) })
		target := pl.mapped.subsection
		if l.area {
			target = pl.mapped.controlArea
		}
		b.putPtr(f.Address+l.file, target)
		b.putPtr(f.Address+l.file+ptr, pl.mapped.prototypes)
		b.putPtr(f.Address+l.file+2*ptr, pl.mapped.prototypes+uint64(pl.pages-1)*b.mem.entrySize())
	}
	var ns []int
	for n := range v.Pages {
		ns = append(ns, n)
	}
	slices.Sort(ns)
	for _, n := range ns {
		if n < 0 || n >= pl.pages {
			b.failf("VAD %x-%x has no page %d", v.Start, v.End, n)
			return
		}
		from := min(n*pageSize, len(v.Data))
		f.Pages = append(f.Pages, pl.place(n, v.Pages[n], v.Data[from:min(from+pageSize, len(v.Data))]))
	}
}

// vadImage gives a VAD the pages of the image it maps.
func (b *builder) vadImage(v *VAD, pl *placer, f *VADFacts) {
	if v.PE == nil {
		return
	}
	o, err := parseImage(v.PE)
	if err == nil {
		pl.image, err = loadImage(v.PE, o.machine, pl.base)
	}
	if err == nil && len(pl.image.flat) != pl.pages*pageSize {
		b.failf("VAD %x-%x maps an image of %x bytes", v.Start, v.End, len(pl.image.flat))
	}
	if err != nil || b.err != nil {
		b.fail(err)
		return
	}
	v.Data, f.Memory = pl.image.flat, pl.image.flat
	named := v.Pages
	v.Pages = map[int]Page{}
	for n := range pl.pages {
		v.Pages[n] = named[n]
	}
}

// mapOnce maps a file; an image that several processes have is mapped once.
func (b *builder) mapOnce(v VAD, img *image, pages int) *mapped {
	if img == nil {
		return b.mapFile(v.File, nil, pages)
	}
	m, ok := b.images[v.File]
	if !ok {
		m = b.mapFile(v.File, img, pages)
		b.images[v.File] = m
	}
	return m
}
