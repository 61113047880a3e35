package pdb_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/symres/symres/pdb"
)

// lines renders the symbols of a sequence, and its errors.
func lines(seq iter.Seq2[pdb.Symbol, error]) []string {
	var list []string
	for s, err := range seq {
		if err != nil {
			list = append(list, "error: "+err.Error())
			continue
		}
		list = append(list, strings.TrimPrefix(s.Kind.String(), "S_")+" "+s.String())
	}
	return list
}

// copied is a sequence of symbols of their own.
func copied(seq iter.Seq2[*pdb.Symbol, error]) iter.Seq2[pdb.Symbol, error] {
	return func(yield func(pdb.Symbol, error) bool) {
		for s, err := range seq {
			if s == nil {
				s = new(pdb.Symbol)
			}
			if !yield(*s, err) {
				return
			}
		}
	}
}

func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var samplePrivates = []string{
	"GPROC32 0001:00000010 main", "GPROC32 0001:00000020 Main", "THUNK32 0001:00000050 [thunk]:main", "SEPCODE 0001:00000060 main",
	"GPROC32 0001:00000100 ns::f", "LPROC32 0001:00000100 ns::helper", "GPROC32_ST 0001:00000130 oldstyle", "LPROC32_ID 0001:00000138 withid",
}

func TestProcs(t *testing.T) {
	f := openImage(t, privatePDB().write())
	wantLines(t, "Procs", lines(f.Procs()), samplePrivates...)
	for s, err := range f.Procs() {
		if err != nil {
			t.Fatal(err)
		}
		if s.Name() == "main" && s.Kind == pdb.KindGProc32 &&
			(s.RVA != 0x1010 || !s.HasRVA || s.Size != 8 || s.Type != 0x1001 || s.Flags != pdb.ProcNoReturn || s.Module != 1) {
			t.Errorf("main: %+v", s)
		}
	}
}

func TestModuleSymbols(t *testing.T) {
	f := openImage(t, privatePDB().write())
	wantLines(t, "ModuleSymbols(1)", lines(f.Module(1).Symbols()),
		"GPROC32 0001:00000010 main", "LABEL32 0001:00000014 again", "BLOCK32 0001:00000012 ", "LDATA32 0002:00000030 counter",
		"GPROC32 0001:00000020 Main", "LDATA32 0001:00000048 ", "THUNK32 0001:00000050 [thunk]:main", "SEPCODE 0001:00000060 main")
	var inside []string
	for s, err := range f.Module(1).Symbols() {
		if err != nil {
			t.Fatal(err)
		}
		if s.InFunction {
			inside = append(inside, s.Name())
		}
	}
	wantLines(t, "in a function", inside, "again", "", "counter")
	for _, n := range []int{0, 4, -1} {
		if got := lines(f.Module(n).Symbols()); len(got) != 1 || !strings.Contains(got[0], "no module") {
			t.Errorf("ModuleSymbols(%d) = %q", n, got)
		}
	}
}

// TestWrongEnds: a procedure whose record lies about where it ends costs
// nothing but the jump.
func TestWrongEnds(t *testing.T) {
	for name, end := range map[string]uint32{"zero": 0, "backwards": 4, "itself": 0x18, "no_end_there": 0x40, "outside": 0xFFFFFFF0, "odd": 0x61} {
		t.Run(name, func(t *testing.T) {
			p := privatePDB()
			p.symbols[0] = procEnd(p.symbols[0], pdb.KindGProc32, 0, end)
			wantLines(t, "Procs", lines(openImage(t, p.write()).Procs()), samplePrivates...)
		})
	}
}

// TestDamagedModule: what is wrong in one module is said with its place, and
// the others are read.
func TestDamagedModule(t *testing.T) {
	rest := samplePrivates[4:]
	for name, c := range map[string]struct {
		edit func(*testPDB)
		want []string // before the rest
	}{
		"length_past_the_end": {func(p *testPDB) { p.symbols[0][0x14] = 0xFF; p.symbols[0][0x15] = 0x7F },
			[]string{"symbols of module 0)+0x14: symbol record of 32769 bytes"}},
		"length_zero":    {func(p *testPDB) { p.symbols[0][4] = 0 }, []string{"symbols of module 0)+0x4: symbol record of 2 bytes"}},
		"record_cut_off": {func(p *testPDB) { p.symbols[0] = record(le32(nil, 4), uint16(pdb.KindGProc32), make([]byte, 30)) }, []string{"symbols of module 0)+0x4: S_GPROC32 of 36 bytes is cut off"}},
		"no_records":     {func(p *testPDB) { p.symbols[0] = le32(nil, 4) }, nil},
		"tiny_stream":    {func(p *testPDB) { p.symbols[0] = []byte{4} }, nil},
		"symbols_too_long": {func(p *testPDB) {
			p.edit = func(s *testStreams) { put32(s.list[numDBI], s.moduleList+36, 0x7FFFFFFF) }
			p.symbols[0] = le32(nil, 4)
		}, []string{"symbols of 2147483647 bytes run over the end"}},
		"stream_missing": {func(p *testPDB) {
			p.edit = func(s *testStreams) { s.list[numDBI][s.moduleList+34] = 0xEE }
		}, []string{"no such stream"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := privatePDB()
			c.edit(p)
			f := openImage(t, p.write())
			var got []string
			for s, err := range f.Procs() {
				switch {
				case err == nil:
					got = append(got, strings.TrimPrefix(s.Kind.String(), "S_")+" "+s.String())
				case !errors.Is(err, pdb.ErrFormat):
					t.Errorf("%v is no ErrFormat", err)
				case len(c.want) == 0 || !strings.Contains(err.Error(), c.want[0]):
					t.Errorf("error %v, want %q", err, c.want)
				}
			}
			wantLines(t, "the other modules", got[max(0, len(got)-len(rest)):], rest...)
			if near := names(nearest(t, f, 0x1101)); !slices.Contains(near, "ns::f") {
				t.Errorf("Nearest in another module: %q", near)
			}
		})
	}
}

// TestLostModule: of a file that lost a block of one module the functions of the
// others are listed, as a whole and in parts.
func TestLostModule(t *testing.T) {
	m := privatePDB().write()
	m.putBlock(firstExtra, 0, m.count)
	f := openImage(t, m)
	lost := fmt.Sprintf("error: pdb: stream %d (symbols of module 0)+0x0: block number %#x is not in 1..%#x", firstExtra, m.count, m.count)
	want := append([]string{lost}, samplePrivates[4:]...)
	wantLines(t, "Procs", lines(f.Procs()), want...)
	wantLines(t, "Procs in parts", slices.Concat(lines(copied(pdb.Part{File: f, I: 0, N: 2}.Procs())), lines(copied(pdb.Part{File: f, I: 1, N: 2}.Procs()))), want...)
}

func TestGlobals(t *testing.T) {
	f := openImage(t, privatePDB().write())
	var got []string
	for s, err := range f.Globals() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %v", strings.TrimPrefix(s.Kind.String(), "S_"), s.Name(), s.Value))
	}
	wantLines(t, "Globals", got,
		"PROCREF main 0", "PROCREF ns::f 0", "PROCREF ns::helper 0", "PROCREF nowhere 0", "PROCREF inside 0", "GDATA32 data 0", "LDATA32 quiet 0", "GTHREAD32 per_thread 0", "UDT struct_t 0",
		"CONSTANT seven 7", "CONSTANT minus -2", "CONSTANT big 4294967295", "CONSTANT char -128", "CONSTANT ushort 65535", "CONSTANT long -1",
		"CONSTANT quad -1", "CONSTANT uquad 9223372036854775809", "CONSTANT float 1.5", "CONSTANT text ?", "GDATA32 Data 0")
}

func TestGlobalsByName(t *testing.T) {
	f := openImage(t, privatePDB().write())
	for name, want := range map[string]string{
		"main": "S_GPROC32 0001:00000010 main", "ns::f": "S_GPROC32 0001:00000100 ns::f", "nowhere": "S_PROCREF 0000:00000000 nowhere",
		"inside": "S_PROCREF 0000:00000000 inside", "data": "S_GDATA32 0002:00000020 data", "per_thread": "S_GTHREAD32 0002:00000008 per_thread",
		"struct_t": "S_UDT 0000:00000000 struct_t", "text": "S_CONSTANT 0000:00000000 text", "float": "S_CONSTANT 0000:00000000 float", "minus": "S_CONSTANT 0000:00000000 minus", "buried": "", "Main": "", "_main": "", "": "",
	} {
		syms, err := f.GlobalsByName(name)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range syms {
			got += s.Kind.String() + " " + s.String()
		}
		if got != want {
			t.Errorf("GlobalsByName(%q) = %q, want %q", name, got, want)
		}
	}
	if syms, err := f.GlobalsByName("DATA", pdb.IgnoreCase); err != nil || len(syms) != 2 {
		t.Errorf("GlobalsByName(DATA, pdb.IgnoreCase) = %v, %v", syms, err)
	}
	if syms, err := f.ByName("_MAIN", pdb.IgnoreCase); err != nil || len(syms) != 2 {
		t.Errorf("ByName(_MAIN, pdb.IgnoreCase) = %v, %v", syms, err)
	}
	if syms, err := f.GlobalsByName("minus"); err != nil || syms[0].Value.String() != "-2" {
		t.Errorf("minus: %+v, %v", syms, err)
	}
}

// TestDamagedGlobals: without a usable table the records themselves are read.
func TestDamagedGlobals(t *testing.T) {
	for name, edit := range map[string]func(gsi []byte) []byte{
		"no_buckets":  func(gsi []byte) []byte { put32(gsi, 12, 0); return gsi },
		"no_table":    func(gsi []byte) []byte { put32(gsi, 0, 1); return gsi },
		"record_away": func(gsi []byte) []byte { put32(gsi, 12, 4); return gsi },
	} {
		t.Run(name, func(t *testing.T) {
			p := privatePDB()
			p.edit = func(s *testStreams) { s.list[numGSI] = edit(s.list[numGSI]) }
			f := openImage(t, p.write())
			if syms, err := f.GlobalsByName("data"); err != nil || len(syms) != 1 {
				t.Errorf("data: %v, %v", syms, err)
			}
			if syms, err := f.GlobalsByName("main"); err != nil || len(syms) != 1 || syms[0].Kind != pdb.KindGProc32 {
				t.Errorf("main: %v, %v", syms, err)
			}
		})
	}
}

func TestSymbols(t *testing.T) {
	f := openImage(t, privatePDB().write())
	wantLines(t, "Symbols", lines(f.Symbols()),
		"GPROC32 0001:00000010 main", "GPROC32 0001:00000020 Main",
		"GPROC32 0001:00000100 ns::f", "LPROC32 0001:00000100 ns::helper", "GPROC32_ST 0001:00000130 oldstyle", "LPROC32_ID 0001:00000138 withid",
		"GDATA32 0002:00000020 data", "LDATA32 0002:00000028 quiet", "GTHREAD32 0002:00000008 per_thread", "GDATA32 0002:00000044 Data",
		"PUB32 0001:00000900 _tail", "PUB32 0002:00000040 _data", "PUB32 0003:00000100 __guard_flags", "PUB32 0000:00000007 zero")
	for range 3 { // a sequence that is left goes no further
		for s := range f.Symbols() {
			if s.Name() == "ns::f" {
				break
			}
		}
	}
}

func TestNearestPrivate(t *testing.T) {
	f := openImage(t, privatePDB().write())
	x, err := f.Index()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rva      uint32
		want     []string
		size     uint32
		inferred bool
	}{
		{0x100F, nil, 0, false},
		{0x1010, []string{"main"}, 8, false},
		{0x1019, []string{"main"}, 8, false}, // past its end
		{0x1049, []string{"Main"}, 0x20, false},
		{0x1052, []string{"[thunk]:main"}, 6, false},
		{0x1068, []string{"main"}, 8, false}, // its cold part
		{0x1100, []string{"ns::f", "ns::helper"}, 0x30, false},
		{0x1131, []string{"oldstyle"}, 4, false},
		{0x1890, []string{"tail_table"}, 4, false},
		{0x1901, []string{"_tail"}, 0x700, true}, // no module knows it
		{0x3022, []string{"data"}, 4, false},
		{0x302F, []string{"quiet"}, 4, false}, // neither a module nor a public
		{0x3031, []string{"counter"}, 4, false},
		{0x3043, []string{"_data"}, 0xC0, true},
		{0x3044, []string{"Data"}, 4, false},
		{0x4000, nil, 0, false},
	} {
		got := nearest(t, f, c.rva)
		if !slices.Equal(names(got), c.want) {
			t.Errorf("Nearest(%#x) = %v, want %q", c.rva, got, c.want)
		}
		for _, s := range got {
			if s.InFunction != (s.Name() == "counter") {
				t.Errorf("%v: in a function: %v", s, s.InFunction)
			}
			if s.Size != c.size || s.Inferred != c.inferred || s.RVA+s.Displacement != c.rva {
				t.Errorf("Nearest(%#x): %+v, want size %#x, inferred %v", c.rva, s, c.size, c.inferred)
			}
		}
		with, err := x.Nearest(c.rva)
		if err != nil {
			t.Fatal(err)
		}
		if why := indexDiffers(got, with); why != "" || len(got) != len(with) {
			t.Errorf("%#x: the index says %v, not %v: %s", c.rva, with, got, why)
		}
	}
}

// TestThunks: the incremental-link table is known to the PSI stream and, where
// it was not stripped, to the linker's module.
func TestThunks(t *testing.T) {
	for _, stripped := range []bool{false, true} {
		p := samplePDB()
		p.thunks = []uint32{0x1100, 0x1900, 0x1234}
		if !stripped {
			l := newModule()
			l.trampoline(5, 0x100)
			l.trampoline(10, 0x900)
			l.trampoline(15, 0x234)
			p.symbols = [][]byte{nil, nil, l.b}
			wantLines(t, "Procs", lines(openImage(t, p.write()).Procs()),
				"TRAMPOLINE 0001:00000005 @ILT+0(?f@@YAXXZ)", "TRAMPOLINE 0001:0000000a @ILT+5(_tail)", "TRAMPOLINE 0001:0000000f @ILT+10(0001:00000234)")
		}
		f := openImage(t, p.write())
		x, err := f.Index()
		if err != nil {
			t.Fatal(err)
		}
		for rva, want := range map[uint32]string{0x1004: "", 0x1005: "@ILT+0(?f@@YAXXZ)", 0x100B: "@ILT+5(_tail)", 0x100F: "@ILT+10(0001:00000234)", 0x1010: "_main"} {
			with, err := x.Nearest(rva)
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range [][]pdb.Symbol{nearest(t, f, rva), with} {
				if name := strings.Join(names(got), " "); name != want {
					t.Errorf("stripped %v: %#x is %q, want %q", stripped, rva, name, want)
				}
			}
		}
	}
}

// TestParts: the parts of a list one after the other are the list.
func TestParts(t *testing.T) {
	p := privatePDB()
	for i := range 100 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprint("_many", i), seg: 1, off: 0x500 + uint32(i)})
	}
	f := openImage(t, p.write())
	for what, list := range map[string]struct {
		whole iter.Seq2[pdb.Symbol, error]
		part  func(i, n int) iter.Seq2[*pdb.Symbol, error]
	}{
		"Publics": {f.Publics(), func(i, n int) iter.Seq2[*pdb.Symbol, error] { return pdb.Part{File: f, I: i, N: n}.Publics() }},
		"Procs":   {f.Procs(), func(i, n int) iter.Seq2[*pdb.Symbol, error] { return pdb.Part{File: f, I: i, N: n}.Procs() }},
	} {
		want := lines(list.whole)
		for _, n := range []int{1, 2, 3, 7, 1000} {
			got := make([][]string, n)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() { got[i] = lines(copied(list.part(i, n))) })
			}
			wg.Wait()
			wantLines(t, fmt.Sprint(what, " in ", n, " parts"), slices.Concat(got...), want...)
		}
		if got := lines(copied(list.part(3, 3))); len(got) != 0 {
			t.Errorf("%s: part 3 of 3 has %q", what, got)
		}
	}
}

// TestNearestFolded: of code that was the same in two modules each knows its
// own name; the publics lead to both.
func TestNearestFolded(t *testing.T) {
	p := samplePDB()
	a, b := newModule(), newModule()
	alpha := a.leaf(pdb.KindGProc32, "alpha", 1, 0x30, 8)
	beta := b.leaf(pdb.KindGProc32, "beta", 1, 0x30, 8)
	p.symbols = [][]byte{a.b, b.b}
	p.globals = []testGlobal{procRef("alpha", 1, alpha), procRef("beta", 2, beta)}
	for _, name := range []string{"_alpha", "_beta", "_no_function"} {
		p.pubs = append(p.pubs, testPublic{name: name, seg: 1, off: 0x30, flags: pdb.PublicFunction})
	}
	f := openImage(t, p.write())
	if got := names(nearest(t, f, 0x1034)); !slices.Equal(got, []string{"alpha", "beta"}) {
		t.Errorf("folded functions: %q", got)
	}
	for _, s := range nearest(t, f, 0x1034) {
		if s.Displacement != 4 || s.Size != 8 {
			t.Errorf("%+v", s)
		}
	}
}
