package crashdump

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// snug is how many bytes of padding there are at most between a bitmap and the
// first page.
const snug = 2 << 12

// settle decides how long the bitmap of m is and where its pages begin. The head
// has two counts, that of the pages present and that of the bits, which readers
// label either way round, and any of its fields may be wrong: the bitmap counts,
// and how many pages the file has behind it. claims are what the head says of the
// length, the likeliest first, and present the number of pages it claims.
func (f *File) settle(m *bitmapMap, present uint64, claims ...uint64) error {
	m.pages = present
	first := claims[0]
	if !m.reaches(claims) || m.data >= f.size {
		if err := f.placePages(m, claims, present); err != nil {
			return err
		}
	}
	held := (f.size - min(f.size, m.data)) >> f.header.pageShift()
	room := min((m.data-m.start)*8, maxPages)
	if ok, err := f.credible(m, present, first, held); ok || err != nil {
		m.bits = first
		return err
	}
	n, err := f.counted(m, append(claims, present, room), present, held)
	if err != nil {
		return err
	}
	m.bits = n
	if n == present { // the counts are the other way round
		m.pages = first
	} else if n != first {
		m.bad = append(m.bad, fmt.Errorf("crash dump: a bitmap of %d pages, %d in its head: %w", n, first, ErrFormat))
	}
	return nil
}

// reaches reports whether the first page can be where the head says: behind a
// bitmap of one of these lengths at least.
func (m *bitmapMap) reaches(claims []uint64) bool {
	shortest := uint64(math.MaxUint64)
	for _, n := range claims {
		if n != 0 && n <= maxPages {
			shortest = min(shortest, (n+7)/8)
		}
	}
	if shortest == math.MaxUint64 {
		shortest = 1
	}
	return m.data > m.start && m.data <= math.MaxInt64/2 && m.data-m.start >= shortest
}

// credible reports whether everything the head says fits together, and no bit is
// set behind the last, so that the bitmap need not be read through.
func (f *File) credible(m *bitmapMap, present, claim, held uint64) (bool, error) {
	used := (claim + 7) / 8
	if present == 0 || present > claim || claim > maxPages || present != held || used > m.data-m.start || m.data-m.start-used > snug {
		return false, nil
	}
	set, err := f.bitsSet(m.start+claim/8, (m.data-m.start-claim/8)*8)
	if err != nil || claim%8 == 0 {
		return set == 0, err
	}
	last, err := f.bitsSet(m.start+claim/8, claim%8)
	return set == last, err
}

// counted returns the length by which the bitmap agrees with the pages there are:
// with those the head claims, or else with those in the file. Without any such
// the first length that is possible is taken.
func (f *File) counted(m *bitmapMap, lengths []uint64, present, held uint64) (uint64, error) {
	best, place := uint64(0), 4
	for i, n := range lengths {
		if n == 0 || n > maxPages || (n+7)/8 > m.data-m.start {
			continue
		}
		set, err := f.bitsSet(m.start, n)
		if err != nil {
			return 0, err
		}
		want, at := present, 3
		if n == present && i > 0 {
			want = lengths[0] // the counts are the other way round
		}
		switch {
		case set > 0 && set == want:
			at = 1
		case set > 0 && set == held:
			at = 2
		}
		if at < place {
			best, place = n, at
		}
	}
	if best == 0 {
		return 0, fmt.Errorf("crash dump: first page cannot be at offset %#x: %w", m.data, ErrFormat)
	}
	return best, nil
}

// placePages finds the pages of a bitmap whose head has no place for them: they
// are the end of the file, if that leaves them right behind the bitmap. A place
// beyond the end of the file is kept where that is not so: the file was cut.
func (f *File) placePages(m *bitmapMap, claims []uint64, present uint64) error {
	claimed := m.data
	for _, n := range claims {
		if n == 0 || n > maxPages || m.start+(n+7)/8 > f.size {
			continue
		}
		set, err := f.bitsSet(m.start, n)
		if err != nil {
			return err
		}
		if set == 0 || set > f.size>>f.header.pageShift() {
			continue
		}
		data := f.size - set<<f.header.pageShift()
		if used := m.start + (n+7)/8; data >= used && data-used <= snug {
			m.data = data
			m.bad = append(m.bad, fmt.Errorf("crash dump: first page at offset %#x, not at %#x: %w", m.data, claimed, ErrFormat))
			return nil
		}
	}
	if m.reaches(append(claims, present)) {
		return nil
	}
	return fmt.Errorf("crash dump: first page cannot be at offset %#x: %w", claimed, ErrFormat)
}

// bitsSet counts those set of the first n bits at start, as far as the file has
// them.
func (f *File) bitsSet(start, n uint64) (set uint64, err error) {
	buf := make([]byte, min(blockBytes, (n+7)/8))
	for off := uint64(0); off < n; off += uint64(len(buf)) * 8 {
		clear(buf)
		got, err := f.readSome(buf, start+off/8)
		if err != nil {
			return 0, err
		}
		b := buf[:got]
		if left := n - off; uint64(len(b))*8 > left {
			b = b[:(left+7)/8]
			if left%8 != 0 {
				b[left/8] &= 1<<(left%8) - 1
			}
		}
		set += ones(b)
	}
	return set, nil
}

// ones counts the bits set.
func ones(b []byte) (n uint64) {
	for ; len(b) >= 8; b = b[8:] {
		n += uint64(bits.OnesCount64(binary.LittleEndian.Uint64(b)))
	}
	for _, c := range b {
		n += uint64(bits.OnesCount8(c))
	}
	return n
}

// newBitmap makes the map of a bitmap whose head was settled.
func (f *File) newBitmap(m *bitmapMap) pageMap {
	m.file, m.readable, m.rank = f, m.bits, []uint64{0}
	if held := f.size - min(f.size, m.start); held < (m.bits+7)/8 {
		m.readable = held * 8
	}
	return m
}

// disagreements lists what is wrong with the counts.
func (m *bitmapMap) disagreements(total uint64) []error {
	out := append([]error(nil), m.bad...)
	if m.readable < m.bits {
		return append(out, fmt.Errorf("crash dump: the file ends inside the bitmap: %w", io.ErrUnexpectedEOF))
	}
	if total != m.pages {
		out = append(out, fmt.Errorf("crash dump: %d pages in the bitmap, %d in its head: %w", total, m.pages, ErrFormat))
	}
	return out
}
