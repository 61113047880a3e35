package dwarf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/symbols"
)

const (
	mostExpanded  = 16 << 20 // bytes of compressed sections that are always taken,
	expandedRatio = 4        // and this many for each byte of the file
	zlibHeader    = 12       // "ZLIB" and the length, big-endian
	recordSize    = 18       // of a COFF symbol
	maxName       = 64       // bytes of the name of a section
	maxText       = 16 << 10 // bytes of a text
	pageSize      = 16 << 10
	keptPages     = 64 // of each section
)

// section is a debug section. Its bytes are read where they lie, those of a
// compressed one from memory. It is safe for concurrent use.
type section struct {
	name  string
	size  int64
	r     io.ReaderAt // at its beginning
	whole []byte      // of a compressed section
	pages *lru.Cache[int64, []byte]
}

// sections are the debug sections of an image, by their names without dot and
// "debug_". They are in its file alone: a loader does not keep them.
type sections struct {
	im    *symbols.Image
	found map[string]*peimage.Section

	expanded atomic.Int64 // bytes of the compressed sections

	mu     sync.Mutex // guards opened
	opened map[string]*section
}

func findSections(im *symbols.Image) (*sections, error) {
	s := &sections{im: im, found: map[string]*peimage.Section{}, opened: map[string]*section{}}
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

// open returns a section, an empty one where the image does not have it.
func (s *sections) open(name string) (*section, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.opened[name]; ok {
		return c, nil
	}
	c, err := s.make(name)
	if err == nil {
		s.opened[name] = c
	}
	return c, err
}

func (s *sections) make(name string) (*section, error) {
	c := &section{name: name}
	h := s.found[name]
	if h == nil {
		return c, nil
	}
	c.size = int64(h.RawSize)
	if h.VirtualSize != 0 {
		c.size = min(c.size, int64(h.VirtualSize))
	}
	c.size = max(0, min(c.size, s.im.FileSize-int64(h.RawOffset)))
	c.r = io.NewSectionReader(s.im.File, int64(h.RawOffset), c.size)
	var err error
	if c.pages, err = lru.New[int64, []byte](keptPages); err != nil {
		return nil, err
	}
	head := make([]byte, min(zlibHeader, c.size))
	if _, err := c.r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, c.failed(err)
	}
	if len(head) < zlibHeader || !bytes.HasPrefix(head, []byte("ZLIB")) {
		return c, nil
	}
	return c, s.expand(c, binary.BigEndian.Uint64(head[4:]))
}

// expand decompresses a section, whose size the file states.
func (s *sections) expand(c *section, size uint64) error {
	if size > uint64(mostExpanded+expandedRatio*s.im.FileSize-s.expanded.Load()) {
		return fmt.Errorf("DWARF: section %s of %d bytes in %d: %w", c.name, size, c.size, symbols.ErrLimit)
	}
	// What it claims is not allocated before it is known to be there.
	err := c.inflate(func(r io.Reader) error {
		n, err := io.Copy(io.Discard, io.LimitReader(r, int64(size)))
		if err == nil && uint64(n) < size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("DWARF: section %s: %w: %w", c.name, symbols.ErrFormat, err)
	}
	whole := make([]byte, size)
	err = c.inflate(func(r io.Reader) error {
		_, err := io.ReadFull(r, whole)
		return err
	})
	if err != nil {
		return c.failed(err)
	}
	s.expanded.Add(int64(size))
	c.whole, c.size, c.r = whole, int64(size), bytes.NewReader(whole)
	return nil
}

// inflate has read do something with what is compressed.
func (c *section) inflate(read func(io.Reader) error) error {
	r, err := zlib.NewReader(io.NewSectionReader(c.r, zlibHeader, c.size-zlibHeader))
	if err != nil {
		return err
	}
	return read(r)
}

func (c *section) failed(err error) error { return fmt.Errorf("DWARF: section %s: %w", c.name, err) }

func (c *section) outside(off uint64) error {
	return fmt.Errorf("DWARF: %#x lies outside of section %s: %w", off, c.name, symbols.ErrFormat)
}

// bytes returns n bytes, which must not be changed.
func (c *section) bytes(off, n uint64) ([]byte, error) {
	if off > uint64(c.size) || n > uint64(c.size)-off {
		return nil, c.outside(off)
	}
	if c.whole != nil {
		return c.whole[off : off+n : off+n], nil
	}
	b := make([]byte, n)
	return b, c.read(b, off)
}

// read fills b, which must not be more than there is.
func (c *section) read(b []byte, off uint64) error {
	if got, err := c.r.ReadAt(b, int64(off)); got < len(b) {
		return c.failed(err)
	}
	return nil
}

// upTo returns n bytes, or fewer at the end of the section.
func (c *section) upTo(off, n uint64) ([]byte, error) {
	if off >= uint64(c.size) {
		return nil, c.outside(off)
	}
	return c.bytes(off, min(n, uint64(c.size)-off))
}

// page returns the page that holds an offset, from there on. Pages are kept:
// small pieces lie close together.
func (c *section) page(off uint64) ([]byte, error) {
	if off >= uint64(c.size) {
		return nil, c.outside(off)
	}
	if c.whole != nil {
		return c.whole[off:], nil
	}
	number := int64(off / pageSize)
	b, ok := c.pages.Get(number)
	if !ok {
		var err error
		if b, err = c.upTo(uint64(number)*pageSize, pageSize); err != nil {
			return nil, err
		}
		c.pages.Add(number, b)
	}
	return b[off%pageSize:], nil
}

// text returns a text that ends with a zero, of at most 16 KB.
func (c *section) text(off uint64) (string, error) {
	var text []byte
	for len(text) < maxText {
		b, err := c.page(off + uint64(len(text)))
		if err != nil {
			return "", err
		}
		b = b[:min(len(b), maxText)]
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(append(text, b[:i]...)), nil
		}
		text = append(text, b...)
	}
	return "", fmt.Errorf("DWARF: text at %#x of section %s does not end: %w", off, c.name, symbols.ErrFormat)
}
