package pdb

import "fmt"

// CodeRanges returns RVA and size of every function of the modules.
func (f *File) CodeRanges() ([][2]uint32, error) {
	sec, err := f.layout()
	if err != nil {
		return nil, err
	}
	var list [][2]uint32
	err = f.eachCode(func(c *moduleLines) error {
		o, err := f.outlineOf(c.ms)
		if err != nil {
			return err
		}
		for _, fn := range o.funcAt {
			if rva, ok := sec.rva(fn.seg, fn.off); ok && fn.size > 0 {
				list = append(list, [2]uint32{rva, fn.size})
			}
		}
		return nil
	})
	return list, err
}

func (f *File) eachCode(visit func(c *moduleLines) error) error {
	m, err := f.loadModules()
	for i := 0; err == nil && i < m.len(); i++ {
		var c *moduleLines
		if c, err = f.moduleLines(i); err == nil {
			err = visit(c)
		}
	}
	return err
}

// HasLengthOffset tells for every inlined frame at an RVA, innermost first,
// whether its annotations have the operation that llvm-symbolizer 19 gets wrong.
func (f *File) HasLengthOffset(rva uint32) ([]bool, error) {
	c, seg, off, err := f.codeAt(rva)
	if err != nil || c == nil {
		return nil, err
	}
	o, err := f.outlineOf(c.ms)
	if err != nil {
		return nil, err
	}
	i := o.funcAt.find(seg, off)
	if i < 0 {
		return nil, nil
	}
	var list []bool
	r, err := c.ms.body(o.funcs[i])
	for err == nil && r.Step() {
		if k := r.kind(); k != kindInlineSite && k != kindInlineSite2 {
			continue
		}
		b := r.Rec[siteHead(r.Rec):]
		if _, ok := positionAt(b, 0, off-o.funcAt[i].off); ok {
			list = append([]bool{hasOp(b, 12)}, list...)
		}
	}
	return list, r.Err
}

// hasOp reports whether annotations have an operation; see codeview.Annotations.
func hasOp(b []byte, want byte) bool {
	operand := func() byte {
		first, n := b[0], 1
		if first >= 0xC0 {
			n = 4
		} else if first >= 0x80 {
			n = 2
		}
		b = b[min(n, len(b)):]
		return first
	}
	for len(b) > 0 {
		op := operand()
		if op == want {
			return true
		}
		if op != 0 && len(b) > 0 {
			operand()
		}
	}
	return false
}

// CheckSites returns how many inline sites there are and an error for the
// first whose code is not inside the code of the one around it, or of its
// function.
func (f *File) CheckSites() (n int, err error) {
	err = f.eachCode(func(c *moduleLines) error {
		o, err := f.outlineOf(c.ms)
		if err != nil {
			return err
		}
		for i, fn := range o.funcs {
			r, err := c.ms.body(fn)
			if err != nil {
				return err
			}
			r.Step()
			name, _ := nameOf(r.Rec)
			if err := checkSites(&r, []InlineRange{{End: o.funcAt[i].size}}, &n); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	return n, err
}

// checkSites walks to the end of the scope the current record has opened.
func checkSites(r *recordWalk, parent []InlineRange, n *int) error {
	for r.Step() {
		kind := r.kind()
		ranges := parent
		if kind.closes() {
			return nil
		}
		if !kind.opens() {
			continue
		}
		if kind == kindInlineSite || kind == kindInlineSite2 {
			*n++
			ranges = RunAnnotations(string(r.Rec[siteHead(r.Rec):]))
			for _, in := range ranges {
				for off := in.Start; off < in.End; off++ {
					if !inside(parent, off) {
						return fmt.Errorf("site at %#x: %#x..%#x is not inside %x", r.Off, in.Start, in.End, parent)
					}
				}
			}
		}
		if err := checkSites(r, ranges, n); err != nil {
			return err
		}
	}
	return r.Err
}

func inside(list []InlineRange, off uint32) bool {
	for _, r := range list {
		if off >= r.Start && off < r.End {
			return true
		}
	}
	return false
}

// LineBlocksAt returns how many line blocks of its module cover an RVA: more
// than one where the linker folded functions of a module.
func (f *File) LineBlocksAt(rva uint32) (n int, err error) {
	c, seg, off, err := f.codeAt(rva)
	if err != nil || c == nil {
		return 0, err
	}
	for _, b := range c.blockAt {
		if b.seg == seg && b.covers(off) {
			n++
		}
	}
	return n, nil
}

// ModuleBytesAt returns how many bytes the stream of the module at an RVA has.
func (f *File) ModuleBytesAt(rva uint32) (uint32, error) {
	c, _, _, err := f.codeAt(rva)
	if err != nil || c == nil || c.ms.s == nil {
		return 0, err
	}
	return c.ms.s.Size, nil
}

// InlineNames calls visit with the id and the name of every inline site.
func (f *File) InlineNames(visit func(id uint32, name string)) error {
	return f.eachCode(func(c *moduleLines) error {
		r := recordsOf(c.ms.symbols)
		for r.Step() {
			if k := r.kind(); k != kindInlineSite && k != kindInlineSite2 {
				continue
			}
			id := u32(r.Rec, 12)
			name, err := f.inlineeName(c, c.inlinee(id), id)
			if err != nil {
				return err
			}
			visit(id, name)
		}
		return r.Err
	})
}
