package pdb

import (
	"github.com/symres/symres/internal/msf"

	"github.com/symres/symres/internal/codeview"
)

// piece is a part of a function that the linker put elsewhere (S_SEPCODE).
type piece struct {
	place
	fn    int32  // number of its function, -1 if it has none
	chunk uint16 // which piece of it, from 1
}

// owned turns a cold part into the function it belongs to, as debuggers name its
// addresses: place and size are those of the function. A part whose record names
// no function stays what it is.
func (f *File) owned(sec *sections, sym Symbol) (Symbol, error) {
	ms, err := f.openModule(int(sym.Module) - 1)
	if err != nil || ms.s == nil {
		return sym, ignoreDamage(err)
	}
	rec, err := codeview.RecordAt(ms.s, sym.ref)
	if err != nil || len(rec) < 32 {
		return sym, ignoreDamage(err)
	}
	o, err := f.outlineOf(ms)
	if err != nil {
		return sym, ignoreDamage(err)
	}
	i := o.funcAt.exact(makeKey(u16(rec, 30), u32(rec, 24)))
	if i < 0 {
		return sym, nil
	}
	fn, err := f.moduleSymbol(ms, o.funcs[i].rec, sec)
	if err != nil || !fn.Kind.IsProc() {
		return sym, ignoreDamage(err)
	}
	fn.Kind = KindSepCode
	return fn, nil
}

// pieceAt returns the separated piece at an address. Few modules have any:
// they are looked for in those whose lines know code no function has.
func (c *moduleCode) pieceAt(o *outline, seg uint16, off uint32) (piece, bool, error) {
	list, err := c.pieces.get(func() (*[]piece, error) { return c.findPieces(o) })
	if err != nil {
		return piece{}, false, err
	}
	for _, p := range *list {
		if p.seg == seg && p.covers(off) {
			return p, true, nil
		}
	}
	return piece{}, false, nil
}

// maxPieces bounds the separated pieces of a module, which are searched one by
// one.
const maxPieces = 4096

// findPieces walks all records of the module. A piece names the address of its
// function; pieces of a function are numbered as they come.
func (c *moduleCode) findPieces(o *outline) (*[]piece, error) {
	var list []piece
	numbers := map[int32]uint16{}
	r := recordsOf(c.ms.symbols)
	r.W.Chunk = msf.ReadAhead
	for r.Step() && len(list) < maxPieces {
		if r.kind() != KindSepCode {
			continue
		}
		at, ok := placeOf(r.Rec)
		if !ok {
			continue
		}
		fn := int32(o.funcAt.exact(makeKey(u16(r.Rec, 30), u32(r.Rec, 24))))
		numbers[fn]++
		list = append(list, piece{place: at, fn: fn, chunk: numbers[fn]})
	}
	if fatal(r.Err) {
		return nil, r.Err
	}
	return &list, nil
}
