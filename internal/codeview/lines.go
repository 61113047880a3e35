package codeview

import (
	"cmp"
	"slices"

	"github.com/symres/symres/internal/msf"
)

// Kinds of the parts of C13 line information (cvinfo.h).
const (
	PartLines     = 0xF2
	PartChecksums = 0xF4
	PartInlinees  = 0xF6
	PartImports   = 0xF7
	PartExports   = 0xF8
	partHead      = 8 // u32 kind, u32 bytes
)

// Parts walks the parts of C13 line information: u32 kind, u32 bytes, data,
// padding to 4. Parts of a kind with bit 31 set are to be ignored and have no
// kind of the above. It belongs to one goroutine.
type Parts struct {
	W    msf.Walker
	Kind uint32
	Data msf.Area
	next uint32
	end  uint32
	Err  error // why the walk ended early
}

// PartsOf starts a walk over the parts of an area.
func PartsOf(a msf.Area) Parts { return Parts{W: a.Walker(), next: a.Off, end: a.End} }

// Step moves to the next part. It reports false at the end and after damage,
// which is in err.
func (p *Parts) Step() bool {
	if p.Err != nil || p.end-p.next < partHead {
		return false
	}
	var h []byte
	if h, p.Err = p.W.Span(p.next, partHead); p.Err != nil {
		return false
	}
	p.Kind = u32(h, 0)
	size, off := u32(h, 4), p.next+partHead
	if size > p.end-off {
		p.Err = p.W.Stream.Damage(p.next, "part %#x of %d bytes runs over the end at %#x", p.Kind, size, p.end)
		return false
	}
	p.Data = msf.Area{Stream: p.W.Stream, Off: off, End: off + size}
	p.next = off + min((size+3)&^3, p.end-off)
	return true
}

// RunHead is the length of a run of lines up to its lines.
const RunHead = 12

// LineRow is a row of a line block.
type LineRow struct {
	Off    uint32 // in the block
	flags  uint32 // line and so on
	File   uint32 // place of its checksum
	Column uint16 // 0 unknown
	EndCol uint16
}

// Numbers that stand where a line should: code no debugger steps into, and
// code one always steps into.
const (
	lineNever  = 0xFEEFEE
	LineAlways = 0xF00F00
)

// Line returns the line, 0 where the row has none.
func (r LineRow) Line() uint32 {
	if n := r.flags & 0xFFFFFF; n != lineNever && n != LineAlways {
		return n
	}
	return 0
}

// EndLine returns the last line of the statement. The field for it holds the
// low bits of its distance; some writers put the low bits of the line itself.
func (r LineRow) EndLine() uint32 {
	n := r.Line()
	if n == 0 {
		return 0
	}
	return n + r.flags>>24&0x7F
}

// Statement reports whether the row is a statement rather than an expression.
func (r LineRow) Statement() bool { return r.flags>>31 != 0 }

// LineRuns walks the runs of lines of a block. It stops at the first one that
// does not fit.
type LineRuns struct {
	Rest    []byte
	Wide    bool // the block has columns
	file    uint32
	rows    []byte
	columns []byte // of the rows, or none
}

// Step moves to the next run of lines. It reports false at the end and where what
// follows is none.
func (r *LineRuns) Step() bool {
	p := r.Rest
	if len(p) < RunHead {
		return false
	}
	n, size := u32(p, 4), u32(p, 8)
	if size < RunHead || uint64(size) > uint64(len(p)) || uint64(n)*8 > uint64(size-RunHead) {
		return false
	}
	r.file, r.rows, r.columns, r.Rest = u32(p, 0), p[RunHead:][:n*8], nil, p[size:]
	if r.Wide && uint64(size) == RunHead+12*uint64(n) {
		r.columns = p[RunHead+n*8 : size]
	}
	return true
}

// row returns row i of the run.
func (r *LineRuns) row(i int) LineRow {
	row := LineRow{Off: u32(r.rows, i*8), flags: u32(r.rows, i*8+4), File: r.file}
	if r.columns != nil {
		row.Column, row.EndCol = u16(r.columns, i*4), u16(r.columns, i*4+2)
	}
	return row
}

// Find returns the row that covers off of the block. Runs of several files interleave: the row is the one with the highest
// offset at or below off, wherever it stands. Of several at one offset the first
// is the line of the byte there, the last that of the bytes behind it; so does
// dbghelp (measured).
func (r LineRuns) Find(off uint32) (best LineRow, ok bool) {
	for r.Step() {
		for i := range len(r.rows) / 8 {
			if at := u32(r.rows, i*8); at <= off && (!ok || at > best.Off || at == best.Off && at < off) {
				best, ok = r.row(i), true
			}
		}
	}
	return best, ok
}

// Sorted returns all rows of a block by their offset.
func (r LineRuns) Sorted() []LineRow {
	var list []LineRow
	for r.Step() {
		for i := range len(r.rows) / 8 {
			list = append(list, r.row(i))
		}
	}
	slices.SortStableFunc(list, func(a, b LineRow) int { return cmp.Compare(a.Off, b.Off) })
	return list
}

// End returns where the code of the row at off ends.
func (r LineRuns) End(off, end uint32) uint32 {
	for r.Step() {
		for i := range len(r.rows) / 8 {
			if at := u32(r.rows, i*8); at > off {
				end = min(end, at)
			}
		}
	}
	return end
}
