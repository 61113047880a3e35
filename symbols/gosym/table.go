// Package gosym reads the function table of a Go program (pclntab): names,
// files, lines and inlined calls, which every Go program has, stripped or not.
//
// It reads tables of Go 1.18 and later through the mapped image, and of these no
// more than a question needs. Where the image has no symbol that says where the
// table is, it is searched for by its header. Inlined calls need the program's
// module data, which is searched for likewise; where it is not found, an address
// has the function it was inlined into.
//
// Sources: the documentation and sources of the Go runtime (runtime/symtab.go,
// internal/abi, cmd/link) as of Go 1.18 to 1.26.
package gosym

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sort"

	"github.com/symres/symres/symbols"
)

const (
	magic118 = 0xfffffff0
	magic120 = 0xfffffff1

	headerWords  = 8 // of the pointer size, behind the eight bytes of magic and sizes
	maxFunctions = 1 << 24
	maxHeaders   = 1 << 12 // places that look like a header
	perFunction  = 96      // what a function counts as besides its name and a read
	scanPart     = 1 << 20
	maxScan      = 256 << 20 // bytes that are searched for a table
	write        = 0x80000000
	execute      = 0x20000000
)

// Table is the function table of a Go program. It implements [symbols.Lines].
type Table struct {
	im                                     *symbols.Image
	rva                                    uint32 // of the header
	ptr                                    uint32 // bytes of a pointer
	quantum                                uint32 // bytes the deltas of addresses count in
	text                                   uint32 // RVA that entries count from
	n                                      uint32 // functions
	names, units, files, values, functions uint32 // RVAs of the parts
	gofunc                                 uint32 // RVA that function data counts from, 0 if not known
	since120                               bool
}

// New finds the function table of an image. The error wraps [symbols.ErrNone]
// where there is none, or one of a Go before 1.18.
func New(im *symbols.Image) (*Table, error) {
	tried := 0
	for rva, err := range headers(im) {
		if err != nil {
			return nil, err
		}
		if tried++; tried > maxHeaders {
			break
		}
		t := &Table{im: im, rva: rva}
		if err := t.parse(); err == nil {
			t.locate()
			return t, nil
		}
	}
	return nil, fmt.Errorf("pclntab: %w", symbols.ErrNone)
}

// headers yields the places that look like the header of a table.
func headers(im *symbols.Image) iter.Seq2[uint32, error] {
	return func(yield func(uint32, error) bool) {
		left := int64(maxScan)
		for i := range im.Sections {
			s := &im.Sections[i]
			if s.Characteristics&execute != 0 {
				continue
			}
			size := min(int64(s.VirtualSize), left, int64(im.SizeOfImage)-int64(s.VirtualAddress))
			for at := int64(0); at < size; at += scanPart {
				part := make([]byte, min(scanPart, size-at))
				if n, err := im.Mapped.ReadAt(part, int64(s.VirtualAddress)+at); n < len(part) {
					if im.File == nil && n == 0 {
						continue // a part that is out
					}
					part, _ = part[:n], err
				}
				for _, off := range candidates(part) {
					if !yield(s.VirtualAddress+uint32(at)+off, nil) {
						return
					}
				}
			}
			left -= max(size, 0)
		}
	}
}

// candidates returns where headers may begin: the magic number, two zeros, a
// quantum and a pointer size, at an address that is a multiple of eight.
func candidates(b []byte) (list []uint32) {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte{0xff, 0xff, 0xff, 0, 0})
		if i < 0 {
			return list
		}
		start := at + i - 1
		at += i + 1
		if start < 0 || start%8 != 0 || start+8 > len(b) || b[start]&^1 != 0xf0 {
			continue
		}
		if q, p := b[start+6], b[start+7]; (q == 1 || q == 2 || q == 4) && (p == 4 || p == 8) {
			list = append(list, uint32(start))
		}
	}
}

var errHeader = fmt.Errorf("header of a pclntab: %w", symbols.ErrFormat)

// parse reads the header and checks that its parts lie behind each other.
func (t *Table) parse() error {
	head, err := t.im.Bytes("Go function table", t.rva, 8)
	if err != nil {
		return err
	}
	t.since120 = binary.LittleEndian.Uint32(head) == magic120
	t.quantum, t.ptr = uint32(head[6]), uint32(head[7])
	if t.ptr == 8 != t.im.Is64() {
		return errHeader
	}
	b, err := t.im.Bytes("Go function table", t.rva+8, headerWords*t.ptr)
	if err != nil {
		return err
	}
	word := func(i uint32) uint64 { return t.pointer(b[i*t.ptr:]) }
	if word(0) == 0 || word(0) > maxFunctions {
		return errHeader
	}
	t.n = uint32(word(0))
	before := uint64(8 + headerWords*t.ptr)
	for i, part := range []*uint32{&t.names, &t.units, &t.files, &t.values, &t.functions} {
		off := word(uint32(3 + i))
		if off < before || off > uint64(t.im.SizeOfImage) {
			return errHeader
		}
		*part, before = t.rva+uint32(off), off
	}
	if uint64(t.functions)+uint64(t.n)*8+4 > uint64(t.im.SizeOfImage) {
		return errHeader
	}
	t.text = t.relative(word(2))
	return nil
}

func (t *Table) pointer(b []byte) uint64 {
	if t.ptr == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// relative is the RVA of a pointer as the linker wrote it, 0 for one that is none
// of the image.
func (t *Table) relative(p uint64) uint32 {
	if p < t.im.ImageBase || p-t.im.ImageBase >= uint64(t.im.SizeOfImage) {
		return 0
	}
	return uint32(p - t.im.ImageBase)
}

// Words of the module data (runtime.moduledata).
const (
	moduleHeader = 0  // the function table
	moduleText   = 22 // where code begins
	moduleGofunc = 40 // what function data counts from
	moduleWords  = 41
)

// locate finds where code begins and where function data is: the module data
// says, or else where code begins is the first section of code.
func (t *Table) locate() {
	if data, ok := t.module(); ok {
		t.text = t.relative(t.pointer(data[moduleText*t.ptr:]))
		if t.since120 {
			t.gofunc = t.relative(t.pointer(data[moduleGofunc*t.ptr:]))
		}
		return
	}
	for i := range t.im.Sections {
		if s := &t.im.Sections[i]; t.text == 0 && s.Characteristics&execute != 0 {
			t.text = s.VirtualAddress
		}
	}
}

// module searches sections of data for the module data, which begins with a
// pointer to the function table, and has its parts next.
func (t *Table) module() ([]byte, bool) {
	want := binary.LittleEndian.AppendUint64(nil, t.im.ImageBase+uint64(t.rva))[:t.ptr]
	left := int64(maxScan)
	for i := range t.im.Sections {
		s := &t.im.Sections[i]
		size := min(int64(s.VirtualSize), int64(s.RawSize), left)
		if s.Characteristics&execute != 0 || size <= 0 {
			continue
		}
		left -= size
		b := make([]byte, size)
		n, _ := t.im.Mapped.ReadAt(b, int64(s.VirtualAddress))
		for b, at := b[:n], 0; ; at++ {
			i := bytes.Index(b[at:], want)
			if i < 0 {
				break
			}
			if at += i; at%int(t.ptr) == 0 && len(b)-at >= moduleWords*int(t.ptr) && t.isModule(b[at:]) {
				return b[at:][:moduleWords*t.ptr], true
			}
		}
	}
	return nil, false
}

// isModule checks the first slices: the names, and their length.
func (t *Table) isModule(b []byte) bool {
	word := func(i uint32) uint64 { return t.pointer(b[i*t.ptr:]) }
	text := t.relative(word(moduleText))
	return t.relative(word(1)) == t.names && word(2) == word(3) && text != 0 && t.im.Executable(text)
}

// Source implements [symbols.Table].
func (t *Table) Source() symbols.Source { return symbols.SourceGo }

// entry reads where function i begins, and where what is known of it is; that of
// function n is where the last one ends.
func (t *Table) entry(i uint32) (start, info uint32, err error) {
	b, err := t.im.Bytes("Go functions", t.functions+8*i, 8)
	if err != nil && i == t.n {
		b, err = t.im.Bytes("Go functions", t.functions+8*i, 4)
		b = append(b, 0, 0, 0, 0)
	}
	if err != nil {
		return 0, 0, err
	}
	return t.text + binary.LittleEndian.Uint32(b), t.functions + binary.LittleEndian.Uint32(b[4:]), nil
}

var errNoFunction = errors.New("no function")

// function finds the function that holds rva.
func (t *Table) function(rva uint32) (f function, err error) {
	i := sort.Search(int(t.n)+1, func(i int) bool {
		start, _, failed := t.entry(uint32(i))
		if failed != nil {
			err = failed
		}
		return failed != nil || start > rva
	})
	switch {
	case err != nil:
		return f, err
	case i == 0 || i > int(t.n):
		return f, errNoFunction
	}
	return t.at(uint32(i - 1))
}

// at reads function i.
func (t *Table) at(i uint32) (f function, err error) {
	start, info, err := t.entry(i)
	if err != nil {
		return f, err
	}
	end, _, err := t.entry(i + 1)
	if err != nil {
		return f, err
	}
	return t.read(start, max(start, end), info)
}

// symbol is the function with its name.
func (t *Table) symbol(f function) (symbols.Symbol, error) {
	name, err := t.im.Text("name of a Go function", t.names+f.name)
	return symbols.Symbol{RVA: f.start, Size: f.end - f.start, Raw: name, Name: name, Source: symbols.SourceGo, Code: true}, err
}

// All implements [symbols.Table]: by address.
func (t *Table) All() iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		left := t.im.Budget()
		for i := range t.n {
			f, err := t.at(i)
			var s symbols.Symbol
			if err == nil {
				s, err = t.symbol(f)
			}
			if !yield(s, err) {
				return
			}
			if err := left.Spend(perFunction + len(s.Raw)); err != nil {
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
		switch {
		case err != nil && failed == nil:
			failed = err
		case err == nil && s.Raw == raw:
			return []symbols.Symbol{s}, nil
		}
	}
	return nil, failed
}

// Nearest implements [symbols.Table].
func (t *Table) Nearest(rva uint32) ([]symbols.Symbol, error) {
	f, err := t.function(rva)
	if err != nil {
		if errors.Is(err, errNoFunction) {
			err = nil
		}
		return nil, err
	}
	s, err := t.symbol(f)
	return []symbols.Symbol{s}, err
}
