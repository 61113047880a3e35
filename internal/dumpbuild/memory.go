package dumpbuild

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// pageSize is the size of pages of x86 and x64 in bytes.
const pageSize = 0x1000

// Bits of a hardware PTE (Intel SDM vol. 3, 4.3 and 4.5).
const (
	pteValid  = 1 << 0
	pteUser   = 1 << 2
	pteLarge  = 1 << 7
	pteKernel = 0x63 // present, writable, accessed, dirty
)

// memory is physical memory with the page tables in it. Frames that tables
// name but that hold no page are simply not in frames.
type memory struct {
	wide   bool     // addresses of 64 bits
	entry  uint64   // bytes of a table entry
	levels []uint   // bit position of the index of each level, leaf last
	shift  uint     // of pages
	ia64   *regions // nil for other machines
	frames map[uint64][]byte
	next   uint64 // next free frame
	lost   uint64 // frames given out for pages that are not in the dump
}

func newMemory(s *Spec, first uint64) *memory {
	m := &memory{wide: s.Machine == X64, entry: 8, shift: 12, frames: map[uint64][]byte{}, next: first, lost: first + 0x4000}
	switch {
	case s.Machine == IA64:
		m.wide, m.shift, m.levels, m.ia64 = true, 13, []uint{33, 23, 13}, &regions{sessions: map[uint64]uint64{}}
	case s.FiveLevels:
		m.levels = []uint{48, 39, 30, 21, 12}
	case m.wide:
		m.levels = []uint{39, 30, 21, 12}
	case s.PAE:
		m.levels = []uint{30, 21, 12}
	default:
		m.entry, m.levels = 4, []uint{22, 12}
	}
	return m
}

// shifts returns the bit position of the index of each level, leaf last.
func (m *memory) shifts() []uint { return m.levels }

// pae reports whether the top table is one of four page directories.
func (m *memory) pae() bool { return m.levels[0] == 30 }

// largeSize is the size of the page a last-but-one level entry can map.
func (m *memory) largeSize() uint64 {
	s := m.shifts()
	return 1 << s[len(s)-2]
}

func (m *memory) entrySize() uint64 { return m.entry }

// page is the size of a page in bytes.
func (m *memory) page() uint64 { return 1 << m.shift }

// index returns the byte offset in a table of the entry for va.
func (m *memory) index(va uint64, shift uint) uint64 {
	perTable := m.page() / m.entrySize()
	return va >> shift & (perTable - 1) * m.entrySize()
}

// check refuses addresses that the machine cannot have.
func (m *memory) check(va uint64) error {
	if m.ia64 != nil {
		return m.ia64.check(va)
	}
	top := int64(va) >> 47
	if m.wide && top != 0 && top != -1 || !m.wide && va>>32 != 0 {
		return fmt.Errorf("%w: no such address %x", ErrSpec, va)
	}
	return nil
}

// alloc returns a fresh frame of zeroes.
func (m *memory) alloc() uint64 {
	for m.frames[m.next] != nil {
		m.next++
	}
	f := m.next
	m.next++
	m.frames[f] = make([]byte, m.page())
	return f
}

// allocLost returns a frame that is not in the dump.
func (m *memory) allocLost() uint64 { m.lost++; return m.lost }

func (m *memory) get(frame, off uint64) uint64 {
	b := m.frames[frame][off:]
	if m.entry == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return uint64(binary.LittleEndian.Uint32(b))
}

func (m *memory) put(frame, off, v uint64) {
	b := m.frames[frame][off:]
	if m.entry == 8 {
		binary.LittleEndian.PutUint64(b, v)
		return
	}
	binary.LittleEndian.PutUint32(b, uint32(v))
}

// frameOf returns the frame number in a hardware entry.
func (m *memory) frameOf(pte uint64) uint64 { return pte >> m.shift & (1<<(48-m.shift) - 1) }

// flags returns the bits of a valid entry for va.
func (m *memory) flags(va uint64) uint64 {
	if m.ia64 != nil {
		return flagsIA64(va)
	}
	user := va>>31 == 0
	if m.wide {
		user = va>>63 == 0
	}
	if user {
		return pteKernel | pteUser
	}
	return pteKernel
}

// table walks to the table whose entries map shifts[depth], making tables on
// the way. It refuses to walk through a large page.
func (m *memory) table(root, va uint64, depth int) (uint64, error) {
	if err := m.check(va); err != nil {
		return 0, err
	}
	frame := m.rootFrame(root, va)
	for _, shift := range m.shifts()[:depth] {
		off := m.index(va, shift)
		e := m.get(frame, off)
		switch {
		case e == 0:
			e = m.alloc()<<m.shift | m.tableFlags(va)
			m.put(frame, off, e)
		case m.large(e):
			return 0, fmt.Errorf("%w: %x is under a large page", ErrSpec, va)
		}
		frame = m.frameOf(e)
	}
	return frame, nil
}

// setPTE puts an entry where there was none.
func (m *memory) setPTE(root, va, pte uint64) error {
	s := m.shifts()
	frame, err := m.table(root, va, len(s)-1)
	if err != nil {
		return err
	}
	off := m.index(va, m.shift)
	if old := m.get(frame, off); old != 0 {
		return fmt.Errorf("%w: page %x is in use twice", ErrSpec, va&^(m.page()-1))
	}
	m.put(frame, off, pte)
	return nil
}

// mapPage puts a page with these contents at va and returns its entry.
func (m *memory) mapPage(root, va uint64, content []byte) (uint64, error) {
	f := m.alloc()
	copy(m.frames[f], content)
	pte := f<<m.shift | m.flags(va)
	return pte, m.setPTE(root, va, pte)
}

// mapLarge puts one large page at va, backed by the frames from pa on, none
// of which is in the dump yet.
func (m *memory) mapLarge(root, va, pa uint64) error {
	s := m.shifts()
	frame, err := m.table(root, va, len(s)-2)
	if err != nil {
		return err
	}
	off := m.index(va, s[len(s)-2])
	if old := m.get(frame, off); old != 0 {
		return fmt.Errorf("%w: large page %x is in use twice", ErrSpec, va)
	}
	m.put(frame, off, pa|m.flags(va)|pteLarge)
	return nil
}

// resident returns the page at va, which must be in memory.
func (m *memory) resident(root, va uint64) ([]byte, error) {
	if f, ok := m.direct(va); ok {
		return m.inDump(f, va)
	}
	frame := m.rootFrame(root, va)
	for _, shift := range m.shifts() {
		e := m.get(frame, m.index(va, shift))
		if e&pteValid == 0 {
			return nil, fmt.Errorf("%w: %x is not in memory", ErrSpec, va)
		}
		frame = m.frameOf(e)
		if m.large(e) && shift != m.shift {
			frame += va & (m.largeSize() - 1) >> 12
			break
		}
	}
	return m.inDump(frame, va)
}

// inDump returns the frame of an address.
func (m *memory) inDump(frame, va uint64) ([]byte, error) {
	if m.frames[frame] == nil {
		return nil, fmt.Errorf("%w: %x is not in the dump", ErrSpec, va)
	}
	return m.frames[frame], nil
}

// write stores b at va, in pages that are in memory.
func (m *memory) write(root, va uint64, b []byte) error {
	for len(b) > 0 {
		p, err := m.resident(root, va)
		if err != nil {
			return err
		}
		n := copy(p[va%m.page():], b)
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

// read returns n bytes at va, from pages that are in memory.
func (m *memory) read(root, va uint64, n int) ([]byte, error) {
	var out []byte
	for len(out) < n {
		p, err := m.resident(root, va)
		if err != nil {
			return nil, err
		}
		p = p[va%m.page():]
		p = p[:min(len(p), n-len(out))]
		out, va = append(out, p...), va+uint64(len(p))
	}
	return out, nil
}

// list returns the frames in the dump, ascending.
func (m *memory) list() []uint64 {
	var fs []uint64
	for f := range m.frames {
		fs = append(fs, f)
	}
	slices.Sort(fs)
	return fs
}

// evict takes the page at va out of memory and puts pte in its entry.
func (m *memory) evict(root, va, pte uint64) error {
	frame, err := m.table(root, va, len(m.shifts())-1)
	if err != nil {
		return err
	}
	off := m.index(va, m.shift)
	delete(m.frames, m.frameOf(m.get(frame, off)))
	m.put(frame, off, pte)
	return nil
}
