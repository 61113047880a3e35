package pdb_test

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/pdb"
)

// testPublic is a public symbol to be written.
type testPublic struct {
	name   string
	hashed string // the name its bucket is that of; "": its own
	seg    uint16
	off    uint32
	flags  uint32
	dead   bool   // in the record stream, but in no table
	kind   uint16 // 0: S_PUB32
}

// testContrib is a section contribution to be written.
type testContrib struct {
	seg       uint16
	off, size uint32
}

// testPDB describes a PDB to be written. The zero value of every field is a
// usable one.
type testPDB struct {
	blockSize    uint32 // 4096
	first        uint32 // see msfWriter
	scatter      bool
	age, infoAge uint32 // 1
	machine      uint16 // x64
	features     []uint32
	named        map[string][]byte // named streams
	sections     []pdb.Section
	contribs     []testContrib
	contribMods  []uint16 // module of each; nil: the first is of the first module and so on
	contribV2    bool
	modules      []string
	opt          []uint16 // optional debug header; nil: 11 entries with the sections at 5
	buckets      uint32   // 4096
	pubs         []testPublic
	extra        [][]byte // further streams, from number firstExtra on
	symbols      [][]byte // by module: its symbol records with the signature in front; see [moduleRecords]
	c13          [][]byte // by module: its lines
	globals      []testGlobal
	thunks       []uint32           // RVAs the incremental-link table at 1:5 leads to
	edit         func(*testStreams) // changes the streams before they are laid out
}

// testGlobal is a record of the table of globals to be written.
type testGlobal struct {
	name string
	rec  []byte // with its length
	dead bool   // in the record stream, but in no table
}

// Stream numbers of a written PDB.
const (
	numInfo     = 1
	numDBI      = 3
	numGSI      = 5
	numPSI      = 6
	numGSS      = 7
	numSections = 8
	firstExtra  = 9
)

// testStreams are the streams of a PDB by number, and where things lie in them.
type testStreams struct {
	list       [][]byte
	records    int // in PSI: first hash record
	nRecords   int
	bitmap     int // in PSI
	starts     int // in PSI: first bucket start
	nStarts    int
	addrMap    int      // in PSI
	offsets    []uint32 // of the publics, in the order of testPDB.pubs
	contribs   int      // in DBI: the version word
	optional   int      // in DBI
	moduleList int      // in DBI
}

// testHash is the name hash of the format (LHashPbCb), written down a second
// time so that reader and writer do not share a mistake.
func testHash(name string) uint32 {
	var h uint32
	b := []byte(name)
	for len(b) >= 4 {
		h ^= uint32(b[3])<<24 | uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
		b = b[4:]
	}
	if len(b) >= 2 {
		h ^= uint32(b[1])<<8 | uint32(b[0])
		b = b[2:]
	}
	if len(b) == 1 {
		h ^= uint32(b[0])
	}
	h |= 0x20202020
	h ^= h >> 11
	h ^= h >> 16
	return h
}

// record appends a symbol record, padded to 4.
func record(b []byte, kind uint16, data []byte) []byte {
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	b = le16(b, uint16(len(data)+2), kind)
	return append(b, data...)
}

func publicRecord(b []byte, p testPublic) []byte {
	data := le16(le32(nil, p.flags, p.off), p.seg)
	if p.kind == uint16(pdb.KindPub32ST) {
		data = append(append(data, byte(len(p.name))), p.name...)
	} else {
		data = append(append(data, p.name...), 0)
	}
	return record(b, cmp.Or(p.kind, uint16(pdb.KindPub32)), data)
}

// live is a public together with where its record lies.
type live struct {
	testPublic
	rec uint32
}

// nameTable builds the name hash table of the publics. Records in a bucket lie
// in the order they were given.
func nameTable(st *testStreams, list []live, buckets uint32) []byte {
	bucketOf := func(l live) uint32 { return testHash(cmp.Or(l.hashed, l.name)) % buckets & 0xFFFF }
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b live) int { return cmp.Compare(bucketOf(a), bucketOf(b)) })
	var recs, starts []byte
	bitmap := make([]byte, (buckets+32)/32*4)
	for i, l := range list {
		recs = le32(recs, l.rec+1, 1)
		b := bucketOf(l)
		if i == 0 || b != bucketOf(list[i-1]) {
			bitmap[b/8] |= 1 << (b % 8)
			starts = le32(starts, uint32(i)*12)
		}
	}
	st.nRecords, st.nStarts = len(list), len(starts)/4
	head := le32(nil, 0xFFFFFFFF, 0xF12F091A, uint32(len(recs)), uint32(len(bitmap)+len(starts)))
	return slices.Concat(head, recs, bitmap, starts)
}

// psi builds the public symbol index.
func (p *testPDB) psi(st *testStreams, list []live) []byte {
	buckets := cmp.Or(p.buckets, 4096)
	table := nameTable(st, list, buckets)
	slices.SortStableFunc(list, func(a, b live) int {
		return cmp.Or(cmp.Compare(a.seg, b.seg), cmp.Compare(a.off, b.off), cmp.Compare(a.name, b.name))
	})
	var addrs []byte
	for _, l := range list {
		addrs = le32(addrs, l.rec)
	}
	head := le32(nil, uint32(len(table)), uint32(len(addrs)), 0, 0, 0, 0, 0)
	if len(p.thunks) > 0 {
		head = le32(nil, uint32(len(table)), uint32(len(addrs)), uint32(len(p.thunks)), 5, 1, 5, 1)
		addrs = le32(le32(le32(addrs, p.thunks...), 0x1000), 1)
	}
	st.records = len(head) + 16
	st.bitmap = st.records + st.nRecords*8
	st.starts = st.bitmap + int(buckets+32)/32*4
	st.addrMap = len(head) + len(table)
	return slices.Concat(head, table, addrs)
}

// moduleParts returns the symbols and lines of module i, nil if it has none.
func (p *testPDB) moduleParts(i int) (syms, lines []byte) {
	if i < len(p.symbols) {
		syms = p.symbols[i]
	}
	if i < len(p.c13) {
		lines = p.c13[i]
	}
	return syms, lines
}

// moduleStreams builds the streams of the modules that have symbols.
func (p *testPDB) moduleStreams() (list [][]byte) {
	for i := range p.modules {
		if syms, lines := p.moduleParts(i); syms != nil {
			list = append(list, slices.Concat(syms, lines, le32(nil, 0)))
		}
	}
	return list
}

// dbi builds the DBI stream.
func (p *testPDB) dbi(st *testStreams) []byte {
	var mods, contribs, opt []byte
	next := uint16(firstExtra + len(p.extra))
	for i, name := range p.modules {
		m := append(make([]byte, 64), name+"\x00"+name+".obj\x00"...)
		binary.LittleEndian.PutUint16(m[34:], 0xFFFF)
		if syms, lines := p.moduleParts(i); syms != nil {
			binary.LittleEndian.PutUint16(m[34:], next)
			put32(m, 36, uint32(len(syms)))
			put32(m, 44, uint32(len(lines)))
			next++
		}
		mods = append(mods, append(m, make([]byte, -len(m)&3)...)...)
	}
	if p.contribs != nil {
		contribs = le32(nil, 0xF12EBA2D)
		if p.contribV2 {
			contribs = le32(nil, 0xF13151E4)
		}
	}
	for i, c := range p.contribs {
		contribs = le16(contribs, c.seg, 0)
		contribs = le32(contribs, c.off, c.size, 0x60000020)
		mod := uint16(i)
		if p.contribMods != nil {
			mod = p.contribMods[i]
		}
		contribs = le32(le16(contribs, mod, 0), 0, 0)
		if p.contribV2 {
			contribs = le32(contribs, 1)
		}
	}
	entries := p.opt
	if entries == nil {
		entries = []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, numSections, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}
	}
	opt = le16(nil, entries...)
	secMap := le16(nil, 0, 0)
	files := le16(nil, uint16(len(p.modules)), 0)
	files = append(files, make([]byte, 4*len(p.modules))...)
	ec := le32(nil, 0xEFFEEFFE, 1, 4, 0, 1, 0, 0) // stands before the optional header, though its size comes after
	d := le32(nil, 0xFFFFFFFF, 19990903, cmp.Or(p.age, 1))
	d = le16(d, numGSI, 0x8E1D, numPSI, 0, numGSS, 0)
	d = le32(d, uint32(len(mods)), uint32(len(contribs)), uint32(len(secMap)), uint32(len(files)), 0, 0, uint32(len(opt)), uint32(len(ec)))
	d = le32(le16(d, 0, cmp.Or(p.machine, 0x8664)), 0)
	st.moduleList = len(d)
	st.contribs = st.moduleList + len(mods)
	d = slices.Concat(d, mods, contribs, secMap, files, ec)
	st.optional = len(d)
	return append(d, opt...)
}

// info builds the PDB info stream; the named streams get the numbers from
// next on.
func (p *testPDB) info(next uint32) (info []byte, streams [][]byte) {
	info = le32(nil, 20000404, 0x5F5E100, cmp.Or(p.infoAge, 1))
	info = append(info, testGUID[:]...)
	var names, pairs []byte
	for _, name := range sortedKeys(p.named) {
		pairs = le32(pairs, uint32(len(names)), next+uint32(len(streams)))
		names = append(names, name+"\x00"...)
		streams = append(streams, p.named[name])
	}
	n := uint32(len(p.named))
	info = append(le32(info, uint32(len(names))), names...)
	info = le32(info, n, n+1, 1, 1<<n-1, 0)
	info = le32(append(info, pairs...), 0)
	features := p.features
	if features == nil {
		features = []uint32{pdb.FeatureVC140}
	}
	return le32(info, features...), streams
}

var testGUID = guid.GUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func sortedKeys(m map[string][]byte) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func sectionHeaders(list []pdb.Section) []byte {
	b := []byte{}
	for _, s := range list {
		var name [8]byte
		copy(name[:], s.Name)
		b = le32(append(b, name[:]...), s.VirtualSize, s.VirtualAddress, s.SizeOfRawData, s.PointerToRawData, 0, 0, 0, s.Characteristics)
	}
	return b
}

// noTypes is a type stream without types.
func noTypes() []byte {
	b := le32(nil, 20040203, 56, 0x1000, 0x1000, 0)
	b = le16(b, 0xFFFF, 0xFFFF)
	return le32(b, 4, 0x3FFFF, 0, 0, 0, 0, 0, 0)
}

// write builds the file. Another reader (llvm-pdbutil) takes it as well.
func (p *testPDB) write() *msfImage {
	st := &testStreams{}
	gss := []byte{}
	var list []live
	for _, pub := range p.pubs {
		rec := uint32(len(gss))
		st.offsets = append(st.offsets, rec)
		gss = publicRecord(gss, pub)
		if !pub.dead {
			list = append(list, live{pub, rec})
		}
	}
	var globals []live
	for _, g := range p.globals {
		if !g.dead {
			globals = append(globals, live{testPublic{name: g.name}, uint32(len(gss))})
		}
		gss = append(gss, g.rec...)
	}
	extra := slices.Concat(p.extra, p.moduleStreams())
	info, named := p.info(firstExtra + uint32(len(extra)))
	gsi := nameTable(new(testStreams), globals, 4096)
	st.list = [][]byte{nil, info, noTypes(), p.dbi(st), noTypes(), gsi, p.psi(st, list), gss, sectionHeaders(p.sections)}
	st.list = append(append(st.list, extra...), named...)
	if p.edit != nil {
		p.edit(st)
	}
	w := msfWriter{blockSize: cmp.Or(p.blockSize, 4096), first: p.first, scatter: p.scatter, streams: st.list}
	return w.write()
}

// twoSections is the section table most tests use.
var twoSections = []pdb.Section{
	{Name: ".text", VirtualAddress: 0x1000, VirtualSize: 0x2000, SizeOfRawData: 0x2000, PointerToRawData: 0x400, Characteristics: 0x60000020},
	{Name: ".data", VirtualAddress: 0x3000, VirtualSize: 0x800, SizeOfRawData: 0x200, PointerToRawData: 0x2400, Characteristics: 0xC0000040},
}

// samplePDB is a PDB with a bit of everything.
func samplePDB() *testPDB {
	return &testPDB{
		sections: twoSections,
		contribs: []testContrib{{1, 0, 0x80}, {1, 0x100, 0x40}, {1, 0x800, 0x800}, {2, 0, 0x100}},
		modules:  []string{"a.obj", "b.obj", "* Linker *"},
		named:    map[string][]byte{"srcsrv": []byte("SRCSRV: ini"), "sourcelink": []byte("{}")},
		pubs: []testPublic{
			{name: "_main", seg: 1, off: 0x10, flags: pdb.PublicFunction},
			{name: "dead_end", seg: 1, off: 0x18, dead: true},
			{name: "_Main", seg: 1, off: 0x20, flags: pdb.PublicFunction},
			{name: "?f@@YAXXZ", seg: 1, off: 0x100, flags: pdb.PublicFunction},
			{name: "?g@@YAXXZ", seg: 1, off: 0x100, flags: pdb.PublicFunction}, // folded with f
			{name: "_tail", seg: 1, off: 0x900},
			{name: "_data", seg: 2, off: 0x20},
			{name: "_data", seg: 2, off: 0x40}, // the same name twice
			{name: "__guard_flags", seg: 3, off: 0x100},
			{name: "zero", seg: 0, off: 7},
		},
	}
}
