// Package peimage parses the parts of a PE image that symbol work needs: the
// headers, the section table, the debug directory and the CodeView record.
//
// It reads through an [io.ReaderAt] and takes what it can get. Every part has
// its own error, so an image whose debug directory lies in a page that is out
// still gives its TimeDateStamp. It knows both layouts: in memory an RVA is an
// offset from the base, in a file the section table maps it.
//
// Sources: Microsoft PE/COFF specification and winnt.h.
package peimage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/internal/wire"
)

// ErrFormat is wrapped by errors about bytes that are there and are wrong.
var ErrFormat = errors.New("not a valid PE image")

// Limits and sizes of the format.
const (
	magicPE32     = 0x10b
	magicPE32Plus = 0x20b
	ntFixed       = 4 + 20 // signature, IMAGE_FILE_HEADER
	optFixed      = 68     // through CheckSum, the same offsets in PE32 and PE32+
	maxLfanew     = 1 << 20
	maxDirs       = 16
	sectionSize   = 40
)

// Headers holds the header fields symbol work needs, in file units: sizes and
// RVAs in bytes. A zero field was not read when [Headers.Err] says so.
type Headers struct {
	Machine          uint16
	Magic            uint16 // 0x10b PE32, 0x20b PE32+
	Characteristics  uint16
	NumberOfSections uint16
	TimeDateStamp    uint32
	SizeOfImage      uint32
	SizeOfHeaders    uint32
	CheckSum         uint32
	SectionAlignment uint32
	FileAlignment    uint32
	ImageBase        uint64
	SymbolTable      uint32 // offset in the file of the COFF symbol table; 0 is none, or not read
	NumberOfSymbols  uint32 // entries of it
	Directories      []Directory
	Sections         []Section
	byStart          []uint16 // numbers of the sections by address, where there are many; else nil

	DOSErr, NTErr, DirErr, SectionErr error // nil: that part was read
}

// Directory is an IMAGE_DATA_DIRECTORY.
type Directory struct{ RVA, Size uint32 }

// Section is an IMAGE_SECTION_HEADER.
type Section struct {
	Name                        string
	VirtualSize, VirtualAddress uint32
	RawSize, RawOffset          uint32
	Characteristics             uint32
}

// Is64 reports whether the image is PE32+.
func (h *Headers) Is64() bool { return h.Magic == magicPE32Plus }

// LowAligned reports whether SectionAlignment is below a page: Windows then maps
// the file as it is. Images that other systems load, such as ReadyToRun ones of
// Linux, may be aligned as little and have their sections elsewhere in the file.
func (h *Headers) LowAligned() bool {
	return h.SectionAlignment != 0 && h.SectionAlignment < 0x1000
}

// ReadHeaders reads the headers at offset 0 of r. It never fails as a whole:
// each part that could not be read has its error in the result.
func ReadHeaders(r io.ReaderAt) *Headers {
	h := &Headers{}
	lfanew, err := readDOS(r)
	if err != nil {
		h.DOSErr, h.NTErr, h.DirErr, h.SectionErr = err, err, err, err
		return h
	}
	optSize, err := h.readNT(r, lfanew)
	if err != nil {
		h.NTErr, h.DirErr, h.SectionErr = err, err, err
		return h
	}
	opt := lfanew + ntFixed
	h.DirErr = h.readDirectories(r, opt, optSize)
	h.ReadSections(r, opt+int64(optSize))
	return h
}

func readDOS(r io.ReaderAt) (int64, error) {
	b, err := read(r, 0, 0x40)
	if err != nil {
		return 0, fmt.Errorf("DOS header: %w", err)
	}
	if string(b[:2]) != "MZ" {
		return 0, fmt.Errorf("DOS header: %w: no MZ signature", ErrFormat)
	}
	off := int64(binary.LittleEndian.Uint32(b[0x3c:]))
	if off < 4 || off > maxLfanew {
		return 0, fmt.Errorf("DOS header: %w: e_lfanew %#x", ErrFormat, off)
	}
	return off, nil
}

// readNT reads the file header and the optional header one after the other:
// a page may end between them, and the stamp in the first is worth keeping.
func (h *Headers) readNT(r io.ReaderAt, off int64) (optSize uint16, err error) {
	b, err := read(r, off, ntFixed)
	if err != nil {
		return 0, fmt.Errorf("NT headers: %w", err)
	}
	c := wire.At("NT headers", off, b)
	if sig := c.U32(); sig != 0x4550 {
		return 0, fmt.Errorf("NT headers: %w: no PE signature", ErrFormat)
	}
	h.Machine, h.NumberOfSections, h.TimeDateStamp = c.U16(), c.U16(), c.U32()
	h.SymbolTable, h.NumberOfSymbols = c.U32(), c.U32()
	optSize, h.Characteristics = c.U16(), c.U16()
	if b, err = read(r, off+ntFixed, optFixed); err != nil {
		return 0, fmt.Errorf("optional header: %w", err)
	}
	return optSize, h.readOptional(b)
}

func (h *Headers) readOptional(b []byte) error {
	le := binary.LittleEndian
	switch h.Magic = le.Uint16(b); h.Magic {
	case magicPE32:
		h.ImageBase = uint64(le.Uint32(b[28:]))
	case magicPE32Plus:
		h.ImageBase = le.Uint64(b[24:])
	default:
		return fmt.Errorf("optional header: %w: magic %#x", ErrFormat, h.Magic)
	}
	h.SectionAlignment, h.FileAlignment = le.Uint32(b[32:]), le.Uint32(b[36:])
	h.SizeOfImage, h.SizeOfHeaders, h.CheckSum = le.Uint32(b[56:]), le.Uint32(b[60:]), le.Uint32(b[64:])
	return nil
}

func (h *Headers) readDirectories(r io.ReaderAt, opt int64, optSize uint16) error {
	at := int64(92)
	if h.Is64() {
		at = 108
	}
	if int64(optSize) < at+4 {
		return nil // no directories at all is legal
	}
	b, err := read(r, opt+at, 4)
	if err != nil {
		return fmt.Errorf("data directories: %w", err)
	}
	n := min(int64(binary.LittleEndian.Uint32(b)), maxDirs, (int64(optSize)-at-4)/8)
	b, err = read(r, opt+at+4, int(n)*8)
	if err != nil {
		return fmt.Errorf("data directories: %w", err)
	}
	for c := wire.New("data directories", b); c.Len() > 0; {
		h.Directories = append(h.Directories, Directory{RVA: c.U32(), Size: c.U32()})
	}
	return nil
}

func parseSection(b []byte) Section {
	c := wire.New("section header", b)
	s := Section{Name: cstr(c.Bytes(8))}
	s.VirtualSize, s.VirtualAddress, s.RawSize, s.RawOffset = c.U32(), c.U32(), c.U32(), c.U32()
	c.Skip(12)
	s.Characteristics = c.U32()
	return s
}

// read returns exactly n bytes at off or the reader's error; a source that
// ends is io.ErrUnexpectedEOF.
func read(r io.ReaderAt, off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := r.ReadAt(b, off)
	if got == n {
		return b, nil
	}
	return b[:got], eof(err)
}

func eof(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
