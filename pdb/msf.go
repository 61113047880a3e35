package pdb

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
)

// MSF 7 (microsoft-pdb msf.cpp). The superblock holds an array of block numbers;
// those blocks hold the block numbers of the directory; the directory holds
// the number of streams, their sizes, and the block numbers of all streams
// one after the other. Only the sizes are read when a file is opened; block
// lists are read piece by piece as streams are touched.
const (
	superSize = 52 // bytes before the directory map in the superblock
	minBlock  = 512
	maxBlock  = 65536
	nilStream = math.MaxUint32 // size of a stream that does not exist
	noStream  = 0xFFFF         // stream number that names none
	maxAlloc  = 1 << 30        // one piece of memory; more would not fit an int everywhere
	noStart   = math.MaxUint32 // block list lies outside the directory
	noBlocks  = noStart - 1    // the streams before it have all blocks there are
	secSuper  = "superblock"
	secDir    = "stream directory"
)

// msf is the container: it maps streams to bytes of the file. But for what it
// counts it is immutable after openMSF. It is safe for concurrent use.
type msf struct {
	src       source
	copies    bool         // a view costs a copy of more than is asked for
	resident  atomic.Int64 // bytes of streams held as a whole
	work      work         // what may still be done
	size      int64        // of the file
	shift     uint8        // block size is 1<<shift
	claimed   uint32       // blocks, by the superblock
	blocks    uint32       // claimed, or more that the file has
	dirBytes  uint32
	dirBlocks []uint32
	sizes     []uint32 // by stream number
	starts    []uint32 // by stream number: index of the first block number
	listed    uint64   // block numbers the sizes ask for
}

func (m *msf) blockSize() uint32 { return 1 << m.shift }

// blocksOf returns how many blocks n bytes take.
func (m *msf) blocksOf(n uint32) uint32 {
	return uint32((uint64(n) + uint64(m.blockSize()) - 1) >> m.shift)
}

func openMSF(src source, size int64) (*msf, error) {
	var h [superSize]byte
	if size < superSize {
		return nil, damage(secSuper, 0, "file of %d bytes is too short", size)
	}
	if err := src.readAt(h[:], 0); err != nil {
		return nil, err
	}
	m := &msf{src: src, size: size}
	m.work.init(size)
	bs := binary.LittleEndian.Uint32(h[32:])
	if bits.OnesCount32(bs) != 1 || bs < minBlock || bs > maxBlock {
		return nil, damage(secSuper, 32, "block size %d is not a power of two from %d to %d", bs, minBlock, maxBlock)
	}
	m.shift = uint8(bits.TrailingZeros32(bs))
	// The count in the superblock is no bound: tools that add to a PDB leave it
	// as it was.
	m.claimed = binary.LittleEndian.Uint32(h[40:])
	m.blocks = max(m.claimed, uint32(min((size+int64(bs)-1)>>m.shift, math.MaxUint32)))
	m.dirBytes = binary.LittleEndian.Uint32(h[44:])
	if m.dirBytes < 4 || int64(m.dirBytes) > min(size, maxAlloc) {
		return nil, damage(secSuper, 44, "directory of %d bytes in a file of %d", m.dirBytes, size)
	}
	if err := m.loadDirMap(); err != nil {
		return nil, err
	}
	if err := m.loadSizes(); err != nil {
		return nil, err
	}
	return m, m.ration()
}

// loadDirMap reads the block numbers of the directory. The map in the
// superblock is an array: one entry holds blockSize/4 directory blocks.
func (m *msf) loadDirMap() error {
	n := m.blocksOf(m.dirBytes)
	entries := m.blocksOf(n * 4)
	if entries > (m.blockSize()-superSize)/4 {
		return damage(secSuper, 44, "directory of %d bytes needs %d map blocks, more than the superblock holds", m.dirBytes, entries)
	}
	top := make([]byte, entries*4)
	if m.size < superSize+int64(len(top)) {
		return damage(secSuper, superSize, "directory map of %d blocks is cut off", entries)
	}
	if err := m.src.readAt(top, superSize); err != nil {
		return err
	}
	m.dirBlocks = make([]uint32, 0, n)
	buf := make([]byte, 0, min(n*4, m.blockSize()))
	for i := range entries {
		part := buf[:min(m.blockSize(), (n-uint32(len(m.dirBlocks)))*4)]
		block := binary.LittleEndian.Uint32(top[i*4:])
		if err := m.readBlock(part, block, 0, secSuper, superSize+int64(i)*4); err != nil {
			return err
		}
		m.dirBlocks = appendU32s(m.dirBlocks, part)
	}
	return nil
}

// loadSizes reads the stream sizes and sums up where each block list starts.
func (m *msf) loadSizes() error {
	var h [4]byte
	if err := m.readDir(h[:], 0); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(h[:])
	if n > m.dirBytes/4-1 {
		return damage(secDir, 0, "%d streams in a directory of %d bytes", n, m.dirBytes)
	}
	raw := make([]byte, n*4)
	if err := m.readDir(raw, 4); err != nil {
		return err
	}
	m.sizes = appendU32s(make([]uint32, 0, n), raw)
	m.starts = make([]uint32, n)
	for i, size := range m.sizes {
		var blocks uint64
		if size != nilStream {
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
func (m *msf) ration() error {
	have, listed := uint64(m.blocksInFile()), m.listed
	if m.has(0) {
		listed -= uint64(m.blocksOf(m.sizes[0]))
	}
	if listed <= have {
		return nil
	}
	buf := make([]byte, 4<<chunkShift)
	for i := uint32(1); i < uint32(len(m.sizes)); i++ {
		if !m.has(i) || m.starts[i] == noStart {
			continue
		}
		n, err := m.present(i, have, buf)
		if err != nil {
			return err
		}
		if n > have {
			m.starts[i] = noBlocks
			continue
		}
		have -= n
	}
	return nil
}

// present returns how many blocks of a stream lie in the file; more than most is
// as good as any more.
func (m *msf) present(stream uint32, most uint64, buf []byte) (n uint64, err error) {
	at, end := m.starts[stream], m.starts[stream]+m.blocksOf(m.sizes[stream])
	for at < end && n <= most {
		b := buf[:min(uint32(len(buf)), (end-at)*4)]
		if err := m.readDir(b, at*4); err != nil {
			return 0, err
		}
		for i := 0; i < len(b); i += 4 {
			if block := u32(b, i); block != 0 && block < m.blocksInFile() {
				n++
			}
		}
		at += uint32(len(b)) / 4
	}
	return n, nil
}

// readDir fills p from byte off of the directory.
func (m *msf) readDir(p []byte, off uint32) error {
	if off > m.dirBytes || uint64(len(p)) > uint64(m.dirBytes-off) {
		return damage(secDir, int64(off), "%d bytes run over the end at %#x", len(p), m.dirBytes)
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
func (m *msf) fileOffset(block, in uint32, n int, section string, at int64) (int64, error) {
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
	return 0, &FormatError{Section: section, Offset: at, Err: err, lost: true}
}

// readBlock fills p from byte in of a block.
func (m *msf) readBlock(p []byte, block, in uint32, section string, at int64) error {
	off, err := m.fileOffset(block, in, len(p), section, at)
	if err != nil {
		return err
	}
	return m.src.readAt(p, off)
}

// has reports whether stream n exists; it may be empty.
func (m *msf) has(n uint32) bool {
	return n < uint32(len(m.sizes)) && m.sizes[n] != nilStream
}

// stream opens stream n; what names it in errors.
func (m *msf) stream(n uint32, what string) (*stream, error) {
	name := fmt.Sprintf("stream %d (%s)", n, what)
	if !m.has(n) {
		return nil, damage(name, 0, "no such stream among %d", len(m.sizes))
	}
	size := m.sizes[n]
	switch {
	case int64(size) > m.size:
		return nil, damage(name, 0, "size of %d bytes in a file of %d", size, m.size)
	case m.starts[n] == noStart:
		return nil, damage(name, 0, "its block list lies beyond the end of the directory")
	case m.starts[n] == noBlocks:
		return nil, damage(name, 0, "streams share blocks, those before it have as many as the file: %w", ErrLimit)
	}
	return newStream(m, n, name, size, m.starts[n]), nil
}

// appendU32s appends the little-endian words of b to dst.
func appendU32s(dst []uint32, b []byte) []uint32 {
	for ; len(b) >= 4; b = b[4:] {
		dst = append(dst, binary.LittleEndian.Uint32(b))
	}
	return dst
}
