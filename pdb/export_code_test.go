package pdb

import "fmt"

// CodeRanges returns RVA and size of every function of the modules.
func (f *File) CodeRanges() ([][2]uint32, error) {
	sec, err := f.placer()
	if err != nil {
		return nil, err
	}
	var list [][2]uint32
	err = f.eachCode(func(c *moduleCode) error {
		for _, fn := range c.funcAt {
			if rva, ok := sec.place(fn.seg, fn.off); ok && fn.size > 0 {
				list = append(list, [2]uint32{rva, fn.size})
			}
		}
		return nil
	})
	return list, err
}

func (f *File) eachCode(visit func(c *moduleCode) error) error {
	m, err := f.loadModules()
	for i := 0; err == nil && i < m.len(); i++ {
		var c *moduleCode
		if c, err = f.moduleCode(i); err == nil {
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
	fn, into := c.functionAt(seg, off)
	if fn == nil {
		return nil, nil
	}
	var list []bool
	for at, end := fn.sites, fn.end; end-at >= siteHead; {
		s := c.site(at)
		if _, ok := s.at(0, into); !ok {
			at = s.end
			continue
		}
		list = append([]bool{hasOp(s.annotations, opChangeLengthOffset)}, list...)
		at, end = s.children, s.end
	}
	return list, nil
}

func hasOp(b string, want uint32) bool {
	for a := runAnnotations(b); len(a.b) > 0; {
		op, _ := a.operand()
		x, ok := a.operand()
		if !ok {
			return false
		}
		if op == want {
			return true
		}
		a.apply(op, x)
	}
	return false
}

// CheckSites returns how many inline sites there are and an error for the
// first whose code is not inside the code of the one around it, or of its
// function.
func (f *File) CheckSites() (n int, err error) {
	err = f.eachCode(func(c *moduleCode) error {
		for i := range c.funcs {
			fn := &c.funcs[i]
			if err := c.checkSites(fn.sites, fn.end, []InlineRange{{End: c.funcAt[i].size}}, &n); err != nil {
				return fmt.Errorf("%s: %w", c.name(fn), err)
			}
		}
		return nil
	})
	return n, err
}

func (c *moduleCode) checkSites(at, end uint32, parent []InlineRange, n *int) error {
	for end-at >= siteHead {
		s := c.site(at)
		ranges := RunAnnotations(s.annotations)
		for _, r := range ranges {
			for off := r.Start; off < r.End; off++ {
				if !inside(parent, off) {
					return fmt.Errorf("site %#x of id %#x: %#x..%#x is not inside %x", at, s.id, r.Start, r.End, parent)
				}
			}
		}
		if *n++; s.children > s.end || s.end > end {
			return fmt.Errorf("site %#x ends at %#x, its children begin at %#x", at, s.end, s.children)
		}
		if err := c.checkSites(s.children, s.end, ranges, n); err != nil {
			return err
		}
		at = s.end
	}
	return nil
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
