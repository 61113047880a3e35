package cab

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/symres/symres/internal/wire"
	"github.com/symres/symres/internal/wtext"
)

// Sizes and flags of [MS-CAB] 2.
const (
	headerSize = 36
	folderSize = 8
	fileSize   = 16

	flagPrev    = 1
	flagNext    = 2
	flagReserve = 4

	// Folder indices from here on mean: begun in the previous cabinet,
	// continued in the next, both.
	firstSpanned = 0xFFFD

	attrNameUTF8 = 0x80
	maxName      = 256 // the 255 bytes of [MS-CAB] and the NUL
)

// Cabinet is an opened cabinet. It is safe for concurrent use when the
// [io.ReaderAt] below it is.
type Cabinet struct {
	r       io.ReaderAt
	stored  int64 // size of the cabinet as it was given
	size    int64 // size by its header, at most stored
	flags   uint16
	reserve int // bytes reserved per data block
	folders []folder
	members []Member
}

type folder struct {
	offset int64 // of the first data block
	blocks int
	method uint16
}

// Member is one file of a [Cabinet]. It is a value and safe for concurrent
// use.
type Member struct {
	// Name is the last element of the recorded path, for display only: text
	// that is neither ASCII nor marked as UTF-8, and whatever could drive a
	// terminal, is U+FFFD.
	Name string
	// Size is the expanded size the cabinet claims, in bytes.
	Size int64

	folder int
	offset int64 // in the expanded folder
}

// New reads the headers of the cabinet in the first size bytes of r. Errors
// are [ErrFormat] without the MSCF signature, [ErrCorrupt], or those of r.
func New(r io.ReaderAt, size int64) (*Cabinet, error) {
	c := &Cabinet{r: r, stored: size}
	p := &headerReader{r: bufio.NewReader(io.NewSectionReader(r, 0, size))}
	files, err := c.header(p)
	if err == nil {
		err = c.files(files)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Members returns the cabinet's files in its own order. The slice is the
// caller's.
func (c *Cabinet) Members() []Member { return append([]Member(nil), c.members...) }

// Spanned reports whether the cabinet is one of a set, so that the first or
// last of its files may lie partly in another cabinet.
func (c *Cabinet) Spanned() bool { return c.flags&(flagPrev|flagNext) != 0 }

// fileTable is where the file entries are and how many there should be.
type fileTable struct {
	offset int64
	count  int
}

func (c *Cabinet) header(p *headerReader) (fileTable, error) {
	h := p.record(headerSize)
	if sig := string(h.Bytes(4)); p.err != nil || sig != "MSCF" {
		return fileTable{}, p.fail(ErrFormat)
	}
	h.Skip(4)
	c.size = int64(h.U32())
	h.Skip(4)
	files := fileTable{offset: int64(h.U32())}
	h.Skip(4)
	minor, major := h.U8(), h.U8()
	folders := int(h.U16())
	files.count = int(h.U16())
	c.flags = h.U16()
	if major != 1 || minor > 3 {
		return files, at(24, corrupt("version %d.%d, want 1.3", major, minor))
	}
	if c.size > c.stored {
		return files, at(8, corrupt("cabinet of %d bytes, %d are there: %w", c.size, c.stored, io.ErrUnexpectedEOF))
	}
	perFolder := c.reserved(p)
	c.skipNeighbours(p)
	for range folders {
		f := p.record(folderSize)
		c.folders = append(c.folders, folder{int64(f.U32()), int(f.U16()), f.U16()})
		p.skip(perFolder)
		if p.err != nil {
			break
		}
	}
	return files, p.err
}

// reserved reads the sizes of the reserved areas and passes over the first.
func (c *Cabinet) reserved(p *headerReader) (perFolder int) {
	if c.flags&flagReserve == 0 {
		return 0
	}
	h := p.record(4)
	inHeader := int(h.U16())
	perFolder, c.reserve = int(h.U8()), int(h.U8())
	p.skip(inHeader)
	return perFolder
}

// skipNeighbours passes over the names of the neighbours in a set: cabinet and
// disk, for the previous and for the next.
func (c *Cabinet) skipNeighbours(p *headerReader) {
	for _, flag := range []uint16{flagPrev, flagNext} {
		if c.flags&flag != 0 {
			p.cstr()
			p.cstr()
		}
	}
}

// files reads the file entries.
func (c *Cabinet) files(t fileTable) error {
	if t.offset > c.size {
		return at(16, corrupt("file table at %#x of %#x bytes", t.offset, c.size))
	}
	p := &headerReader{off: t.offset}
	p.r = bufio.NewReader(io.NewSectionReader(c.r, t.offset, c.size-t.offset))
	for range t.count {
		start := p.off
		m, err := readMember(p)
		if err != nil {
			return err
		}
		if m.folder < firstSpanned && m.folder >= len(c.folders) {
			return at(start, corrupt("file in folder %d of %d", m.folder, len(c.folders)))
		}
		c.members = append(c.members, m)
	}
	return nil
}

func readMember(p *headerReader) (Member, error) {
	f := p.record(fileSize)
	m := Member{Size: int64(f.U32()), offset: int64(f.U32()), folder: int(f.U16())}
	f.Skip(4)
	attrs := f.U16()
	m.Name = displayName(p.cstr(), attrs&attrNameUTF8 != 0)
	return m, p.err
}

// displayName keeps the last element of a recorded path.
func displayName(raw []byte, utf8 bool) string {
	name := wtext.FromBytes(raw)
	if utf8 {
		name = wtext.Clean(string(raw))
	}
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// headerReader reads header records in order; the first failure sticks.
type headerReader struct {
	r   *bufio.Reader
	off int64
	err error
}

// record returns a cursor over the next n bytes, an empty one after a failure.
func (p *headerReader) record(n int) *wire.Cursor {
	b := make([]byte, n)
	if p.err == nil {
		if _, err := io.ReadFull(p.r, b); err != nil {
			p.fail(short("header", err))
		}
	}
	if p.err != nil {
		b = nil
	}
	c := wire.At("cabinet", p.off, b)
	p.off += int64(n)
	return c
}

func (p *headerReader) skip(n int) {
	if p.err == nil {
		if _, err := p.r.Discard(n); err != nil {
			p.fail(short("reserved area", err))
		}
		p.off += int64(n)
	}
}

// cstr reads a string that ends in NUL and returns it without.
func (p *headerReader) cstr() []byte {
	var s []byte
	for p.err == nil {
		b, err := p.r.ReadByte()
		switch {
		case err != nil:
			p.fail(short("name", err))
		case b == 0:
			p.off += int64(len(s)) + 1
			return s
		case len(s) == maxName-1:
			p.fail(corrupt("name of more than %d bytes", maxName-1))
		}
		s = append(s, b)
	}
	return nil
}

// fail keeps the first failure and returns it.
func (p *headerReader) fail(err error) error {
	if p.err == nil {
		p.err = at(p.off, err)
	}
	return p.err
}

// methodName is the compression method of a folder in words.
func methodName(m uint16) string {
	switch m & 0xF {
	case methodStored:
		return "stored"
	case methodMSZIP:
		return "MSZIP"
	case methodQuantum:
		return "Quantum"
	case methodLZX:
		return fmt.Sprintf("LZX:%d", m>>8&0x1F)
	}
	return fmt.Sprintf("%#04x", m)
}
