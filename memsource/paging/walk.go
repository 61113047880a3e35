package paging

import (
	"encoding/binary"
	"errors"

	"github.com/symres/symres/memsource"
)

const (
	pageShift = 12
	chunkSize = 512 // bytes of a table read at once
	maxLevels = 4
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

// chunk is an aligned piece of a table; n bytes of it could be read.
type chunk struct {
	base uint64
	n    int
	buf  [chunkSize]byte
}

// mapping is a run of physical memory: left bytes at pa, found through pte.
type mapping struct {
	pa, left uint64
	pte      uint64
	level    int
}

// read reads from the page that holds va, up to its end.
func (w *walker) read(p []byte, va uint64) (int, error) {
	m, f := w.translate(va)
	if f != nil {
		return 0, f
	}
	if uint64(len(p)) > m.left {
		p = p[:m.left]
	}
	n, err := w.phys.ReadMemory(p, m.pa)
	if err != nil {
		return n, m.fault(err, va, n)
	}
	return n, nil
}

// translate finds the memory behind va, or the reason why there is none.
func (w *walker) translate(va uint64) (mapping, *memsource.Fault) {
	g := &w.s.geo
	if size := g.hole(va); size != 0 {
		return mapping{}, memsource.NewFault(memsource.NonCanonical, va, size)
	}
	table, parent := w.s.root, uint64(0)
	for lv := len(g.levels) - 1; ; lv-- {
		e, f := w.entry(lv, table, va)
		if f != nil {
			f.PTE = parent
			return mapping{}, f
		}
		switch {
		case e&valid != 0 && lv == 0:
			return g.page(va, e&g.frame, e), nil
		case e&valid != 0 && e&large != 0 && g.levels[lv].large != nil:
			return g.largePage(va, e, lv), nil
		case e&valid != 0:
			table = e & g.frame
		case lv == 0:
			return w.software(va, e)
		case e&softKind == transition:
			table = w.transitionFrame(e)
		default:
			return w.consult(va, w.noTable(va, e, lv))
		}
		parent = e
	}
}

// page is the mapping of a 4 KB page.
func (g *geometry) page(va, frame, pte uint64) mapping {
	const inPage = 1<<pageShift - 1
	return mapping{pa: frame | va&inPage, left: rest(va, pageShift), pte: pte}
}

// largePage is the mapping of an entry that stands for a page above level 0.
func (g *geometry) largePage(va, e uint64, lv int) mapping {
	l := g.levels[lv]
	return mapping{pa: l.large(e) | va&(1<<l.shift-1), left: rest(va, l.shift), pte: e, level: lv}
}

// entry reads the entry for va of a table.
func (w *walker) entry(lv int, table, va uint64) (uint64, *memsource.Fault) {
	g := &w.s.geo
	l := g.levels[lv]
	pa := table + va>>l.shift&(1<<l.bits-1)*g.entry
	c := &w.chunks[lv]
	if base := pa &^ (chunkSize - 1); c.n == 0 || c.base != base {
		c.base = base
		c.n, _ = w.phys.ReadMemory(c.buf[:], base)
	}
	if off := int(pa - c.base); off+int(g.entry) <= c.n {
		return g.decode(c.buf[off:]), nil
	}
	p := w.one[:g.entry] // the chunk has a hole: ask for this entry alone
	if _, err := w.phys.ReadMemory(p, pa); err != nil {
		return 0, w.tableFault(err, lv, pa, va)
	}
	return g.decode(p), nil
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
func (w *walker) tableFault(err error, lv int, pa, va uint64) *memsource.Fault {
	g := &w.s.geo
	f := memsource.NewFault(memsource.TableNotInDump, va, rest(va, g.levels[lv].shift))
	f.Level, f.Physical = int8(lv), pa
	pf, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		f.Err = err
		return f
	}
	if pf.Len >= rest(pf.Addr, pageShift) {
		f.Len = g.covers(lv, va)
	}
	f.Err = cause(pf)
	keepTrouble(f, pf)
	return f
}

// keepTrouble lets a failure that is no property of the memory stay one.
func keepTrouble(f, below *memsource.Fault) {
	if below.Reason == memsource.Canceled || below.Reason == memsource.IO {
		f.Reason, f.Status, f.Err, f.Len = below.Reason, below.Status, below.Err, 0
	}
}

// cause returns what is worth keeping of the fault of physical memory: nothing
// if it only says that the page is missing, which is being said already.
func cause(pf *memsource.Fault) error {
	switch pf.Reason {
	case memsource.NotInDump, memsource.NotMapped, memsource.NonCanonical:
		return pf.Err
	}
	return pf
}

// fault is what a failed read of the mapped memory means for va+n.
func (m mapping) fault(err error, va uint64, n int) *memsource.Fault {
	f := memsource.NewFault(memsource.NotInDump, va+uint64(n), 0)
	f.PTE, f.Level, f.Physical = m.pte, int8(m.level), m.pa+uint64(n)
	pf, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		f.Err = err
		return f
	}
	f.Len, f.Err = min(pf.Len, m.left-uint64(n)), pf.Err
	if pf.Reason != memsource.NotMapped && pf.Reason != memsource.NonCanonical {
		f.Reason, f.Status = pf.Reason, pf.Status
	}
	return f
}
