package pdb_test

import (
	"slices"
	"testing"

	"github.com/symres/symres/pdb"
)

// checkPrivateRoundTrip expects what is enumerated to be found again: globals
// by their name, functions by their address, the latter through the index,
// which knows all modules.
func checkPrivateRoundTrip(t *testing.T, f *pdb.File) {
	t.Helper()
	sound := len(f.Check()) == 0
	n := 0
	for want, err := range f.Globals() {
		if n++; n > 300 || err != nil {
			break
		}
		got, err := f.GlobalsByName(want.Name())
		// A reference may lead to another name.
		if sound && (err != nil || !slices.ContainsFunc(got, func(s pdb.Symbol) bool { return s.Name() == want.Name() || s.Kind.IsProc() })) {
			t.Fatalf("GlobalsByName(%q) = %v, %v", want.Name(), got, err)
		}
	}
	x, err := f.Index()
	if err != nil {
		return
	}
	n = 0
	for want, err := range f.Procs() {
		if n++; n > 300 {
			return
		}
		if moved, _ := rearranged(f); err != nil || !want.HasRVA || moved || !sound || !inSection(f, want) {
			continue
		}
		got, err := x.Nearest(want.RVA)
		if want.Kind == pdb.KindTrampoline || want.Name() == "" {
			continue
		}
		if err != nil || !slices.ContainsFunc(got, func(s pdb.Symbol) bool {
			// A cold part is answered with its function, and how far it is from there.
			cold := want.Kind == pdb.KindSepCode && s.Kind == want.Kind
			return s.Name() == want.Name() && (s.Displacement == 0 || cold)
		}) {
			t.Fatalf("%v is not found by its address: %v, %v", want, got, err)
		}
	}
}

// FuzzModule puts symbol records into a module of a sound PDB.
func FuzzModule(f *testing.F) {
	for _, syms := range privatePDB().symbols {
		f.Add(syms[4:])
	}
	l := newModule()
	l.trampoline(5, 0x100)
	f.Add(l.b[4:])
	f.Add(procEnd(privatePDB().symbols[0], pdb.KindGProc32, 0, 4)[4:])
	f.Fuzz(func(t *testing.T, records []byte) {
		if len(records) > 1<<16 {
			return
		}
		if _, err := pdb.CheckLanes(records, 4); err != nil {
			t.Error(err)
		}
		p := privatePDB()
		p.blockSize = 512
		p.symbols[0] = append(le32(nil, 4), records...)
		checkProperties(t, p.write().Bytes())
	})
}

// FuzzGlobals puts records into the stream of global symbols, behind sound
// ones, with a table that refers to them.
func FuzzGlobals(f *testing.F) {
	for _, g := range privatePDB().globals {
		f.Add(g.rec, g.name)
	}
	f.Fuzz(func(t *testing.T, rec []byte, name string) {
		if len(rec)+len(name) > 1<<16 || len(rec)%4 != 0 || len(rec) < 4 {
			return
		}
		p := privatePDB()
		p.blockSize = 512
		p.globals = append(p.globals, testGlobal{name: name, rec: rec})
		checkProperties(t, p.write().Bytes())
	})
}
