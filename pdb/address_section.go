package pdb

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// Section is a section of the image, from its section header (winnt.h).
type Section struct {
	Name             string // up to 8 bytes, as they lie in the header
	VirtualSize      uint32
	VirtualAddress   uint32 // RVA
	SizeOfRawData    uint32
	PointerToRawData uint32
	Characteristics  uint32
}

const sectionHeaderSize = 40

// sections holds both generations of section headers.
type sections struct {
	image []Section // what the image has
	orig  []Section // what segment:offset of the symbols counts in
	omap  *omap     // non-nil when the image was rearranged after linking
	spans []span    // where those of orig lie, ascending
}

// span is where a section lies: its last page is whole.
type span struct {
	start uint32
	num   uint16 // of the section, from 1
	end   uint64
}

// laySpans puts the sections in order. Of several at one address the first counts.
func (s *sections) laySpans() {
	s.spans = make([]span, 0, len(s.orig))
	for i := range s.orig {
		o := &s.orig[i]
		end := uint64(o.VirtualAddress) + (uint64(o.extent())+pageMask)&^pageMask
		s.spans = append(s.spans, span{start: o.VirtualAddress, num: uint16(i + 1), end: end})
	}
	slices.SortStableFunc(s.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	s.spans = slices.CompactFunc(s.spans, func(a, b span) bool { return a.start == b.start })
}

// spanOf returns the number of the last span that begins at or below an address,
// -1 for none.
func spanOf(spans []span, rva uint32) int {
	lo, hi := 0, len(spans)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); spans[mid].start <= rva {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// Sections returns the section headers of the image, in order: segment n of a
// symbol is entry n-1, except in an image that was rearranged after linking
// (OMAP), where they count in those it was linked with. A PDB without section headers gives none. Errors satisfy errors.Is(err, [ErrFormat]) or
// come from reading.
func (f *File) Sections() ([]Section, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	defer f.leave()
	s, err := f.loadSections()
	if err != nil {
		return nil, err
	}
	return append([]Section(nil), s.image...), nil
}

func (f *File) loadSections() (*sections, error) {
	return load(f, &f.sections, func() (*sections, error) {
		s, err := f.readSections()
		if err == nil {
			s.laySpans()
		}
		return s, err
	})
}

// UseSections gives the sections of the image to a PDB that has no section
// headers of its own, or damaged ones: without them symbols have no RVA. Where
// the PDB has section headers they count and the call changes nothing. It is to
// come before any question, and errors satisfy errors.Is(err, [ErrClosed]).
func (f *File) UseSections(image []Section) error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	f.given = slices.Clone(image[:min(len(image), noStream)])
	return nil
}

// layout returns what gives symbols their RVAs. Damaged section headers give
// none: names and segments are still worth having, and [File.Sections] says
// what is wrong.
func (f *File) layout() (*sections, error) {
	s, err := f.loadSections()
	if errors.Is(err, ErrFormat) {
		return f.instead.Get(func() (*sections, error) {
			s := &sections{image: f.given}
			if f.dbi.opt[optOmapTo] == noStream && f.dbi.opt[optOmapFrom] == noStream {
				s.orig = f.given
			}
			s.laySpans()
			return s, nil
		})
	}
	return s, err
}

func (f *File) readSections() (*sections, error) {
	out := new(sections)
	var err error
	if out.image, err = f.readHeaders(f.dbi.opt[optSections], "section headers"); err != nil {
		return nil, err
	}
	if len(out.image) == 0 {
		out.image = f.given
	}
	out.orig = out.image
	if out.omap, err = f.readOmap(); err != nil || out.omap == nil {
		return out, err
	}
	// Rearranged images whose PDB lacks the original headers keep them in the
	// place of the current ones (measured on three real PDBs).
	switch orig := f.dbi.opt[optOrigSections]; {
	case orig != noStream:
		out.orig, err = f.readHeaders(orig, "original section headers")
	case f.dbi.opt[optSections] == noStream:
		out.orig = nil // those of the image say nothing about where it was linked
	}
	return out, err
}

func (f *File) readHeaders(num uint32, what string) ([]Section, error) {
	s, err := f.stream(num, what)
	if s == nil || err != nil {
		return nil, err
	}
	// A segment number has 16 bits: more headers cannot be referred to.
	b, err := s.Bytes(0, min(s.Size/sectionHeaderSize, noStream)*sectionHeaderSize)
	if err != nil {
		return nil, err
	}
	list := make([]Section, 0, len(b)/sectionHeaderSize)
	for ; len(b) >= sectionHeaderSize; b = b[sectionHeaderSize:] {
		list = append(list, Section{
			Name:             string(codeview.UntilNUL(b[:8])),
			VirtualSize:      u32(b, 8),
			VirtualAddress:   u32(b, 12),
			SizeOfRawData:    u32(b, 16),
			PointerToRawData: u32(b, 20),
			Characteristics:  u32(b, 36),
		})
	}
	return list, nil
}

// String returns name, RVA and size, such as ".text 1000+2a00".
func (s Section) String() string {
	return fmt.Sprintf("%s %x+%x", s.Name, s.VirtualAddress, s.VirtualSize)
}

// extent returns how many bytes the section takes in memory.
func (s Section) extent() uint32 {
	if s.VirtualSize != 0 {
		return s.VirtualSize
	}
	return s.SizeOfRawData
}

// has reports whether a segment is a section; the offset of a symbol in any
// other is a value, no address.
func (s *sections) has(seg uint16) bool { return seg != 0 && int(seg) <= len(s.orig) }

// rva returns the RVA of segment:offset; ok is false for absolute symbols,
// whose segment is no section, and for what rearranging removed.
func (s *sections) rva(seg uint16, off uint32) (rva uint32, ok bool) {
	if !s.has(seg) {
		return 0, false
	}
	va := s.orig[seg-1].VirtualAddress
	if rva = va + off; rva < va {
		return 0, false
	}
	if s.omap != nil {
		return s.omap.from.apply(rva)
	}
	return rva, true
}

// locate returns the segment:offset of an RVA: the section with the highest
// address at or below it, and not beyond its last page.
func (s *sections) locate(rva uint32) (seg uint16, off uint32, ok bool) {
	if rva, ok = s.linked(rva); !ok {
		return 0, 0, false
	}
	return s.locateLinked(rva)
}

// linked returns where an RVA was when the image was linked; ok is false for
// what came later.
func (s *sections) linked(rva uint32) (uint32, bool) {
	if s.omap == nil {
		return rva, true
	}
	return s.omap.to.apply(rva)
}

// locateLinked is locate for an RVA of the image as it was linked.
func (s *sections) locateLinked(rva uint32) (seg uint16, off uint32, ok bool) {
	i := spanOf(s.spans, rva)
	// The rest of the last page is mapped and belongs to the section.
	if i < 0 || uint64(rva) >= s.spans[i].end {
		return 0, 0, false
	}
	return s.spans[i].num, rva - s.spans[i].start, true
}

const pageMask = 0xFFF

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
	s, err := f.stream(num, what)
	if s == nil || err != nil {
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
