package pdb_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/symres/symres/pdb"
)

func TestByName(t *testing.T) {
	f := openImage(t, samplePDB().write())
	for _, c := range []struct {
		name string
		rvas []uint32
	}{
		{"_main", []uint32{0x1010}},
		{"_Main", []uint32{0x1020}}, // in the bucket of _main
		{"_MAIN", nil},              // so is this
		{"_mai", nil},
		{"_main2", nil},
		{"dead_end", nil}, // its record is in the stream, but no table refers to it
		{"_data", []uint32{0x3020, 0x3040}},
		{"", nil},
		{"_main\x00", nil},
		{strings.Repeat("x", 1<<20), nil},
	} {
		var rvas []uint32
		for _, s := range byName(t, f, c.name) {
			rvas = append(rvas, s.RVA)
			if s.Name() != c.name || s.Kind != pdb.KindPub32 {
				t.Errorf("ByName(%q) gave %v", c.name, s)
			}
		}
		if !slices.Equal(rvas, c.rvas) {
			t.Errorf("ByName(%.20q) at %#x, want %#x", c.name, rvas, c.rvas)
		}
	}
}

func TestAbsoluteSymbolsHaveNoRVA(t *testing.T) {
	f := openImage(t, samplePDB().write())
	for name, seg := range map[string]uint16{"__guard_flags": 3, "zero": 0} {
		got := byName(t, f, name)
		if len(got) != 1 || got[0].HasRVA || got[0].RVA != 0 || got[0].Segment != seg {
			t.Errorf("%s: %+v, want segment %d and no RVA", name, got, seg)
		}
		if size, err := f.SizeOf(got[0]); size != 0 || err != nil {
			t.Errorf("SizeOf(%s) = %d, %v", name, size, err)
		}
	}
}

func TestNearest(t *testing.T) {
	f := openImage(t, samplePDB().write())
	for _, c := range []struct {
		what string
		rva  uint32
		want []string
		size uint32
	}{
		{"in the headers", 0x200, nil, 0},
		{"before the first of its section", 0x100F, nil, 0},
		{"first byte", 0x1010, []string{"_main"}, 0x10},
		{"up to the next public", 0x101F, []string{"_main"}, 0x10},
		{"bounded by its contribution", 0x1020, []string{"_Main"}, 0x60},
		{"behind its end", 0x10FF, []string{"_Main"}, 0x60},
		{"two names", 0x1100, []string{"?f@@YAXXZ", "?g@@YAXXZ"}, 0x40},
		{"last of the section", 0x2FFF, []string{"_tail"}, 0x700},
		{"next section begins without a symbol", 0x3000, nil, 0},
		{"same name twice", 0x3041, []string{"_data"}, 0xC0},
		{"rest of the last page", 0x3FFF, []string{"_data"}, 0xC0},
		{"behind the image", 0x4000, nil, 0},
		{"top of the address space", 0xFFFFFFFF, nil, 0},
	} {
		got := nearest(t, f, c.rva)
		if !slices.Equal(names(got), c.want) {
			t.Errorf("%s: Nearest(%#x) = %v, want %q", c.what, c.rva, got, c.want)
		}
		for _, s := range got {
			if s.Size != c.size {
				t.Errorf("%s: %s has size %#x, want %#x", c.what, s.Name(), s.Size, c.size)
			}
			if size, err := f.SizeOf(s); size != s.Size || err != nil {
				t.Errorf("%s: SizeOf(%s) = %#x, %v", c.what, s.Name(), size, err)
			}
		}
	}
}

func TestContributionForms(t *testing.T) {
	for name, change := range map[string]func(*testPDB){
		"v60": func(*testPDB) {},
		"v2":  func(p *testPDB) { p.contribV2 = true },
		"out_of_order": func(p *testPDB) {
			p.contribs = []testContrib{{2, 0, 0x100}, {1, 0x800, 0x800}, {1, 0x100, 0x40}, {1, 0, 0x80}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := samplePDB()
			change(p)
			f := openImage(t, p.write())
			for rva, size := range map[uint32]uint32{0x1020: 0x60, 0x1100: 0x40, 0x3040: 0xC0} {
				if got := nearest(t, f, rva); len(got) == 0 || got[0].Size != size {
					t.Errorf("Nearest(%#x) = %+v, want size %#x", rva, got, size)
				}
			}
			problems := errors.Join(f.Check()...)
			if bad := problems != nil; bad != (name == "out_of_order") {
				t.Errorf("Check: %v", problems)
			}
		})
	}
}

func TestMinimalPDBHasMoreBuckets(t *testing.T) {
	p := samplePDB()
	p.buckets, p.features = 0x3FFFF, []uint32{pdb.FeatureVC140, pdb.FeatureMinimal}
	f := openImage(t, p.write())
	checkSample(t, f)
	state, err := f.Status()
	if err != nil || !slices.Contains(state.Features, pdb.FeatureMinimal) {
		t.Errorf("Features = %#x, %v", state.Features, err)
	}
}

func TestOldStringForm(t *testing.T) {
	p := samplePDB()
	p.pubs = append(p.pubs, testPublic{name: "_old", seg: 1, off: 0x30, kind: uint16(pdb.KindPub32ST)})
	f := openImage(t, p.write())
	if got := byName(t, f, "_old"); len(got) != 1 || got[0].RVA != 0x1030 || got[0].Kind != pdb.KindPub32ST {
		t.Errorf("_old: %+v", got)
	}
	if got := names(nearest(t, f, 0x1031)); !slices.Equal(got, []string{"_old"}) {
		t.Errorf("0x1031: %q", got)
	}
}

func TestAges(t *testing.T) {
	p := samplePDB()
	p.age, p.infoAge = 3, 7
	f := openImage(t, p.write())
	if _, age := f.ID(); age != 3 {
		t.Errorf("ID has age %d, want that of the DBI stream, 3", age)
	}
	if f.Info().Age != 7 || f.Info().DBI.Machine != 0x8664 {
		t.Errorf("Info %+v, machine %#x", f.Info(), f.Info().DBI.Machine)
	}
}

func TestPDBWithoutDebugInformation(t *testing.T) {
	for name, dbi := range map[string][]byte{"nil": nil, "empty": {}} {
		p := samplePDB()
		p.infoAge = 7
		p.edit = func(s *testStreams) { s.list[numDBI] = dbi }
		f := openImage(t, p.write())
		if _, age := f.ID(); age != 7 {
			t.Errorf("%s: age %d, want that of the info stream", name, age)
		}
		if f.Info().HasDBI {
			t.Errorf("%s: has a DBI header", name)
		}
		if got := all(t, f); got != nil || byName(t, f, "_main") != nil || nearest(t, f, 0x1010) != nil {
			t.Errorf("%s: has symbols: %v", name, got)
		}
		for _, err := range f.Check() {
			t.Errorf("%s: problem: %v", name, err)
		}
	}
}

func TestShortOptionalHeader(t *testing.T) {
	for n := range 12 {
		p := samplePDB()
		p.opt = slices.Repeat([]uint16{0xFFFF}, n)
		if n > 5 {
			p.opt[5] = numSections
		}
		f := openImage(t, p.write())
		got := byName(t, f, "_main")
		if len(got) != 1 || got[0].HasRVA != (n > 5) {
			t.Errorf("%d entries: %+v", n, got)
		}
		if s, err := f.Sections(); err != nil || len(s) != 2*min(1, n/6) {
			t.Errorf("%d entries: sections %v, %v", n, s, err)
		}
	}
}

func TestNamedStreamsAndModules(t *testing.T) {
	f := openImage(t, samplePDB().write())
	state, err := f.Status()
	list := state.Streams
	if err != nil || len(list) != 2 || list[0].Name != "sourcelink" || list[1].Name != "srcsrv" {
		t.Errorf("NamedStreams = %v, %v", list, err)
	}
	r, err := f.Stream("srcsrv")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "SRCSRV: ini" {
		t.Errorf("srcsrv = %q, %v", b, err)
	}
	if r, err := f.Stream("none"); r != nil || err != nil {
		t.Errorf("Stream(none) = %v, %v", r, err)
	}
	var mods []string
	for m, err := range f.Modules() {
		if err != nil {
			t.Fatal(err)
		}
		mods = append(mods, m.Name+"|"+m.Object)
	}
	if want := []string{"a.obj|a.obj.obj", "b.obj|b.obj.obj", "* Linker *|* Linker *.obj"}; !slices.Equal(mods, want) {
		t.Errorf("modules %q, want %q", mods, want)
	}
}

// TestRearranged has an image whose second half moved to 0x8000 and one
// removed range.
func TestRearranged(t *testing.T) {
	p := samplePDB()
	p.opt = []uint16{0xFFFF, 0xFFFF, 0xFFFF, firstExtra, firstExtra + 1, numSections}
	from := le32(nil, 0x1000, 0x1000, 0x1100, 0x8000, 0x1800, 0, 0x3000, 0x3000)
	to := le32(nil, 0x1000, 0x1000, 0x1100, 0, 0x3000, 0x3000, 0x4000, 0, 0x8000, 0x1100, 0x8700, 0)
	p.extra = [][]byte{to, from}
	f := openImage(t, p.write())
	if yes, err := rearranged(f); !yes || err != nil {
		t.Fatalf("Rearranged = %v, %v", yes, err)
	}
	if got := byName(t, f, "?f@@YAXXZ"); len(got) != 1 || got[0].RVA != 0x8000 || got[0].Offset != 0x100 {
		t.Errorf("f: %+v, want RVA 0x8000", got)
	}
	if got := byName(t, f, "_tail"); len(got) != 1 || got[0].HasRVA {
		t.Errorf("_tail was removed from the image: %+v", got)
	}
	if got := names(nearest(t, f, 0x8010)); !slices.Equal(got, []string{"?f@@YAXXZ", "?g@@YAXXZ"}) {
		t.Errorf("0x8010: %q", got)
	}
	if got := nearest(t, f, 0x1110); got != nil {
		t.Errorf("0x1110 has no counterpart: %v", got)
	}
}

func TestUseAfterClose(t *testing.T) {
	f := openImage(t, samplePDB().write())
	sym := byName(t, f, "_main")[0].Clone()
	all(t, f) // the frames are in memory now
	var last error
	n := 0
	for _, err := range f.Publics() {
		if n++; n == 1 {
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		last = err
	}
	if !errors.Is(last, pdb.ErrClosed) || n != 2 {
		t.Errorf("sequence went on after Close: %d symbols, %v", n, last)
	}
	for what, err := range map[string]error{
		"ByName":   second(f.ByName("_main")),
		"Nearest":  second(f.Nearest(0x1010)),
		"SizeOf":   second(f.SizeOf(sym)),
		"Sections": second(f.Sections()),
		"Status":   second(f.Status()),
		"Stream":   second(f.Stream("srcsrv")),
		"Check":    errors.Join(f.Check()...),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v, want fs.ErrClosed", what, err)
		}
	}
	if sym.Name() != "_main" {
		t.Errorf("clone is %q", sym.Name())
	}
}

func second[T any](_ T, err error) error { return err }

func TestConcurrentUse(t *testing.T) {
	p := samplePDB()
	p.blockSize, p.scatter = 512, true
	f := openImage(t, p.write())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if len(byName(t, f, "_data")) != 2 || len(nearest(t, f, 0x1100)) != 2 || len(all(t, f)) != 9 {
					t.Error("answers differ under concurrent use")
				}
				f.Check()
			}
		})
	}
	wg.Wait()
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sample.pdb")
	if err := os.WriteFile(path, samplePDB().write().Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := pdb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	checkSample(t, f)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := pdb.Open(dir); err == nil {
		t.Error("a directory was opened")
	}
	if _, err := pdb.Open(filepath.Join(dir, "none.pdb")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	junk := filepath.Join(dir, "junk.pdb")
	if err := os.WriteFile(junk, []byte("MZ"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pdb.Open(junk); !errors.Is(err, pdb.ErrFormat) || !strings.Contains(err.Error(), "junk.pdb") {
		t.Errorf("junk: %v, want ErrFormat naming the file", err)
	}
}

// TestPublicsInPlace: a symbol of a listing has nothing of the one before it,
// nor of a record that is none of the table.
func TestPublicsInPlace(t *testing.T) {
	p := samplePDB()
	p.pubs = nil
	for i, kind := range []pdb.Kind{pdb.KindPub32, pdb.KindConstant, pdb.KindPub32, pdb.KindPub32ST, pdb.KindPub32, pdb.KindGData32, pdb.KindPub32} {
		for _, seg := range []uint16{1, 0, 2, 77} {
			p.pubs = append(p.pubs, testPublic{
				name: fmt.Sprintf("_p%d_%d", i, seg), seg: seg, off: uint32(i*16) + 4, flags: uint32(i), kind: uint16(kind)})
		}
	}
	f := openImage(t, p.write())
	n := 0
	for s, err := range (pdb.Part{File: f, N: 1}).Publics() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if alone := byName(t, f, s.Name()); len(alone) != 1 || !reflect.DeepEqual(alone[0], *s) {
			t.Errorf("%#v in a listing, alone %#v", *s, alone)
		}
	}
	if n != 5*4 {
		t.Errorf("%d publics", n)
	}
}
