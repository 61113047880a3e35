package pdb_test

import (
	"encoding/binary"
	"slices"

	"github.com/symres/symres/pdb"
)

// moduleRecords builds the symbol records of a module. Offsets count from the
// start of the stream, as in the format.
type moduleRecords struct {
	b    []byte
	open []int // scopes whose end is still to be written
}

func newModule() *moduleRecords { return &moduleRecords{b: le32(nil, 4)} }

// add appends a record and returns its offset.
func (m *moduleRecords) add(kind pdb.Kind, data []byte) uint32 {
	at := len(m.b)
	m.b = record(m.b, uint16(kind), data)
	return uint32(at)
}

// begin appends a record that opens a scope: parent and end come first.
func (m *moduleRecords) begin(kind pdb.Kind, data []byte) uint32 {
	m.open = append(m.open, len(m.b))
	return m.add(kind, append(le32(nil, 0, 0), data...))
}

// end closes the innermost scope.
func (m *moduleRecords) end() {
	at := m.open[len(m.open)-1]
	m.open = m.open[:len(m.open)-1]
	put32(m.b, at+8, uint32(len(m.b)))
	m.add(6, nil)
}

// name appends a name to the data of a record, in the form of its kind.
func name(data []byte, s string, old bool) []byte {
	if old {
		return append(append(data, byte(len(s))), s...)
	}
	return append(append(data, s...), 0)
}

func (m *moduleRecords) proc(kind pdb.Kind, s string, seg uint16, off, size uint32) uint32 {
	d := le32(nil, 0, size, 1, size-1, 0x1001, off)
	old := kind == pdb.KindGProc32ST || kind == pdb.KindLProc32ST
	return m.begin(kind, name(append(le16(d, seg), pdb.ProcNoReturn), s, old))
}

// leaf is a procedure with nothing in it.
func (m *moduleRecords) leaf(kind pdb.Kind, s string, seg uint16, off, size uint32) uint32 {
	at := m.proc(kind, s, seg, off, size)
	m.end()
	return at
}

func (m *moduleRecords) thunk(s string, seg uint16, off uint32, size uint16) {
	d := append(le16(le32(nil, 0, off), seg, size), 1)
	m.begin(pdb.KindThunk32, name(d, s, false))
	m.end()
}

func (m *moduleRecords) trampoline(off, target uint32) {
	m.add(pdb.KindTrampoline, le16(le32(le16(nil, 0, 5), off, target), 1, 1))
}

// cold appends a part of the procedure at parentOff that lies elsewhere.
func (m *moduleRecords) cold(seg uint16, off, size, parentOff uint32) {
	m.begin(pdb.KindSepCode, le16(le32(nil, size, 1, off, parentOff), seg, seg))
	m.end()
}

func (m *moduleRecords) block(seg uint16, off, size uint32) {
	m.begin(pdb.KindBlock32, name(le16(le32(nil, size, off), seg), "", false))
}

func (m *moduleRecords) label(s string, seg uint16, off uint32) {
	m.add(pdb.KindLabel32, name(append(le16(le32(nil, off), seg), 0), s, false))
}

// dataRecord is the data of a variable record.
func dataRecord(s string, seg uint16, off uint32, old bool) []byte {
	return name(le16(le32(nil, 0x74, off), seg), s, old)
}

func (m *moduleRecords) data(kind pdb.Kind, s string, seg uint16, off uint32) {
	m.add(kind, dataRecord(s, seg, off, kind == pdb.KindLData32ST))
}

// global builds a record of the table of globals.
func global(kind pdb.Kind, s string, data []byte) testGlobal {
	return testGlobal{name: s, rec: record(nil, uint16(kind), data)}
}

func globalData(kind pdb.Kind, s string, seg uint16, off uint32) testGlobal {
	return global(kind, s, dataRecord(s, seg, off, false))
}

// procRef refers to the record at an offset of a module, counted from 1.
func procRef(s string, module uint16, at uint32) testGlobal {
	return global(pdb.KindProcRef, s, name(le16(le32(nil, 0, at), module), s, false))
}

// constant has its value as a numeric leaf.
func constant(s string, leaf ...byte) testGlobal {
	return global(pdb.KindConstant, s, name(append(le32(nil, 0x1000), leaf...), s, false))
}

// privatePDB is [samplePDB] with private symbols: functions with everything
// that can be in and around them, and globals of every kind.
func privatePDB() *testPDB {
	p := samplePDB()
	a, b, l := newModule(), newModule(), newModule()
	a.add(pdb.KindObjName, name(le32(nil, 0), "a.obj", false))
	mainAt := a.proc(pdb.KindGProc32, "main", 1, 0x10, 0x8)
	a.label("again", 1, 0x14)
	a.block(1, 0x12, 4)
	a.data(pdb.KindLData32, "counter", 2, 0x30)
	a.end()
	a.end()
	a.leaf(pdb.KindGProc32, "Main", 1, 0x20, 0x20)
	a.data(pdb.KindLData32, "", 1, 0x48) // a table of a switch
	a.thunk("[thunk]:main", 1, 0x50, 6)
	a.cold(1, 0x60, 0x10, 0x10)
	folded := b.leaf(pdb.KindGProc32, "ns::f", 1, 0x100, 0x30)
	helper := b.leaf(pdb.KindLProc32, "ns::helper", 1, 0x100, 0x30)
	b.leaf(pdb.KindGProc32ST, "oldstyle", 1, 0x130, 4)
	b.leaf(pdb.KindLProc32ID, "withid", 1, 0x138, 4)
	l.data(pdb.KindLData32, "tail_table", 1, 0x880)
	p.symbols = [][]byte{a.b, b.b, l.b}
	p.contribMods = []uint16{0, 1, 2, 0}
	p.globals = []testGlobal{
		procRef("main", 1, mainAt), procRef("ns::f", 2, folded), procRef("ns::helper", 2, helper), procRef("nowhere", 9, 4), procRef("inside", 1, mainAt+4),
		globalData(pdb.KindGData32, "data", 2, 0x20), globalData(pdb.KindLData32, "quiet", 2, 0x28),
		globalData(pdb.KindGThread32, "per_thread", 2, 8),
		global(pdb.KindUDT, "struct_t", name(le32(nil, 0x1003), "struct_t", false)),
		constant("seven", 7, 0), constant("minus", 0x01, 0x80, 0xFE, 0xFF), constant("big", 0x04, 0x80, 0xFF, 0xFF, 0xFF, 0xFF),
		constant("char", 0x00, 0x80, 0x80), constant("ushort", 0x02, 0x80, 0xFF, 0xFF), constant("long", 0x03, 0x80, 0xFF, 0xFF, 0xFF, 0xFF),
		constant("quad", 0x09, 0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), constant("uquad", 0x0A, 0x80, 1, 0, 0, 0, 0, 0, 0, 0x80),
		constant("float", 0x05, 0x80, 0, 0, 0xC0, 0x3F), constant("text", append([]byte{0x10, 0x80, 60, 0}, make([]byte, 60)...)...),
		globalData(pdb.KindGData32, "Data", 2, 0x44),
	}
	dead := globalData(pdb.KindGData32, "buried", 2, 0x2C)
	dead.dead = true
	p.globals = append(p.globals, dead)
	return p
}

// procEnd overwrites the end field of the n-th record of a kind in a module.
func procEnd(b []byte, kind pdb.Kind, n int, end uint32) []byte {
	b = slices.Clone(b)
	for at := 4; at+4 <= len(b); at += int(binary.LittleEndian.Uint16(b[at:])) + 2 {
		if pdb.Kind(binary.LittleEndian.Uint16(b[at+2:])) == kind {
			if n--; n < 0 {
				put32(b, at+8, end)
				break
			}
		}
	}
	return b
}
