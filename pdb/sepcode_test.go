package pdb_test

import (
	"testing"

	"github.com/symres/symres/pdb"
)

// coldPDB has a function with three cold parts: behind it, below it, and in
// another section. Another one names no function.
func coldPDB() *testPDB {
	p := samplePDB()
	m := newModule()
	m.leaf(pdb.KindGProc32, "hot", 1, 0x100, 0x20)
	m.cold(1, 0x200, 0x10, 0x100)
	m.cold(1, 0x40, 0x10, 0x100)
	m.leaf(pdb.KindGProc32, "next", 1, 0x300, 0x20)
	m.begin(pdb.KindSepCode, le16(le32(nil, 0x10, 1, 0x20, 0x100), 2, 1))
	m.end()
	m.cold(1, 0x400, 0x10, 0x999)
	p.modules, p.symbols = []string{"a.obj"}, [][]byte{m.b}
	p.contribs, p.contribMods = []testContrib{{1, 0, 0x500}, {2, 0, 0x100}}, []uint16{0, 0}
	p.pubs = []testPublic{{name: "_hot", seg: 1, off: 0x100, flags: 2}, {name: "_next", seg: 1, off: 0x300, flags: 2}}
	return p
}

// TestNearest_cold: an address in a cold part is named after the function, and
// counts from there, as dbghelp 6.3.9600 and 10.0.10240 do with this very file;
// where the part begins is no exact match.
func TestNearest_cold(t *testing.T) {
	f := openImage(t, coldPDB().write())
	x, err := f.Index()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rva    uint32
		name   string
		kind   pdb.Kind
		disp   int32
		beyond bool
	}{
		{0x1040, "hot", pdb.KindSepCode, -0xC0, false},
		{0x104F, "hot", pdb.KindSepCode, -0xB1, false},
		{0x1050, "hot", pdb.KindSepCode, -0xB0, true},
		{0x1100, "hot", pdb.KindGProc32, 0, false},
		{0x1120, "hot", pdb.KindGProc32, 0x20, false}, // behind it, which its size tells
		{0x1200, "hot", pdb.KindSepCode, 0x100, false},
		{0x1205, "hot", pdb.KindSepCode, 0x105, false},
		{0x1210, "hot", pdb.KindSepCode, 0x110, true},
		{0x1300, "next", pdb.KindGProc32, 0, false},
		{0x3020, "hot", pdb.KindSepCode, 0x1F20, false},
	} {
		with, err := x.Nearest(c.rva)
		if err != nil {
			t.Fatal(err)
		}
		for how, got := range map[string][]pdb.Symbol{"plain": nearest(t, f, c.rva), "index": with} {
			if len(got) != 1 {
				t.Fatalf("%#x, %s: %v", c.rva, how, got)
			}
			s := got[0]
			if s.Name() != c.name || s.Kind != c.kind || int32(s.Displacement) != c.disp || s.Beyond != c.beyond || s.Size != 0x20 {
				t.Errorf("%#x, %s: %+v, want %+v", c.rva, how, s, c)
			}
			if want := c.rva - uint32(c.disp); s.RVA != want || !s.HasRVA {
				t.Errorf("%#x, %s: RVA %#x, want %#x", c.rva, how, s.RVA, want)
			}
		}
	}
	if got := nearest(t, f, 0x1405); len(got) != 1 || got[0].Kind != pdb.KindSepCode || got[0].RVA != 0x1400 || got[0].Displacement != 5 {
		t.Errorf("a part of no function: %v", got)
	}
}

// TestVariables_size: a variable is as long as its type, wherever it is met.
func TestVariables_size(t *testing.T) {
	w := typeWriter{keys: []string{"S", "", "", "opaque"}, recs: [][]byte{
		rec(0x1505, 0, 0, uint32(0), uint32(0), uint32(0), 24, "S"),
		rec(0x1503, uint32(0x1000), uint32(0x22), 72, ""),                  // S[3]
		rec(0x1001, uint32(0x1001), 1),                                     // const of it
		rec(0x1505, 0, 0x80, uint32(0), uint32(0), uint32(0), 0, "opaque"), // only declared
		rec(0x1505, 0, 0x80, uint32(0), uint32(0), uint32(0), 0, "S"),      // a forward reference
		rec(0x1503, uint32(0x1003), uint32(0x22), 0, ""),                   // opaque[]
		rec(0x1008, uint32(3), uint8(0), uint8(0), 0, uint32(0x1000)),      // a function
	}}
	p := w.pdb()
	m := newModule()
	want := map[string]uint32{"s": 24, "array": 72, "constant": 72, "forward": 24, "pointer": 8, "truth": 1, "tls": 4}
	types := []struct {
		name string
		typ  uint32
	}{{"s", 0x1000}, {"array", 0x1001}, {"constant", 0x1002}, {"forward", 0x1004}, {"pointer", 0x0603}, {"truth", 0x30},
		{"hidden", 0x1003}, {"open", 0x1005}, {"code", 0x1006}, {"none", 0}, {"wild", 0x4000}}
	for i, v := range types {
		rec := name(le16(le32(nil, v.typ, uint32(i)*0x80), 2), v.name, false)
		m.add(pdb.KindLData32, rec)
		p.globals = append(p.globals, global(pdb.KindLData32, v.name, rec))
	}
	p.globals = append(p.globals, global(pdb.KindGThread32, "tls", name(le16(le32(nil, 0x74, 8), 2), "tls", false)))
	p.pubs, p.modules, p.symbols = nil, []string{"a.obj"}, [][]byte{m.b}
	p.contribs = []testContrib{{2, 0, 0x800}}
	f := openImage(t, p.write())
	x, err := f.Index()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for s, err := range f.Symbols() {
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.SizeOf(s)
		seen++
		if n := want[s.Name()]; err != nil || size != n {
			t.Errorf("%v: %d bytes, %v, want %d", s, size, err, n)
		}
		if s.Kind.IsThreadLocal() {
			continue
		}
		with, err := x.Nearest(s.RVA + 1)
		if err != nil {
			t.Fatal(err)
		}
		for how, got := range map[string][]pdb.Symbol{"plain": nearest(t, f, s.RVA+1), "index": with} {
			_, typed := want[s.Name()]
			if len(got) != 1 || got[0].Name() != s.Name() || got[0].Inferred == typed || got[0].Size == 0 || typed && got[0].Size != size {
				t.Errorf("%v, %s: %+v, want size %d", s, how, got, size)
			}
		}
	}
	if seen != len(types)+1 {
		t.Errorf("%d symbols", seen)
	}
}
