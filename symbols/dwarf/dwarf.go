// Package dwarf reads DWARF debug information (versions 2 to 5) in the file of a
// PE image, as mingw, clang, Rust for GNU and Go write it: functions, variables
// with a fixed address, lines and inlined calls.
//
// The first question reads the header and the first entry of each unit, which say
// what addresses it covers. A question about an address in a function then reads
// its unit and the line table of that alone; what was read last is kept, up to 64
// MB. What lists or names symbols, or asks for the nearest below an address that is
// in no function, reads all units once. Compressed sections are expanded whole.
//
// No question does more work than the size of the file is worth, whatever its
// parts share; beyond that the error wraps [symbols.ErrLimit].
//
// Sources: DWARF 2 to 5 standards; Microsoft PE/COFF specification for long names
// of sections.
package dwarf

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"sort"
	"sync"

	"github.com/symres/symres/symbols"
)

const (
	maxAliases = 64
	maxFrames  = 1 << 10 // functions inlined into each other
)

// Table is the DWARF of an image. It implements [symbols.Lines] and [symbols.Locals].
type Table struct {
	im       *symbols.Image
	sections *sections
	kept     *kept
	index    func() (*index, error) // what could be read is there beside the error
	looseAt  func() (*index, error) // of the units that do not say what they cover
	all      func() ([]symbols.Symbol, error)
}

// New finds the DWARF of an image and reads nothing of it but names of sections.
// The error wraps [symbols.ErrNone] if there is none, or no file of the image.
func New(im *symbols.Image) (*Table, error) {
	s, err := findSections(im)
	if err != nil {
		return nil, err
	}
	t := &Table{im: im, sections: s}
	if t.kept, err = newKept(); err != nil {
		return nil, err
	}
	t.index = sync.OnceValues(t.newIndex)
	t.looseAt = sync.OnceValues(t.coverLoose)
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

// coverLoose reads the units that do not say what they cover.
func (t *Table) coverLoose() (*index, error) {
	x, err := t.index()
	if x == nil {
		return nil, err
	}
	own, w := &index{units: x.units}, t.work()
	for _, number := range x.loose {
		u, failed := t.readUnit(x.units[number], w)
		err = cmp.Or(err, failed)
		if u == nil {
			continue
		}
		for _, p := range u.parts {
			if n := len(own.spans); n > 0 && own.spans[n-1] == (span{own.spans[n-1].start, p.start, number}) {
				own.spans[n-1].end = p.end
				continue
			}
			own.spans = append(own.spans, span{p.start, p.end, number})
		}
	}
	return own.sorted(), err
}

// place is a unit at an address, with its functions and line there.
type place struct {
	unit  *unit
	chain []*entity // inlined calls first
	lines *lineTable
	row   row
}

// at returns the unit that knows most of an address; its unit is nil if none knows
// anything.
func (t *Table) at(rva uint32) (best place, err error) {
	x, err := t.index()
	if x == nil {
		return best, err
	}
	for _, number := range x.covering(rva) {
		p, failed := t.placeIn(x, number, rva)
		err = cmp.Or(err, failed)
		if len(p.chain) > 0 {
			return p, nil
		}
		if p.row.line != 0 && best.unit == nil {
			best = p
		}
	}
	if len(x.loose) == 0 || best.unit != nil {
		return best, err
	}
	own, failed := t.looseAt()
	err = cmp.Or(err, failed)
	for _, number := range own.covering(rva) {
		if p, failed := t.placeIn(own, number, rva); failed == nil && len(p.chain) > 0 {
			return p, nil
		}
	}
	return best, err
}

func (t *Table) placeIn(x *index, number int32, rva uint32) (p place, err error) {
	u, err := t.unit(x, number)
	if err != nil {
		return p, err
	}
	p = place{unit: u, chain: u.at(rva)}
	if p.lines, err = t.linesOf(&u.root); errors.Is(err, symbols.ErrLimit) {
		return place{}, err
	}
	if p.lines != nil { // functions are known without their lines
		p.row, _ = p.lines.row(rva)
	}
	return p, nil
}

// symbol makes the answer out of a function or variable. One without a name is
// none.
func (t *Table) symbol(u *unit, e *entity, w *work) (s symbols.Symbol, ok bool, err error) {
	n, err := t.nameOf(u, e.off, w)
	s = symbols.Symbol{
		RVA: e.rva, Size: e.size, Raw: cmp.Or(n.linkage, n.name), Name: n.display,
		Source: symbols.SourceDWARF, Code: e.code,
	}
	if n.linkage != "" {
		s.Name = ""
	}
	if err == nil && !e.code {
		s.Size, err = t.sizeOf(u, e, w)
	}
	return s, s.Raw != "" && err == nil, err
}

// sizeOf is the size of a variable, that of its type: 0 if it is not known.
func (t *Table) sizeOf(u *unit, e *entity, w *work) (uint32, error) {
	d := &die{}
	if _, err := u.die(e.off, d); err != nil {
		return 0, err
	}
	typed, err := d.origin(attrType, w)
	if typed == nil || err != nil {
		return 0, err
	}
	to, ok, err := typed.follow(attrType, w)
	if !ok || err != nil {
		return 0, err
	}
	size, err := to.size(w)
	return uint32(min(size, uint64(t.im.SizeOfImage-e.rva))), err
}

// list reads all units. What could be read is there beside the first error.
func (t *Table) list() (all []symbols.Symbol, failed error) {
	x, failed := t.index()
	if x == nil {
		return nil, failed
	}
	w := t.work()
	for _, h := range x.units {
		u, err := t.readUnit(h, w)
		failed = cmp.Or(failed, err)
		for i := 0; u != nil && i < len(u.entities); i++ {
			if u.entities[i].inlined {
				continue
			}
			s, ok, err := t.symbol(u, &u.entities[i], w)
			failed = cmp.Or(failed, err)
			if ok {
				all = append(all, s)
				failed = cmp.Or(failed, w.spend(costSymbol))
			}
		}
		if w.out() {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b symbols.Symbol) int { return cmp.Compare(a.RVA, b.RVA) })
	return slices.Compact(all), failed
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
// alone; the function can have parts, so that it begins behind the address.
func (t *Table) Nearest(rva uint32) ([]symbols.Symbol, error) {
	p, err := t.at(rva)
	if err != nil {
		return nil, err
	}
	if len(p.chain) > 0 {
		s, ok, err := t.symbol(p.unit, p.chain[len(p.chain)-1], t.work())
		if ok || err != nil {
			return []symbols.Symbol{s}, err
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

// Frames implements [symbols.Lines]. Where a line is known and no function, as in
// assembly code, the frame has no function.
func (t *Table) Frames(rva uint32) (frames []symbols.Frame, err error) {
	w := t.work()
	p, err := t.at(rva)
	if p.unit == nil || err != nil {
		return nil, err
	}
	frames = make([]symbols.Frame, 0, max(1, min(len(p.chain), maxFrames)))
	file, line, column := p.row.file, p.row.line, uint32(p.row.column)
	for i := 0; i == 0 || i < len(p.chain); i++ {
		if i == maxFrames {
			return frames, errCut()
		}
		f := symbols.Frame{Line: line, Column: column}
		if f.File, err = p.unit.file(p.lines, file, w); err != nil {
			return frames, err
		}
		if i < len(p.chain) {
			e := p.chain[i]
			if f.Function, err = p.unit.function(e, w); err != nil {
				return frames, err
			}
			f.Inlined = e.inlined
			file, line, column = e.callFile, e.callLine, uint32(e.callColumn)
		}
		frames = append(frames, f)
	}
	return frames, nil
}
