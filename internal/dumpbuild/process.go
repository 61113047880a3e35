package dumpbuild

import "slices"

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
	b.write(f.Address+l.name, []byte(p.Name))
	if p.PEB != 0 {
		pl := placer{b: b, root: f.Root, base: p.PEB, pages: 1}
		f.PEBPage = pl.place(0, p.PEBPage, nil)
	}
	b.vads(p, &f)
	return f
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
		if v.End < v.Start || v.Protection > 31 || i > 0 && v.Start <= list[i-1].End || b.lay.vad.high == 0 && v.End>>20 != 0 {
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
	if v.File != "" {
		tag, size = "Vad ", l.size
		flags |= uint64(l.imageType) << l.typeAt
	} else {
		flags |= 1 << l.privatAt
	}
	f.Address = b.alloc(&b.nonPaged, tag, size)
	b.put32(f.Address+l.start, v.Start)
	b.put32(f.Address+l.end, v.End)
	if l.high != 0 {
		b.put16(f.Address+l.high, v.Start>>32&0xff|v.End>>32&0xff<<8)
	}
	b.put32(f.Address+l.flags, flags)
	b.vadPages(v, root, &f)
	return f
}

// vadPages puts the pages of a VAD that are not simply unmapped, and points
// the VAD at its file.
func (b *builder) vadPages(v VAD, root uint64, f *VADFacts) {
	l, ptr := b.lay.vad, b.lay.pointer
	pl := placer{b: b, root: root, base: v.Start * pageSize, pages: int(v.End - v.Start + 1), file: v.File}
	if v.File != "" {
		pl.mapped = b.mapFile(v.File, nil, pl.pages)
		target := pl.mapped.subsection
		if b.spec.Machine == X86 {
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
