// Package export reads the symbols of the export and import tables of an image.
//
// An export is found by name with a binary search that reads the names it
// compares and nothing else, and by address over the table of addresses, which
// is read once. Exports without a name are Ordinal77, as debuggers call them.
// Forwarders name an export of another module and have no address here. Of
// imports the places are known where the addresses of the imported functions
// are kept: __imp_Name, as linkers call them.
//
// Source: Microsoft PE/COFF specification, .edata and .idata sections.
package export

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/symres/symres/symbols"
)

const (
	dirExport     = 0 // index of the data directory
	directorySize = 40
	maxFunctions  = 1 << 16 // ordinals have 16 bits
	maxNames      = 1 << 17 // a function may have several
	maxForwarder  = 1 << 10 // bytes of what is taken for one
	maxAliases    = 256     // names at one address that are told

	ordinalName = "Ordinal"
)

// Table is the exports of an image. It implements [symbols.Table].
type Table struct {
	im         *symbols.Image
	start, end uint32 // RVAs of the directory: an address in it is a forwarder
	base       uint32 // the first ordinal
	functions  uint32 // RVA of the table of addresses
	nfunctions uint32
	names      uint32 // RVA of the table of names
	nnames     uint32
	ordinals   uint32 // RVA of the table of ordinals, one for each name

	index func() (*index, error)
}

// index is what is read once for questions about addresses.
type index struct {
	addresses []uint32 // of the functions, by ordinal
	byAddress []uint32 // indices of functions with an address, by that
	named     []named  // by function
}

// named says that a function has a name.
type named struct{ function, name uint32 }

// New returns the exports of an image. It reads the export directory alone. The
// error wraps [symbols.ErrNone] or [symbols.ErrFormat], or is that of the
// image's bytes.
func New(im *symbols.Image) (*Table, error) {
	rva, size, err := im.Directory(dirExport, "export directory")
	if err != nil {
		return nil, err
	}
	b, err := im.Bytes("export directory", rva, directorySize)
	if err != nil {
		return nil, err
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	t := &Table{im: im, start: rva, end: rva + min(size, im.SizeOfImage-rva), base: word(16),
		nfunctions: word(20), nnames: word(24), functions: word(28), names: word(32), ordinals: word(36)}
	if t.nfunctions > maxFunctions || t.nnames > maxNames {
		return nil, fmt.Errorf("export directory: %d functions and %d names: %w", t.nfunctions, t.nnames, symbols.ErrFormat)
	}
	t.index = sync.OnceValues(t.build)
	return t, nil
}

// Source implements [symbols.Table].
func (t *Table) Source() symbols.Source { return symbols.SourceExport }

// build reads the tables of addresses and ordinals.
func (t *Table) build() (*index, error) {
	addresses, err := t.im.Bytes("export addresses", t.functions, 4*t.nfunctions)
	if err != nil {
		return nil, err
	}
	ordinals, err := t.im.Bytes("export ordinals", t.ordinals, 2*t.nnames)
	if err != nil {
		return nil, err
	}
	x := &index{addresses: make([]uint32, t.nfunctions), named: make([]named, t.nnames)}
	for i := range x.addresses {
		x.addresses[i] = binary.LittleEndian.Uint32(addresses[4*i:])
		if x.addresses[i] != 0 && !t.forwards(x.addresses[i]) {
			x.byAddress = append(x.byAddress, uint32(i))
		}
	}
	for i := range x.named {
		x.named[i] = named{uint32(binary.LittleEndian.Uint16(ordinals[2*i:])), uint32(i)}
	}
	slices.SortStableFunc(x.byAddress, func(a, b uint32) int { return cmp.Compare(x.addresses[a], x.addresses[b]) })
	slices.SortStableFunc(x.named, func(a, b named) int { return cmp.Compare(a.function, b.function) })
	return x, nil
}

// forwards reports whether an address is that of a forwarder's text.
func (t *Table) forwards(rva uint32) bool { return rva >= t.start && rva < t.end }

// All implements [symbols.Table]: by ordinal, then by name.
func (t *Table) All() iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		x, err := t.index()
		if err != nil {
			yield(symbols.Symbol{}, err)
			return
		}
		left := t.im.Budget()
		for f, rva := range x.addresses {
			if rva == 0 {
				continue
			}
			for s, err := range t.function(x, uint32(f)) {
				over := left.Spend(len(s.Raw) + len(s.Forwarder))
				if !yield(s, err) || over != nil && !yield(symbols.Symbol{}, over) || over != nil {
					return
				}
			}
		}
	}
}

// function yields the names of a function, or its ordinal where it has none.
func (t *Table) function(x *index, f uint32) iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		from, _ := slices.BinarySearchFunc(x.named, f, func(n named, f uint32) int { return cmp.Compare(n.function, f) })
		list := x.named[from:]
		if len(list) == 0 || list[0].function != f {
			yield(t.symbol(x.addresses[f], f, ordinalName+strconv.FormatUint(uint64(t.base)+uint64(f), 10)))
			return
		}
		for _, n := range list {
			if n.function != f {
				return
			}
			name, err := t.name(n.name)
			if err != nil {
				if !yield(symbols.Symbol{}, err) {
					return
				}
				continue
			}
			if !yield(t.symbol(x.addresses[f], f, name)) {
				return
			}
		}
	}
}

// symbol is the export of function f under a name.
func (t *Table) symbol(rva, f uint32, name string) (symbols.Symbol, error) {
	s := symbols.Symbol{Raw: name, Source: symbols.SourceExport, Ordinal: t.base + f}
	if !t.forwards(rva) {
		s.RVA, s.Code = rva, t.im.Executable(rva)
		return s, nil
	}
	text, err := t.im.Text("forwarder", rva)
	if err == nil && len(text) > maxForwarder {
		err = fmt.Errorf("forwarder at rva %x: %w", rva, symbols.ErrFormat)
	}
	s.Forwarder, s.Code = text, true
	return s, err
}

// name reads the name at a place of the table of names.
func (t *Table) name(i uint32) (string, error) {
	b, err := t.im.Bytes("export names", t.names+4*i, 4)
	if err != nil {
		return "", err
	}
	return t.im.Text("export name", binary.LittleEndian.Uint32(b))
}

// Named implements [symbols.Table]. It reads the names that a binary search
// meets; where the table is not sorted, what Windows would not find is not found.
func (t *Table) Named(raw string) ([]symbols.Symbol, error) {
	var failed error
	at, found := sort.Find(int(t.nnames), func(i int) int {
		name, err := t.name(uint32(i))
		failed = cmp.Or(failed, err)
		return cmp.Compare(raw, name)
	})
	if failed != nil {
		return nil, failed
	}
	if found {
		b, err := t.im.Bytes("export ordinals", t.ordinals+2*uint32(at), 2)
		if err != nil {
			return nil, err
		}
		return t.exported(uint32(binary.LittleEndian.Uint16(b)), raw)
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(raw, ordinalName), 10, 32)
	if err != nil || !strings.HasPrefix(raw, ordinalName) {
		return nil, nil
	}
	return t.exported(uint32(n)-t.base, raw)
}

// exported is a function under a name; none where the table has no such function.
func (t *Table) exported(f uint32, name string) ([]symbols.Symbol, error) {
	if f >= t.nfunctions {
		return nil, nil
	}
	b, err := t.im.Bytes("export addresses", t.functions+4*f, 4)
	if err != nil {
		return nil, err
	}
	rva := binary.LittleEndian.Uint32(b)
	if rva == 0 {
		return nil, nil
	}
	s, err := t.symbol(rva, f, name)
	return []symbols.Symbol{s}, err
}

// Nearest implements [symbols.Table].
func (t *Table) Nearest(rva uint32) ([]symbols.Symbol, error) {
	x, err := t.index()
	if err != nil {
		return nil, err
	}
	// The first behind rva, then the first of those at the address below it.
	end := sort.Search(len(x.byAddress), func(i int) bool { return x.addresses[x.byAddress[i]] > rva })
	if end == 0 {
		return nil, nil
	}
	at := x.addresses[x.byAddress[end-1]]
	var list []symbols.Symbol
	for i := end - 1; i >= 0 && x.addresses[x.byAddress[i]] == at && len(list) < maxAliases; i-- {
		for s, failed := range t.function(x, x.byAddress[i]) {
			if failed != nil {
				err = cmp.Or(err, failed)
				continue
			}
			if list = append(list, s); len(list) == maxAliases {
				break
			}
		}
	}
	if len(list) > 0 {
		err = nil // a name that cannot be read is one alias less
	}
	slices.SortStableFunc(list, func(a, b symbols.Symbol) int {
		return cmp.Or(cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Raw, b.Raw))
	})
	return list, err
}
