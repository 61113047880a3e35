package pdb

import "encoding/binary"

// C11 line information, of compilers before Visual C++ 7 (cvlines.h). All
// offsets count from its beginning:
//
//	u16 files, u16 segments, u32 place of each file, {u32 first, u32 last} of
//	each segment, u16 number of each segment
//	file: u16 segments, u16 padding, u32 place of the lines of each segment,
//	{u32 first, u32 last} of each, name
//	lines: u16 segment, u16 count, u32 offset of each, u16 line of each
//
// The name has a length byte, in files of DBI version V70 and later a NUL.

// oldFile marks the places of files named in C11 lines, which have no checksum
// to be referred to by.
const oldFile = 1 << 31

const versionV70 = 19990903 // of the DBI stream

// readLines11 turns C11 lines into line blocks, one for each segment.
func (c *moduleCode) readLines11(oldNames bool) error {
	b, err := c.ms.lines11.bytes()
	if err != nil || len(b) < 4 {
		return err
	}
	nFiles, nSegs := int(u16(b, 0)), int(u16(b, 2))
	segs := 4 + nFiles*4
	if segs+nSegs*10 > len(b) {
		return c.ms.s.short(c.ms.lines11.off, uint32(segs+nSegs*10))
	}
	files := make([]uint32, nFiles) // where their lines lie, from their heads on
	for i := range files {
		files[i] = u32(b, 4+i*4)
		c.oldName(b, files[i], i, oldNames)
	}
	for i := range nSegs {
		first, last := u32(b, segs+i*8), u32(b, segs+i*8+4)
		if last < first {
			continue
		}
		code := makePlace(u16(b, segs+nSegs*8+i*2), first, last-first+1)
		block := lineBlock{at: uint32(len(c.old)), old: true}
		for j, at := range files {
			c.oldRuns(b, at, uint32(j)|oldFile, code)
		}
		if c.ms.s.m.work.over() {
			return cutError{}
		}
		block.n = uint32(len(c.old)) - block.at
		c.blocks, c.blockAt = append(c.blocks, block), append(c.blockAt, code)
	}
	return nil
}

// oldName keeps the name of a file.
func (c *moduleCode) oldName(b []byte, at uint32, i int, oldNames bool) {
	if uint64(at)+4 > uint64(len(b)) {
		return
	}
	end := uint64(at) + 4 + uint64(u16(b, int(at)))*12
	if end >= uint64(len(b)) {
		return
	}
	name := b[end:]
	if oldNames {
		name = name[1:][:min(int(name[0]), len(name)-1)]
	}
	name = untilNUL(name)
	if len(name) == 0 || len(name) > maxString {
		return
	}
	c.files = append(c.files, sourceFile{at: uint32(i) | oldFile, name: uint32(len(c.old)), own: uint16(len(name))})
	c.old = append(c.old, name...)
}

// oldRuns writes the lines that a file has in one segment, in the
// form C13 has them.
func (c *moduleCode) oldRuns(b []byte, at, file uint32, code place) {
	if uint64(at)+4 > uint64(len(b)) {
		return
	}
	n := int(u16(b, int(at)))
	if uint64(at)+4+uint64(n)*4 > uint64(len(b)) {
		return
	}
	for i := range n {
		lines := u32(b, int(at)+4+i*4)
		if uint64(lines)+4 > uint64(len(b)) || u16(b, int(lines)) != code.seg {
			continue
		}
		if count := u16(b, int(lines)+2); uint64(lines)+4+uint64(count)*6 <= uint64(len(b)) {
			if c.ms.s.m.work.spend(runHead+int(count)*8) != nil {
				return // files can share lines; readLines11 tells
			}
			c.oldRun(b[lines+4:], int(count), file, code.off)
		}
	}
}

func (c *moduleCode) oldRun(b []byte, n int, file, first uint32) {
	head := len(c.old)
	le := binary.LittleEndian
	c.old = append(c.old, make([]byte, runHead)...)
	for i := range n {
		if off := u32(b, i*4); off >= first {
			c.old = le.AppendUint32(c.old, off-first)
			c.old = le.AppendUint32(c.old, uint32(u16(b, n*4+i*2))|1<<31)
		}
	}
	size := len(c.old) - head
	le.PutUint32(c.old[head:], file)
	le.PutUint32(c.old[head+4:], uint32(size-runHead)/8)
	le.PutUint32(c.old[head+8:], uint32(size))
}
