package pdb_test

import (
	"fmt"
	"math/rand/v2"
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

// TestContribs_order: what an address is answered with does not depend on how
// many questions came before, nor on the order of the table.
func TestContribs_order(t *testing.T) {
	sorted := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	at := func(f *pdb.File, off uint32) string {
		list, err := f.Frames(0x1000 + off)
		near, err2 := f.Nearest(0x1000 + off)
		line, ok, err3 := f.LineAt(0x1000 + off)
		if err != nil || err2 != nil || err3 != nil || len(near) == 0 {
			t.Fatal(err, err2, err3, near)
		}
		return fmt.Sprint(list, near[0].Name(), near[0].Size, line.Line, ok)
	}
	want := map[uint32]string{}
	for off := uint32(0); off < 0x180; off += 4 {
		want[off] = at(openImage(t, mixedPDB(sorted).write()), off) // each in a file just opened
	}
	if want[0x10] != "[]m0_032 0 false" {
		t.Errorf("padding between contributions of a module: %s", want[0x10])
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		order := rnd.Perm(len(sorted))
		// Which of those at one place comes first is the table's to say.
		for i, a := range order {
			for j, b := range order {
				if a == 3 && b == 4 && i > j || a == 5 && b == 6 && i > j {
					order[i], order[j] = order[j], order[i]
				}
			}
		}
		f := openImage(t, mixedPDB(order).write())
		for range 1000 {
			off := rnd.Uint32N(0x180/4) * 4
			if got := at(f, off); got != want[off] {
				t.Fatalf("order %v, offset %#x: %s, want %s", order, off, got, want[off])
			}
		}
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
			if absolute, err2 := bare.Absolute(sym); err != nil || err2 != nil || sym.HasRVA || sym.RVA != 0 || absolute {
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
			if absolute, err := told.Absolute(sym); err != nil || absolute == sym.Kind.IsThreadLocal() {
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
