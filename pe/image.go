package pe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
)

// The errors callers branch on, found with [errors.Is].
var (
	// ErrFormat is wrapped by errors about bytes that can be read but are not a
	// PE image.
	ErrFormat = peimage.ErrFormat
	// ErrNoPart is wrapped by the error about a part that the image does not
	// have.
	ErrNoPart = peimage.ErrNone
)

// MaxImage bounds how far beyond a base address a memory image may reach, in
// bytes: the largest SizeOfImage there can be.
const MaxImage = 1 << 32

// Part names a piece of an image that can be read or missing by itself.
type Part uint8

// The parts of an image, in the order they are read.
const (
	PartDOSHeader Part = iota
	PartNTHeaders
	PartSections
	PartDebugDirectory
	PartCodeView
	numParts
)

// String returns the part's name in plain words.
func (p Part) String() string {
	names := [numParts]string{"DOS header", "NT headers", "section table", "debug directory", "CodeView record"}
	if p < numParts {
		return names[p]
	}
	return fmt.Sprintf("part %d", p)
}

// Section is one entry of an image's section table. Addresses are RVAs and
// sizes are bytes.
type Section struct {
	Name                        string
	VirtualAddress, VirtualSize uint32
	RawSize                     uint32 // of its bytes in the file
	Characteristics             uint32 // IMAGE_SCN_*, winnt.h
}

// Image holds the parts of a PE image that could be read, from memory or from a
// file. An Image is immutable and safe for concurrent use.
type Image struct {
	Machine          uint16 // IMAGE_FILE_MACHINE_*
	TimeDateStamp    uint32 // a hash where Repro is set; 0 is unknown
	SizeOfImage      uint32 // bytes, as the linker wrote it: not page-rounded
	CheckSum         uint32 // 0 is unknown
	ImageBase        uint64 // preferred base in a file, actual base in memory
	SectionAlignment uint32
	Is64             bool
	Repro            bool // the debug directory marks a reproducible build
	Sections         []Section
	CodeView         *CodeView // nil: see Missing(PartCodeView)
	// OtherCodeViews are further records, the last first. Of several RSDS records
	// the last one names the PDB, as for dbghelp.
	OtherCodeViews []CodeView

	debug   []peimage.DebugEntry
	missing [numParts]error
}

// Names reports whether one of the image's CodeView records has that identity.
func (m *Image) Names(id sympath.ID) bool {
	return m.CodeView != nil && m.CodeView.ID() == id ||
		slices.ContainsFunc(m.OtherCodeViews, func(c CodeView) bool { return c.ID() == id })
}

// Missing returns nil when the part was read. Otherwise the error tells why
// not: it wraps a [*memsource.Fault] for a part in a page that is out,
// [ErrFormat] for one that is wrong, and [ErrNoPart] where the image has
// no such part at all.
func (m *Image) Missing(p Part) error {
	if p >= numParts {
		return fmt.Errorf("%v: %w", p, ErrNoPart)
	}
	return m.missing[p]
}

// ID returns the key an image is filed under in symbol stores. It is the zero
// ID unless TimeDateStamp and SizeOfImage are both known.
func (m *Image) ID() sympath.ID {
	if m.TimeDateStamp == 0 || m.SizeOfImage == 0 {
		return sympath.ID{}
	}
	return sympath.Image(m.TimeDateStamp, m.SizeOfImage)
}

// PointsAtCodeView reports whether the debug directory could be read and has an
// entry that leads to a CodeView record in memory. Where it does, a record at
// another place is not the image's own.
func (m *Image) PointsAtCodeView() bool {
	return slices.ContainsFunc(m.debug, func(e peimage.DebugEntry) bool {
		return e.Type == peimage.DebugTypeCodeView && e.RVA != 0
	})
}

// ReadImage reads the headers, debug directory and CodeView record of the image
// mapped at base, each from the page it lies in. The image is never nil: it has
// the parts that could be read, and [Image.Missing] has the reason for every
// other part. The error is about the NT headers, without which the image cannot
// be identified. It wraps a [*memsource.Fault] if their page is out, and
// [ErrFormat] if there is no image.
func ReadImage(ctx context.Context, src memsource.Source, base uint64) (*Image, error) {
	r := memsource.ReaderAt(memsource.Bind(ctx, src), base, min(MaxImage, -base-1))
	m := newImage(r, peimage.ReadHeaders(r), peimage.Memory{})
	if err := m.missing[PartNTHeaders]; err != nil {
		return m, fmt.Errorf("image at %s: %w", hexaddr.Addr(base), err)
	}
	return m, nil
}

// OpenImage reads an image file. The error wraps [ErrFormat] if the file is not
// a PE image, and [io/fs.ErrNotExist] if it does not exist.
func OpenImage(path string) (*Image, error) {
	f, err := fsx.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := NewImage(f, f.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// NewImage reads an image of size bytes in the file layout. It keeps no
// reference to r. Parts that are wrong or absent are reported by
// [Image.Missing]; an error means that r holds no PE image.
func NewImage(r io.ReaderAt, size int64) (*Image, error) {
	h, err := pedisk.ReadHeaders(r, size)
	if err != nil {
		return nil, err
	}
	return newImage(r, h, peimage.OnDisk{Headers: h}), nil
}

func newImage(r io.ReaderAt, h *peimage.Headers, l peimage.Layout) *Image {
	m := &Image{
		Machine: h.Machine, TimeDateStamp: h.TimeDateStamp, SizeOfImage: h.SizeOfImage,
		CheckSum: h.CheckSum, ImageBase: h.ImageBase, SectionAlignment: h.SectionAlignment, Is64: h.Is64(),
	}
	m.missing[PartDOSHeader], m.missing[PartNTHeaders] = h.DOSErr, h.NTErr
	m.missing[PartSections] = h.SectionErr
	for _, s := range h.Sections {
		m.Sections = append(m.Sections, Section{
			Name: s.Name, VirtualAddress: s.VirtualAddress, VirtualSize: s.VirtualSize, RawSize: s.RawSize, Characteristics: s.Characteristics,
		})
	}
	m.readDebug(r, h, l)
	return m
}

func (m *Image) readDebug(r io.ReaderAt, h *peimage.Headers, l peimage.Layout) {
	entries, err := peimage.ReadDebug(r, h, l)
	m.debug, m.missing[PartDebugDirectory] = entries, err
	for _, e := range entries {
		m.Repro = m.Repro || e.Type == peimage.DebugTypeRepro
	}
	cv, err := peimage.FindCodeView(r, entries, l)
	if errors.Is(err, peimage.ErrNone) && m.missing[PartDebugDirectory] != nil {
		err = m.missing[PartDebugDirectory] // the entries not read may hold it
	}
	if m.missing[PartCodeView] = err; err == nil {
		m.CodeView = fromRecord(cv)
		for _, other := range peimage.OtherCodeViews(r, entries, l, cv) {
			m.OtherCodeViews = append(m.OtherCodeViews, *fromRecord(other))
		}
	}
}
