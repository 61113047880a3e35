package dwarf

import (
	"bytes"
	"compress/zlib"
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/symbols"
)

const (
	maxRatio   = 64      // how much longer than its bytes in the file a compressed section may be
	maxSection = 1 << 31 // bytes
	zlibHeader = 12      // "ZLIB" and the length, big-endian
	recordSize = 18      // of a COFF symbol
	maxName    = 64      // bytes of the name of a section
)

// sections are the debug sections of an image, by their names without a dot.
// They are in its file alone: a loader does not keep them.
type sections struct {
	im    *symbols.Image
	found map[string]*peimage.Section
}

func findSections(im *symbols.Image) (*sections, error) {
	s := &sections{im: im, found: map[string]*peimage.Section{}}
	if im.File == nil {
		return nil, fmt.Errorf("DWARF: no file of the image: %w", symbols.ErrNone)
	}
	for i := range im.Sections {
		name := s.longName(im.Sections[i].Name)
		if short, ok := strings.CutPrefix(name, ".debug_"); ok {
			s.found[short] = &im.Sections[i]
		} else if short, ok := strings.CutPrefix(name, ".zdebug_"); ok {
			s.found[short] = &im.Sections[i]
		}
	}
	if s.found["info"] == nil || s.found["abbrev"] == nil {
		return nil, fmt.Errorf("DWARF: %w", symbols.ErrNone)
	}
	return s, nil
}

// longName is the name of a section; /123 is at that place of the string table
// behind the COFF symbols.
func (s *sections) longName(name string) string {
	digits, ok := strings.CutPrefix(name, "/")
	at, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || s.im.SymbolTable == 0 {
		return name
	}
	b := make([]byte, maxName)
	n, _ := s.im.File.ReadAt(b, int64(s.im.SymbolTable)+recordSize*int64(s.im.NumberOfSymbols)+int64(at))
	text, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(text)
}

// read reads a section, nil where the image has none.
func (s *sections) read(name string) ([]byte, error) {
	h := s.found[name]
	if h == nil {
		return nil, nil
	}
	size := int64(h.RawSize)
	if h.VirtualSize != 0 {
		size = min(size, int64(h.VirtualSize))
	}
	size = min(size, s.im.FileSize-int64(h.RawOffset))
	if size <= 0 {
		return nil, nil
	}
	b := make([]byte, size)
	if n, err := s.im.File.ReadAt(b, int64(h.RawOffset)); n < len(b) {
		return nil, fmt.Errorf("DWARF: section %s: %w", name, err)
	}
	if bytes.HasPrefix(b, []byte("ZLIB")) && len(b) >= zlibHeader {
		return expand(name, b)
	}
	return b, nil
}

// expand decompresses a section.
func expand(name string, b []byte) ([]byte, error) {
	size := binary.BigEndian.Uint64(b[4:])
	if size > maxSection || size > maxRatio*uint64(len(b)) {
		return nil, fmt.Errorf("DWARF: section %s of %d bytes in %d: %w", name, size, len(b), symbols.ErrLimit)
	}
	r, err := zlib.NewReader(bytes.NewReader(b[zlibHeader:]))
	if err != nil {
		return nil, fmt.Errorf("DWARF: section %s: %w: %w", name, symbols.ErrFormat, err)
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil || uint64(len(out)) < size {
		return nil, fmt.Errorf("DWARF: section %s ends early: %w", name, symbols.ErrFormat)
	}
	return out, nil
}

// data reads all sections, once.
func (s *sections) data() (*dwarf.Data, error) {
	var b [5][]byte
	for i, name := range []string{"abbrev", "info", "line", "ranges", "str"} {
		var err error
		if b[i], err = s.read(name); err != nil {
			return nil, err
		}
	}
	d, err := dwarf.New(b[0], nil, nil, b[1], b[2], nil, b[3], b[4])
	if err != nil {
		return nil, damaged(err)
	}
	for _, name := range []string{"line_str", "addr", "str_offsets", "rnglists", "loclists"} {
		more, err := s.read(name)
		if err != nil {
			return nil, err
		}
		if err := d.AddSection(".debug_"+name, more); err != nil {
			return nil, damaged(err)
		}
	}
	return d, nil
}

func damaged(err error) error { return fmt.Errorf("DWARF: %w: %w", symbols.ErrFormat, err) }
