package dumpbuild

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
)

// maxImage bounds SizeOfImage, so that no header makes the builder allocate.
const maxImage = 2 << 20

// Base relocation types (PE format specification, .reloc).
const (
	relocAbsolute = 0
	relocHighLow  = 3
	relocDir64    = 10
)

// image is a PE file in memory layout.
type image struct {
	optional
	flat     []byte // rounded up to a page
	stamp    uint32
	machine  uint16
	sections []*pe.Section
	page     uint64 // size of a page of the machine
}

// pages returns how many pages the image has in memory.
func (i *image) pages() int { return len(i.flat) / int(i.page) }

// pageAt returns page n in memory.
func (i *image) pageAt(n int) []byte { return i.flat[n*int(i.page):][:i.page] }

// optional is what both optional headers have.
type optional struct {
	base                                   uint64
	size, headers, check, entry, alignment uint32
	dirs                                   []pe.DataDirectory
	baseAt, width                          int // of ImageBase in the header; width is a pointer's, too
}

// lowAlign reports whether RVAs of the image are file offsets.
func (i *image) lowAlign() bool { return uint64(i.alignment) < i.page }

func optionalOf(f *pe.File) (optional, error) {
	switch o := f.OptionalHeader.(type) {
	case *pe.OptionalHeader32:
		return optional{uint64(o.ImageBase), o.SizeOfImage, o.SizeOfHeaders, o.CheckSum,
			o.AddressOfEntryPoint, o.SectionAlignment, o.DataDirectory[:], 28, 4}, nil
	case *pe.OptionalHeader64:
		return optional{o.ImageBase, o.SizeOfImage, o.SizeOfHeaders, o.CheckSum,
			o.AddressOfEntryPoint, o.SectionAlignment, o.DataDirectory[:], 24, 8}, nil
	}
	return optional{}, fmt.Errorf("%w: no optional header", ErrSpec)
}

// parseImage reads the headers.
func parseImage(raw []byte) (*image, error) {
	raw, ia64 := asX64(raw)
	f, err := pe.NewFile(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpec, err)
	}
	o, err := optionalOf(f)
	if err != nil {
		return nil, err
	}
	if o.size == 0 || o.size > maxImage || uint64(o.headers) > uint64(min(len(raw), int(o.size))) {
		return nil, fmt.Errorf("%w: image of size %x", ErrSpec, o.size)
	}
	i := &image{optional: o, stamp: f.TimeDateStamp, machine: f.Machine, sections: f.Sections, page: pageSize}
	if ia64 {
		i.machine, i.page = IA64, 2*pageSize
	}
	return i, nil
}

// asX64 returns an image of IA-64, which debug/pe refuses, as one of x64.
func asX64(raw []byte) (b []byte, ia64 bool) {
	le := binary.LittleEndian
	if len(raw) < 0x40 {
		return raw, false
	}
	at := uint64(le.Uint32(raw[0x3c:])) + 4
	if at+2 > uint64(len(raw)) || le.Uint16(raw[at:]) != IA64 {
		return raw, false
	}
	b = bytes.Clone(raw)
	le.PutUint16(b[at:], X64)
	return b, true
}

// loadImage lays raw out as the loader does at base.
func loadImage(raw []byte, machine uint16, base uint64) (*image, error) {
	i, err := parseImage(raw)
	if err != nil {
		return nil, err
	}
	if i.machine != machine {
		return nil, fmt.Errorf("%w: image of machine %x", ErrSpec, i.machine)
	}
	i.flat = make([]byte, roundUp(uint64(i.size), i.page))
	if err := i.layOut(raw); err != nil {
		return nil, err
	}
	if err := i.rebase(raw, base); err != nil {
		return nil, err
	}
	return i, i.relocate(base - i.base)
}

// rebase puts the base into the header in memory.
func (i *image) rebase(raw []byte, base uint64) error {
	if len(raw) < 0x40 || string(raw[:2]) != "MZ" {
		return fmt.Errorf("%w: no DOS header", ErrSpec)
	}
	at := uint64(binary.LittleEndian.Uint32(raw[0x3c:])) + 24 + uint64(i.baseAt)
	if at+uint64(i.width) > uint64(i.headers) {
		return fmt.Errorf("%w: NT headers at %x are outside the headers", ErrSpec, at)
	}
	putN(i.flat[at:at+uint64(i.width)], base)
	return nil
}

// roundUp returns n or the next multiple of unit, a power of two.
func roundUp(n, unit uint64) uint64 { return (n + unit - 1) &^ (unit - 1) }

// putN stores the low bytes of v.
func putN(b []byte, v uint64) {
	for k := range b {
		b[k] = byte(v >> (8 * k))
	}
}

// layOut copies headers and sections to where they are in memory.
func (i *image) layOut(raw []byte) error {
	copy(i.flat[:i.headers], raw)
	for _, s := range i.sections {
		n := min(s.Size, max(s.VirtualSize, 1))
		if s.VirtualSize == 0 {
			n = s.Size
		}
		if uint64(s.Offset)+uint64(n) > uint64(len(raw)) || uint64(s.VirtualAddress)+uint64(n) > uint64(len(i.flat)) {
			return fmt.Errorf("%w: section %s is outside the file or the image", ErrSpec, s.Name)
		}
		if i.lowAlign() && s.VirtualAddress != s.Offset {
			return fmt.Errorf("%w: section %s of a low-alignment image is not at its RVA", ErrSpec, s.Name)
		}
		copy(i.flat[s.VirtualAddress:], raw[s.Offset:s.Offset+n])
	}
	return nil
}

// dir returns the bytes of a data directory, nil when there is none.
func (i *image) dir(n int) ([]byte, error) {
	if n >= len(i.dirs) || i.dirs[n].Size == 0 {
		return nil, nil
	}
	d := i.dirs[n]
	if uint64(d.VirtualAddress)+uint64(d.Size) > uint64(len(i.flat)) {
		return nil, fmt.Errorf("%w: data directory %d is outside the image", ErrSpec, n)
	}
	return i.flat[d.VirtualAddress:][:d.Size], nil
}

// relocate adds delta to every place the relocation directory lists.
func (i *image) relocate(delta uint64) error {
	b, err := i.dir(pe.IMAGE_DIRECTORY_ENTRY_BASERELOC)
	le := binary.LittleEndian
	for err == nil && len(b) >= 8 {
		page, n := le.Uint32(b), le.Uint32(b[4:])
		if n < 8 || uint64(n) > uint64(len(b)) {
			return fmt.Errorf("%w: relocation block of %d bytes", ErrSpec, n)
		}
		for k := uint32(8); k+1 < n && err == nil; k += 2 {
			e := le.Uint16(b[k:])
			err = i.fix(e>>12, uint64(page)+uint64(e&0xfff), delta)
		}
		b = b[n:]
	}
	return err
}

// fix applies one relocation.
func (i *image) fix(kind uint16, rva, delta uint64) error {
	width := map[uint16]uint64{relocHighLow: 4, relocDir64: 8}[kind]
	switch {
	case kind == relocAbsolute:
		return nil
	case width == 0 || rva+width > uint64(len(i.flat)):
		return fmt.Errorf("%w: relocation type %d at %x", ErrSpec, kind, rva)
	}
	b := i.flat[rva : rva+width]
	if width == 4 {
		putN(b, uint64(binary.LittleEndian.Uint32(b))+delta)
	} else {
		putN(b, binary.LittleEndian.Uint64(b)+delta)
	}
	return nil
}

// bind overwrites the slots of the import address table with addresses from
// code on, as a loader does.
func (i *image) bind(code uint64) error {
	b, err := i.dir(pe.IMAGE_DIRECTORY_ENTRY_IAT)
	none := make([]byte, i.width)
	for ; len(b) >= i.width; b, code = b[i.width:], code+16 {
		if !bytes.Equal(b[:i.width], none) {
			putN(b[:i.width], code)
		}
	}
	return err
}

// fileOffset returns where in the file page n of the image is; false for
// pages without bytes in the file.
func (i *image) fileOffset(n int) (uint64, bool) {
	rva := uint64(n) * i.page
	if n == 0 || i.lowAlign() {
		return rva, true
	}
	for _, s := range i.sections {
		start := uint64(s.VirtualAddress)
		if rva >= start && rva-start < uint64(s.Size) {
			return uint64(s.Offset) + rva - start, true
		}
	}
	return 0, false
}
