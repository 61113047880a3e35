package pdb_test

import (
	"cmp"
	"encoding/binary"

	"github.com/symres/symres/pdb"
)

// testCode builds the stream of a module about its code: symbol records, and
// lines in the form of today.
type testCode struct {
	*moduleRecords
	lines, sums, inline []byte
}

func newTestCode() *testCode { return &testCode{moduleRecords: newModule()} }

// site opens an inline site.
func (c *testCode) site(id uint32, annotations string) {
	c.begin(kindInlineSite, append(le32(nil, id), annotations...))
}

const kindInlineSite pdb.Kind = 0x114D

// file adds a source file and returns the place of its checksum.
func (c *testCode) file(name uint32, kind byte, sum string) (at uint32) {
	at = uint32(len(c.sums))
	c.sums = append(append(le32(c.sums, name), byte(len(sum)), kind), sum...)
	for len(c.sums)%4 != 0 {
		c.sums = append(c.sums, 0)
	}
	return at
}

// inlinee says where an inlined function begins.
func (c *testCode) inlinee(id, file, line uint32) {
	if c.inline == nil {
		c.inline = le32(nil, 0)
	}
	c.inline = le32(c.inline, id, file, line)
}

// testRun is a run of lines from one file: offset, line and flags, columns.
type testRun struct {
	file uint32
	rows [][3]uint32 // offset, line and flags, columns
}

// block adds a line block.
func (c *testCode) block(seg uint16, off, size uint32, columns bool, runs ...testRun) {
	flags := uint16(0)
	if columns {
		flags = 1
	}
	b := le32(le16(le32(nil, off), seg, flags), size)
	for _, r := range runs {
		var rows, cols []byte
		for _, row := range r.rows {
			rows = le32(rows, row[0], row[1])
			if columns {
				cols = le32(cols, row[2])
			}
		}
		b = append(append(le32(b, r.file, uint32(len(r.rows)), uint32(12+len(rows)+len(cols))), rows...), cols...)
	}
	c.part(0xF2, b)
}

// part adds a part of the lines.
func (c *testCode) part(kind uint32, b []byte) {
	c.lines = append(le32(c.lines, kind, uint32(len(b))), b...)
	for len(c.lines)%4 != 0 {
		c.lines = append(c.lines, 0)
	}
}

// addTo makes the code that of the next module of a PDB.
func (c *testCode) addTo(p *testPDB) {
	if c.sums != nil {
		c.part(0xF4, c.sums)
	}
	if c.inline != nil {
		c.part(0xF6, c.inline)
	}
	p.symbols, p.c13 = append(p.symbols, c.b), append(p.c13, c.lines)
}

// oldFileLines are the C11 lines of a file.
type oldFileLines struct {
	name string
	segs []oldSegLines
}

type oldSegLines struct {
	seg  uint16
	rows [][2]uint32 // offset in the segment, line
	last uint32      // byte of the code the file has there; 0: as far as the segment goes
}

// lines11 writes C11 lines; segs says where the code of each segment begins and
// ends, order in which order the segments are listed.
func lines11(segs map[uint16][2]uint32, order []uint16, old bool, files ...oldFileLines) []byte {
	le := binary.LittleEndian
	b := le16(nil, uint16(len(files)), uint16(len(order)))
	b = append(b, make([]byte, 4*len(files))...)
	for _, s := range order {
		b = le32(b, segs[s][0], segs[s][1])
	}
	b = le16(b, order...)
	if len(order)%2 != 0 {
		b = le16(b, 0)
	}
	for i, f := range files {
		le.PutUint32(b[4+4*i:], uint32(len(b)))
		at := len(b) + 4
		b = le16(b, uint16(len(f.segs)), 0)
		b = append(b, make([]byte, 4*len(f.segs))...)
		for _, s := range f.segs {
			b = le32(b, s.rows[0][0], cmp.Or(s.last, segs[s.seg][1]))
		}
		if old {
			b = append(append(b, byte(len(f.name))), f.name...)
		} else {
			b = append(append(b, f.name...), 0)
		}
		b = append(b, make([]byte, -len(b)&3)...)
		for j, s := range f.segs {
			le.PutUint32(b[at+4*j:], uint32(len(b)))
			b = le16(b, s.seg, uint16(len(s.rows)))
			for _, r := range s.rows {
				b = le32(b, r[0])
			}
			for _, r := range s.rows {
				b = le16(b, uint16(r[1]))
			}
			b = append(b, make([]byte, -len(b)&3)...)
		}
	}
	return b
}
