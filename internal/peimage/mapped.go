package peimage

import (
	"io"
)

// Mapped is the file of an image as a loader lays it out, but not relocated. It
// is safe for concurrent use if its reader is.
type Mapped struct {
	r io.ReaderAt
	h *Headers
}

// NewMapped lays out the file r with these headers.
func NewMapped(r io.ReaderAt, h *Headers) *Mapped { return &Mapped{r, h} }

// ReadAt implements [io.ReaderAt]: offsets are RVAs. What a section has no bytes
// for, and what lies between sections, is zero.
func (m *Mapped) ReadAt(p []byte, rva int64) (n int, err error) {
	for n < len(p) {
		at := rva + int64(n)
		if at < 0 || at >= int64(m.h.SizeOfImage) {
			return n, io.EOF
		}
		got, err := m.run(p[n:], uint32(at))
		if n += got; err != nil {
			return n, err
		}
	}
	return n, nil
}

// run reads what lies together of the bytes from rva on, at least one.
func (m *Mapped) run(p []byte, rva uint32) (int, error) {
	off, raw, room := m.place(rva)
	n := int(min(uint64(len(p)), uint64(room)))
	raw = min(raw, uint32(n))
	clear(p[raw:n])
	got, err := m.r.ReadAt(p[:raw], off)
	if got < int(raw) {
		return got, eof(err)
	}
	return n, nil
}

// place says where the bytes from rva on are in the file, how many of them there
// are, and how many behind rva lie together.
func (m *Mapped) place(rva uint32) (off int64, raw, room uint32) {
	end := m.h.SizeOfImage
	if m.h.LowAligned() {
		return int64(rva), end - rva, end - rva
	}
	if s := m.h.SectionOf(rva); s != nil {
		in := rva - s.VirtualAddress
		return int64(s.RawOffset) + int64(in), s.RawSize - min(in, s.RawSize), uint32(min(s.end(), uint64(end)) - uint64(rva))
	}
	end = m.h.nextSection(rva, end)
	return int64(rva), m.h.SizeOfHeaders - min(rva, m.h.SizeOfHeaders), end - rva
}

// end is the RVA behind the section, in whole pages: all of its last one is
// mapped.
func (s *Section) end() uint64 {
	size := uint64(s.VirtualSize)
	if size == 0 {
		size = uint64(s.RawSize)
	}
	return (uint64(s.VirtualAddress) + size + 0xfff) &^ 0xfff
}
