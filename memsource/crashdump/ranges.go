package crashdump

import (
	"encoding/binary"
	"fmt"
)

// Dumps of types 8, 9 and 10 (kdmp-parser, RDMP_HEADER64): a head behind the dump
// header, then rows of pages {first, count}, 16 bytes each, up to the first page;
// the pages of the rows lie back to back. What the head means by its words at +20
// and +28 is known of type 10 alone: rows and pages in all. Of 32-bit dumps there
// is no public reader; they are taken to be alike.
const (
	rangesHead   = 0x30
	rangesMarker = 0x40
	rangeSize    = 16
	maxRanges    = 1 << 20 // rows read: 16 MB of metadata
)

// rangesHeader is the head of such a dump.
type rangesHeader struct {
	first       uint64 // file offset of the first page
	rows, pages uint64 // 0: not said
	bad         []error
}

// loadRanges reads the rows. The metadata may reach beyond the last of them: by
// zeros, which are no row, or by what else was in the buffer.
func (f *File) loadRanges() (pageMap, error) {
	h, err := f.rangesHeader()
	if err != nil {
		return nil, err
	}
	at := f.header.size() + rangesHead
	rows, err := f.readRanges(at, min((h.first-at)/rangeSize, maxRanges))
	if err != nil {
		return nil, err
	}
	m := &runMap{shift: f.header.pageShift(), bad: h.bad}
	n := h.count(rows, (f.size-min(f.size, h.first))>>m.shift)
	if n == 0 {
		return nil, fmt.Errorf("crash dump: no rows of pages at offset %#x: %w", at, ErrFormat)
	}
	sum := m.place(rows[:n], h.first)
	if h.pages != 0 && sum != h.pages {
		m.bad = append(m.bad, fmt.Errorf("crash dump: %d pages in the rows, %d in their head: %w", sum, h.pages, ErrFormat))
	}
	if h.rows != 0 && uint64(n) != h.rows {
		m.bad = append(m.bad, fmt.Errorf("crash dump: %d rows of pages, %d in their head: %w", n, h.rows, ErrFormat))
	}
	m.sortDisjoint()
	return m, nil
}

// rangesHeader reads the head. The size of the metadata and the place of the first
// page say the same; the one that can be is taken, and the place before the size.
func (f *File) rangesHeader() (h rangesHeader, err error) {
	b, at := make([]byte, rangesHead), f.header.size()
	if err := f.readFull("head of page rows", b, at); err != nil {
		return h, err
	}
	le := binary.LittleEndian
	if s := string(b[4:12]); s != "RDMPDUMP" {
		return h, fmt.Errorf("crash dump: no RDMP signature at offset %#x: %w", at, ErrFormat)
	}
	if marker := le.Uint32(b); marker != rangesMarker {
		h.bad = append(h.bad, fmt.Errorf("crash dump: marker %#x in the head of page rows: %w", marker, ErrFormat))
	}
	size, first := le.Uint64(b[0x10:]), le.Uint64(b[0x18:])
	bySize, low := size+at+0x20, at+rangesHead+rangeSize
	can := func(first uint64) bool { return first >= low && first < f.size }
	h.first = first
	if first != bySize {
		h.bad = append(h.bad, fmt.Errorf("crash dump: first page at offset %#x, metadata of %#x bytes: %w", first, size, ErrFormat))
		if !can(first) {
			h.first = bySize
		}
	}
	if h.first < low || h.first > f.size {
		return h, fmt.Errorf("crash dump: first page cannot be at offset %#x: %w", first, ErrFormat)
	}
	if f.header.Type == TypeKernelF {
		h.rows, h.pages = uint64(le.Uint32(b[0x20:])), le.Uint64(b[0x28:])
	}
	return h, nil
}

// readRanges reads the rows that can be, up to the first that cannot. Only the
// first of all may begin with page 0.
func (f *File) readRanges(at, most uint64) (rows []run, err error) {
	buf := make([]byte, min(most*rangeSize, blockBytes))
	for read := uint64(0); read < most; {
		b := buf[:min(uint64(len(buf)), (most-read)*rangeSize)]
		n, err := f.readSome(b, at+read*rangeSize)
		if err != nil {
			return nil, fmt.Errorf("crash dump: rows of pages: %w", err)
		}
		for b := b[:n]; len(b) >= rangeSize; b = b[rangeSize:] {
			r := run{page: binary.LittleEndian.Uint64(b), count: binary.LittleEndian.Uint64(b[8:])}
			if r.count == 0 || r.count > maxPages || r.page > maxPages<<6-r.count || r.page == 0 && len(rows) > 0 {
				return rows, nil
			}
			rows = append(rows, r)
		}
		if n < len(b) {
			break
		}
		read += uint64(n) / rangeSize
	}
	return rows, nil
}

// count is how many of the rows there are: as many as have the pages the head
// claims, or the file holds, or as the head says; else all that can be, up to one
// that goes back.
func (h *rangesHeader) count(rows []run, held uint64) int {
	for _, want := range []uint64{h.pages, held} {
		if n := rowsOf(rows, want); n > 0 {
			return n
		}
	}
	if h.rows > 0 && h.rows <= uint64(len(rows)) {
		return int(h.rows)
	}
	for i := 1; i < len(rows); i++ {
		if rows[i].page < rows[i-1].page+rows[i-1].count {
			return i
		}
	}
	return len(rows)
}

// rowsOf is how many rows have that many pages in all; 0 where none do.
func rowsOf(rows []run, pages uint64) int {
	sum := uint64(0)
	for i, r := range rows {
		if r.count == 0 || r.count > maxPages {
			break
		}
		if sum += r.count; sum == pages {
			return i + 1
		} else if sum > pages {
			break
		}
	}
	return 0
}
