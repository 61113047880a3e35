package msf

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/symres/symres/internal/source"
)

// MSF 7 (microsoft-pdb msf.cpp). The superblock holds an array of block numbers;
// those blocks hold the block numbers of the directory; the directory holds
// the number of streams, their sizes, and the block numbers of all streams
// one after the other. Only the sizes are read when a file is opened; block
// lists are read piece by piece as streams are touched.
const (
	superSize  = 52 // Bytes before the directory map in the superblock
	minBlock   = 512
	maxBlock   = 65536
	NilStream  = math.MaxUint32 // Size of a stream that does not exist
	MaxAlloc   = 1 << 30        // one piece of memory; more would not fit an int everywhere
	noStart    = math.MaxUint32 // block list lies outside the directory
	noBlocks   = noStart - 1    // the streams before it have all blocks there are
	secSuper   = "superblock"
	secDir     = "stream directory"
	chunkShift = 8 // block numbers are read 256 (1 KiB of directory) at a time
)

// msf7 is the directory of an MSF 7.00 file. It is immutable after openMSF7.
type msf7 struct {
	Damager
	src       source.Source
	size      int64  // of the file
	shift     uint8  // block size is 1<<shift
	claimed   uint32 // blocks, by the superblock
	blocks    uint32 // claimed, or more that the file has
	dirBytes  uint32
	dirBlocks []uint32
	sizes     []uint32 // by stream number
	starts    []uint32 // by stream number: index of the first block number
	listed    uint64   // block numbers the sizes ask for
}

func (m *msf7) blockSize() uint32 { return 1 << m.shift }

// blocksOf returns how many blocks n bytes take.
func (m *msf7) blocksOf(n uint32) uint32 {
	return uint32((uint64(n) + uint64(m.blockSize()) - 1) >> m.shift)
}

func openMSF7(src source.Source, size int64, far bool, damaged Damager) (*msf7, error) {
	m := &msf7{Damager: damaged, src: src, size: size}
	if size < superSize {
		return nil, m.damage(secSuper, 0, "file of %d bytes is too short", size)
	}
	var h [superSize]byte
	if err := src.ReadAt(h[:], 0); err != nil {
		return nil, err
	}
	bs := binary.LittleEndian.Uint32(h[32:])
	if bits.OnesCount32(bs) != 1 || bs < minBlock || bs > maxBlock {
		return nil, m.damage(secSuper, 32, "block size %d is not a power of two from %d to %d", bs, minBlock, maxBlock)
	}
	m.shift = uint8(bits.TrailingZeros32(bs))
	// The count in the superblock is no bound: tools that add to a PDB leave it
	// as it was.
	m.claimed = binary.LittleEndian.Uint32(h[40:])
	m.blocks = max(m.claimed, uint32(min((size+int64(bs)-1)>>m.shift, math.MaxUint32)))
	m.dirBytes = binary.LittleEndian.Uint32(h[44:])
	if m.dirBytes < 4 || int64(m.dirBytes) > min(size, MaxAlloc) {
		return nil, m.damage(secSuper, 44, "directory of %d bytes in a file of %d", m.dirBytes, size)
	}
	if err := m.loadDirMap(); err != nil {
		return nil, err
	}
	if far {
		m.ahead(m.dirBytes)
	}
	if err := m.loadSizes(); err != nil {
		return nil, err
	}
	return m, m.ration()
}

// ahead asks for the whole directory, a thousandth of the file: every question needs
// block numbers from all over it. Before that it asks for the map of the directory, if
// that has more than one block. n is its bytes in dirBlocks.
func (m *msf7) ahead(n uint32) {
	var list []source.Extent
	for i, b := range m.dirBlocks {
		if off := int64(b) << m.shift; off < m.size {
			list = append(list, source.Extent{Off: off, N: min(int64(m.blockSize()), int64(n)-int64(i)<<m.shift, m.size-off)})
		}
	}
	m.src.Ahead(list)
}

// loadDirMap reads the block numbers of the directory. The map in the
// superblock is an array: one entry holds blockSize/4 directory blocks.
func (m *msf7) loadDirMap() error {
	n := m.blocksOf(m.dirBytes)
	entries := m.blocksOf(n * 4)
	if entries > (m.blockSize()-superSize)/4 {
		return m.damage(secSuper, 44, "directory of %d bytes needs %d map blocks, more than the superblock holds", m.dirBytes, entries)
	}
	top := make([]byte, entries*4)
	if m.size < superSize+int64(len(top)) {
		return m.damage(secSuper, superSize, "directory map of %d blocks is cut off", entries)
	}
	if err := m.src.ReadAt(top, superSize); err != nil {
		return err
	}
	m.dirBlocks = AppendU32s(make([]uint32, 0, n), top)
	if entries > 1 {
		m.ahead(n * 4)
	}
	m.dirBlocks = m.dirBlocks[:0]
	buf := make([]byte, 0, min(n*4, m.blockSize()))
	for i := range entries {
		part := buf[:min(m.blockSize(), (n-uint32(len(m.dirBlocks)))*4)]
		block := binary.LittleEndian.Uint32(top[i*4:])
		if err := m.readBlock(part, block, 0, secSuper, superSize+int64(i)*4); err != nil {
			return err
		}
		m.dirBlocks = AppendU32s(m.dirBlocks, part)
	}
	return nil
}

// loadSizes reads the stream sizes and sums up where each block list starts.
func (m *msf7) loadSizes() error {
	var h [4]byte
	if err := m.readDir(h[:], 0); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(h[:])
	if n > m.dirBytes/4-1 {
		return m.damage(secDir, 0, "%d streams in a directory of %d bytes", n, m.dirBytes)
	}
	raw := make([]byte, n*4)
	if err := m.readDir(raw, 4); err != nil {
		return err
	}
	m.sizes = AppendU32s(make([]uint32, 0, n), raw)
	m.starts = make([]uint32, n)
	for i, size := range m.sizes {
		var blocks uint64
		if size != NilStream {
			blocks = uint64(m.blocksOf(size))
		}
		m.starts[i] = noStart
		if end := 1 + uint64(n) + m.listed + blocks; end <= uint64(m.dirBytes/4) {
			m.starts[i] = uint32(end - blocks)
		}
		m.listed += blocks
	}
	return nil
}

// ration sees to it that all streams together are no longer than the file. A
// block belongs to one stream, so the lists of a sound file name no more blocks
// than it has; of a file that was cut off, those that are left. Of streams that
// share blocks those with the lower numbers are read. The directory is looked at
// only if the sizes of the streams tell that it has to be. Stream 0 is the
// directory of the state before, whose blocks may have been used again.
func (m *msf7) ration() error {
	have, listed := uint64(m.blocksInFile()), m.listed
	if _, ok := m.length(0); ok {
		listed -= uint64(m.blocksOf(m.sizes[0]))
	}
	if listed <= have {
		return nil
	}
	for i := uint32(1); i < uint32(len(m.sizes)); i++ {
		if _, ok := m.length(i); !ok || m.starts[i] == noStart {
			continue
		}
		n := uint64(0)
		for block, err := range m.blockNumbers(i) {
			if err != nil {
				return err
			}
			if block != 0 && block < m.blocksInFile() {
				n++
			}
			if n > have {
				break
			}
		}
		if n > have {
			m.starts[i] = noBlocks
			continue
		}
		have -= n
	}
	return nil
}

// blockNumbers yields the block numbers of a stream that has a list of them.
func (m *msf7) blockNumbers(stream uint32) iter.Seq2[uint32, error] {
	return func(yield func(uint32, error) bool) {
		var buf [4 << chunkShift]byte
		at, end := m.starts[stream], m.starts[stream]+m.blocksOf(m.sizes[stream])
		for at < end {
			b := buf[:min(uint32(len(buf)), (end-at)*4)]
			if err := m.readDir(b, at*4); err != nil {
				yield(0, err)
				return
			}
			for ; len(b) > 0; at, b = at+1, b[4:] {
				if !yield(binary.LittleEndian.Uint32(b), nil) {
					return
				}
			}
		}
	}
}

// readDir fills p from byte off of the directory.
func (m *msf7) readDir(p []byte, off uint32) error {
	if off > m.dirBytes || uint64(len(p)) > uint64(m.dirBytes-off) {
		return m.damage(secDir, int64(off), "%d bytes run over the end at %#x", len(p), m.dirBytes)
	}
	for len(p) > 0 {
		in := off & (m.blockSize() - 1)
		n := min(len(p), int(m.blockSize()-in))
		if err := m.readBlock(p[:n], m.dirBlocks[off>>m.shift], in, secDir, int64(off)); err != nil {
			return err
		}
		p, off = p[n:], off+uint32(n)
	}
	return nil
}

// fileOffset returns where byte in of a block lies, checked to leave n bytes
// inside the file. section and at say where the block number was found.
func (m *msf7) fileOffset(block, in uint32, n int, section string, at int64) (int64, error) {
	off := int64(block)<<m.shift + int64(in)
	var err error
	switch {
	case block == 0 || block >= m.blocks:
		err = fmt.Errorf("block number %#x is not in 1..%#x", block, m.blocks)
	case off > m.size || int64(n) > m.size-off:
		err = fmt.Errorf("block %#x lies beyond the end of the file (%d bytes)", block, m.size)
	default:
		return off, nil
	}
	return 0, m.Damager(section, at, true, err)
}

// readBlock fills p from byte in of a block.
func (m *msf7) readBlock(p []byte, block, in uint32, section string, at int64) error {
	off, err := m.fileOffset(block, in, len(p), section, at)
	if err != nil {
		return err
	}
	return m.src.ReadAt(p, off)
}

// blocksInFile returns how many blocks of those claimed exist, so that the
// claim alone costs no memory.
func (m *msf7) blocksInFile() uint32 {
	return uint32(min(uint64(m.blocks), uint64(m.size>>m.shift)+1))
}

// streams implements directory.
func (m *msf7) streams() uint32 { return uint32(len(m.sizes)) }

// length implements directory.
func (m *msf7) length(n uint32) (uint32, bool) {
	if n >= uint32(len(m.sizes)) || m.sizes[n] == NilStream {
		return 0, false
	}
	return m.sizes[n], true
}

// place implements directory.
func (m *msf7) place(n uint32, name string) (layout, error) {
	switch size, start := m.sizes[n], m.starts[n]; {
	case int64(size) > m.size:
		return nil, m.damage(name, 0, "size of %d bytes in a file of %d", size, m.size)
	case start == noStart:
		return nil, m.damage(name, 0, "its block list lies beyond the end of the directory")
	case start == noBlocks:
		return nil, m.damage(name, 0, "streams share blocks, those before it have as many as the file: %w", ErrLimit)
	}
	return m.list(n, name), nil
}

// held implements directory.
func (m *msf7) held() int64 { return int64(len(m.sizes)+len(m.starts)+len(m.dirBlocks)) * 4 }

// chunk is a piece of a block list.
type chunk [1 << chunkShift]uint32

// blockList is the layout of a stream: its block numbers, as far as they were needed.
type blockList struct {
	m      *msf7
	name   string
	size   uint32 // of the stream
	start  uint32 // index of its first block number in the directory
	chunks []atomic.Pointer[chunk]
}

// list returns the block list of a stream that has one.
func (m *msf7) list(n uint32, name string) *blockList {
	chunks := (m.blocksOf(m.sizes[n]) + (1<<chunkShift - 1)) >> chunkShift
	return &blockList{m: m, name: name, size: m.sizes[n], start: m.starts[n], chunks: make([]atomic.Pointer[chunk], chunks)}
}

// block returns the block number of the i-th block. The caller keeps i inside
// the stream.
func (l *blockList) block(i uint32) (uint32, error) {
	slot := &l.chunks[i>>chunkShift]
	c := slot.Load()
	if c == nil {
		var err error
		if c, err = l.loadChunk(i &^ (1<<chunkShift - 1)); err != nil {
			return 0, err
		}
		slot.Store(c)
	}
	return c[i&(1<<chunkShift-1)], nil
}

func (l *blockList) loadChunk(first uint32) (*chunk, error) {
	n := min(1<<chunkShift, l.m.blocksOf(l.size)-first)
	var raw [4 << chunkShift]byte
	if err := l.m.readDir(raw[:n*4], (l.start+first)*4); err != nil {
		return nil, err
	}
	c := new(chunk)
	AppendU32s(c[:0], raw[:n*4])
	return c, nil
}

// extent implements layout.
func (l *blockList) extent(off, limit uint32) (int64, uint32, error) {
	m, i := l.m, off>>l.m.shift
	block, err := l.block(i)
	if err != nil {
		return 0, 0, err
	}
	in := off & (m.blockSize() - 1)
	n := m.blockSize() - in
	limit = min(limit, l.size-off, MaxAlloc)
	for next := block + 1; n < limit; next++ {
		if i++; i >= m.blocksOf(l.size) {
			break
		}
		b, err := l.block(i)
		if err != nil || b != next || b >= m.blocks {
			break // a bad block is the problem of whoever gets there
		}
		n += m.blockSize()
	}
	n = min(n, limit)
	pos, err := m.fileOffset(block, in, 1, l.name, int64(off))
	if err != nil {
		return 0, 0, err
	}
	return pos, uint32(min(int64(n), m.size-pos)), nil
}

// AppendU32s appends the little-endian words of b to dst.
func AppendU32s(dst []uint32, b []byte) []uint32 {
	for ; len(b) >= 4; b = b[4:] {
		dst = append(dst, binary.LittleEndian.Uint32(b))
	}
	return dst
}
