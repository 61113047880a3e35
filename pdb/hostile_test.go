package pdb_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres/pdb"
)

// hostileSize is about how large the files of hostileFiles are.
const hostileSize = 4 << 20

// hostileFiles returns PDBs in which many parts refer to the same bytes, by how:
// read for each of them, a few MB would be as much work as many GB.
func hostileFiles() map[string]func() []byte {
	return map[string]func() []byte{
		"modules of one stream":      modulesOfOneStream,
		"streams of the same blocks": streamsOfSameBlocks,
		"one block over and over":    oneBlockRepeated,
		"publics of one record":      publicsOfOneRecord,
		"overlapping publics":        func() []byte { return overlapping(pdb.KindPub32) },
		"overlapping globals":        func() []byte { return overlapping(pdb.KindGData32) },
		"overlapping references":     func() []byte { return overlapping(pdb.KindProcRef) },
		"references to one function": referencesToOne,
		"cold parts of one function": coldPartsOfOne,
		"trampolines to one name":    trampolinesToOne,
		"thunks to one name":         thunksToOne,
		"symbols at one address":     symbolsAtOneAddress,
		"publics at one address":     publicsAtOneAddress,
		"variables at one address":   variablesAtOneAddress,
		"one bucket":                 oneBucket,
		"text without records":       textWithoutRecords,
		"nested scopes":              nestedScopes,
		"nested inline sites":        nestedSites,
		"lines of one long name":     linesOfLongName,
		"lines of overlapping names": linesOfOverlappingNames,
		"shared C11 lines":           sharedLines11,
		"one list of arguments":      oneArgumentList,
		"types of long names":        longTypeNames,
		"methods of one list":        methodsOfOneList,
		"declarations of one name":   declarationsOfOneName,
		"members of long types":      membersOfLongTypes,
		"named streams of one name":  namedStreamsOfOneName,
		"file names that overlap":    fileNamesThatOverlap,
		"sections":                   manySections,
		"many small symbols":         manySmallSymbols,
		"decorated names":            decoratedNames,
	}
}

// sharing is a PDB with room for code.
func sharing() *testPDB {
	return &testPDB{
		sections: []pdb.Section{{Name: ".text", VirtualAddress: 0x1000, VirtualSize: 0x4000000, SizeOfRawData: 0x4000000, Characteristics: 0x60000020}},
		contribs: []testContrib{{1, 0, 0x4000000}},
		modules:  []string{"a.obj"},
	}
}

func long(n int) string { return strings.Repeat("n", n) }

func modulesOfOneStream() []byte {
	p := sharing()
	m := newModule()
	for i := range 40_000 {
		m.leaf(pdb.KindGProc32, fmt.Sprint("f", i), 1, uint32(i)*16, 16)
	}
	p.symbols = [][]byte{m.b}
	for range 20_000 {
		p.modules = append(p.modules, "m")
	}
	p.edit = func(st *testStreams) {
		dbi := st.list[numDBI]
		num := dbi[st.moduleList+34 : st.moduleList+36]
		size := dbi[st.moduleList+36 : st.moduleList+40]
		at := st.moduleList + (64+6+10+3) & ^3
		for range 20_000 {
			copy(dbi[at+34:], num)
			copy(dbi[at+36:], size)
			at += (64 + 2 + 6 + 3) &^ 3
		}
	}
	return p.write().Bytes()
}

// streamsOfSameBlocks gives many modules streams of their own whose blocks are
// those of the first.
func streamsOfSameBlocks() []byte {
	p := sharing()
	m := newModule()
	for i := range 20_000 {
		m.leaf(pdb.KindGProc32, fmt.Sprint("f", i), 1, uint32(i)*16, 16)
	}
	p.symbols = [][]byte{m.b}
	const more = 4000
	var empty []byte
	for i := range more {
		p.modules = append(p.modules, fmt.Sprintf("m%04d", i))
		p.symbols = append(p.symbols, le32(empty, 4))
	}
	p.blockSize = 4096
	p.edit = func(st *testStreams) {
		first := len(st.list) - more - 1
		size := uint32(len(st.list[first]))
		dbi := st.list[numDBI]
		at := st.moduleList + (64+6+10+3)&^3
		for range more {
			put32(dbi, at+36, size-4)
			at += (64 + 6 + 10 + 3) &^ 3
		}
	}
	return shareBlocks(p, more)
}

// shareBlocks writes a PDB whose last streams, so many, are made the same as the
// one before them.
func shareBlocks(p *testPDB, more int) []byte {
	edit := p.edit
	var streams [][]byte
	p.edit = func(st *testStreams) {
		edit(st)
		streams = st.list
	}
	p.write()
	w := msfWriter{blockSize: p.blockSize, streams: streams}
	m := &msfImage{blockSize: w.blockSize, count: 3, blocks: map[uint32][]byte{}}
	dir := le32(nil, uint32(len(streams)))
	first := len(streams) - more - 1
	var lists []byte
	for i, s := range streams {
		if i > first {
			s = streams[first]
		}
		if s == nil {
			dir = le32(dir, 0xFFFFFFFF)
			continue
		}
		dir = le32(dir, uint32(len(s)))
		if i <= first {
			m.lists = append(m.lists, w.alloc(m, s))
		}
		lists = le32(lists, m.lists[len(m.lists)-1]...)
	}
	return w.finish(m, append(dir, lists...))
}

// finish adds the directory and the superblock.
func (w *msfWriter) finish(m *msfImage, dir []byte) []byte {
	m.dirBlocks = w.alloc(m, dir)
	top := w.alloc(m, le32(nil, m.dirBlocks...))
	super := le32([]byte("Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"), w.blockSize, 1, m.count, uint32(len(dir)), 0)
	super = le32(super, top...)
	m.blocks[0] = append(super, make([]byte, int(w.blockSize)-len(super))...)
	return m.Bytes()
}

// oneBlockRepeated has a stream of symbol records that is one block of the file,
// as often as the directory can say.
func oneBlockRepeated() []byte {
	p := sharing()
	p.blockSize = 32 << 10
	m := newModule()
	for i := range 600 {
		m.leaf(pdb.KindGProc32, fmt.Sprint("f", i), 1, uint32(i)*16, 16)
	}
	for len(m.b) < 32<<10 {
		m.add(pdb.KindObjName, make([]byte, min(32<<10-len(m.b)-4, 1000)))
	}
	p.symbols = [][]byte{m.b[:32<<10]}
	const more = 1000
	for i := range more {
		p.modules = append(p.modules, fmt.Sprintf("m%04d", i))
		p.symbols = append(p.symbols, le32(nil, 4))
	}
	const repeats = 120 // blocks of each
	var streams [][]byte
	p.edit = func(st *testStreams) {
		at := st.moduleList + (64+6+10+3)&^3
		for range more {
			put32(st.list[numDBI], at+36, repeats*32<<10)
			at += (64 + 6 + 10 + 3) &^ 3
		}
		streams = st.list
	}
	p.write()
	w := msfWriter{blockSize: p.blockSize, streams: streams}
	img := &msfImage{blockSize: w.blockSize, count: 3, blocks: map[uint32][]byte{}}
	dir := le32(nil, uint32(len(streams)))
	var lists []byte
	first := len(streams) - more - 1
	var block uint32
	for i, s := range streams {
		switch {
		case s == nil:
			dir = le32(dir, 0xFFFFFFFF)
		case i > first:
			dir = le32(dir, repeats*32<<10)
			for range repeats {
				lists = le32(lists, block)
			}
		default:
			list := w.alloc(img, s)
			block = append(list, 0)[0]
			dir, lists = le32(dir, uint32(len(s))), le32(lists, list...)
		}
	}
	w.alloc(img, make([]byte, 4<<20)) // a stream may be as long as the file
	return w.finish(img, append(dir, lists...))
}

// hashTable makes the publics, or the globals, those at the given offsets of the
// records, by a table whose buckets are empty.
func hashTable(st *testStreams, num int, offs []uint32) {
	var recs []byte
	for _, off := range offs {
		recs = le32(recs, off+1, 1)
	}
	bitmap := make([]byte, (4096+32)/32*4)
	bitmap[0] = 1
	table := slices.Concat(le32(nil, 0xFFFFFFFF, 0xF12F091A, uint32(len(recs)), uint32(len(bitmap)+4)), recs, bitmap, le32(nil, 0))
	if num == numPSI {
		table = append(le32(nil, uint32(len(table)), 0, 0, 0, 0, 0, 0), table...)
	}
	st.list[num] = table
}

func publicsOfOneRecord() []byte {
	p := sharing()
	name := long(60_000)
	for i := 0; testHash(name)%4096 != 0; i++ { // the bucket hashTable has
		name = long(60_000) + fmt.Sprint(i)
	}
	p.pubs = []testPublic{{name: name, seg: 1, off: 16}}
	p.edit = func(st *testStreams) { hashTable(st, numPSI, make([]uint32, hostileSize/8)) }
	return p.write().Bytes()
}

// overlapping has records of a kind that each begin in the one before, four bytes
// behind it, and a table that lists them all.
func overlapping(kind pdb.Kind) []byte {
	p := sharing()
	p.edit = func(st *testStreams) {
		gss := bytes.Repeat(le16(nil, 0xFFF0, uint16(kind)), hostileSize/3/4)
		var offs []uint32
		for off := 0; off+0xFFF2 < len(gss); off += 4 {
			offs = append(offs, uint32(off))
		}
		st.list[numGSS] = gss
		num := numGSI
		if kind == pdb.KindPub32 {
			num = numPSI
		}
		hashTable(st, num, offs)
	}
	return p.write().Bytes()
}

func referencesToOne() []byte {
	p := sharing()
	m := newModule()
	at := m.leaf(pdb.KindGProc32, long(60_000), 1, 16, 16)
	p.symbols = [][]byte{m.b}
	for range hostileSize / 40 {
		p.globals = append(p.globals, procRef("n", 1, at))
	}
	return p.write().Bytes()
}

func coldPartsOfOne() []byte {
	p := sharing()
	m := newModule()
	m.proc(pdb.KindGProc32, long(60_000), 1, 16, 16)
	for i := range hostileSize / 80 {
		m.cold(1, uint32(i)*16, 16, 16)
	}
	m.end()
	for i := range hostileSize / 80 {
		m.cold(1, uint32(i)*16, 16, 16)
	}
	p.symbols = [][]byte{m.b}
	return p.write().Bytes()
}

func trampolinesToOne() []byte {
	p := sharing()
	m := newModule()
	for i := range hostileSize / 24 {
		m.trampoline(uint32(i)*8, 16)
	}
	p.symbols = [][]byte{m.b}
	p.pubs = []testPublic{{name: long(60_000), seg: 1, off: 16}}
	return p.write().Bytes()
}

func thunksToOne() []byte {
	p := sharing()
	p.pubs = []testPublic{{name: long(60_000), seg: 1, off: 16}}
	for range hostileSize / 4 {
		p.thunks = append(p.thunks, 0x1010)
	}
	return p.write().Bytes()
}

func symbolsAtOneAddress() []byte {
	p := sharing()
	m := newModule()
	for i := range hostileSize / 80 {
		m.data(pdb.KindLData32, fmt.Sprintf("v%07d", i), 1, 16)
	}
	for i := range hostileSize / 80 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("p%07d", i), seg: 1, off: 16})
	}
	p.symbols = [][]byte{m.b}
	return p.write().Bytes()
}

func publicsAtOneAddress() []byte {
	p := sharing()
	for i := range hostileSize / 40 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("p%07d", i), seg: 1, off: 16})
	}
	return p.write().Bytes()
}

func variablesAtOneAddress() []byte {
	p := sharing()
	for i := range hostileSize / 80 {
		p.globals = append(p.globals, globalData(pdb.KindGData32, fmt.Sprintf("v%07d", i), 1, 16))
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("p%07d", i), seg: 1, off: 16})
	}
	return p.write().Bytes()
}

// oneBucket has publics and globals of one name each, and functions folded
// together that are looked up by name.
func oneBucket() []byte {
	p := sharing()
	m := newModule()
	for i := range 60 {
		m.leaf(pdb.KindGProc32, fmt.Sprint("f", i), 1, 16, 16)
		p.pubs = append(p.pubs, testPublic{name: "f", seg: 1, off: 16, flags: pdb.PublicFunction})
	}
	p.symbols = [][]byte{m.b}
	for range hostileSize / 40 {
		p.globals = append(p.globals, globalData(pdb.KindGData32, "f", 1, 16))
	}
	return p.write().Bytes()
}

// textWithoutRecords has what a pattern looks for all over the records, but no
// table that refers to any but the first.
func textWithoutRecords() []byte {
	p := sharing()
	p.pubs = []testPublic{{name: "f", seg: 1, off: 16}}
	p.edit = func(st *testStreams) {
		st.list[numGSS] = append(st.list[numGSS], bytes.Repeat([]byte("f"), hostileSize)...)
	}
	return p.write().Bytes()
}

func nestedScopes() []byte {
	p := sharing()
	m := newModule()
	m.leaf(pdb.KindGProc32, "f", 1, 16, 16)
	for i := range hostileSize / 48 {
		m.block(1, uint32(i), 16)
		m.cold(1, uint32(i)*16, 16, 16)
	}
	p.symbols = [][]byte{m.b}
	return p.write().Bytes()
}

func nestedSites() []byte {
	p := sharing()
	c := newTestCode()
	c.inlinee(0x1000, 0, 1)
	c.proc(pdb.KindGProc32, "f", 1, 0, 0x1000)
	for range hostileSize / 40 {
		c.site(0x1000, "\x0B\x01\x0B\x01\x04\x7F")
	}
	c.addTo(p)
	return p.write().Bytes()
}

// namesStream is the table of strings.
func namesStream(text string) []byte {
	return append(le32(nil, 0xEFFEEFFE, 1, uint32(len(text))), text+strings.Repeat("\x00", 12)...)
}

func linesOfLongName() []byte {
	p := sharing()
	p.named = map[string][]byte{"/names": namesStream("\x00" + long(60_000) + "\x00")}
	c := newTestCode()
	file := c.file(1, 0, "")
	var rows [][3]uint32
	for i := range hostileSize / 8 {
		rows = append(rows, [3]uint32{uint32(i), 10})
	}
	c.block(1, 0, 0x4000000, false, testRun{file: file, rows: rows})
	c.addTo(p)
	return p.write().Bytes()
}

func linesOfOverlappingNames() []byte {
	p := sharing()
	p.named = map[string][]byte{"/names": namesStream("\x00" + strings.Repeat(long(60_000)+"\x00", 20))}
	c := newTestCode()
	var runs []testRun
	for i := range hostileSize / 40 {
		file := c.file(1+uint32(i), 0, "")
		runs = append(runs, testRun{file: file, rows: [][3]uint32{{uint32(i), 10}}})
	}
	c.block(1, 0, 0x4000000, false, runs...)
	c.addTo(p)
	return p.write().Bytes()
}

// sharedLines11 has files that all have the same lines.
func sharedLines11() []byte {
	p := sharing()
	const files, tables, rows = 20_000, 20_000, 60_000
	b := le16(nil, files, 1)
	head := len(b) + 4*files + 10 + 2
	for range files {
		b = le32(b, uint32(head))
	}
	b = le16(le16(le32(b, 0, 0x4000000), 1), 0)
	b = le16(b, tables, 0)
	lines := head + 4 + tables*12 + 4
	for range tables {
		b = le32(b, uint32(lines))
	}
	b = append(b, make([]byte, tables*8)...)
	b = append(b, "a.c\x00"...)
	b = le16(b, 1, rows)
	for i := range rows {
		b = le32(b, uint32(i)*4)
	}
	b = append(b, make([]byte, rows*2)...)
	m := newModule()
	p.symbols = [][]byte{append(m.b, b...)}
	p.edit = func(st *testStreams) {
		put32(st.list[numDBI], st.moduleList+36, 4)
		put32(st.list[numDBI], st.moduleList+40, uint32(len(b)))
	}
	return p.write().Bytes()
}
