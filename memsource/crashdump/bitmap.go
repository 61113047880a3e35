package crashdump

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"

	"github.com/symres/symres/memsource"
)

const (
	bitmapHead = 0x38 // size of the head before the bits (kdmp-parser BMP_HEADER64)

	chunkBytes = 512 // of bitmap; one rank is kept for each
	chunkPages = chunkBytes * 8
	blockBytes = 64 << 10 // read at once while ranking
	maxScan    = 128      // chunks looked at for the next page held
)

// bitmapMap is the page map of a bitmap dump: one bit for each physical page,
// lowest bit first, and the pages whose bit is set in ascending order. The
// bitmap stays in the file. What is kept of it is the number of pages before
// each chunk, 512 KB for a machine of 1 TB, and only as far as has been asked.
type bitmapMap struct {
	file     *File
	start    uint64 // file offset of the bits
	bits     uint64 // how many
	readable uint64 // how many the file holds
	pages    uint64 // how many are set, says the head
	data     uint64 // file offset of the first page
	bad      []error

	mu    sync.Mutex // guards the fields below
	rank  []uint64   // rank[i]: bits set before chunk i
	chunk [chunkBytes / 8]uint64
	last  uint64 // the chunk held, plus 1
}

// loadBitmap reads the head behind the dump header: +20 the first page, +28 the
// pages present, +30 the bits.
func (f *File) loadBitmap() (pageMap, error) {
	head, at := make([]byte, bitmapHead), f.header.size()
	if err := f.readFull("bitmap head", head, at); err != nil {
		return nil, err
	}
	if s := string(head[:8]); s != "FDMPDUMP" && s != "SDMPDUMP" {
		return nil, fmt.Errorf("crash dump: no FDMP or SDMP signature at offset %#x: %w", at, ErrFormat)
	}
	le := binary.LittleEndian
	m := &bitmapMap{start: at + bitmapHead, data: le.Uint64(head[0x20:])}
	if err := f.settle(m, le.Uint64(head[0x28:]), le.Uint64(head[0x30:])); err != nil {
		return nil, err
	}
	return f.newBitmap(m), nil
}

// find implements pageMap.
func (m *bitmapMap) find(page uint64) (stretch, error) {
	if page >= m.bits {
		return stretch{reason: memsource.ReasonNotInDump}, nil
	}
	if page >= m.readable {
		return stretch{pages: m.bits - page, reason: memsource.ReasonTruncated}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(page / chunkPages); err != nil {
		return stretch{}, err
	}
	in := page % chunkPages
	if ones := run1(&m.chunk, in); ones > 0 {
		before, err := m.rankOf(page / chunkPages)
		before += onesBefore(&m.chunk, in)
		return stretch{pages: ones, off: m.data + before<<m.file.header.pageShift(), held: true}, err
	}
	n, err := m.absent(page)
	return stretch{pages: n, reason: memsource.ReasonNotInDump}, err
}

// load makes chunk i the one held. Bits beyond the last are cleared.
func (m *bitmapMap) load(i uint64) error {
	if m.last == i+1 {
		return nil
	}
	var buf [chunkBytes]byte
	m.last = 0
	if _, err := m.file.readSome(buf[:], m.start+i*chunkBytes); err != nil {
		return err
	}
	m.mask(buf[:], i)
	for k := range m.chunk {
		m.chunk[k] = binary.LittleEndian.Uint64(buf[8*k:])
	}
	m.last = i + 1
	return nil
}

// mask clears the bits in b, which begins with chunk i, that are not pages:
// what follows the last bit in the file is padding or page data.
func (m *bitmapMap) mask(b []byte, i uint64) {
	valid := m.readable - i*chunkPages
	if valid >= uint64(len(b))*8 {
		return
	}
	whole := valid / 8
	if valid%8 != 0 {
		b[whole] &= 1<<(valid%8) - 1
		whole++
	}
	clear(b[whole:])
}

// rankOf returns the number of pages held before chunk i.
func (m *bitmapMap) rankOf(i uint64) (uint64, error) {
	var buf []byte
	for have := uint64(len(m.rank) - 1); have < i; have = uint64(len(m.rank) - 1) {
		if buf == nil {
			buf = make([]byte, min(blockBytes, (i-have)*chunkBytes))
		}
		block := buf[:min(uint64(len(buf)), (i-have)*chunkBytes)]
		clear(block)
		if _, err := m.file.readSome(block, m.start+have*chunkBytes); err != nil {
			return 0, err
		}
		m.mask(block, have)
		m.count(block)
	}
	return m.rank[i], nil
}

// count appends the ranks behind each chunk of block.
func (m *bitmapMap) count(block []byte) {
	sum := m.rank[len(m.rank)-1]
	for ; len(block) > 0; block = block[chunkBytes:] {
		for k := 0; k < chunkBytes; k += 8 {
			sum += uint64(bits.OnesCount64(binary.LittleEndian.Uint64(block[k:])))
		}
		m.rank = append(m.rank, sum)
	}
}

// absent returns how many pages from page on are not held: up to the next that
// is, 0 when there is none, and less than that when it is far away.
func (m *bitmapMap) absent(page uint64) (uint64, error) {
	first := page / chunkPages
	for i := first; i < first+maxScan && i*chunkPages < m.readable; i++ {
		if err := m.load(i); err != nil {
			return 0, err
		}
		from := uint64(0)
		if i == first {
			from = page % chunkPages
		}
		if in, ok := next1(&m.chunk, from); ok {
			return i*chunkPages + in - page, nil
		}
	}
	if end := (first + maxScan) * chunkPages; end < m.readable {
		return end - page, nil
	}
	if m.readable < m.bits {
		return m.readable - page, nil
	}
	return 0, nil
}

// problems implements pageMap.
func (m *bitmapMap) problems(fileSize uint64) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	total, err := m.rankOf((m.readable + chunkPages - 1) / chunkPages)
	if err != nil {
		return []error{err}
	}
	out := m.disagreements(total)
	shift := m.file.header.pageShift()
	return appendError(out, truncated(missingPages(m.data, total, fileSize, shift)))
}

// onesBefore counts the bits set in c below bit in.
func onesBefore(c *[chunkBytes / 8]uint64, in uint64) (n uint64) {
	for _, w := range c[:in/64] {
		n += uint64(bits.OnesCount64(w))
	}
	return n + uint64(bits.OnesCount64(c[in/64]&(1<<(in%64)-1)))
}

// run1 counts the bits set in a row from bit in on.
func run1(c *[chunkBytes / 8]uint64, in uint64) uint64 {
	for at := in; at < chunkPages; {
		n := min(uint64(bits.TrailingZeros64(^(c[at/64] >> (at % 64)))), 64-at%64)
		at += n
		if n == 0 || at%64 != 0 {
			return at - in
		}
	}
	return chunkPages - in
}

// next1 returns the first bit set at or above bit in.
func next1(c *[chunkBytes / 8]uint64, in uint64) (uint64, bool) {
	for at := in; at < chunkPages; at = at&^63 + 64 {
		if w := c[at/64] >> (at % 64); w != 0 {
			return at + uint64(bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}
