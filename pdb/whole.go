package pdb

import (
	"encoding/binary"
	"fmt"
)

// Whole returns nil when every block that the directory or a stream uses lies
// in the file, and else a [*FormatError] that names the first stream of which
// something is missing, or the error of reading. It reads the directory and no
// stream, which is a thousandth of the file. What nobody uses is no matter:
// tools pad files and leave odd ends, and the number of blocks in the
// superblock may be larger than the file, or smaller.
func (f *File) Whole() error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	return f.msf.whole()
}

func (m *msf) whole() error {
	if err := m.wholeDir(); err != nil {
		return err
	}
	for n, size := range m.sizes {
		// Stream 0 is the directory of the state before; its list may be stale.
		if n == 0 || size == nilStream || size == 0 {
			continue
		}
		s, err := m.stream(uint32(n), "any")
		if err == nil {
			err = m.wholeStream(uint32(n), s.size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wholeStream looks at each block of a stream.
func (m *msf) wholeStream(n, size uint32) error {
	const piece = 4096
	var buf [piece]byte
	section, off := fmt.Sprintf("blocks of stream %d", n), 4*m.starts[n]
	for left := m.blocksOf(size); left > 0; {
		list := buf[:4*min(left, piece/4)]
		if err := m.readDir(list, off); err != nil {
			return err
		}
		for at := 0; at < len(list); at += 4 {
			block := binary.LittleEndian.Uint32(list[at:])
			if _, err := m.fileOffset(block, 0, int(m.blockSize()), section, int64(off)+int64(at)); err != nil {
				return err
			}
		}
		left -= uint32(len(list)) / 4
		off += uint32(len(list))
	}
	return nil
}

// wholeDir looks at the blocks of the directory, and at those that list them.
func (m *msf) wholeDir() error {
	top := make([]byte, 4*m.blocksOf(uint32(4*len(m.dirBlocks)))) // as loadDirMap read it
	if err := m.src.readAt(top, superSize); err != nil {
		return err
	}
	for _, blocks := range [][]uint32{appendU32s(nil, top), m.dirBlocks} {
		for i, block := range blocks {
			if _, err := m.fileOffset(block, 0, int(m.blockSize()), secDir, int64(i)<<m.shift); err != nil {
				return err
			}
		}
	}
	return nil
}
