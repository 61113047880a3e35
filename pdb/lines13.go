package pdb

import "github.com/symres/symres/internal/msf"

// readLines13 finds the parts of the C13 line information. Lines stay where
// they are; what lines refer to is read.
func (c *moduleCode) readLines13() error {
	p := partsOf(c.ms.lines13)
	p.w.Chunk = msf.ReadAhead
	for p.step() {
		if err := c.part(&p); err != nil {
			return err
		}
	}
	return p.err
}

func (c *moduleCode) part(p *partWalk) error {
	if p.kind == partLines {
		return c.addLines(p)
	}
	switch p.kind {
	case partChecksums, partInlinees, partImports, partExports:
	default:
		return nil
	}
	b, err := p.w.Span(p.data.Off, p.data.Len())
	if err != nil {
		return err
	}
	switch p.kind {
	case partChecksums:
		if len(c.files) == 0 { // lines count from the one there is
			c.addFiles(b, p.data.Off)
		}
	case partInlinees:
		c.addInlinees(b)
	case partImports:
		c.addImports(b)
	case partExports:
		c.addExports(b)
	}
	return nil
}

// addLines keeps where a part F2 lies.
func (c *moduleCode) addLines(p *partWalk) error {
	if p.data.Len() < blockHead {
		return nil
	}
	b, err := p.w.Span(p.data.Off, blockHead)
	if err != nil {
		return err
	}
	c.blockAt = append(c.blockAt, makePlace(u16(b, 4), u32(b, 0), u32(b, 8)))
	c.blocks = append(c.blocks, lineBlock{
		at: p.data.Off + blockHead, n: p.data.Len() - blockHead, columns: u16(b, 6)&haveColumn != 0,
	})
	return nil
}
