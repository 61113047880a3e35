// Package dwarf reads DWARF debug information (versions 2 to 5) in the file of a
// PE image, as mingw, clang, Rust for GNU and Go write it: functions, variables
// with a fixed address, lines and inlined calls.
//
// The first question reads the debug sections into memory and finds which unit
// covers which addresses; then a question about an address reads the entries of
// its unit alone, and the last units are kept. What lists or names symbols reads
// all units. The decoding is the standard library's.
//
// Sources: DWARF 4 and 5 standards; Microsoft PE/COFF specification for long
// names of sections.
package dwarf

import (
	"cmp"
	"debug/dwarf"
	"iter"
	"slices"
	"sort"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/symres/symres/symbols"
)

const (
	keptUnits  = 64
	maxAliases = 64
	maxDepth   = 128 // of scopes in each other
)

// Table is the DWARF of an image. It implements [symbols.Lines].
type Table struct {
	im    *symbols.Image
	index func() (*index, error)
	all   func() ([]symbols.Symbol, error) // by address

	mu   sync.Mutex // guards kept
	kept *simplelru.LRU[dwarf.Offset, *unit]
}

// New finds the DWARF of an image and reads nothing of it but names of sections.
// The error wraps [symbols.ErrNone] where there is none, or no file of the image.
func New(im *symbols.Image) (*Table, error) {
	s, err := findSections(im)
	if err != nil {
		return nil, err
	}
	kept, err := simplelru.NewLRU[dwarf.Offset, *unit](keptUnits, nil)
	if err != nil {
		return nil, err
	}
	t := &Table{im: im, kept: kept}
	t.index = sync.OnceValues(func() (*index, error) { return newIndex(s) })
	t.all = sync.OnceValues(t.list)
	return t, nil
}

// Source implements [symbols.Table].
func (t *Table) Source() symbols.Source { return symbols.SourceDWARF }

// rva is the RVA of an address as the linker wrote it.
func (t *Table) rva(addr uint64) (uint32, bool) {
	off := addr - t.im.ImageBase
	return uint32(off), addr >= t.im.ImageBase && off < uint64(t.im.SizeOfImage)
}

// at returns the unit that holds an address, or nil.
func (t *Table) at(rva uint32) (*unit, error) {
	x, err := t.index()
	if err != nil {
		return nil, err
	}
	off, ok := x.unitOf(t.im.ImageBase + uint64(rva))
	if !ok {
		return nil, nil
	}
	return t.unit(x, off)
}

// unit reads a unit, or takes the one that is kept.
func (t *Table) unit(x *index, off dwarf.Offset) (*unit, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u, ok := t.kept.Get(off); ok {
		return u, nil
	}
	u, err := readUnit(x, off, t.im.Budget())
	if err == nil {
		t.kept.Add(off, u)
	}
	return u, err
}

// symbol makes the answer out of a function or variable.
func (t *Table) symbol(e *entity) (symbols.Symbol, bool) {
	rva, ok := t.rva(e.start())
	s := symbols.Symbol{RVA: rva, Raw: cmp.Or(e.linkage, e.name), Source: symbols.SourceDWARF, Code: e.code}
	if e.linkage == "" {
		s.Name = e.name
	}
	if len(e.ranges) > 0 {
		s.Size = uint32(min(e.ranges[0][1]-e.ranges[0][0], 1<<32-1))
	}
	return s, ok && s.Raw != ""
}

// list reads all units. What could be read is there beside the first error.
func (t *Table) list() (all []symbols.Symbol, failed error) {
	x, err := t.index()
	if err != nil {
		return nil, err
	}
	left := t.im.Budget()
	for _, off := range x.units {
		u, err := readUnit(x, off, left)
		failed = cmp.Or(failed, err)
		if u == nil {
			continue
		}
		for i := range u.entities {
			if s, ok := t.symbol(&u.entities[i]); ok && !u.entities[i].inlined {
				all = append(all, s)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b symbols.Symbol) int { return cmp.Compare(a.RVA, b.RVA) })
	return all, failed
}

// All implements [symbols.Table]: by address.
func (t *Table) All() iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		all, err := t.all()
		for _, s := range all {
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
func (t *Table) Named(raw string) (found []symbols.Symbol, err error) {
	all, err := t.all()
	for _, s := range all {
		if s.Raw == raw {
			found, err = append(found, s), nil
		}
	}
	return found, err
}

// Nearest implements [symbols.Table]. An address in a function reads its unit
// alone.
func (t *Table) Nearest(rva uint32) ([]symbols.Symbol, error) {
	u, err := t.at(rva)
	if err != nil {
		return nil, err
	}
	if u != nil {
		if scopes := u.scopes(t.im.ImageBase + uint64(rva)); len(scopes) > 0 {
			if s, ok := t.symbol(scopes[0]); ok {
				return []symbols.Symbol{s}, nil
			}
		}
	}
	all, err := t.all()
	end := sort.Search(len(all), func(i int) bool { return all[i].RVA > rva })
	if end == 0 {
		return nil, err
	}
	from := sort.Search(end, func(i int) bool { return all[i].RVA >= all[end-1].RVA })
	return slices.Clip(all[from:min(end, from+maxAliases)]), nil
}

// Frames implements [symbols.Lines].
func (t *Table) Frames(rva uint32) ([]symbols.Frame, error) {
	u, err := t.at(rva)
	if u == nil || err != nil {
		return nil, err
	}
	addr := t.im.ImageBase + uint64(rva)
	scopes := u.scopes(addr)
	if len(scopes) == 0 {
		return nil, nil
	}
	place := u.row(addr)
	var frames []symbols.Frame
	for i := len(scopes) - 1; i >= 0; i-- {
		e := scopes[i]
		f := symbols.Frame{Function: t.display(e), Line: uint32(max(place.line, 0)), Column: uint32(max(place.column, 0)), File: u.file(place.file)}
		f.Inlined = e.inlined
		frames = append(frames, f)
		place = row{file: e.callFile, line: e.callLine, column: e.callColumn}
	}
	return frames, nil
}

// display is the name of a function as it is shown.
func (t *Table) display(e *entity) string {
	s, _ := t.symbol(e)
	return s.Display()
}
