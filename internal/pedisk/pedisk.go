// Package pedisk reads the headers of an on-disk PE image with saferwall/pe.
//
// It is the only package that may import saferwall/pe, and it fences it in:
// the library sees the header bytes alone, without what it need not parse, in
// Fast mode, with a logger that says nothing. The debug directory and the CodeView record are parsed by
// internal/peimage, because saferwall/pe sizes them from unchecked fields.
package pedisk

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/saferwall/pe"
	"github.com/saferwall/pe/log"

	"github.com/symres/symres/internal/peimage"
)

const (
	maxLfanew = 1 << 20 // as for peimage
	// ntRoom is how much behind e_lfanew the library is shown: the NT headers and
	// the data directories there can be. The section table is not handed over.
	ntRoom = 4 << 10
)

// ReadHeaders reads the headers of the image file behind r. It returns an
// error wrapping [peimage.ErrFormat] when they are not those of a PE image.
func ReadHeaders(r io.ReaderAt, size int64) (*peimage.Headers, error) {
	b, err := headerBytes(r, size)
	if err != nil {
		return nil, fmt.Errorf("image headers: %w", err)
	}
	sections := quieten(b)
	f, err := pe.NewBytes(b, &pe.Options{Fast: true, Logger: silent{}})
	if err == nil {
		err = f.Parse()
	}
	if err != nil {
		return nil, fmt.Errorf("image headers: %w: %w", peimage.ErrFormat, err)
	}
	h := convert(f)
	h.NumberOfSections = sections
	// The library sorts the table, stops at sections it finds odd, and wants all of
	// it in memory; segment numbers count entries, so it is read as it stands.
	table := int64(f.DOSHeader.AddressOfNewEXEHeader) + 24 + int64(f.NtHeader.FileHeader.SizeOfOptionalHeader)
	h.ReadSections(r, table)
	return h, nil
}

const dosHeader = 0x40

// headerBytes reads the headers up to the section table.
func headerBytes(r io.ReaderAt, size int64) ([]byte, error) {
	need := int64(dosHeader)
	var b []byte
	for range 2 { // the DOS header says where the others are
		b = make([]byte, min(size, need))
		if n, err := r.ReadAt(b, 0); n < len(b) {
			return nil, err
		}
		if len(b) >= dosHeader {
			need = min(int64(binary.LittleEndian.Uint32(b[0x3c:])), maxLfanew) + ntRoom
		}
	}
	return b, nil
}

// quieten blanks what the library would parse besides the headers: the DOS
// stub, whose Rich header it indexes without checks and would panic on, the COFF
// symbol table, which it allocates by its claimed count, and the number of
// sections, which it returns.
func quieten(b []byte) (sections uint16) {
	if len(b) < dosHeader {
		return 0
	}
	nt := int64(binary.LittleEndian.Uint32(b[0x3c:]))
	if nt > int64(len(b))-24 {
		return 0 // the library refuses it
	}
	if nt > dosHeader {
		clear(b[dosHeader:nt])
	}
	clear(b[nt+12 : nt+20]) // PointerToSymbolTable, NumberOfSymbols
	sections = binary.LittleEndian.Uint16(b[nt+6:])
	clear(b[nt+6 : nt+8])
	return sections
}

// silent drops what the library would print on stdout.
type silent struct{}

func (silent) Log(log.Level, ...any) error { return nil }

func convert(f *pe.File) *peimage.Headers {
	fh := f.NtHeader.FileHeader
	h := &peimage.Headers{
		Machine: uint16(fh.Machine), Characteristics: uint16(fh.Characteristics),
		NumberOfSections: fh.NumberOfSections, TimeDateStamp: fh.TimeDateStamp,
	}
	switch o := f.NtHeader.OptionalHeader.(type) {
	case pe.ImageOptionalHeader32:
		h.Magic, h.ImageBase = o.Magic, uint64(o.ImageBase)
		h.SizeOfImage, h.SizeOfHeaders, h.CheckSum = o.SizeOfImage, o.SizeOfHeaders, o.CheckSum
		h.SectionAlignment, h.FileAlignment = o.SectionAlignment, o.FileAlignment
		h.Directories = directories(o.DataDirectory[:], o.NumberOfRvaAndSizes)
	case pe.ImageOptionalHeader64:
		h.Magic, h.ImageBase = o.Magic, o.ImageBase
		h.SizeOfImage, h.SizeOfHeaders, h.CheckSum = o.SizeOfImage, o.SizeOfHeaders, o.CheckSum
		h.SectionAlignment, h.FileAlignment = o.SectionAlignment, o.FileAlignment
		h.Directories = directories(o.DataDirectory[:], o.NumberOfRvaAndSizes)
	}
	return h
}

func directories(all []pe.DataDirectory, n uint32) []peimage.Directory {
	dirs := make([]peimage.Directory, 0, len(all))
	for _, d := range all[:min(int64(n), int64(len(all)))] {
		dirs = append(dirs, peimage.Directory{RVA: d.VirtualAddress, Size: d.Size})
	}
	return dirs
}
