// Package coff reads the COFF symbol table of an image, as mingw's linkers and
// Go's write it, and the one of an IMAGE_DEBUG_TYPE_COFF entry.
//
// It is in the file of an image alone: a loader does not map it. It has names
// and addresses, no sizes.
//
// Source: Microsoft PE/COFF specification, COFF symbol table and string table.
package coff

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/symbols"
)

const (
	recordSize  = 18
	headerSize  = 32 // of IMAGE_COFF_SYMBOLS_HEADER
	debugCOFF   = 1  // IMAGE_DEBUG_TYPE_COFF
	maxSymbols  = 1 << 24
	maxName     = 16 << 10 // bytes
	maxAliases  = 256
	classExtern = 2 // IMAGE_SYM_CLASS_EXTERNAL
	classStatic = 3 // IMAGE_SYM_CLASS_STATIC
	classWeak   = 105
)

// Table is a COFF symbol table. It implements [symbols.Table].
type Table struct {
	im       *symbols.Image
	start    int64 // offset in the file
	n        uint32
	texts    int64 // offset in the file of the string table
	textSize uint32
	absolute bool // values are RVAs, not offsets in sections

	index func() ([]place, error)
}

// place is a symbol of the table that has an address.
type place struct{ rva, record uint32 }

// New returns the symbol table of an image. The error wraps [symbols.ErrNone]
// where it has none or its file is not at hand.
func New(im *symbols.Image) (*Table, error) {
	if im.File == nil {
		return nil, fmt.Errorf("COFF symbol table: no file of the image: %w", symbols.ErrNone)
	}
	t := &Table{im: im, start: int64(im.SymbolTable), n: im.NumberOfSymbols}
	if t.start == 0 || t.n == 0 {
		if err := t.fromDebug(); err != nil {
			return nil, err
		}
	}
	t.texts = t.start + recordSize*int64(t.n)
	if t.n > maxSymbols || t.texts > im.FileSize {
		return nil, fmt.Errorf("COFF symbol table: %d symbols: %w", t.n, symbols.ErrFormat)
	}
	var size [4]byte
	if n, _ := im.File.ReadAt(size[:], t.texts); n == len(size) {
		t.textSize = uint32(min(int64(binary.LittleEndian.Uint32(size[:])), im.FileSize-t.texts))
	}
	t.index = sync.OnceValues(t.build)
	return t, nil
}

// fromDebug takes the table of a debug entry.
func (t *Table) fromDebug() error {
	entries, err := peimage.ReadDebug(t.im.File, t.im.Headers, peimage.OnDisk{Headers: t.im.Headers})
	i := slices.IndexFunc(entries, func(e peimage.DebugEntry) bool { return e.Type == debugCOFF })
	if i < 0 {
		if err != nil && !errors.Is(err, peimage.ErrNone) {
			return fmt.Errorf("COFF symbol table: %w", err)
		}
		return fmt.Errorf("COFF symbol table: %w", symbols.ErrNone)
	}
	b := make([]byte, headerSize)
	at := int64(entries[i].Offset)
	if n, err := t.im.File.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("COFF symbol table: %w", err)
	}
	t.n, t.start = binary.LittleEndian.Uint32(b), at+int64(binary.LittleEndian.Uint32(b[4:]))
	t.absolute = true
	return nil
}

// Source implements [symbols.Table].
func (t *Table) Source() symbols.Source { return symbols.SourceCOFF }

// build lists the symbols that have an address, by that.
func (t *Table) build() ([]place, error) {
	var list []place
	r := io.NewSectionReader(t.im.File, t.start, recordSize*int64(t.n))
	chunk := make([]byte, recordSize*4096)
	for i := uint32(0); i < t.n; {
		b := chunk[:min(len(chunk), recordSize*int(t.n-i))]
		if n, err := r.ReadAt(b, recordSize*int64(i)); n < len(b) {
			return nil, fmt.Errorf("COFF symbol table: %w", err)
		}
		var used uint32
		list, used = t.add(list, b, i)
		i += used
	}
	slices.SortStableFunc(list, func(a, b place) int { return cmp.Compare(a.rva, b.rva) })
	return list, nil
}

// add appends the symbols of consecutive records. It returns how many records
// these were, with their auxiliary ones.
func (t *Table) add(list []place, b []byte, first uint32) ([]place, uint32) {
	i := uint32(0)
	for ; int(i)*recordSize < len(b); i++ {
		record := b[i*recordSize:][:recordSize]
		if rva, ok := t.address(record); ok {
			list = append(list, place{rva, first + i})
		}
		i += uint32(record[17])
	}
	return list, i
}

// address is the RVA of a symbol that names code or data. Those of sections and
// files do not.
func (t *Table) address(record []byte) (uint32, bool) {
	value, section := binary.LittleEndian.Uint32(record[8:]), int16(binary.LittleEndian.Uint16(record[12:]))
	kind, class, aux := binary.LittleEndian.Uint16(record[14:]), record[16], record[17]
	named := class == classExtern || class == classWeak || class == classStatic && (aux == 0 || kind != 0)
	if !named || section < 1 || int(section) > len(t.im.Sections) {
		return 0, false
	}
	if t.absolute {
		return value, value < t.im.SizeOfImage
	}
	at := uint64(value) + uint64(t.im.Sections[section-1].VirtualAddress)
	return uint32(at), at < uint64(t.im.SizeOfImage) && at <= math.MaxUint32
}

// symbol reads a record and its name.
func (t *Table) symbol(p place) (symbols.Symbol, error) {
	b := make([]byte, recordSize)
	if n, err := t.im.File.ReadAt(b, t.start+recordSize*int64(p.record)); n < len(b) {
		return symbols.Symbol{}, fmt.Errorf("COFF symbol table: %w", err)
	}
	name, err := t.name(b)
	return symbols.Symbol{RVA: p.rva, Raw: name, Source: symbols.SourceCOFF, Code: t.im.Executable(p.rva)}, err
}

// name is the eight bytes of a record, or what they refer to in the string table.
func (t *Table) name(record []byte) (string, error) {
	if binary.LittleEndian.Uint32(record) != 0 {
		return string(bytes.TrimRight(record[:8], "\x00")), nil
	}
	off := binary.LittleEndian.Uint32(record[4:])
	if off < 4 || off >= t.textSize {
		return "", fmt.Errorf("COFF symbol: name at %x lies outside of the string table: %w", off, symbols.ErrFormat)
	}
	var text []byte
	for n := uint32(64); ; n *= 2 {
		b := make([]byte, min(n, t.textSize-off-uint32(len(text))))
		if got, err := t.im.File.ReadAt(b, t.texts+int64(off)+int64(len(text))); got < len(b) {
			return "", fmt.Errorf("COFF symbol: %w", err)
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(append(text, b[:i]...)), nil
		}
		if text = append(text, b...); len(b) == 0 || len(text) >= maxName {
			return "", fmt.Errorf("COFF symbol: name at %x does not end: %w", off, symbols.ErrFormat)
		}
	}
}

// All implements [symbols.Table]: by address.
func (t *Table) All() iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		list, err := t.index()
		if err != nil {
			yield(symbols.Symbol{}, err)
			return
		}
		left := t.im.Budget()
		for _, p := range list {
			s, err := t.symbol(p)
			if !yield(s, err) {
				return
			}
			if err := left.Spend(len(s.Raw)); err != nil {
				yield(symbols.Symbol{}, err)
				return
			}
		}
	}
}

// Named implements [symbols.Table]. The table is not sorted by name: all of it is
// read.
func (t *Table) Named(raw string) (found []symbols.Symbol, failed error) {
	for s, err := range t.All() {
		if err != nil {
			failed = cmp.Or(failed, err)
		} else if s.Raw == raw {
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		failed = nil
	}
	return found, failed
}

// Nearest implements [symbols.Table].
func (t *Table) Nearest(rva uint32) (near []symbols.Symbol, failed error) {
	list, err := t.index()
	if err != nil {
		return nil, err
	}
	end := sort.Search(len(list), func(i int) bool { return list[i].rva > rva })
	if end == 0 {
		return nil, nil
	}
	from := sort.Search(end, func(i int) bool { return list[i].rva >= list[end-1].rva })
	for _, p := range list[from:min(end, from+maxAliases)] {
		s, err := t.symbol(p)
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		near = append(near, s)
	}
	if len(near) > 0 {
		failed = nil
	}
	return near, failed
}
