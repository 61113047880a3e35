package pdb

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
	l := look{f: f, c: c, rva: rva, dst: dst}
	return l.at(seg, off)
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
	if m, err := f.loadModules(); err != nil || mod >= m.len() {
		return nil, 0, 0, err // no such module
	}
	c, err = f.moduleCode(mod)
	return c, seg, off, err
}

// functionAt is a function and a place in it.
type functionAt struct {
	codeOffset
	at place // of the function
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
