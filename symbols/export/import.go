package export

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strconv"
	"sync"

	"github.com/symres/symres/symbols"
)

const (
	dirImport  = 1
	dirDelayed = 13

	importSize  = 20 // of IMAGE_IMPORT_DESCRIPTOR
	delayedSize = 32 // of IMAGE_DELAYLOAD_DESCRIPTOR
	maxModules  = 1 << 12
	maxImports  = 1 << 16 // of all modules together
	prefix      = "__imp_"
)

// Imports is where an image keeps the addresses of the functions it imports. It
// implements [symbols.Table].
type Imports struct {
	im   *symbols.Image
	list func() ([]symbols.Symbol, error)
}

// NewImports returns the imports of an image, those that are delayed too. They
// are read at the first question. The error wraps [symbols.ErrNone].
func NewImports(im *symbols.Image) (*Imports, error) {
	_, _, now := im.Directory(dirImport, "import directory")
	_, _, delayed := im.Directory(dirDelayed, "delayed imports")
	if now != nil && delayed != nil {
		return nil, now
	}
	t := &Imports{im: im}
	t.list = sync.OnceValues(t.read)
	return t, nil
}

// Source implements [symbols.Table].
func (t *Imports) Source() symbols.Source { return symbols.SourceImport }

// All implements [symbols.Table]: by address. What could be read comes before
// the error.
func (t *Imports) All() iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		list, err := t.list()
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
		if err != nil {
			yield(symbols.Symbol{}, err)
		}
	}
}

// Named implements [symbols.Table].
func (t *Imports) Named(raw string) (found []symbols.Symbol, err error) {
	list, err := t.list()
	for _, s := range list {
		if s.Raw == raw {
			found, err = append(found, s), nil
		}
	}
	return found, err
}

// Nearest implements [symbols.Table].
func (t *Imports) Nearest(rva uint32) ([]symbols.Symbol, error) {
	list, err := t.list()
	end := sort.Search(len(list), func(i int) bool { return list[i].RVA > rva })
	if end == 0 {
		return nil, err
	}
	from := sort.Search(end, func(i int) bool { return list[i].RVA >= list[end-1].RVA })
	return list[from:end:end], nil
}

// descriptor is the tables of one module: where its names and where its
// addresses are.
type descriptor struct{ names, addresses uint32 }

func (t *Imports) read() ([]symbols.Symbol, error) {
	var list []symbols.Symbol
	var failed error
	left := t.im.Budget()
	for d, err := range t.descriptors() {
		if err == nil {
			list, err = t.module(list, d, &left)
		}
		if failed == nil {
			failed = err
		}
	}
	slices.SortStableFunc(list, func(a, b symbols.Symbol) int { return int(int64(a.RVA) - int64(b.RVA)) })
	return list, failed
}

// descriptors yields those of both directories that have a table of names.
func (t *Imports) descriptors() iter.Seq2[descriptor, error] {
	return func(yield func(descriptor, error) bool) {
		now := func(b []byte) descriptor {
			return descriptor{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[16:])}
		}
		delayed := func(b []byte) descriptor {
			if b[0]&1 == 0 { // addresses instead of RVAs: only old linkers wrote such
				return descriptor{}
			}
			return descriptor{binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[12:])}
		}
		_ = t.directory(dirImport, importSize, now, yield) && t.directory(dirDelayed, delayedSize, delayed, yield)
	}
}

// directory yields the descriptors of a directory, which ends with an empty one.
func (t *Imports) directory(index int, size uint32, parse func([]byte) descriptor, yield func(descriptor, error) bool) bool {
	rva, _, err := t.im.Directory(index, "imports")
	if err != nil {
		return true
	}
	for i := range uint32(maxModules) {
		b, err := t.im.Bytes("imports", rva+i*size, size)
		if err != nil {
			return yield(descriptor{}, err)
		}
		d := parse(b)
		switch {
		case !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }):
			return true
		case d.names == 0 || d.addresses == 0:
			continue // bound, or the names were where the addresses are now
		case !yield(d, nil):
			return false
		}
	}
	return yield(descriptor{}, fmt.Errorf("imports: more than %d modules: %w", maxModules, symbols.ErrFormat))
}

// module appends the imports of one module.
func (t *Imports) module(list []symbols.Symbol, d descriptor, left *symbols.Budget) ([]symbols.Symbol, error) {
	width := uint32(4)
	if t.im.Is64() {
		width = 8
	}
	for at := uint32(0); len(list) < maxImports; at += width {
		b, err := t.im.Bytes("names of imports", d.names+at, width)
		if err != nil {
			return list, err
		}
		if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			return list, nil
		}
		name, err := t.name(b)
		if err == nil {
			err = left.Spend(len(name))
		}
		if err != nil {
			return list, err
		}
		list = append(list, symbols.Symbol{RVA: d.addresses + at, Size: width, Raw: prefix + name, Source: symbols.SourceImport})
	}
	return list, fmt.Errorf("imports: more than %d: %w", maxImports, symbols.ErrFormat)
}

// name is what an entry of a table of names says: an ordinal, or where a hint
// and the name are.
func (t *Imports) name(entry []byte) (string, error) {
	if entry[len(entry)-1]&0x80 != 0 {
		return ordinalName + strconv.Itoa(int(binary.LittleEndian.Uint16(entry))), nil
	}
	return t.im.Text("name of an import", binary.LittleEndian.Uint32(entry)+2)
}
