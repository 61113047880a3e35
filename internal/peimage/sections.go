package peimage

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sort"
)

// fewSections are searched one by one. It is what Windows XP loads.
const fewSections = 96

// setSections takes the section table. Many sections are searched by address, so that of
// such as overlap, which no loader takes, the last that begins counts.
func (h *Headers) setSections(list []Section) {
	h.Sections, h.byStart = list, nil
	if len(list) <= fewSections {
		return
	}
	h.byStart = make([]uint16, len(list)) // as many as the header can state
	for i := range h.byStart {
		h.byStart[i] = uint16(i)
	}
	slices.SortStableFunc(h.byStart, func(a, b uint16) int { return cmp.Compare(list[a].VirtualAddress, list[b].VirtualAddress) })
}

// behind is how many of many sections begin at or below rva.
func (h *Headers) behind(rva uint32) int {
	return sort.Search(len(h.byStart), func(i int) bool { return h.Sections[h.byStart[i]].VirtualAddress > rva })
}

// find returns the section that begins at or below rva and, by its size, holds it; nil for
// none.
func (h *Headers) find(rva uint32, size func(*Section) uint64) *Section {
	holds := func(s *Section) bool {
		return rva >= s.VirtualAddress && uint64(rva-s.VirtualAddress) < size(s)
	}
	if h.byStart != nil {
		if n := h.behind(rva); n > 0 && holds(&h.Sections[h.byStart[n-1]]) {
			return &h.Sections[h.byStart[n-1]]
		}
		return nil
	}
	for i := range h.Sections {
		if holds(&h.Sections[i]) {
			return &h.Sections[i]
		}
	}
	return nil
}

// SectionOf returns the section an RVA lies in, or nil.
func (h *Headers) SectionOf(rva uint32) *Section {
	return h.find(rva, func(s *Section) uint64 { return s.end() - uint64(s.VirtualAddress) })
}

// nextSection is where the next section behind rva begins, at most end.
func (h *Headers) nextSection(rva, end uint32) uint32 {
	if h.byStart != nil {
		if n := h.behind(rva); n < len(h.byStart) {
			return min(end, h.Sections[h.byStart[n]].VirtualAddress)
		}
		return end
	}
	for i := range h.Sections {
		if at := h.Sections[i].VirtualAddress; at > rva {
			end = min(end, at)
		}
	}
	return end
}

// FileOffset maps an RVA to an offset of the image file. It reports false for
// an RVA that has no bytes in the file. The headers and, in images of low
// alignment, what is in no section lie where they are mapped.
func (h *Headers) FileOffset(rva uint32) (int64, bool) {
	if rva < h.SizeOfHeaders {
		return int64(rva), true
	}
	if s := h.find(rva, func(s *Section) uint64 { return uint64(s.RawSize) }); s != nil {
		return int64(s.RawOffset) + int64(rva-s.VirtualAddress), true
	}
	return int64(rva), h.LowAligned()
}

// ReadSections reads the section table at off, of NumberOfSections entries. Where a
// page of it is missing, the sections before that are of use.
func (h *Headers) ReadSections(r io.ReaderAt, off int64) {
	var list []Section
	n := int(h.NumberOfSections)
	for at := fewSections; len(list) < n && h.SectionErr == nil; {
		at = min(at, n-len(list))
		b, err := read(r, off+int64(len(list))*sectionSize, at*sectionSize)
		switch {
		case err == nil:
			for ; len(b) > 0; b = b[sectionSize:] {
				list = append(list, parseSection(b[:sectionSize]))
			}
		case at > 1:
			at = 1
		default:
			h.SectionErr = fmt.Errorf("section table, entry %d of %d: %w", len(list)+1, n, err)
		}
	}
	h.setSections(list)
}
