package pdb

import (
	"github.com/symres/symres/internal/msf"

	"github.com/symres/symres/internal/codeview"
)

// readLines13 finds the parts of the C13 line information. Lines stay where
// they are; what lines refer to is read.
func (c *moduleCode) readLines13() error {
	p := codeview.PartsOf(c.ms.lines13)
	p.W.Chunk = msf.ReadAhead
	for p.Step() {
		if err := c.part(&p); err != nil {
			return err
		}
	}
	return p.Err
}

func (c *moduleCode) part(p *codeview.Parts) error {
	if p.Kind == codeview.PartLines {
		return c.addLines(p)
	}
	switch p.Kind {
	case codeview.PartChecksums, codeview.PartInlinees, codeview.PartImports, codeview.PartExports:
	default:
		return nil
	}
	b, err := p.W.Span(p.Data.Off, p.Data.Len())
	if err != nil {
		return err
	}
	switch p.Kind {
	case codeview.PartChecksums:
		if len(c.files) == 0 { // lines count from the one there is
			c.addFiles(b, p.Data.Off)
		}
	case codeview.PartInlinees:
		c.addInlinees(b)
	case codeview.PartImports:
		c.addImports(b)
	case codeview.PartExports:
		c.addExports(b)
	}
	return nil
}

// addLines keeps where a part F2 lies.
func (c *moduleCode) addLines(p *codeview.Parts) error {
	if p.Data.Len() < blockHead {
		return nil
	}
	b, err := p.W.Span(p.Data.Off, blockHead)
	if err != nil {
		return err
	}
	c.blockAt = append(c.blockAt, makePlace(u16(b, 4), u32(b, 0), u32(b, 8)))
	c.blocks = append(c.blocks, lineBlock{
		at: p.Data.Off + blockHead, n: p.Data.Len() - blockHead, columns: u16(b, 6)&haveColumn != 0,
	})
	return nil
}
