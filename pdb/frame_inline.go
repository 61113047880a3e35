package pdb

import (
	"cmp"
	"slices"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// Frame is a function an address lies in, and where in its source.
type Frame struct {
	Function string // as the compiler spells it, undecorated; empty if not known
	File     string // source file, as the compiler saw it; empty if not known
	Line     uint32 // counted from 1; 0 if not known, or if the code belongs to no line
	Column   uint32 // counted from 1; 0 if not known
	Inlined  bool   // inlined into the function of the next Frame
}

// Frames returns the functions that contain the code at an RVA: inlined
// functions first, innermost first, and then the function itself. The position
// of the innermost is the line of the code; the positions of the others are the
// lines of the calls. The result is empty, without an error, if there is no
// code or the PDB has no private symbols for it.
//
// The first call for a module reads the stream of the module and keeps the
// relevant parts. Errors satisfy errors.Is(err, [ErrFormat]) or come from
// reading.
func (f *File) Frames(rva uint32) ([]Frame, error) { return f.appendFrames(nil, rva) }

// AppendFrames is [File.Frames] that appends to dst: with room there it allocates
// nothing.
func (x *Index) AppendFrames(dst []Frame, rva uint32) ([]Frame, error) {
	return x.f.appendFrames(dst, rva)
}

func (f *File) appendFrames(dst []Frame, rva uint32) ([]Frame, error) {
	q, err := f.ask(f.msf.Work.Point())
	if err != nil {
		return dst, err
	}
	defer q.end()
	c, seg, off, err := f.codeAt(rva)
	if err != nil || c == nil {
		return dst, err
	}
	l := frameQuery{f: f, c: c, rva: rva, dst: dst}
	return l.at(seg, off)
}

// codeAt returns the module whose code lies at an RVA, nil where there is none.
func (f *File) codeAt(rva uint32) (c *moduleLines, seg uint16, off uint32, err error) {
	sec, err := f.layout()
	if err != nil {
		return nil, 0, 0, err
	}
	seg, off, ok := sec.locate(rva)
	if !ok {
		return nil, 0, 0, nil
	}
	at, ok, err := f.contribAt(seg, off)
	if err != nil || !ok {
		return nil, 0, 0, err
	}
	if m, err := f.loadModules(); err != nil || int(at.mod) >= m.len() {
		return nil, 0, 0, err // no such module
	}
	c, err = f.moduleLines(int(at.mod))
	return c, seg, off, err
}

// functionAt is a function and a place in it.
type functionAt struct {
	codeOffset
	at codeRange // of the function
	ms *modStream
}

// functionAt returns the function whose own code lies at an RVA.
func (f *File) functionAt(rva uint32) (fn functionAt, ok bool, err error) {
	c, seg, off, err := f.codeAt(rva)
	if err != nil || c == nil {
		return fn, false, err
	}
	o, err := f.outlineOf(c.ms)
	if err != nil {
		return fn, false, err
	}
	i := o.funcAt.find(seg, off)
	if i < 0 {
		return fn, false, nil
	}
	return functionAt{codeOffset: codeOffset{function: o.funcs[i], off: off - o.funcAt[i].off}, at: o.funcAt[i], ms: c.ms}, true, nil
}

// frameQuery is a look at one address of a module. It belongs to one goroutine.
type frameQuery struct {
	f   *File
	c   *moduleLines
	rva uint32
	dst []Frame
}

// at appends the frames at an address, innermost first.
func (l *frameQuery) at(seg uint16, off uint32) ([]Frame, error) {
	start := len(l.dst)
	row, _, _, err := l.c.rowAt(seg, off)
	hasLine := row.Line() != 0
	if err != nil {
		return l.dst, err
	}
	name := ""
	fn, err := l.function(seg, off, hasLine)
	if err == nil && fn.end != 0 {
		name, err = l.inlined(fn)
	}
	if err != nil || fn.end == 0 && !hasLine {
		return l.dst[:start], err
	}
	slices.Reverse(l.dst[start:])
	outer := Frame{Function: name, Line: row.Line(), Column: uint32(row.Column)}
	if hasLine {
		outer.File, err = l.f.fileName(l.c, row.File)
	}
	return append(l.dst, outer), err
}

// codeOffset is a place in the code of a function.
type codeOffset struct {
	function
	chunk, off uint32 // as in inlineRange
}

// function returns the function at an address; none where there is none.
func (l *frameQuery) function(seg uint16, off uint32, hasLine bool) (codeOffset, error) {
	if fn, ok := l.f.index.Built().function(l.c.ms, l.rva); ok && (fn.end != 0 || !hasLine) {
		return fn, nil
	}
	o, err := l.f.outlineOf(l.c.ms)
	if err != nil {
		return codeOffset{}, err
	}
	if i := o.funcAt.find(seg, off); i >= 0 {
		return codeOffset{function: o.funcs[i], off: off - o.funcAt[i].off}, nil
	}
	if !hasLine {
		return codeOffset{}, nil
	}
	p, ok, err := l.c.pieceAt(o, seg, off)
	if !ok || err != nil || p.fn < 0 {
		return codeOffset{}, err
	}
	return codeOffset{function: o.funcs[p.fn], chunk: uint32(p.chunk), off: off - p.off}, nil
}

// inlined appends the frames inlined at a place, outermost first, and returns
// the name of the function. Sites lie inside each other: where one has no code
// there, neither has what is inside.
func (l *frameQuery) inlined(at codeOffset) (name string, err error) {
	r, err := l.c.ms.body(at.function)
	if err != nil || !r.Step() {
		return "", ignoreDamage(cmp.Or(err, r.Err))
	}
	if b, ok := nameOf(r.Rec); ok {
		name = string(b)
	}
	depth := 1 // of the scopes that are open
	skip := 0  // depth of the scope that is passed over, if any
	taken := 0 // depth of the innermost site with code there
	for depth > 0 && r.Step() {
		switch kind := r.kind(); {
		case kind.closes():
			if depth == taken {
				return name, nil // what comes behind lies beside it
			}
			if depth == skip {
				skip = 0
			}
			depth--
		case kind.opens():
			depth++
			if skip != 0 || kind != kindInlineSite && kind != kindInlineSite2 {
				continue
			}
			ok, err := l.site(r.Rec, at)
			if err != nil {
				return "", err
			}
			if ok {
				taken = depth
			} else if over, err := r.passOver(); err != nil {
				return "", ignoreDamage(err)
			} else if over {
				depth--
			} else {
				skip = depth
			}
		}
	}
	return name, ignoreDamage(r.Err)
}

// passOver goes on behind the scope the current record opens, if the record
// says rightly where that is.
func (w *recordWalk) passOver() (bool, error) {
	next := w.Next
	err := w.skipBody()
	return w.Next != next, err
}

// site appends the frame of an inline site if it has code at a place.
//
//	S_INLINESITE: u32 parent, u32 end, u32 id of what was inlined, annotations
//	S_INLINESITE2: the same with u32 calls before the annotations
func (l *frameQuery) site(rec []byte, at codeOffset) (bool, error) {
	head := siteHead(rec)
	if len(rec) < head {
		return false, nil
	}
	pos, ok := positionAt(rec[head:], at.chunk, at.off)
	if !ok {
		return false, nil
	}
	if err := l.f.msf.Work.Spend(perFrame); err != nil {
		return false, err
	}
	frame, err := l.frame(u32(rec, 12), pos)
	l.dst = append(l.dst, frame)
	return true, err
}

const perFrame = 128 // what a frame counts as

// siteHead returns where the annotations of a site begin.
func siteHead(rec []byte) int {
	if Kind(u16(rec, 2)) == kindInlineSite2 {
		return 20
	}
	return 16
}

// positionAt returns the position annotations give a place; ok is false where
// they have no code. Of ranges that overlap, the last counts.
func positionAt(b []byte, chunk, off uint32) (pos codeview.Position, ok bool) {
	for a := codeview.RunAnnotations(b); a.Step(); {
		if a.Out.Chunk == chunk && off >= a.Out.Start && off < a.Out.End {
			pos, ok = a.Out.Pos, true
		}
	}
	return pos, ok
}

// frame describes an inlined function; pos counts from its beginning. What the
// module does not say about it stays empty.
func (l *frameQuery) frame(id uint32, pos codeview.Position) (frame Frame, err error) {
	i := l.c.inlinee(id)
	frame = Frame{Column: pos.Column, Inlined: true}
	if frame.Function, err = l.f.inlineeName(l.c, i, id); err != nil || i < 0 {
		return frame, err
	}
	if frame.Line = pos.Line + l.c.inlinees[i].line; pos.File == codeview.NoFile {
		pos.File = l.c.inlinees[i].file
	}
	frame.File, err = l.f.fileName(l.c, pos.File)
	return frame, err
}

// coldPart is a part of a function that the linker put elsewhere (S_SEPCODE).
type coldPart struct {
	codeRange
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
func (c *moduleLines) pieceAt(o *outline, seg uint16, off uint32) (coldPart, bool, error) {
	list, err := c.pieces.Get(func() (*[]coldPart, error) { return c.findPieces(o) })
	if err != nil {
		return coldPart{}, false, err
	}
	for _, p := range *list {
		if p.seg == seg && p.covers(off) {
			return p, true, nil
		}
	}
	return coldPart{}, false, nil
}

// maxPieces bounds the separated pieces of a module, which are searched one by
// one.
const maxPieces = 4096

// findPieces walks all records of the module. A piece names the address of its
// function; pieces of a function are numbered as they come.
func (c *moduleLines) findPieces(o *outline) (*[]coldPart, error) {
	var list []coldPart
	numbers := map[int32]uint16{}
	r := recordsOf(c.ms.symbols)
	r.W.Chunk = msf.ReadAhead
	for r.Step() && len(list) < maxPieces {
		if r.kind() != KindSepCode {
			continue
		}
		at, ok := codeOf(r.Rec)
		if !ok {
			continue
		}
		fn := int32(o.funcAt.exact(makeKey(u16(r.Rec, 30), u32(r.Rec, 24))))
		numbers[fn]++
		list = append(list, coldPart{codeRange: at, fn: fn, chunk: numbers[fn]})
	}
	if fatal(r.Err) {
		return nil, r.Err
	}
	return &list, nil
}
