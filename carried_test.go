package symres_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
)

// dll is a module without a PDB at base, and a store with copies of its image.
func dll(t *testing.T, base uint64) (symres.Module, []byte, sympath.Store) {
	t.Helper()
	b := symtest.DLL()
	binary.LittleEndian.PutUint32(b[0x88:], 0x5acd88b6) // TimeDateStamp
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "exports.dll"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	m := symres.Module{Name: "exports", Image: "exports.dll", Base: base, Size: 0x3000, TimeDateStamp: 0x5acd88b6, SizeOfImage: 0x3000}
	return m, b, sympath.Dir(dir, os.DirFS(dir))
}

// out is memory of which every page is paged out.
type out struct{} // nothing

func (out) ReadMemory(buf []byte, addr uint64) (int, error) {
	return 0, memsource.NewFault(memsource.ReasonPagedOut, addr, uint64(len(buf)))
}

// TestLookup_exports: a module without a PDB whose header is paged out has the
// names that the verified copy of its image exports, with the proof of the copy.
func TestLookup_exports(t *testing.T) {
	m, _, store := dll(t, 0x10000000)
	s := session(t, symres.Config{Memory: out{}, Images: store, Machine: 0x14c}, m)
	var got []string
	for sym, err := range s.Lookup(t.Context(), "exports!*") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%x %s %s %v %v", sym.Address, sym.Name, sym.Forwarder, sym.Source, sym.Proof))
	}
	want := []string{"0 Free OTHER.Free export image", "10001400 Alloc  export image", "10001410 Ordinal12  export image"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, not %q", got, want)
	}
	rep, err := s.Load(t.Context(), "exports")
	if err != nil || rep.Status != symres.StatusExport || !rep.Carried() || rep.Loaded() || rep.NoPDB == nil || rep.Image == "" {
		t.Errorf("%+v, %v", rep, err)
	}
	if _, err := s.PDB(t.Context(), "exports"); !errors.Is(err, symres.ErrNoSymbols) {
		t.Errorf("PDB: %v", err)
	}
	if _, err := s.Type(t.Context(), "exports!T"); !errors.Is(err, symres.ErrNoSymbols) {
		t.Errorf("type: %v", err)
	}
	for _, err := range s.Lines(t.Context(), "exports!a.c:1") {
		if !errors.Is(err, symres.ErrNoSymbols) {
			t.Errorf("lines: %v", err)
		}
	}
}

// TestResolve_exports: the nearest export is a guess behind its first byte, since
// nobody knows where its function ends, and says so; Resolver says the same.
func TestResolve_exports(t *testing.T) {
	m, _, store := dll(t, 0x10000000)
	s := session(t, symres.Config{Images: store, Machine: 0x14c}, m)
	r := s.NewResolver()
	for addr, want := range map[uint64]string{
		0x10001400: "Alloc+0 image", 0x10001408: "Alloc+8 weak", 0x10001500: "Ordinal12+f0 weak", 0x10001000: "no symbol found",
	} {
		loc, err := s.Resolve(t.Context(), addr)
		same, sameErr := r.Resolve(t.Context(), addr)
		got := fmt.Sprintf("%s+%x %v", loc.Name, loc.Displacement, loc.Proof)
		if errors.Is(err, symres.ErrNotFound) {
			got = "no symbol found"
		}
		if got != want || fmt.Sprint(err) != fmt.Sprint(sameErr) || fmt.Sprint(*same) != fmt.Sprint(loc) {
			t.Errorf("%x: %s, %v, not %s; Resolver: %+v, %v", addr, got, err, want, same, sameErr)
		}
	}
}

// TestSources: the sources that were asked for are used, and no others.
func TestSources(t *testing.T) {
	m, _, copies := dll(t, 0x10000000)
	for _, sources := range [][]string{{"pdb"}, {"coff", "go"}} {
		s := session(t, symres.Config{Images: copies, Machine: 0x14c, Sources: sources}, m)
		if _, err := s.Load(t.Context(), "exports"); !errors.Is(err, symres.ErrNoSymbols) {
			t.Errorf("%v: %v", sources, err)
		}
	}
	if _, err := symres.NewSession(symres.Config{Sources: []string{"exports"}}); err == nil {
		t.Error("an unknown source is taken")
	}
	good := loaderEntry(t, "x86/good", 0xfe0c8000)
	s := session(t, symres.Config{Symbols: store(t, "x86/good"), Machine: 0x14c, Sources: []string{"export"}}, good)
	if _, err := s.Load(t.Context(), "fs_rec"); !errors.Is(err, symres.ErrNoSymbols) {
		t.Errorf("a driver without exports: %v", err)
	}
}

// TestResolve_dwarf: a program that mingw's tools linked has functions, inlined
// calls and lines without any PDB.
func TestResolve_dwarf(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "prog")
	const program = `static inline __attribute__((always_inline)) int half(int a) {
	return a / 2;
}
int start(int a) { return half(a + 7); }
`
	if err := os.WriteFile(path+".c", []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"clang-19", "--target=x86_64-w64-windows-gnu", "-ffreestanding", "-g", "-O1", "-c", "-o", path + ".o", path + ".c"},
		{"ld.lld-19", "-m", "i386pep", "-e", "start", "-o", path + ".exe", path + ".o"},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Skipf("NOT TESTED: %s is not installed (Debian: clang-19, lld-19)", args[0])
		}
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	image, err := symres.OpenImage(path + ".exe")
	if err != nil {
		t.Fatal(err)
	}
	m := symres.Module{Name: "prog", Image: "prog.exe", Base: image.ImageBase, Size: uint64(image.SizeOfImage),
		TimeDateStamp: image.TimeDateStamp, SizeOfImage: image.SizeOfImage}
	s := session(t, symres.Config{Images: sympath.Dir(dir, os.DirFS(dir)), Machine: image.Machine}, m)
	var start symres.Symbol
	for sym, err := range s.Lookup(t.Context(), "prog!start") {
		if err != nil || sym.Source != symres.SourceDWARF || sym.Size == 0 {
			t.Fatalf("%+v, %v", sym, err)
		}
		start = sym
	}
	inlined := false
	for at := range uint64(start.Size) {
		loc, err := s.Resolve(t.Context(), start.Address+at)
		if err != nil || loc.Name != "start" || len(loc.Frames) == 0 || loc.PastEnd {
			t.Fatalf("%+v, %v", loc, err)
		}
		inlined = inlined || loc.Frames[0].Function == "half" && loc.Frames[0].Inlined && loc.Frames[0].Line == 2
	}
	if !inlined {
		t.Error("the inlined call is missing")
	}
	for l, err := range s.Lines(t.Context(), "prog!prog.c:2") {
		if err != nil || l.Location.Name != "start" || l.Line.Line != 2 {
			t.Errorf("%+v, %v", l, err)
		}
	}
	if rep := s.Modules()[0]; rep.Status != symres.StatusDWARF {
		t.Errorf("%v", rep.Status)
	}
}

// TestForwarded: an export that stands for another one leads to it, where that
// module is there.
func TestForwarded(t *testing.T) {
	m, _, store := dll(t, 0x10000000)
	s := session(t, symres.Config{Images: store, Machine: 0x14c}, m)
	free := symres.Symbol{Name: "Free", Forwarder: "OTHER.Free"}
	if _, err := s.Forwarded(t.Context(), free); !errors.Is(err, symres.ErrNoModule) {
		t.Errorf("%v", err)
	}
	for forwarder, want := range map[string]string{"exports.Alloc": "Alloc", "EXPORTS.#12": "Ordinal12"} {
		free.Forwarder = forwarder
		if to, err := s.Forwarded(t.Context(), free); err != nil || to.Name != want || to.Address == 0 {
			t.Errorf("%s: %+v, %v", forwarder, to, err)
		}
	}
	free.Forwarder = "exports.Nothing"
	if _, err := s.Forwarded(t.Context(), free); !errors.Is(err, symres.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestLookup_exportsWrongCopy: the exports of another build are refused.
func TestLookup_exportsWrongCopy(t *testing.T) {
	m, _, store := dll(t, 0x10000000)
	m.TimeDateStamp++
	s := session(t, symres.Config{Memory: out{}, Images: store, Machine: 0x14c}, m)
	for _, err := range s.Lookup(t.Context(), "exports!*") {
		if !errors.Is(err, symres.ErrNoSymbols) && !errors.Is(err, symres.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	if rep := s.Modules()[0]; rep.Carried() {
		t.Errorf("%+v", rep)
	}
}
