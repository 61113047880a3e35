package pdb

import "slices"

// Frame is a function an address lies in, and where in its source.
type Frame struct {
	Function string // as the compiler spells it, undecorated; empty if not known
	File     string // source file, as the compiler saw it; empty if not known
	Line     uint32 // counted from 1; 0 if not known, or if the code belongs to no line
	Column   uint32 // counted from 1; 0 if not known
	Inlined  bool   // inlined into the function of the next Frame
}

// Frames returns the functions the code at an RVA belongs to: those that were
// inlined there, innermost first, then the function itself. The place of each
// is where it is at that address: for the innermost the line of the code, for
// the others the line of the call. None is not an error: there is no code, or
// the PDB knows nothing private about it.
//
// The first question about code of a module reads the stream of the module;
// what matters of it is kept. Errors satisfy errors.Is(err, [ErrFormat]) or
// come from reading.
func (f *File) Frames(rva uint32) ([]Frame, error) { return f.AppendFrames(nil, rva) }

// AppendFrames is [File.Frames] that appends to dst, for bulk work.
func (f *File) AppendFrames(dst []Frame, rva uint32) ([]Frame, error) {
	c, seg, off, err := f.codeAt(rva)
	if err != nil || c == nil {
		return dst, err
	}
	fn, into := c.functionAt(seg, off)
	pos, hasLine := c.posAt(seg, off)
	if fn == nil && !hasLine {
		return dst, nil
	}
	start := len(dst)
	outer := Frame{Line: pos.line, Column: pos.column}
	if fn != nil {
		outer.Function = c.name(fn)
		if dst, err = f.inlined(dst, c, fn, into); err != nil {
			return dst[:start], err
		}
		slices.Reverse(dst[start:])
	}
	if hasLine {
		outer.File, err = f.fileName(c, pos.file)
	}
	return append(dst, outer), err
}

// codeAt returns the module whose code lies at an RVA, nil where there is none.
func (f *File) codeAt(rva uint32) (c *moduleCode, seg uint16, off uint32, err error) {
	sec, err := f.placer()
	if err != nil || f.dbi == nil {
		return nil, 0, 0, err
	}
	seg, off, ok := sec.locate(rva)
	if !ok {
		return nil, 0, 0, nil
	}
	mod, ok, err := f.moduleOf(seg, off)
	if err != nil || !ok {
		return nil, 0, 0, err
	}
	c, err = f.moduleCode(mod)
	return c, seg, off, err
}

// functionAt returns the function at an address and how far into it the address
// is, nil where there is none.
func (c *moduleCode) functionAt(seg uint16, off uint32) (*function, uint32) {
	i := c.funcAt.find(seg, off)
	if i < 0 {
		return nil, 0
	}
	return &c.funcs[i], off - c.funcAt[i].off
}

// name returns the name of a function, for a separated piece that of its owner.
func (c *moduleCode) name(fn *function) string {
	if fn.chunk != 0 {
		fn = &c.funcs[fn.owner]
	}
	return c.data[fn.name:][:fn.nlen]
}

// posAt returns the line of the function itself at an address.
func (c *moduleCode) posAt(seg uint16, off uint32) (sourcePos, bool) {
	i := c.blockAt.find(seg, off)
	if i < 0 {
		return sourcePos{}, false
	}
	row, ok := c.row(c.blocks[i], off-c.blockAt[i].off)
	return sourcePos{file: row.file, line: row.line(), column: uint32(row.column)}, ok && row.line() != 0
}

// inlined appends the inlined functions at off of a function, outermost first.
func (f *File) inlined(dst []Frame, c *moduleCode, fn *function, off uint32) ([]Frame, error) {
	at, end, chunk := fn.sites, fn.end, uint32(0)
	if owner := &c.funcs[fn.owner]; fn.chunk != 0 && at == end {
		at, end, chunk = owner.sites, owner.end, uint32(fn.chunk)
	}
	for end-at >= siteHead {
		s := c.site(at)
		pos, ok := s.at(chunk, off)
		if !ok {
			at = s.end
			continue
		}
		frame, err := f.inlineFrame(c, s.id, pos)
		if err != nil {
			return dst, err
		}
		dst = append(dst, frame)
		at, end = s.children, s.end
	}
	return dst, nil
}

// inlineFrame describes an inlined function; pos counts from its beginning.
// What the module does not say about it stays empty.
func (f *File) inlineFrame(c *moduleCode, id uint32, pos sourcePos) (frame Frame, err error) {
	i := c.inlinee(id)
	frame = Frame{Column: pos.column, Inlined: true}
	if frame.Function, err = f.inlineeName(c, i, id); err != nil || i < 0 {
		return frame, err
	}
	if frame.Line = pos.line + c.inlinees[i].line; pos.file == noFile {
		pos.file = c.inlinees[i].file
	}
	frame.File, err = f.fileName(c, pos.file)
	return frame, err
}

// inlineSite is an inline site in moduleCode.data.
type inlineSite struct {
	id            uint32
	children, end uint32 // the sites inside this one
	annotations   string
}

// site reads the site at a place. What is there was written by codeBuilder.
func (c *moduleCode) site(at uint32) inlineSite {
	s := inlineSite{id: le32str(c.data, int(at)), end: le32str(c.data, int(at)+4)}
	s.children = at + siteHead + le32str(c.data, int(at)+8)
	s.annotations = c.data[at+siteHead : s.children]
	return s
}

// at returns the position at an offset of the function; ok is false where the
// site has no code there. Of ranges that overlap, the last counts.
func (s *inlineSite) at(chunk, off uint32) (pos sourcePos, ok bool) {
	for a := runAnnotations(s.annotations); a.step(); {
		if a.out.chunk == chunk && off >= a.out.start && off < a.out.end {
			pos, ok = a.out.pos, true
		}
	}
	return pos, ok
}
