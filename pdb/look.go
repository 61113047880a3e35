package pdb

import (
	"cmp"
	"slices"

	"github.com/symres/symres/internal/codeview"
)

// look is a look at one address of a module. It belongs to one goroutine.
type look struct {
	f   *File
	c   *moduleCode
	rva uint32
	dst []Frame
}

// at appends the frames at an address, innermost first.
func (l *look) at(seg uint16, off uint32) ([]Frame, error) {
	start := len(l.dst)
	pos, hasLine, err := l.line(seg, off)
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
	outer := Frame{Function: name, Line: pos.Line, Column: pos.Column}
	if hasLine {
		outer.File, err = l.f.fileName(l.c, pos.File)
	}
	return append(l.dst, outer), err
}

// line returns the line of the function itself.
func (l *look) line(seg uint16, off uint32) (codeview.Position, bool, error) {
	i := l.c.blockAt.find(seg, off)
	if i < 0 {
		return codeview.Position{}, false, nil
	}
	runs, err := l.c.runs(l.c.blocks[i])
	if err != nil {
		return codeview.Position{}, false, ignoreDamage(err)
	}
	row, ok := runs.Find(off - l.c.blockAt[i].off)
	return codeview.Position{File: row.File, Line: row.Line(), Column: uint32(row.Column)}, ok && row.Line() != 0, nil
}

// codeOffset is a place in the code of a function.
type codeOffset struct {
	function
	chunk, off uint32 // as in inlineRange
}

// function returns the function at an address; none where there is none.
func (l *look) function(seg uint16, off uint32, hasLine bool) (codeOffset, error) {
	if fn, ok := l.f.index.done.Load().function(l.c.ms, l.rva); ok && (fn.end != 0 || !hasLine) {
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
func (l *look) inlined(at codeOffset) (name string, err error) {
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
func (l *look) site(rec []byte, at codeOffset) (bool, error) {
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
func (l *look) frame(id uint32, pos codeview.Position) (frame Frame, err error) {
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
