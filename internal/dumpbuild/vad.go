package dumpbuild

import "slices"

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
		if v.End < v.Start || v.Protection > 31 || i > 0 && v.Start <= list[i-1].End || b.lay.pointer == 4 && v.End>>20 != 0 {
			b.failf("VAD %x-%x of %s", v.Start, v.End, p.Name)
			return
		}
		f.VADs = append(f.VADs, b.vad(v, f.Root))
	}
	r := b.record(eprocess, f.Address)
	head := r.at + b.off(eprocess, "VadRoot")
	table := b.has(eprocess, "VadRoot.BalancedRoot.RightChild") // before Windows 8.1 the root is the right child of no VAD
	parent := uint64(0)
	if table {
		parent = head
	}
	root, depth := b.tree(f.VADs, parent, 0)
	b.putPtr(r.at+b.off(eprocess, "VadRoot.BalancedRoot.RightChild", "VadRoot.Root", "VadRoot"), root)
	r.may("VadCount", uint64(len(list))).may("NumberOfVads", uint64(len(list))).may("VadHint", root)
	if table {
		r.may("VadRoot.NumberGenericTableElements", uint64(len(list))).may("VadRoot.DepthOfTree", uint64(depth)).may("VadRoot.NodeHint", root)
	}
	f.VADRoot = root
}

// tree links nodes, which are in address order, and returns the root and how
// deep it is.
func (b *builder) tree(nodes []VADFacts, parent uint64, level int) (root uint64, depth int) {
	if len(nodes) == 0 {
		return 0, 0
	}
	mid := len(nodes) / 2
	at := nodes[mid].Address
	nodes[mid].Level = level
	left, l := b.tree(nodes[:mid], at, level+1)
	right, r := b.tree(nodes[mid+1:], at, level+1)
	b.putPtr(at+b.off(mmvadShort, "VadNode.ParentValue", "VadNode.u1.Parent", "u1.Parent", "Parent"), parent|b.balance(r-l))
	b.putPtr(at+b.off(mmvadShort, "VadNode.Left", "VadNode.LeftChild", "LeftChild"), left)
	b.putPtr(at+b.off(mmvadShort, "VadNode.Right", "VadNode.RightChild", "RightChild"), right)
	return at, 1 + max(l, r)
}

// balance is what the low bits of the parent say in kernels that keep it
// there: 1 where the right side is deeper, 3 where the left is.
func (b *builder) balance(deeper int) uint64 {
	if !b.has(mmvadShort, "u1.Balance") && !b.has(mmvadShort, "VadNode.u1.Balance") && !b.has(mmvadShort, "VadNode.Balance") {
		return 0
	}
	return uint64(deeper) & 3
}

const mmvadShort, mmvad = "MMVAD_SHORT", "MMVAD"

// flag is the path of a flag, wherever the kernel has it.
func (b *builder) flag(name string) (path string, ok bool) {
	for _, path := range []string{"u.VadFlags." + name, "u1.VadFlags1." + name, "VadFlags." + name} {
		if b.has(mmvadShort, path) {
			return path, true
		}
	}
	return "", false
}

// flags sets those flags of a VAD that the kernel has.
func (b *builder) flags(r record, flags map[string]uint64) {
	for name, v := range flags {
		if path, ok := b.flag(name); ok {
			r.set(path, v)
		}
	}
}

// vad writes one node without its links, what it maps, and its pages.
func (b *builder) vad(v VAD, root uint64) VADFacts {
	f := VADFacts{Start: v.Start, End: v.End, File: v.File, Commit: v.Commit, Protection: v.Protection, Image: v.File != "" && !v.Mapped}
	tag, typ := "VadS", mmvadShort
	if v.File != "" {
		tag, typ = "Vad ", mmvad
	}
	f.Address = b.allocAt(v.At, &b.nonPaged, tag, b.sizeOf(typ))
	r := b.record(mmvadShort, f.Address).set("StartingVpn", v.Start).set("EndingVpn", v.End).may("StartingVpnHigh", v.Start>>32).may("EndingVpnHigh", v.End>>32)
	b.flags(r, map[string]uint64{"Protection": uint64(v.Protection), "CommitCharge": v.Commit})
	switch {
	case v.File == "":
		b.flags(r, map[string]uint64{"PrivateMemory": 1})
	case f.Image:
		b.flags(r, map[string]uint64{"VadType": 2, "ImageMap": 1})
		b.record(mmvad, r.at).may("u2.VadFlags2.Inherit", 1)
	}
	b.vadPages(v, root, &f)
	return f
}

// vadPages puts the pages of a VAD that are not simply unmapped, and points
// the VAD at its file.
func (b *builder) vadPages(v VAD, root uint64, f *VADFacts) {
	pl := placer{b: b, root: root, base: v.Start * b.mem.page(), pages: int(v.End - v.Start + 1), file: v.File}
	b.vadImage(&v, &pl, f)
	if v.File != "" && b.err == nil {
		b.aloneIf(v.NameOut, &b.paged, func() { pl.mapped = b.mapOnce(v, pl.image, pl.base, pl.pages) })
		b.record(mmvad, f.Address).may("Subsection", pl.mapped.subsection).may("ControlArea", pl.mapped.controlArea).
			set("FirstPrototypePte", pl.mapped.prototypes).set("LastContiguousPte", pl.mapped.prototypes+uint64(pl.pages-1)*b.mem.entrySize()).list("ViewLinks")
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
		page := int(b.mem.page())
		from := min(n*page, len(v.Data))
		f.Pages = append(f.Pages, pl.place(n, v.Pages[n], v.Data[from:min(from+page, len(v.Data))]))
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
	if err == nil && pl.image.pages() != pl.pages {
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
func (b *builder) mapOnce(v VAD, img *image, base uint64, pages int) *mapped {
	if img == nil {
		return b.mapFile(v.File, nil, base, pages)
	}
	m, ok := b.images[v.File]
	if !ok {
		m = b.mapFile(v.File, img, base, pages)
		b.images[v.File] = m
	}
	return m
}
