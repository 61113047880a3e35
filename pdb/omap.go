package pdb

import (
	"cmp"
	"slices"
	"sort"

	"github.com/symres/symres/internal/msf"
)

// Images whose code was rearranged after linking (Windows of the XP to 7
// era, syzygy) come with two tables: symbol addresses are those of the image
// as linked, and the tables translate between it and the image as shipped.
type omap struct {
	to   remap // shipped RVA -> linked RVA ("OMAP to source")
	from remap // linked RVA -> shipped RVA ("OMAP from source")
}

type remapItem struct{ rva, to uint32 }

// remap is sorted by rva.
type remap []remapItem

// apply translates an RVA; ok is false where it has no counterpart.
func (m remap) apply(rva uint32) (to uint32, ok bool) {
	i := sort.Search(len(m), func(i int) bool { return m[i].rva > rva }) - 1
	if i < 0 || m[i].to == 0 || m[i].to == omapNone {
		return 0, false
	}
	return m[i].to + (rva - m[i].rva), true
}

// omapNone marks a removed range in files syzygy wrote; others use 0.
const omapNone = 0x80000000

// readOmap returns nil where the PDB has no tables or empty ones.
func (f *File) readOmap() (*omap, error) {
	to, err := f.readRemap(f.dbi.opt[optOmapTo], "OMAP to source")
	if err != nil {
		return nil, err
	}
	from, err := f.readRemap(f.dbi.opt[optOmapFrom], "OMAP from source")
	if err != nil || len(to) == 0 || len(from) == 0 {
		return nil, err
	}
	return &omap{to: to, from: from}, nil
}

func (f *File) readRemap(num uint32, what string) (remap, error) {
	if num == noStream {
		return nil, nil
	}
	s, err := f.msf.Stream(num, what)
	if err != nil {
		return nil, err
	}
	if s.Size > msf.MaxAlloc {
		return nil, damage(s.Name, 0, "%d bytes are too many", s.Size)
	}
	m := make(remap, 0, s.Size/8)
	w := msf.Walker{Stream: s}
	for off := uint32(0); s.Size-off >= 8; off += 8 {
		b, err := w.Span(off, 8)
		if err != nil {
			return nil, err
		}
		m = append(m, remapItem{rva: u32(b, 0), to: u32(b, 4)})
	}
	byRVA := func(a, b remapItem) int { return cmp.Compare(a.rva, b.rva) }
	if !slices.IsSortedFunc(m, byRVA) {
		slices.SortStableFunc(m, byRVA)
	}
	return m, nil
}
