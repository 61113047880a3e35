package pdb

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/symres/symres/internal/codeview"
)

// C11 line information, of compilers before Visual C++ 7 (cvlines.h). All
// offsets count from its beginning:
//
//	u16 files, u16 segments, u32 place of each file, {u32 first, u32 last} of
//	each segment, u16 number of each segment
//	file: u16 segments, u16 padding, u32 place of the lines of each segment,
//	{u32 first, u32 last} of each, name
//	lines: u16 segment, u16 count, u32 offset of each, u16 line of each
//
// The name has a length byte, in files of DBI version V70 and later a NUL.

// oldFile marks the places of files named in C11 lines, which have no checksum
// to be referred to by.
const oldFile = 1 << 31

const versionV70 = 19990903 // of the DBI stream

// readLines11 turns C11 lines into line blocks, one for each segment.
func (c *moduleLines) readLines11(oldNames bool) error {
	b, err := c.ms.lines11.Bytes()
	if err != nil || len(b) < 4 {
		return err
	}
	nFiles, nSegs := int(u16(b, 0)), int(u16(b, 2))
	segs := 4 + nFiles*4
	if segs+nSegs*10 > len(b) {
		return c.ms.s.Short(c.ms.lines11.Off, uint32(segs+nSegs*10))
	}
	files := make([]uint32, nFiles) // where their lines lie, from their heads on
	for i := range files {
		files[i] = u32(b, 4+i*4)
		c.oldName(b, files[i], i, oldNames)
	}
	for i := range nSegs {
		first, last := u32(b, segs+i*8), u32(b, segs+i*8+4)
		if last < first {
			continue
		}
		code := makeRange(u16(b, segs+nSegs*8+i*2), first, last-first+1)
		block := lineBlock{at: uint32(len(c.old)), old: true}
		var rows []oldRow
		for j, at := range files {
			rows = c.appendOldRows(rows, b, at, uint32(j)|oldFile, code)
		}
		if err := c.ms.s.Work().Over(); err != nil {
			return err
		}
		c.oldRuns(layOver(rows, code.off+code.size), code.off)
		block.n = uint32(len(c.old)) - block.at
		c.blocks, c.blockAt = append(c.blocks, block), append(c.blockAt, code)
	}
	return nil
}

// oldName keeps the name of a file.
func (c *moduleLines) oldName(b []byte, at uint32, i int, oldNames bool) {
	if uint64(at)+4 > uint64(len(b)) {
		return
	}
	end := uint64(at) + 4 + uint64(u16(b, int(at)))*12
	if end >= uint64(len(b)) {
		return
	}
	name := b[end:]
	if oldNames {
		name = name[1:][:min(int(name[0]), len(name)-1)]
	}
	name = codeview.UntilNUL(name)
	if len(name) == 0 || len(name) > maxString {
		return
	}
	c.files = append(c.files, sourceFile{at: uint32(i) | oldFile, name: uint32(len(c.old)), own: uint16(len(name))})
	c.old = append(c.old, name...)
}

// oldRow is a row of C11 lines: the code from off to end, as far as no row behind
// it takes some of it.
type oldRow struct{ off, end, flags, file uint32 }

// appendOldRows appends the rows that a file has in one segment. The last of them
// ends with the range the file says it has there, which counts its last byte.
func (c *moduleLines) appendOldRows(rows []oldRow, b []byte, at, file uint32, code codeRange) []oldRow {
	if uint64(at)+4 > uint64(len(b)) {
		return rows
	}
	n := int(u16(b, int(at)))
	ranges := int(at) + 4 + n*4
	if ranges+n*8 > len(b) {
		return rows
	}
	for i := range n {
		lines := u32(b, int(at)+4+i*4)
		if uint64(lines)+4 > uint64(len(b)) || u16(b, int(lines)) != code.seg {
			continue
		}
		count := int(u16(b, int(lines)+2))
		if uint64(lines)+4+uint64(count)*6 > uint64(len(b)) {
			continue
		}
		if c.ms.s.Work().Spend(codeview.RunHead+count*8) != nil {
			return rows // files can share lines; readLines11 tells
		}
		first, last := u32(b, ranges+i*8), u32(b, ranges+i*8+4)
		if last < first {
			continue // it has no code
		}
		end := code.off + code.size
		if last < end {
			end = last + 1
		}
		rows = appendOldRun(rows, b[lines+4:], count, oldRow{off: code.off, end: end, file: file})
	}
	return rows
}

// appendOldRun appends rows, all of which end where limits does and begin in what
// it has.
func appendOldRun(rows []oldRow, b []byte, n int, limits oldRow) []oldRow {
	for i := range n {
		row := limits
		if row.off, row.flags = u32(b, i*4), uint32(u16(b, n*4+i*2))|1<<31; row.off >= limits.off && row.off < row.end {
			rows = append(rows, row)
		}
	}
	return rows
}

// layOver puts rows in order and makes visible where they end: the row that
// begins last has the code; behind its end that is the one below it, or none,
// which has no line.
func layOver(rows []oldRow, end uint32) (out []oldRow) {
	slices.SortStableFunc(rows, func(a, b oldRow) int { return cmp.Compare(a.off, b.off) })
	var open []oldRow
	closeTo := func(off uint32) {
		for len(open) > 0 && open[len(open)-1].end <= off {
			at := open[len(open)-1].end
			for len(open) > 0 && open[len(open)-1].end <= at {
				open = open[:len(open)-1]
			}
			if at == off {
				continue
			}
			next := oldRow{file: out[len(out)-1].file, flags: codeview.LineAlways}
			if len(open) > 0 {
				next = open[len(open)-1]
			}
			next.off = at
			out = append(out, next)
		}
	}
	for _, row := range rows {
		closeTo(row.off)
		out, open = append(out, row), append(open, row)
	}
	closeTo(end)
	return out
}

// oldRuns writes rows in the form C13 has them, those of one file after the
// other as a run.
func (c *moduleLines) oldRuns(rows []oldRow, first uint32) {
	le := binary.LittleEndian
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].file == rows[0].file {
			n++
		}
		c.old = le.AppendUint32(c.old, rows[0].file)
		c.old = le.AppendUint32(c.old, uint32(n))
		c.old = le.AppendUint32(c.old, uint32(codeview.RunHead+n*8))
		for _, row := range rows[:n] {
			c.old = le.AppendUint32(c.old, row.off-first)
			c.old = le.AppendUint32(c.old, row.flags)
		}
		rows = rows[n:]
	}
}
