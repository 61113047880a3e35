package pdb

import (
	"cmp"
	"slices"

	"github.com/symres/symres/internal/msf"
)

// Kinds of the parts of C13 line information (cvinfo.h).
const (
	partLines     = 0xF2
	partChecksums = 0xF4
	partInlinees  = 0xF6
	partImports   = 0xF7
	partExports   = 0xF8
	partHead      = 8 // u32 kind, u32 bytes
)

// partWalk walks the parts of C13 line information: u32 kind, u32 bytes, data,
// padding to 4. Parts of a kind with bit 31 set are to be ignored and have no
// kind of the above. It belongs to one goroutine.
type partWalk struct {
	w    msf.Walker
	kind uint32
	data msf.Area
	next uint32
	end  uint32
	err  error // why the walk ended early
}

// partsOf starts a walk over the parts of an area.
func partsOf(a msf.Area) partWalk { return partWalk{w: a.Walker(), next: a.Off, end: a.End} }

// step moves to the next part. It reports false at the end and after damage,
// which is in err.
func (p *partWalk) step() bool {
	if p.err != nil || p.end-p.next < partHead {
		return false
	}
	var h []byte
	if h, p.err = p.w.Span(p.next, partHead); p.err != nil {
		return false
	}
	p.kind = u32(h, 0)
	size, off := u32(h, 4), p.next+partHead
	if size > p.end-off {
		p.err = damage(p.w.Stream.Name, int64(p.next), "part %#x of %d bytes runs over the end at %#x", p.kind, size, p.end)
		return false
	}
	p.data = msf.Area{Stream: p.w.Stream, Off: off, End: off + size}
	p.next = off + min((size+3)&^3, p.end-off)
	return true
}

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
	runHead    = 12
	haveColumn = 1 // flag of a line block
)

// lineRow is a row of a line block.
type lineRow struct {
	off    uint32 // in the block
	flags  uint32 // line and so on
	file   uint32 // place of its checksum
	column uint16 // 0 unknown
	endCol uint16
}

// Numbers that stand where a line should: code no debugger steps into, and
// code one always steps into.
const (
	lineNever  = 0xFEEFEE
	lineAlways = 0xF00F00
)

// line returns the line, 0 where the row has none.
func (r lineRow) line() uint32 {
	if n := r.flags & 0xFFFFFF; n != lineNever && n != lineAlways {
		return n
	}
	return 0
}

// endLine returns the last line of the statement. The field for it holds the
// low bits of its distance; some writers put the low bits of the line itself.
func (r lineRow) endLine() uint32 {
	n := r.line()
	if n == 0 {
		return 0
	}
	return n + r.flags>>24&0x7F
}

// statement reports whether the row is a statement rather than an expression.
func (r lineRow) statement() bool { return r.flags>>31 != 0 }

// lineRuns walks the runs of lines of a block. It stops at the first one that
// does not fit.
type lineRuns struct {
	rest    []byte
	wide    bool // the block has columns
	file    uint32
	rows    []byte
	columns []byte // of the rows, or none
}

// runs starts a walk over the lines of a block.
func (c *moduleCode) runs(b lineBlock) (lineRuns, error) {
	if b.old {
		return lineRuns{rest: c.old[b.at:][:b.n]}, nil
	}
	rest, err := c.ms.s.View(b.at, b.n)
	return lineRuns{rest: rest, wide: b.columns}, err
}

func (r *lineRuns) step() bool {
	p := r.rest
	if len(p) < runHead {
		return false
	}
	n, size := u32(p, 4), u32(p, 8)
	if size < runHead || uint64(size) > uint64(len(p)) || uint64(n)*8 > uint64(size-runHead) {
		return false
	}
	r.file, r.rows, r.columns, r.rest = u32(p, 0), p[runHead:][:n*8], nil, p[size:]
	if r.wide && uint64(size) == runHead+12*uint64(n) {
		r.columns = p[runHead+n*8 : size]
	}
	return true
}

// row returns row i of the run.
func (r *lineRuns) row(i int) lineRow {
	row := lineRow{off: u32(r.rows, i*8), flags: u32(r.rows, i*8+4), file: r.file}
	if r.columns != nil {
		row.column, row.endCol = u16(r.columns, i*4), u16(r.columns, i*4+2)
	}
	return row
}

// find returns the row that covers off of the block. Runs of several files interleave: the row is the one with the highest
// offset at or below off, wherever it stands. Of several at one offset the first
// is the line of the byte there, the last that of the bytes behind it; so does
// dbghelp (measured).
func (r lineRuns) find(off uint32) (best lineRow, ok bool) {
	for r.step() {
		for i := range len(r.rows) / 8 {
			if at := u32(r.rows, i*8); at <= off && (!ok || at > best.off || at == best.off && at < off) {
				best, ok = r.row(i), true
			}
		}
	}
	return best, ok
}

// sorted returns all rows of a block by their offset.
func (r lineRuns) sorted() []lineRow {
	var list []lineRow
	for r.step() {
		for i := range len(r.rows) / 8 {
			list = append(list, r.row(i))
		}
	}
	slices.SortStableFunc(list, func(a, b lineRow) int { return cmp.Compare(a.off, b.off) })
	return list
}

// inlinee is where an inlined function begins in its source (F6).
type inlinee struct{ id, file, line uint32 }

// addInlinees reads a part F6: u32 signature; then {u32 id, u32 place of the
// checksum, u32 line} for signature 0, and u32 count, u32 more files behind
// them for signature 1.
func (c *moduleCode) addInlinees(b []byte) {
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
func (c *moduleCode) addFiles(b []byte, off uint32) {
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
func (c *moduleCode) addExports(b []byte) {
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
func (c *moduleCode) addImports(b []byte) {
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
