package pdb_test

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// corpusFile opens a PDB of the shared corpus.
func corpusFile(t *testing.T, name string) *pdb.File {
	t.Helper()
	path := filepath.Join(fixture.Shared(t), filepath.FromSlash(name))
	if strings.HasSuffix(path, "_") {
		path = expand(t, path)
	}
	return open(t, path)
}

func status(t *testing.T, f *pdb.File) pdb.Status {
	t.Helper()
	s, err := f.Status()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFlavourRearranged: three images were rearranged after linking, by two
// tools. Their symbols have addresses in the image as shipped.
func TestFlavourRearranged(t *testing.T) {
	for _, name := range []string{
		"google+breakpad/src/tools/windows/dump_syms/testdata/omap_reorder_funcs.pdb",
		"google+breakpad/src/tools/windows/dump_syms/testdata/omap_stretched.pdb",
		"google+syzygy/syzygy/refinery/test_data/test_vtables_omap.dll.pdb",
	} {
		f := corpusFile(t, name)
		if s := status(t, f); !s.Rearranged || s.Detail != pdb.DetailPrivate {
			t.Errorf("%s: %+v", name, s)
		}
		moved := 0
		secs, err := f.OriginalSections()
		if err != nil {
			t.Fatal(err)
		}
		for s, err := range f.Procs() {
			if err != nil {
				t.Fatal(err)
			}
			if s.HasRVA && s.RVA != secs[s.Segment-1].VirtualAddress+s.Offset {
				moved++
			}
		}
		if moved == 0 {
			t.Errorf("%s: no function moved", name)
		}
	}
}

// TestFlavourFastlink: dead publics are not listed, names of functions and
// variables are there without addresses, and the status says what is missing.
func TestFlavourFastlink(t *testing.T) {
	f := corpusFile(t, "Dkaban+TicTacToe-CPlusPlus/x64/Debug/TicTacToe.pdb")
	if s := status(t, f); s.Detail != pdb.DetailFastlink || !s.Incremental || !strings.Contains(s.Detail.String(), "/DEBUG:FASTLINK") {
		t.Errorf("%+v: %v", s, s.Detail)
	}
	publics := len(all(t, f))
	names := 0
	n := 0
	for m, err := range f.Modules() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		for s, err := range f.Module(n).Symbols() {
			if err != nil {
				t.Fatal(m.Name, err)
			}
			if s.Kind == pdb.KindFastlink {
				names++
			}
		}
	}
	if publics != 627 || names != 4197 {
		t.Errorf("%d publics, %d names; want 627 that live of 1140 records, and 4197", publics, names)
	}
	if near := names2(nearest(t, f, 0x11007)); near != "@ILT+0(??0bad_alloc@std@@QEAA@XZ)" {
		t.Errorf("0x11007 is %s", near)
	}
}

func names2(syms []pdb.Symbol) string { return strings.Join(names(syms), " ") }

// TestFlavourStripped: public symbols, sizes inferred, and the names of static
// functions.
func TestFlavourStripped(t *testing.T) {
	f := corpusFile(t, "mozilla+dump_syms/test_data/windows/basic32-min.pdb")
	if s := status(t, f); s.Detail != pdb.DetailStripped {
		t.Errorf("%+v", s)
	}
	if f.Info().DBI.Flags&pdb.DBIStripped == 0 {
		t.Errorf("flags %#x", f.Info().DBI.Flags)
	}
	for s, err := range f.Procs() {
		if err != nil || s.Kind != pdb.KindLProc32 {
			t.Fatal(s, err)
		}
	}
	sized := 0
	for _, s := range all(t, f) {
		if size, err := f.SizeOf(s); err != nil {
			t.Fatal(err)
		} else if size > 0 {
			sized++
		}
	}
	if sized < 3600 {
		t.Errorf("%d publics have a size", sized)
	}
}

// TestFlavourIncremental: code is reached through a table of thunks.
func TestFlavourIncremental(t *testing.T) {
	f := corpusFile(t, "Washi1337+AsmResolver/test/AsmResolver.Symbols.Pdb.Tests/Resources/TrampolinePdb.pdb")
	if s := status(t, f); !s.Incremental || s.Detail != pdb.DetailPrivate {
		t.Errorf("%+v", s)
	}
	var thunks []string
	for s, err := range f.Procs() {
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind == pdb.KindTrampoline {
			thunks = append(thunks, s.Name())
		}
	}
	if len(thunks) != 4 || !strings.HasPrefix(thunks[0], "@ILT+0(") || !strings.HasPrefix(thunks[3], "@ILT+15(") {
		t.Errorf("thunks %q", thunks)
	}
}

// TestFlavourLLD: lld marks its GUIDs, and raises only one of the two ages.
func TestFlavourLLD(t *testing.T) {
	f := corpusFile(t, "mozilla-services+tecken/tecken/tests/data/symbols/qipcap64.pdb/293A285ED25871934C4C44205044422E1/qipcap64.pd_")
	guid, age := f.ID()
	if !bytes.HasSuffix(guid[:], []byte("LLD PDB.")) || age != 1 {
		t.Errorf("%s age %d", guid, age)
	}
	if s := status(t, f); s.Detail != pdb.DetailPrivate || s.Incremental {
		t.Errorf("%+v", s)
	}
	compareFunctions(t, expand(t, filepath.Join(fixture.Shared(t), "mozilla-services+tecken/tecken/tests/data/symbols/qipcap64.pdb/293A285ED25871934C4C44205044422E1/qipcap64.pd_")), false)
}

// TestFlavourSourceServer: a tool added where the sources are, as data that is
// never run, and raised the age of one stream.
func TestFlavourSourceServer(t *testing.T) {
	f := corpusFile(t, "mstange+samply/fixtures/win64-ci/WriteArgument.pdb")
	if s := status(t, f); !s.SourceServer || s.Detail != pdb.DetailPrivate {
		t.Errorf("%+v", s)
	}
	if _, age := f.ID(); age == f.Info().Age {
		t.Errorf("both ages are %d", age)
	}
	r, err := f.Stream("srcsrv")
	if err != nil || r == nil {
		t.Fatal(r, err)
	}
	b, err := io.ReadAll(r)
	if err != nil || !strings.HasPrefix(string(b), "SRCSRV: ini ----") || !strings.Contains(string(b), "SRCSRVTRG=") {
		t.Errorf("%.100q, %v", b, err)
	}
	f = corpusFile(t, "rizinorg+rizin-testbins/pe/microsoft_seh_tests/x64/xcpt4.pdb")
	if s := status(t, f); !s.SourceLink || s.SourceServer {
		t.Errorf("%+v", s)
	}
}

// TestStatus: PDBs without symbols say so.
func TestStatus(t *testing.T) {
	types := noTypes()
	put32(types, 12, 0x1001)
	for name, c := range map[string]struct {
		change func(*testPDB)
		want   pdb.Detail
	}{
		"private":    {func(p *testPDB) { *p = *privatePDB() }, pdb.DetailPrivate},
		"public":     {func(*testPDB) {}, pdb.DetailPublic},
		"no_publics": {func(p *testPDB) { p.pubs = nil }, pdb.DetailEmpty},
		"stripped":   {func(p *testPDB) { p.edit = func(s *testStreams) { s.list[numDBI][56] = pdb.DBIStripped } }, pdb.DetailStripped},
		"fastlink":   {func(p *testPDB) { p.features = []uint32{pdb.FeatureVC140, pdb.FeatureMinimal} }, pdb.DetailFastlink},
		"empty":      {func(p *testPDB) { p.edit = func(s *testStreams) { s.list[numDBI] = nil } }, pdb.DetailEmpty},
		"type_server": {func(p *testPDB) {
			p.edit = func(s *testStreams) { s.list[numDBI], s.list[2] = nil, append(types, 2, 0, 5, 0) }
		}, pdb.DetailTypes},
	} {
		p := samplePDB()
		c.change(p)
		s := status(t, openImage(t, p.write()))
		if s.Detail != c.want || s.Rearranged || s.SourceServer != slices.Contains(sortedKeys(p.named), "srcsrv") {
			t.Errorf("%s: %+v, want %v", name, s, c.want)
		}
	}
}
