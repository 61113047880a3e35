package paging

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
)

const (
	usualShift = 12  // of 4 KB pages
	chunkSize  = 512 // bytes of a table read at once
	maxLevels  = 5
)

// walker translates during one read. It remembers the last piece of a table of
// each level, so consecutive pages cost little more than their own bytes.
type walker struct {
	s      *Space
	phys   memsource.Source
	depth  int
	chunks [maxLevels]chunk
	one    [8]byte
}

// place is where bytes are: in physical memory, or in a paging file.
type place struct {
	off  uint64
	file int // number of the paging file plus 1; 0: physical memory
}

// chunk is an aligned piece of a table; n bytes of it could be read.
type chunk struct {
	at  place
	n   int
	buf [chunkSize]byte
}

// mapping is a run of memory: left bytes at a place, found through pte.
type mapping struct {
	at      place
	left    uint64
	pte     uint64
	level   int
	soft    bool             // the processor would not have come here
	swapped *memsource.Fault // in a paging file: what to say where that falls short
}

// read reads from the page that holds va, up to its end.
func (w *walker) read(p []byte, va uint64) (int, *memsource.Fault) {
	m, f := w.translate(va)
	if f != nil {
		return 0, w.sized(f)
	}
	if uint64(len(p)) > m.left {
		p = p[:m.left]
	}
	if m.at.file != 0 {
		n, err := w.readFile(p, m.at)
		if err != nil {
			return n, w.sized(m.swapFault(err, va, n))
		}
		return n, nil
	}
	n, err := w.phys.ReadMemory(p, m.at.off)
	if err != nil {
		return n, w.sized(m.fault(err, va, n))
	}
	return n, nil
}

// sized notes the size of pages in a fault, where it is not the usual one, and
// ends it where tables do not decide.
func (w *walker) sized(f *memsource.Fault) *memsource.Fault {
	if shift := w.s.geo.pageShift(); shift != usualShift {
		f.PageSize = 1 << shift
	}
	if w.s.geo.regions {
		f.Len = min(f.Len, untilRange(f.Addr))
	}
	return f
}

// translate finds the memory behind va, or the reason why there is none.
func (w *walker) translate(va uint64) (mapping, *memsource.Fault) {
	g := &w.s.geo
	if size := g.hole(va); size != 0 {
		return mapping{}, memsource.NewFault(memsource.ReasonNonCanonical, va, size)
	}
	if g.regions {
		if m, f, done := w.regional(va); done {
			return m, f
		}
	}
	return w.walk(va)
}

// walk goes down the tables.
func (w *walker) walk(va uint64) (mapping, *memsource.Fault) {
	g := &w.s.geo
	table, parent, soft := place{off: w.s.root(va)}, uint64(0), false
	for lv := len(g.levels) - 1; ; lv-- {
		e, f := w.entry(lv, table, va)
		if f != nil {
			f.PTE = parent
			return mapping{}, f
		}
		switch g.formOf(e, lv) {
		case formPage:
			m := g.mapped(va, e, lv)
			m.soft = soft
			return m, nil
		case formTable:
			table = place{off: e & g.frame}
		case formReserved:
			return mapping{}, w.reserved(va, e, lv)
		case formAbsent:
			if lv == 0 {
				return w.software(va, e)
			}
			if e == 0 {
				return w.empty(va, lv)
			}
			m, f := w.outTable(va, e, lv)
			if f != nil {
				return mapping{}, f
			}
			table, soft = m.at, true
		}
		parent = e
	}
}

// pageAt is the mapping of a page, of the smallest size there is.
func (g *geometry) pageAt(va, frame, pte uint64) mapping {
	return mapping{at: place{off: frame | va&(1<<g.pageShift()-1)}, left: g.page(va), pte: pte, soft: true}
}

// mapped is the mapping of an entry that is a page at level lv.
func (g *geometry) mapped(va, e uint64, lv int) mapping {
	if lv == 0 {
		return g.pageAt(va, e&g.frame, e)
	}
	l := g.levels[lv]
	return mapping{at: place{off: l.large(e) | va&(1<<l.shift-1)}, left: rest(va, l.shift), pte: e, level: lv}
}

// reserved is the fault of an entry no processor accepts.
func (w *walker) reserved(va, e uint64, lv int) *memsource.Fault {
	f := memsource.NewFault(memsource.ReasonNotMapped, va, rest(va, w.s.geo.levels[lv].shift))
	f.PTE, f.Level, f.Err = e, int8(lv), errReserved
	return f
}

// entry reads the entry for va of a table.
func (w *walker) entry(lv int, table place, va uint64) (uint64, *memsource.Fault) {
	g := &w.s.geo
	l := g.levels[lv]
	at := table
	at.off += va >> l.shift & (1<<l.bits - 1) * g.entry
	c := &w.chunks[lv]
	if base := (place{at.off &^ (chunkSize - 1), at.file}); c.n == 0 || c.at != base {
		c.at = base
		c.n, _ = w.readAt(c.buf[:], base)
	}
	if off := int(at.off - c.at.off); off+int(g.entry) <= c.n {
		return g.decode(c.buf[off:]), nil
	}
	p := w.one[:g.entry] // the chunk has a hole: ask for this entry alone
	if _, err := w.readAt(p, at); err != nil {
		return 0, w.tableFault(err, lv, at, va)
	}
	return g.decode(p), nil
}

// readAt reads a piece of a table.
func (w *walker) readAt(p []byte, at place) (int, error) {
	if at.file != 0 {
		return w.readFile(p, at)
	}
	return w.phys.ReadMemory(p, at.off)
}

// decode reads an entry.
func (g *geometry) decode(p []byte) uint64 {
	if g.entry == 4 {
		return uint64(binary.LittleEndian.Uint32(p))
	}
	return binary.LittleEndian.Uint64(p)
}

// tableFault is the fault of an entry that could not be read. If the rest of
// its table is missing too, so is the translation of all the table covers.
func (w *walker) tableFault(err error, lv int, at place, va uint64) *memsource.Fault {
	g := &w.s.geo
	f := memsource.NewFault(memsource.ReasonTableNotInDump, va, rest(va, g.levels[lv].shift))
	f.Level = int8(lv)
	if at.file != 0 {
		f.Err = fmt.Errorf("page table at offset %#x of the paging file: %w", at.off, err)
		return f
	}
	f.Physical = at.off
	pf, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		f.Err = err
		return f
	}
	if pf.Len >= g.page(pf.Addr) {
		f.Len = g.covers(lv, va)
	}
	f.Err = cause(pf)
	keepTrouble(f, pf)
	return f
}

// keepTrouble lets a failure that is no property of the memory stay one.
func keepTrouble(f, below *memsource.Fault) {
	if below.Reason == memsource.ReasonCanceled || below.Reason == memsource.ReasonIO {
		f.Reason, f.Status, f.Err, f.Len = below.Reason, below.Status, below.Err, 0
	}
}

// cause returns what is worth keeping of the fault of physical memory: nothing
// if it only says that the page is missing, which is being said already.
func cause(pf *memsource.Fault) error {
	switch pf.Reason {
	case memsource.ReasonNotInDump, memsource.ReasonNotMapped, memsource.ReasonNonCanonical:
		return pf.Err
	}
	return pf
}

// fault is what a failed read of the mapped memory means for va+n.
func (m mapping) fault(err error, va uint64, n int) *memsource.Fault {
	f := memsource.NewFault(memsource.ReasonNotInDump, va+uint64(n), 0)
	f.PTE, f.Level, f.Physical = m.pte, int8(m.level), m.at.off+uint64(n)
	pf, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		f.Err = err
		return f
	}
	f.Len, f.Err = min(pf.Len, m.left-uint64(n)), pf.Err
	if pf.Reason != memsource.ReasonNotMapped && pf.Reason != memsource.ReasonNonCanonical {
		f.Reason, f.Status = pf.Reason, pf.Status
	}
	return f
}
