package pdb_test

import (
	"encoding/binary"
	"io"
	"slices"
)

// msfWriter lays streams out as an MSF 7 container.
type msfWriter struct {
	blockSize uint32
	first     uint32   // first block to use, 3 if 0: a high one makes a file that is mostly hole
	scatter   bool     // leave a gap after every block, so that no two lie together
	streams   [][]byte // nil: the stream does not exist
}

// msfImage is a file of which only some blocks have content.
type msfImage struct {
	blockSize uint32
	count     uint32 // of blocks
	blocks    map[uint32][]byte
	dirBlocks []uint32   // where the directory lies
	lists     [][]uint32 // where the streams lie
}

// alloc writes data to fresh blocks and returns their numbers. Like
// Microsoft's writer it skips the free block maps.
func (w *msfWriter) alloc(m *msfImage, data []byte) []uint32 {
	var list []uint32
	for part := range slices.Chunk(data, int(w.blockSize)) {
		for k := m.count % w.blockSize; k == 1 || k == 2; k = m.count % w.blockSize {
			m.count++
		}
		block := make([]byte, w.blockSize)
		copy(block, part)
		m.blocks[m.count] = block
		list = append(list, m.count)
		m.count++
		if w.scatter {
			m.count++
		}
	}
	return list
}

func (w *msfWriter) write() *msfImage {
	m := &msfImage{blockSize: w.blockSize, count: max(3, w.first), blocks: map[uint32][]byte{}}
	dir := le32(nil, uint32(len(w.streams)))
	for _, s := range w.streams {
		if s == nil {
			dir = le32(dir, 0xFFFFFFFF)
		} else {
			dir = le32(dir, uint32(len(s)))
		}
	}
	for _, s := range w.streams {
		list := w.alloc(m, s)
		m.lists = append(m.lists, list)
		dir = le32(dir, list...)
	}
	m.dirBlocks = w.alloc(m, dir)
	top := w.alloc(m, le32(nil, m.dirBlocks...))
	super := append([]byte("Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"), make([]byte, 0)...)
	super = le32(super, w.blockSize, 1, m.count, uint32(len(dir)), 0)
	super = le32(super, top...)
	m.blocks[0] = append(super, make([]byte, int(w.blockSize)-len(super))...)
	return m
}

// le32 appends words, little-endian.
func le32(b []byte, words ...uint32) []byte {
	for _, v := range words {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func le16(b []byte, words ...uint16) []byte {
	for _, v := range words {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// put32 overwrites a word.
func put32(b []byte, off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }

// putBlock overwrites the number of the n-th block of a stream.
func (m *msfImage) putBlock(stream, n int, block uint32) {
	at := 1 + len(m.lists) + n
	for _, list := range m.lists[:stream] {
		at += len(list)
	}
	words := int(m.blockSize / 4)
	put32(m.blocks[m.dirBlocks[at/words]], at%words*4, block)
}

func (m *msfImage) Size() int64 { return int64(m.count) * int64(m.blockSize) }

// ReadAt reads holes as zeros, as a sparse file does.
func (m *msfImage) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		if off >= m.Size() {
			return n, io.EOF
		}
		in := int(off % int64(m.blockSize))
		part := p[n:min(len(p), n+int(m.blockSize)-in)]
		clear(part)
		if b := m.blocks[uint32(off/int64(m.blockSize))]; b != nil {
			copy(part, b[in:])
		}
		n, off = n+len(part), off+int64(len(part))
	}
	return len(p), nil
}

// Bytes returns the whole file.
func (m *msfImage) Bytes() []byte {
	b := make([]byte, m.Size())
	m.ReadAt(b, 0)
	return b
}
