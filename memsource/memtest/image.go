package memtest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/symres/symres/internal/wire"
	"github.com/symres/symres/memsource"
)

const pageSize = 0x1000

// maxImage bounds the SizeOfImage this package maps: it is the one length
// taken from a header before anything proves it.
const maxImage = 256 << 20

// ImageBuilder is a PE file in the layout the loader gives it in memory. It is
// not safe for concurrent use; the Source it makes is.
type ImageBuilder struct {
	file  []byte
	head  header
	image []byte
	base  uint64
	out   []int
}

// header is what mapping needs of the headers, PE32 and PE32+ alike (winnt.h).
type header struct {
	machine         uint16
	characteristics uint16
	plus            bool
	opt             uint64 // file offset of the optional header
	sections        uint64 // and of the section headers
	sectionCount    int
	sectionAlign    uint32
	sizeOfImage     uint32
	sizeOfHeaders   uint32
	imageBase       uint64
	relocs          directory
}

type directory struct{ rva, size uint32 }

// Image maps a PE file of any machine at the base it was linked for, without
// resolving imports. A file whose sections are aligned to less than a page is
// mapped as it is, since there every RVA equals the file offset. The file is
// kept, not copied. Returns an error for what is no PE file, or one whose
// headers point outside of it.
func Image(file []byte) (*ImageBuilder, error) {
	h, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("map image: %w", err)
	}
	image, err := h.layOut(file)
	if err != nil {
		return nil, fmt.Errorf("map image: %w", err)
	}
	return &ImageBuilder{file: file, head: h, image: image, base: h.imageBase}, nil
}

// At maps the file again at another base, with relocations applied and the
// ImageBase field rewritten as the loader does; pages taken out stay out.
// Returns an error when the file has its relocations stripped, has one of an
// unknown kind or outside of the image, or when base does not fit a PE32 image.
func (b *ImageBuilder) At(base uint64) (*ImageBuilder, error) {
	image, err := b.head.layOut(b.file)
	if err != nil {
		return nil, err
	}
	if err := b.head.relocate(image, base); err != nil {
		return nil, fmt.Errorf("map image at %#x: %w", base, err)
	}
	return &ImageBuilder{file: b.file, head: b.head, image: image, base: base, out: b.out}, nil
}

// PageOut marks 4 KB pages as paged out, page 0 being the one at the base, and
// returns b. Page n goes to paging file 0, page n+1.
func (b *ImageBuilder) PageOut(pages ...int) *ImageBuilder {
	b.out = append(b.out[:len(b.out):len(b.out)], pages...)
	return b
}

// Base returns the address of the image.
func (b *ImageBuilder) Base() uint64 { return b.base }

// Size returns the bytes the image takes in memory, whole pages.
func (b *ImageBuilder) Size() uint64 { return uint64(len(b.image)) }

// Bytes returns the whole image, pages taken out included. It is not a copy.
func (b *ImageBuilder) Bytes() []byte { return b.image }

// Source returns the image as memory; everything around it is not mapped. More
// ranges may be added to it. Later changes of b do not show in it.
func (b *ImageBuilder) Source() *memsource.Sparse {
	s := new(memsource.Sparse)
	if err := s.Add(b.base, b.image); err != nil {
		s.AddFault(b.base, uint64(len(b.image)), memsource.Fault{Reason: memsource.ReasonNonCanonical, Err: err})
	}
	for _, page := range b.out {
		s.AddFault(b.base+uint64(page)*pageSize, pageSize, memsource.Fault{
			Reason: memsource.ReasonPagedOut, PageFileOffset: uint64(page+1) * pageSize,
		})
	}
	return s
}

// parse reads the headers.
func parse(file []byte) (header, error) {
	if len(file) < 0x40 || string(file[:2]) != "MZ" {
		return header{}, errors.New("no DOS header")
	}
	nt := uint64(binary.LittleEndian.Uint32(file[0x3c:]))
	if !wire.In(nt, 24, uint64(len(file))) || string(file[nt:nt+4]) != "PE\x00\x00" {
		return header{}, errors.New("no PE signature")
	}
	fh := file[nt+4 : nt+24]
	h := header{
		machine:         binary.LittleEndian.Uint16(fh[0:]),
		sectionCount:    int(binary.LittleEndian.Uint16(fh[2:])),
		characteristics: binary.LittleEndian.Uint16(fh[18:]),
		opt:             nt + 24,
	}
	optSize := uint64(binary.LittleEndian.Uint16(fh[16:]))
	if !wire.In(h.opt, optSize, uint64(len(file))) {
		return header{}, errors.New("optional header lies outside of the file")
	}
	h.sections = h.opt + optSize
	return h, h.optional(file[h.opt:h.sections])
}

// optional reads the optional header.
func (h *header) optional(opt []byte) error {
	dirs := 96
	if len(opt) >= 2 && binary.LittleEndian.Uint16(opt) == 0x20b {
		h.plus, dirs = true, 112
	} else if len(opt) < 2 || binary.LittleEndian.Uint16(opt) != 0x10b {
		return errors.New("neither PE32 nor PE32+")
	}
	if len(opt) < dirs {
		return errors.New("optional header is too short")
	}
	h.imageBase = uint64(binary.LittleEndian.Uint32(opt[28:]))
	if h.plus {
		h.imageBase = binary.LittleEndian.Uint64(opt[24:])
	}
	h.sectionAlign = binary.LittleEndian.Uint32(opt[32:])
	h.sizeOfImage = binary.LittleEndian.Uint32(opt[56:])
	h.sizeOfHeaders = binary.LittleEndian.Uint32(opt[60:])
	const relocDir = 5
	if at := dirs + 8*relocDir; binary.LittleEndian.Uint32(opt[dirs-4:]) > relocDir && len(opt) >= at+8 {
		h.relocs = directory{binary.LittleEndian.Uint32(opt[at:]), binary.LittleEndian.Uint32(opt[at+4:])}
	}
	return nil
}

// layOut returns the image at its preferred base.
func (h *header) layOut(file []byte) ([]byte, error) {
	if h.sizeOfImage > maxImage {
		return nil, fmt.Errorf("SizeOfImage %#x is more than this package maps", h.sizeOfImage)
	}
	image := make([]byte, (h.sizeOfImage+pageSize-1)/pageSize*pageSize)
	if h.sectionAlign < pageSize {
		copy(image[:h.sizeOfImage], file)
		return image, nil
	}
	copy(image, file[:min(uint64(h.sizeOfHeaders), uint64(len(file)))])
	for i := range h.sectionCount {
		if err := h.section(image, file, h.sections+40*uint64(i)); err != nil {
			return nil, fmt.Errorf("section %d: %w", i+1, err)
		}
	}
	return image, nil
}

// section copies the section whose header is at off. Raw data beyond the last
// page of the virtual size is not mapped.
func (h *header) section(image, file []byte, off uint64) error {
	if !wire.In(off, 40, uint64(len(file))) {
		return errors.New("header lies outside of the file")
	}
	sh := file[off : off+40]
	virtual := uint64(binary.LittleEndian.Uint32(sh[8:]))
	rva := uint64(binary.LittleEndian.Uint32(sh[12:]))
	raw := uint64(binary.LittleEndian.Uint32(sh[16:]))
	ptr := uint64(binary.LittleEndian.Uint32(sh[20:])) &^ 0x1ff
	if raw == 0 || ptr == 0 {
		return nil
	}
	if virtual != 0 {
		raw = min(raw, (virtual+pageSize-1)/pageSize*pageSize)
	}
	if !wire.In(ptr, 0, uint64(len(file))) || !wire.In(rva, 0, uint64(len(image))) {
		return errors.New("data lies outside of the file or the image")
	}
	data := file[ptr:]
	copy(image[rva:], data[:min(raw, uint64(len(data)))])
	return nil
}
