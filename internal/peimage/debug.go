package peimage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/internal/wire"
)

// Debug directory entry types (winnt.h).
const (
	DebugTypeCodeView = 2
	DebugTypeRepro    = 16
)

// dirDebug is the index of the debug directory (IMAGE_DIRECTORY_ENTRY_DEBUG).
const dirDebug = 6

// debugEntrySize is sizeof(IMAGE_DEBUG_DIRECTORY).
const debugEntrySize = 28

// maxDebugEntries bounds the directory; images have a handful.
const maxDebugEntries = 64

// maxPath bounds the PDB path of a CodeView record, in bytes.
const maxPath = 1024

// ErrNone is returned where the image has no such part.
var ErrNone = errors.New("the image has none")

// minorPortable is the minor version of a CodeView entry whose PDB is a portable
// one: "MP" (PE-COFF addendum of the portable PDB format, dotnet/runtime).
const minorPortable = 0x504d

// DebugEntry is an IMAGE_DEBUG_DIRECTORY. Size, RVA and Offset describe its
// data: RVA in memory (0 when not mapped), Offset in the file.
type DebugEntry struct {
	Type, TimeDateStamp, Size, RVA, Offset uint32
	MinorVersion                           uint16
}

// CodeViewKind is the form of a CodeView record.
type CodeViewKind uint8

// The kinds.
const (
	CodeViewUnknown CodeViewKind = iota
	CodeViewRSDS
	CodeViewNB10
)

// String returns the signature the record begins with, or unknown.
func (k CodeViewKind) String() string {
	switch k {
	case CodeViewRSDS:
		return "RSDS"
	case CodeViewNB10:
		return "NB10"
	}
	return "unknown"
}

// CodeView is an RSDS or NB10 record.
type CodeView struct {
	Kind      CodeViewKind
	GUID      guid.GUID
	Signature uint32 // NB10
	Age       uint32
	Path      string // as recorded: untrusted, any spelling
	Partial   bool   // the path could not be read to its end
	Portable  bool   // the entry that leads here says that the PDB is a portable one
}

// Size is the record's size in bytes, without the zero that ends its path.
func (c *CodeView) Size() uint64 {
	if c.Kind == CodeViewNB10 {
		return nb10Fixed + uint64(len(c.Path))
	}
	return rsdsFixed + uint64(len(c.Path))
}

// Layout says how an RVA of an image is reached through its reader.
type Layout interface {
	// Locate returns the reader offset of the bytes at rva.
	Locate(rva uint32) (int64, bool)
	// Data returns the reader offset of a debug entry's data.
	Data(e DebugEntry) (int64, bool)
}

// Memory is the layout of a mapped image: every RVA is its own offset.
type Memory struct{}

// Locate implements [Layout].
func (Memory) Locate(rva uint32) (int64, bool) { return int64(rva), true }

// Data implements [Layout]. Data that is not mapped (RVA 0) is not in memory.
func (Memory) Data(e DebugEntry) (int64, bool) { return int64(e.RVA), e.RVA != 0 }

// OnDisk is the layout of an image file with these headers.
type OnDisk struct{ *Headers }

// Locate implements [Layout].
func (d OnDisk) Locate(rva uint32) (int64, bool) { return d.FileOffset(rva) }

// Data implements [Layout]. The file pointer is what the linker wrote; where
// it is zero the RVA is mapped.
func (d OnDisk) Data(e DebugEntry) (int64, bool) {
	if e.Offset != 0 {
		return int64(e.Offset), true
	}
	return d.FileOffset(e.RVA)
}

// ReadDebug reads the debug directory of the image behind r. It returns an
// error wrapping [ErrNone] when the image has no debug directory, and the
// entries before the first that could not be read otherwise.
func ReadDebug(r io.ReaderAt, h *Headers, l Layout) ([]DebugEntry, error) {
	if h.DirErr != nil {
		return nil, h.DirErr
	}
	if len(h.Directories) <= dirDebug || h.Directories[dirDebug] == (Directory{}) {
		return nil, fmt.Errorf("debug directory: %w", ErrNone)
	}
	d := h.Directories[dirDebug]
	off, ok := l.Locate(d.RVA)
	if !ok || d.RVA >= h.SizeOfImage {
		return nil, fmt.Errorf("debug directory: %w: RVA %#x is outside the image", ErrFormat, d.RVA)
	}
	return readEntries(r, off, min(d.Size/debugEntrySize, maxDebugEntries))
}

func readEntries(r io.ReaderAt, off int64, n uint32) ([]DebugEntry, error) {
	var entries []DebugEntry
	for i := range int64(n) {
		b, err := read(r, off+i*debugEntrySize, debugEntrySize)
		if err != nil {
			return entries, fmt.Errorf("debug directory, entry %d of %d: %w", i+1, n, err)
		}
		entries = append(entries, parseEntry(b))
	}
	return entries, nil
}

func parseEntry(b []byte) DebugEntry {
	c := wire.New("debug directory", b)
	c.Skip(4)
	e := DebugEntry{TimeDateStamp: c.U32()}
	c.Skip(2)
	e.MinorVersion = c.U16()
	e.Type, e.Size, e.RVA, e.Offset = c.U32(), c.U32(), c.U32(), c.U32()
	return e
}

// FindCodeView returns the record that names the PDB: the last RSDS one the
// entries lead to, or else the last NB10 one; dbghelp takes the last as well
// (measured). Its error wraps [ErrNone] when no entry is a CodeView one. Where a
// record behind all RSDS ones cannot be read its error is returned: it may be the
// one.
func FindCodeView(r io.ReaderAt, entries []DebugEntry, l Layout) (CodeView, error) {
	found, err := CodeView{}, fmt.Errorf("CodeView record: %w", ErrNone)
	for _, e := range slices.Backward(entries) {
		if e.Type != DebugTypeCodeView {
			continue
		}
		cv, cvErr := readEntryCodeView(r, e, l)
		switch {
		case cvErr == nil && cv.Kind == CodeViewRSDS:
			return cv, nil
		case cvErr == nil && found.Kind == CodeViewUnknown:
			found, err = cv, nil
		case cvErr != nil && isOut(cvErr):
			return CodeView{}, cvErr
		case errors.Is(err, ErrNone):
			err = cvErr
		}
	}
	return found, err
}

// isOut reports whether bytes could not be read that may be there, rather than
// being wrong or behind the end of a file.
func isOut(err error) bool {
	return !errors.Is(err, ErrFormat) && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// OtherCodeViews returns the records besides that of [FindCodeView], each once,
// from the last to the first. Those that cannot be read are left out.
func OtherCodeViews(r io.ReaderAt, entries []DebugEntry, l Layout, found CodeView) (others []CodeView) {
	for _, e := range slices.Backward(entries) {
		if e.Type != DebugTypeCodeView {
			continue
		}
		if cv, err := readEntryCodeView(r, e, l); err == nil && cv != found && !slices.Contains(others, cv) {
			others = append(others, cv)
		}
	}
	return others
}

func readEntryCodeView(r io.ReaderAt, e DebugEntry, l Layout) (CodeView, error) {
	off, ok := l.Data(e)
	if !ok {
		return CodeView{}, fmt.Errorf("CodeView record: %w: its data (RVA %#x) is not mapped", ErrFormat, e.RVA)
	}
	cv, err := ReadCodeView(r, off, e.Size)
	cv.Portable = err == nil && e.MinorVersion == minorPortable && cv.Kind == CodeViewRSDS
	return cv, err
}

// ReadCodeView reads the CodeView record of size bytes at off. A record whose
// path runs into bytes that are not there is returned with Partial set.
func ReadCodeView(r io.ReaderAt, off int64, size uint32) (CodeView, error) {
	b, err := read(r, off, int(min(size, 24+maxPath)))
	if len(b) < 4 {
		return CodeView{}, fmt.Errorf("CodeView record: %w", orFormat(err, "it is shorter than its signature"))
	}
	cv, head := CodeView{}, 0
	c := wire.At("CodeView record", off, b)
	c.Skip(4)
	switch sig := string(b[:4]); sig {
	case "RSDS":
		cv.Kind = CodeViewRSDS
		copy(cv.GUID[:], c.Bytes(16))
		cv.Age, head = c.U32(), 24
	case "NB10":
		cv.Kind = CodeViewNB10
		c.Skip(4)
		cv.Signature, cv.Age, head = c.U32(), c.U32(), 16
	case "NB09", "NB11":
		return CodeView{}, fmt.Errorf("CodeView record: %s symbols are embedded in the image: %w", sig, errors.ErrUnsupported)
	default:
		return CodeView{}, fmt.Errorf("CodeView record: %w: signature %q", ErrFormat, sig)
	}
	if c.Err() != nil {
		return CodeView{}, fmt.Errorf("CodeView record: %w", orFormat(err, "it is cut short"))
	}
	cv.Path = cstr(b[head:])
	cv.Partial = err != nil && bytes.IndexByte(b[head:], 0) < 0
	return cv, nil
}

func orFormat(err error, what string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrFormat, what)
}

// cstr returns the text before the first NUL.
func cstr(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
