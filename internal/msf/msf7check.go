package msf

import "fmt"

// whole implements directory.
func (m *msf7) whole(n uint32) error {
	if n == 0 { // that stream is the directory of the state before; its list may be stale
		return m.wholeDir()
	}
	size, _ := m.length(n)
	if size == 0 {
		return nil
	}
	if _, err := m.place(n, fmt.Sprintf("stream %d", n)); err != nil {
		return err
	}
	section, off := fmt.Sprintf("blocks of stream %d", n), int64(m.starts[n])*4
	for block, err := range m.blockNumbers(n) {
		if err == nil {
			_, err = m.fileOffset(block, 0, int(m.blockSize()), section, off)
		}
		if err != nil {
			return err
		}
		off += 4
	}
	return nil
}

// wholeDir looks at the blocks of the directory, and at those that list them.
func (m *msf7) wholeDir() error {
	top := make([]byte, 4*m.blocksOf(uint32(4*len(m.dirBlocks)))) // as loadDirMap read it
	if err := m.src.ReadAt(top, superSize); err != nil {
		return err
	}
	for _, blocks := range [][]uint32{AppendU32s(nil, top), m.dirBlocks} {
		for i, block := range blocks {
			if _, err := m.fileOffset(block, 0, int(m.blockSize()), secDir, int64(i)<<m.shift); err != nil {
				return err
			}
		}
	}
	return nil
}

// check implements directory: the superblock and all block lists.
func (m *msf7) check(report func(error) bool) error {
	c := blockCheck{m: m, report: report, used: make(blockSet, int64(m.blocksInFile()/64+1))}
	if have := m.size >> m.shift; int64(m.claimed) > have {
		c.damage(secSuper, 40, "%d blocks of %d bytes in a file of %d bytes", m.claimed, m.blockSize(), m.size)
	}
	n := uint64(len(m.sizes))
	if want := 4 * (1 + n + m.listed); want != uint64(m.dirBytes) {
		c.damage(secSuper, 44, "directory of %d bytes for streams that need %d", m.dirBytes, want)
	}
	for i, b := range m.dirBlocks {
		c.block(b, secDir, int64(i)<<m.shift)
	}
	// Stream 0 is the directory of the state before; its list may be stale.
	for i := uint32(1); i < uint32(n) && !c.stop; i++ {
		if err := c.stream(i); err != nil {
			return err
		}
	}
	return nil
}

// blockCheck looks for blocks that are no good or used twice.
type blockCheck struct {
	m      *msf7
	report func(error) bool
	used   blockSet
	stop   bool // report wants no more
}

func (c *blockCheck) damage(section string, off int64, format string, args ...any) bool {
	return c.add(c.m.damage(section, off, format, args...))
}

func (c *blockCheck) add(err error) bool {
	c.stop = c.stop || !c.report(err)
	return !c.stop
}

// stream checks the blocks of a stream.
func (c *blockCheck) stream(num uint32) error {
	m, name := c.m, fmt.Sprintf("stream %d (block list)", num)
	size, _ := m.length(num)
	if size == 0 {
		return nil
	}
	if _, err := m.place(num, name); err != nil {
		c.add(err)
		return nil
	}
	off := int64(0)
	for b, err := range m.blockNumbers(num) {
		if err != nil {
			return err
		}
		if !c.block(b, name, off) {
			break
		}
		off += int64(m.blockSize())
	}
	return nil
}

// block checks one block number and reports whether to go on.
func (c *blockCheck) block(b uint32, section string, off int64) bool {
	if _, err := c.m.fileOffset(b, 0, 1, section, off); err != nil {
		return c.add(err)
	}
	if k := b & (c.m.blockSize() - 1); k == 1 || k == 2 {
		return c.damage(section, off, "block %#x belongs to a free block map", b)
	}
	if c.used.add(b) {
		return c.damage(section, off, "block %#x is used twice", b)
	}
	return !c.stop
}

// blockSet is a bit set of block numbers.
type blockSet []uint64

func (s blockSet) add(b uint32) (again bool) {
	again = s[b/64]>>(b%64)&1 != 0
	s[b/64] |= 1 << (b % 64)
	return again
}
