package pdb_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/symres/symres/pdb"
)

// mixedPDB has contributions of two modules with gaps between those of one, empty
// ones, and several at one place, in the order of the table that is given.
func mixedPDB(order []int) *testPDB {
	p := samplePDB()
	p.pubs = []testPublic{{name: "start", seg: 1, off: 0}}
	for i := range 2 {
		c := newTestCode()
		file := c.file(0, 0, "")
		for k := range 16 { // each module knows lines everywhere: only the contribution decides
			off := uint32(k) * 0x20
			c.leaf(pdb.KindGProc32, fmt.Sprintf("m%d_%x", i, off), 1, off, 0x20)
			c.block(1, off, 0x20, false, testRun{file, [][3]uint32{{0, uint32(100*(i+1) + k)}}})
		}
		c.addTo(p)
	}
	all := []testContrib{{1, 0, 0x10}, {1, 0x20, 0x10}, {1, 0x40, 0x20}, {1, 0x60, 0x20}, {1, 0x60, 0}, {1, 0x80, 0}, {1, 0x80, 0x10}, {1, 0xA0, 0x40}, {1, 0xB0, 4}, {1, 0x100, 0x80}}
	mods := []uint16{0, 0, 0, 1, 0, 1, 0, 0, 1, 1}
	p.contribs, p.contribMods = nil, nil
	for _, i := range order {
		p.contribs, p.contribMods = append(p.contribs, all[i]), append(p.contribMods, mods[i])
	}
	return p
}

// answerAt is what a PDB says about an address: frames, symbol and line.
func answerAt(t *testing.T, f *pdb.File, off uint32) string {
	t.Helper()
	list, err := f.Frames(0x1000 + off)
	near, err2 := f.Nearest(0x1000 + off)
	line, ok, err3 := f.LineAt(0x1000 + off)
	if err != nil || err2 != nil || err3 != nil || len(near) == 0 {
		t.Fatal(err, err2, err3, near)
	}
	return fmt.Sprint(list, near[0].Name(), near[0].Size, line.Line, ok)
}

// TestContribs_order: what an address is answered with depends on the table and the
// address alone. Each answer of a file just opened is that of one that was asked in
// any order, one at a time or all at once, with an index or without. Where at most one
// contribution has an address, the order of the table does not matter either.
func TestContribs_order(t *testing.T) {
	const most = 0x180
	tidy, overlapping := []int{0, 1, 2, 3, 4, 5, 6, 7, 9}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	rnd := rand.New(rand.NewPCG(1, 2))
	tables := [][]int{tidy, overlapping}
	for range 20 {
		order := rnd.Perm(len(overlapping))
		tables = append(tables, order, slices.DeleteFunc(slices.Clone(order), func(i int) bool { return i == 8 }))
	}
	first := map[uint32]string{}
	for _, table := range tables {
		file := mixedPDB(table).write()
		want := map[uint32]string{}
		for off := uint32(0); off < most; off += 4 {
			want[off] = answerAt(t, openImage(t, file), off)
			if alone := off < 0xA0 || off >= 0x100 || len(table) == len(tidy); !alone {
				continue
			}
			if first[off] == "" {
				first[off] = want[off]
			} else if first[off] != want[off] {
				t.Fatalf("table %v, offset %#x: %s, want %s", table, off, want[off], first[off])
			}
		}
		asked, indexed := openImage(t, file), openImage(t, file)
		index, err := indexed.Index()
		if err != nil {
			t.Fatal(err)
		}
		var rvas []uint32
		for range 300 {
			off := rnd.Uint32N(most/4) * 4
			rvas = append(rvas, 0x1000+off)
			if got, by := answerAt(t, asked, off), answerAt(t, indexed, off); got != want[off] || by != want[off] {
				t.Fatalf("table %v, offset %#x: %s, and %s with an index, want %s", table, off, got, by, want[off])
			}
			near, err := asked.Nearest(0x1000 + off)
			all, err2 := index.Nearest(0x1000 + off)
			same := func(s pdb.Symbol) bool { return s.Name() == near[0].Name() && s.Size == near[0].Size }
			if err != nil || err2 != nil || !slices.ContainsFunc(all, same) {
				t.Fatalf("table %v, offset %#x: the index has %v, want %v; %v, %v", table, off, all, near, err, err2)
			}
		}
		bulk, err := openImage(t, file).FramesOf(rvas, 2)
		for i, rva := range rvas {
			if list, err2 := asked.Frames(rva); err != nil || err2 != nil || fmt.Sprint(list) != fmt.Sprint(bulk[i]) {
				t.Fatalf("table %v, %#x: %v at once, want %v; %v, %v", table, rva, bulk[i], list, err, err2)
			}
		}
	}
	if first[0x10] != "[]m0_032 0 false" {
		t.Errorf("padding between contributions of a module: %s", first[0x10])
	}
}

// TestContribs_honest: of a table in order an address costs a search, not a look at
// all of it.
func TestContribs_honest(t *testing.T) {
	p := samplePDB()
	p.contribs, p.contribMods = nil, nil
	for i := range uint32(20_000) { // 560 kB
		p.contribs = append(p.contribs, testContrib{1, 2 * i, 2})
		p.contribMods = append(p.contribMods, 0)
	}
	p.sections = []pdb.Section{{Name: ".text", VirtualAddress: 0x1000, VirtualSize: 0x10000}}
	image := p.write()
	r := &countingReader{r: image, pages: map[int64]bool{}}
	f, err := pdb.New(r, image.Size())
	if err != nil {
		t.Fatal(err)
	}
	near, err := f.Nearest(0x1020)
	if _, err2 := f.Frames(0x1020); err != nil || err2 != nil || len(near) != 1 || near[0].Name() != "_Main" || near[0].Size != 2 {
		t.Fatal(near, err, err2)
	}
	if r.bytes > 100_000 {
		t.Errorf("one address read %d bytes of %d", r.bytes, image.Size())
	}
}

// TestUseSections: a PDB without section headers gives symbols no RVA, and those
// of the image where it is told them.
func TestUseSections(t *testing.T) {
	without := func() *testPDB {
		p := privatePDB()
		p.opt = []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}
		return p
	}
	damaged := privatePDB()
	damaged.opt = []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0x1234, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}
	short := without()
	short.opt = short.opt[:5]
	for name, p := range map[string]*testPDB{"none": without(), "damaged": damaged, "old header": short} {
		bare, told, whole := openImage(t, p.write()), openImage(t, p.write()), openImage(t, privatePDB().write())
		if err := told.UseSections(twoSections); err != nil {
			t.Fatal(err)
		}
		placed := 0
		for sym, err := range bare.Symbols() {
			if absolute, err2 := sym.Absolute, error(nil); err != nil || err2 != nil || sym.HasRVA || sym.RVA != 0 || absolute {
				t.Errorf("%s: %v: RVA %x %v, absolute %v; %v, %v", name, sym, sym.RVA, sym.HasRVA, absolute, err, err2)
			}
		}
		if near, err := bare.Nearest(0x1010); len(near) != 0 || err != nil {
			t.Errorf("%s: %v, %v", name, near, err)
		}
		want := map[string]uint32{}
		for sym, err := range whole.Symbols() {
			if err == nil && sym.HasRVA {
				want[sym.String()] = sym.RVA
			}
		}
		for sym, err := range told.Symbols() {
			rva, ok := want[sym.String()]
			if err != nil || sym.HasRVA != ok || sym.RVA != rva {
				t.Errorf("%s, told: %v: RVA %x %v, want %x %v; %v", name, sym, sym.RVA, sym.HasRVA, rva, ok, err)
			}
			if placed++; ok {
				continue
			}
			if absolute, err := sym.Absolute, error(nil); err != nil || absolute == sym.Kind.IsThreadLocal() {
				t.Errorf("%s, told: %v: absolute %v, %v", name, sym, absolute, err)
			}
		}
		if near, err := told.Nearest(0x1012); err != nil || len(near) != 1 || near[0].Name() != "main" || placed < 10 {
			t.Errorf("%s, told: %v, %v, %d symbols", name, near, err, placed)
		}
	}
	own := openImage(t, privatePDB().write())
	if err := own.UseSections([]pdb.Section{{VirtualAddress: 0x9000, VirtualSize: 0x1000}}); err != nil {
		t.Fatal(err)
	}
	if list, err := own.Sections(); err != nil || len(list) != 2 || list[0].VirtualAddress != 0x1000 {
		t.Errorf("a PDB with sections uses %v, %v", list, err)
	}
}

// TestManySections: as many sections as a segment number can name cost a search,
// not a walk, whichever way the question is asked.
func TestManySections(t *testing.T) {
	const n = 65535
	p := samplePDB()
	p.sections = make([]pdb.Section, n)
	for i := range p.sections {
		p.sections[i] = pdb.Section{Name: fmt.Sprint(i), VirtualAddress: 0x1000 * uint32(i+1), VirtualSize: 0x800}
	}
	p.pubs = nil
	for i := 0; i < n; i += 97 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("s%d", i+1), seg: uint16(i + 1), off: 0x10})
	}
	p.contribs = nil
	f := openImage(t, p.write())
	index, err := f.Index()
	if err != nil || index.Len() != len(p.pubs) {
		t.Fatalf("%d, %v", index.Len(), err)
	}
	for i := uint32(0); i < n; i++ {
		rva := 0x1000*(i+1) + 0x20
		near, err := f.Nearest(rva)
		run, ok := index.Find(rva)
		if want := i%97 == 0; err != nil || (len(near) == 1) != want || ok != want {
			t.Fatalf("%#x: %v, %v; index %+v %v", rva, near, err, run, ok)
		} else if want && (near[0].Name() != fmt.Sprintf("s%d", i+1) || near[0].Displacement != 0x10 || run.Displacement != 0x10) {
			t.Fatalf("%#x: %v, %+v", rva, near, run)
		}
	}
}
