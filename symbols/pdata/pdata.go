// Package pdata reads the bounds of functions from the unwind data of an image
// for x64, ARM64 or ARM: where code was not stripped of anything but its names,
// they still tell where each function begins and ends.
//
// Functions that call nothing and keep nothing on the stack have no unwind data,
// so an address between two functions may be in one of those. Code of a function
// that lies apart leads to its parent where the data says so (x64).
//
// Sources: Microsoft PE/COFF specification, .pdata section; x64 exception
// handling; ARM64 and ARM exception handling.
package pdata

import (
	"encoding/binary"
	"fmt"
	"iter"
	"sort"
	"strconv"

	"github.com/symres/symres/symbols"
)

const (
	dirException = 3

	machineARM   = 0x01c4
	machineAMD64 = 0x8664
	machineARM64 = 0xaa64

	chained  = 4  // UNW_FLAG_CHAININFO
	maxChain = 32 // entries that lead to each other

	// namePrefix is what names a function of which the bounds alone are known.
	namePrefix = "sub_"
)

// Table is the function table of an image. It implements [symbols.Bounds], by
// names made of RVAs.
type Table struct {
	im      *symbols.Image
	rva     uint32
	n, unit uint32
	parse   func(t *Table, entry []byte) (symbols.Function, error)
}

// New returns the function table of an image, of which it reads nothing. The
// error wraps [symbols.ErrNone] where the image or its machine has none.
func New(im *symbols.Image) (*Table, error) {
	rva, size, err := im.Directory(dirException, "function table")
	if err != nil {
		return nil, err
	}
	if uint64(rva)+uint64(size) > uint64(im.SizeOfImage) {
		return nil, fmt.Errorf("function table at rva %x lies outside of the image: %w", rva, symbols.ErrFormat)
	}
	t := &Table{im: im, rva: rva, unit: 8}
	switch im.Machine {
	case machineAMD64:
		t.unit, t.parse = 12, (*Table).amd64
	case machineARM64:
		t.parse = func(t *Table, b []byte) (symbols.Function, error) { return t.arm(b, 4, 18) }
	case machineARM:
		t.parse = func(t *Table, b []byte) (symbols.Function, error) { return t.arm(b, 2, 18) }
	default:
		return nil, fmt.Errorf("function table of machine %x: %w", im.Machine, symbols.ErrNone)
	}
	t.n = size / t.unit
	return t, nil
}

// Source implements [symbols.Table].
func (t *Table) Source() symbols.Source { return symbols.SourceBounds }

// entry reads an entry of the table.
func (t *Table) entry(i uint32) ([]byte, error) {
	return t.im.Bytes("function table", t.rva+i*t.unit, t.unit)
}

// Below returns the function that begins at or below rva, which may end before
// it; false where there is none.
func (t *Table) Below(rva uint32) (symbols.Function, bool, error) {
	var failed error
	i := sort.Search(int(t.n), func(i int) bool {
		b, err := t.entry(uint32(i))
		if err != nil {
			failed = err
			return true
		}
		return t.start(b) > rva
	})
	if failed != nil || i == 0 {
		return symbols.Function{}, false, failed
	}
	b, err := t.entry(uint32(i - 1))
	if err != nil {
		return symbols.Function{}, false, err
	}
	f, err := t.parse(t, b)
	return f, err == nil, err
}

// start is the RVA an entry is for; the lowest bit marks Thumb code.
func (t *Table) start(b []byte) uint32 {
	rva := binary.LittleEndian.Uint32(b)
	if t.im.Machine == machineARM {
		rva &^= 1
	}
	return rva
}

// amd64 follows entries to the one of the function itself.
func (t *Table) amd64(b []byte) (symbols.Function, error) {
	f := symbols.Function{Start: binary.LittleEndian.Uint32(b), End: binary.LittleEndian.Uint32(b[4:])}
	for range maxChain {
		f.Parent = binary.LittleEndian.Uint32(b)
		next, err := t.chain(binary.LittleEndian.Uint32(b[8:]))
		if err != nil || next == nil {
			return f, err
		}
		b = next
	}
	return f, fmt.Errorf("function table: entries lead to each other at rva %x: %w", f.Start, symbols.ErrFormat)
}

// chain returns the entry that unwind data leads on to, or nil.
func (t *Table) chain(unwind uint32) ([]byte, error) {
	if unwind&1 != 0 { // it is another entry
		return t.im.Bytes("function table", unwind&^1, t.unit)
	}
	head, err := t.im.Bytes("unwind data", unwind, 4)
	if err != nil || head[0]>>3&chained == 0 {
		return nil, err
	}
	return t.im.Bytes("unwind data", unwind+4+2*((uint32(head[2])+1)&^1), t.unit)
}

// arm reads an entry whose length is in the entry or in a word of unwind data,
// counted in instructions.
func (t *Table) arm(b []byte, instruction uint32, bits uint) (symbols.Function, error) {
	f := symbols.Function{Start: t.start(b)}
	f.Parent = f.Start
	word := binary.LittleEndian.Uint32(b[4:])
	if word&3 == 3 { // the entry of another function, which this code is part of
		return t.indirect(f, word&^3)
	}
	if word&3 != 0 {
		f.End = f.Start + (word>>2&0x7ff)*instruction
		return f, nil
	}
	head, err := t.im.Bytes("unwind data", word, 4)
	if err != nil {
		return f, err
	}
	f.End = f.Start + (binary.LittleEndian.Uint32(head)&(1<<bits-1))*instruction
	return f, nil
}

// indirect is code described by the entry of another function. How long it is
// nobody says.
func (t *Table) indirect(f symbols.Function, entry uint32) (symbols.Function, error) {
	b, err := t.im.Bytes("function table", entry, t.unit)
	if err != nil {
		return f, err
	}
	f.Parent, f.End = t.start(b), f.Start
	return f, nil
}

// All implements [symbols.Table]: the functions themselves, by address.
func (t *Table) All() iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		for i := range t.n {
			b, err := t.entry(i)
			if err != nil {
				yield(symbols.Symbol{}, err)
				return
			}
			f, err := t.parse(t, b)
			if err == nil && (f.Parent != f.Start || f.End <= f.Start) {
				continue
			}
			if !yield(symbolOf(f), err) {
				return
			}
		}
	}
}

func symbolOf(f symbols.Function) symbols.Symbol {
	name := namePrefix + strconv.FormatUint(uint64(f.Parent), 16)
	s := symbols.Symbol{RVA: f.Parent, Raw: name, Name: name, Source: symbols.SourceBounds, Code: true}
	if f.Parent == f.Start && f.End > f.Start {
		s.Size = f.End - f.Start
	}
	return s
}

// Named implements [symbols.Table].
func (t *Table) Named(raw string) ([]symbols.Symbol, error) {
	if len(raw) <= len(namePrefix) || raw[:len(namePrefix)] != namePrefix {
		return nil, nil
	}
	rva, err := strconv.ParseUint(raw[len(namePrefix):], 16, 32)
	if err != nil {
		return nil, nil
	}
	f, ok, err := t.Below(uint32(rva))
	if !ok || f.Start != uint32(rva) || f.Parent != f.Start {
		return nil, err
	}
	return []symbols.Symbol{symbolOf(f)}, nil
}

// Nearest implements [symbols.Table].
func (t *Table) Nearest(rva uint32) ([]symbols.Symbol, error) {
	f, ok, err := t.Below(rva)
	if !ok {
		return nil, err
	}
	return []symbols.Symbol{symbolOf(f)}, nil
}
