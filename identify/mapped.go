package identify

import (
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/pe"
)

// ErrNotMapped is returned for bytes that the loader does not read from the
// image file, and for writable data, which the program changes.
var ErrNotMapped = errors.New("the image file does not say these bytes")

// Mapped is the file of an image as a loader lays it out, but not relocated. It
// is safe for concurrent use as far as its reader is.
type Mapped struct {
	r     io.ReaderAt
	size  uint64
	parts []mappedPart
}

// mappedPart is a run of RVAs that come from one place of the file.
type mappedPart struct{ start, end, raw, off uint64 }

// Mapped returns the copy in the memory layout. It is valid until the copy is
// closed. The error wraps [pe.ErrFormat] or comes from reading the file.
func (c *Copy) Mapped() (*Mapped, error) {
	h, err := pedisk.ReadHeaders(c.file, c.file.Size())
	if err == nil {
		err = errors.Join(h.NTErr, h.SectionErr)
	}
	if err != nil {
		return nil, err
	}
	m := &Mapped{r: c.file, size: min(uint64(h.SizeOfImage), pe.MaxImage)}
	if h.LowAligned() {
		m.parts = []mappedPart{{end: m.size, raw: uint64(c.file.Size())}}
		return m, nil
	}
	headers := uint64(h.SizeOfHeaders)
	m.parts = []mappedPart{{end: (headers + pageMask) &^ pageMask, raw: headers}}
	for _, s := range h.Sections {
		m.add(s)
	}
	return m, nil
}

const (
	pageMask   = 0xfff
	scnExecute = 0x20000000 // IMAGE_SCN_MEM_EXECUTE (winnt.h)
	scnWrite   = 0x80000000 // IMAGE_SCN_MEM_WRITE
)

// add adds a section that a program does not write to. What the file has
// for the last page behind the size of the section is mapped, too.
func (m *Mapped) add(s peimage.Section) {
	size := uint64(s.VirtualSize)
	if size == 0 {
		size = uint64(s.RawSize)
	}
	if s.Characteristics&(scnWrite|scnExecute) == scnWrite || s.RawOffset == 0 {
		return
	}
	start := uint64(s.VirtualAddress)
	end := min((start+size+pageMask)&^pageMask, (m.size+pageMask)&^pageMask)
	m.parts = append(m.parts, mappedPart{start, end, uint64(s.RawSize), uint64(s.RawOffset)})
}

// ReadMapped fills p with the bytes at rva. The error wraps [ErrNotMapped], or
// is that of the file.
func (m *Mapped) ReadMapped(p []byte, rva uint32) error {
	clear(p)
	for done := uint64(0); done < uint64(len(p)); {
		part, ok := m.part(uint64(rva) + done)
		if !ok {
			return fmt.Errorf("rva %x: %w", uint64(rva)+done, ErrNotMapped)
		}
		at := uint64(rva) + done
		n := min(uint64(len(p))-done, part.end-at)
		if in := at - part.start; in < part.raw {
			b := p[done : done+min(n, part.raw-in)]
			if got, err := m.r.ReadAt(b, int64(part.off+in)); got < len(b) {
				return fmt.Errorf("image file: %w", err)
			}
		}
		done += n
	}
	return nil
}

// part returns the run that has rva.
func (m *Mapped) part(rva uint64) (mappedPart, bool) {
	for _, p := range m.parts {
		if rva >= p.start && rva < p.end {
			return p, true
		}
	}
	return mappedPart{}, false
}
