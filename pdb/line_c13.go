package pdb

import (
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// A line block is the lines of one piece of code, mostly a function (F2):
//
//	u32 offset, u16 segment, u16 flags, u32 bytes of code, then for each run of
//	lines from one file: u32 place of its checksum, u32 lines, u32 bytes;
//	for each line u32 offset, u32 line and flags; with columns u16 start, u16 end
//
// lineBlock keeps where its runs of lines lie in the stream of the module, or in
// moduleCode.old; where its code lies is kept beside it.
type lineBlock struct {
	at, n   uint32 // the runs of lines
	columns bool
	old     bool
}

const (
	blockHead  = 12
	haveColumn = 1 // flag of a line block
)

// runs starts a walk over the lines of a block.
func (c *moduleLines) runs(b lineBlock) (codeview.LineRuns, error) {
	if b.old {
		return codeview.LineRuns{Rest: c.old[b.at:][:b.n]}, nil
	}
	rest, err := c.ms.s.View(b.at, b.n)
	return codeview.LineRuns{Rest: rest, Wide: b.columns}, err
}

// inlinee is where an inlined function begins in its source (F6).
type inlinee struct{ id, file, line uint32 }

// addInlinees reads a part F6: u32 signature; then {u32 id, u32 place of the
// checksum, u32 line} for signature 0, and u32 count, u32 more files behind
// them for signature 1.
func (c *moduleLines) addInlinees(b []byte) {
	if len(b) < 4 {
		return
	}
	sign := u32(b, 0)
	for b = b[4:]; sign <= 1 && len(b) >= 12; {
		c.inlinees = append(c.inlinees, inlinee{id: u32(b, 0), file: u32(b, 4), line: u32(b, 8)})
		b = b[12:]
		if sign == 0 {
			continue
		}
		if len(b) < 4 || uint64(u32(b, 0))*4 > uint64(len(b)-4) {
			break
		}
		b = b[4+u32(b, 0)*4:]
	}
}

// sourceFile is an entry of the file checksums (F4).
type sourceFile struct {
	at   uint32 // its place, which is how lines refer to it
	name uint32 // offset in /names, or in moduleCode.old when own is not 0
	own  uint16 // bytes of a name the module has itself
	size uint8  // bytes of the checksum
	kind ChecksumKind
	sum  uint32 // where the checksum lies in the stream of the module
}

// addFiles reads a part F4, which begins at off: {u32 offset in /names, u8 bytes,
// u8 kind, checksum, padding to 4}.
func (c *moduleLines) addFiles(b []byte, off uint32) {
	for at := 0; len(b)-at >= 6; {
		f := sourceFile{at: uint32(at), name: u32(b, at), size: b[at+4], kind: ChecksumKind(b[at+5]), sum: off + uint32(at) + 6}
		end := at + 6 + int(f.size)
		if end > len(b) {
			return
		}
		c.files = append(c.files, f)
		at = (end + 3) &^ 3
	}
}

// exportedID is an id other modules refer to by a number of this one (F8).
type exportedID struct{ local, global uint32 }

// addExports reads a part F8.
func (c *moduleLines) addExports(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		c.exports = append(c.exports, exportedID{u32(b, 0), u32(b, 4)})
	}
}

// importedIDs is what a module refers to in another one (F7): numbers of that
// module, as a range of moduleCode.ids.
type importedIDs struct {
	module   uint32 // offset of its name in /names
	first, n uint32
}

// addImports reads a part F7: {u32 name, u32 count, u32 numbers}.
func (c *moduleLines) addImports(b []byte) {
	for len(b) >= 8 {
		i := importedIDs{module: u32(b, 0), first: uint32(len(c.ids)), n: u32(b, 4)}
		b = b[8:]
		if uint64(i.n)*4 > uint64(len(b)) {
			return
		}
		c.ids = msf.AppendU32s(c.ids, b[:i.n*4])
		c.imports = append(c.imports, i)
		b = b[i.n*4:]
	}
}

// readLines13 finds the parts of the C13 line information. Lines stay where
// they are; what lines refer to is read.
func (c *moduleLines) readLines13() error {
	p := codeview.PartsOf(c.ms.lines13)
	p.W.Chunk = msf.ReadAhead
	for p.Step() {
		if err := c.part(&p); err != nil {
			return err
		}
	}
	return p.Err
}

func (c *moduleLines) part(p *codeview.Parts) error {
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
func (c *moduleLines) addLines(p *codeview.Parts) error {
	if p.Data.Len() < blockHead {
		return nil
	}
	b, err := p.W.Span(p.Data.Off, blockHead)
	if err != nil {
		return err
	}
	c.blockAt = append(c.blockAt, makeRange(u16(b, 4), u32(b, 0), u32(b, 8)))
	c.blocks = append(c.blocks, lineBlock{
		at: p.Data.Off + blockHead, n: p.Data.Len() - blockHead, columns: u16(b, 6)&haveColumn != 0,
	})
	return nil
}

// rowAt returns the row of the code at a place, a row without a line where there is
// none, and the block it is in. Damage hides a row.
func (c *moduleLines) rowAt(seg uint16, off uint32) (row codeview.LineRow, runs codeview.LineRuns, block int, err error) {
	block = c.blockAt.find(seg, off)
	if block < 0 {
		return row, runs, block, nil
	}
	if runs, err = c.runs(c.blocks[block]); err == nil {
		row, _ = runs.Find(off - c.blockAt[block].off)
	}
	return row, runs, block, ignoreDamage(err)
}
