package target_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// lowStub is what an x64 kernel starts processors by, in low memory.
func lowStub(facts *dumpbuild.Facts) []byte {
	b, le := make([]byte, 0x1000), binary.LittleEndian
	le.PutUint64(b, 0x00000001000600e9|0x4d00)
	le.PutUint64(b[0x70:], facts.Modules[0].Base+0x1040)
	le.PutUint64(b[0xa0:], facts.Root)
	return b
}

// TestMinidump: exception, threads, unloaded modules.
func TestMinidump(t *testing.T) {
	context := make([]byte, 1232)
	binary.LittleEndian.PutUint64(context[0x98:], 0x7000) // Rsp
	binary.LittleEndian.PutUint64(context[0xa0:], 0x7040) // Rbp
	binary.LittleEndian.PutUint64(context[0xf8:], 0x140001000)
	path := write(t, "crash.dmp", dumpbuild.BuildMinidump(dumpbuild.Minidump{
		Architecture: 9,
		Modules:      []dumpbuild.MinidumpModule{{Name: `C:\app\app.exe`, Base: 0x140000000, Size: 0x9000, Stamp: 7}},
		Unloaded:     []dumpbuild.MinidumpModule{{Name: "gone.dll", Base: 0x160000000, Size: 0x1000, Stamp: 5}},
		Threads:      []dumpbuild.MinidumpThread{{ID: 7, Context: context}, {ID: 8, Context: context}},
		Exception:    &dumpbuild.MinidumpThread{ID: 7, Context: context},
		ExceptionAt:  0x140001000, ExceptionIs: 0xc0000005,
	}))
	tg, _ := opened(t, path, target.Options{Symbols: sympath.Chain()})
	registers := target.Registers{IP: 0x140001000, SP: 0x7000, FP: 0x7040}
	e, err := tg.Exception()
	if err != nil || e.Code != 0xc0000005 || e.Address != 0x140001000 || e.ThreadID != 7 || e.Registers != registers || len(e.Parameters) == 0 {
		t.Errorf("%+v, %v", e, err)
	}
	var threads []uint32
	for th, err := range tg.Threads(t.Context()) {
		if err != nil || th.Registers != registers {
			t.Errorf("%+v, %v", th, err)
		}
		threads = append(threads, th.ID)
	}
	if !slices.Equal(threads, []uint32{7, 8}) {
		t.Errorf("threads %v", threads)
	}
	want := []symres.Module{{Image: "gone.dll", Base: 0x160000000, Size: 0x1000, SizeOfImage: 0x1000, TimeDateStamp: 5, Origin: "minidump unloaded-module list"}}
	var gone []symres.Module
	for m, err := range tg.Unloaded() {
		if err != nil {
			t.Error(err)
		}
		gone = append(gone, m)
	}
	if diff := cmp.Diff(want, gone); diff != "" || tg.Kind() != target.KindMinidump || tg.Bits() != 64 {
		t.Errorf("%v: %s", tg.Kind(), diff)
	}
	if _, err := tg.BugCheck(); !errors.Is(err, target.ErrNoRecord) {
		t.Errorf("bug check of a process: %v", err)
	}
	for _, err := range tg.Processes(t.Context()) {
		if !errors.Is(err, nt.ErrNoKernel) {
			t.Errorf("processes: %v", err)
		}
	}
	for option, opts := range map[string]target.Options{
		"Process": {Process: "app.exe"}, "PageFiles": {PageFiles: map[int]string{0: path}},
	} {
		e, ok := optionError(target.Open(t.Context(), path, opts))
		if !ok || e.Option != option || !errors.Is(e, nt.ErrNoKernel) {
			t.Errorf("%s: %v", option, e)
		}
	}
	// A bad element of a path is told of and left out.
	for option, opts := range map[string]target.Options{
		"SymbolPath": {SymbolPath: "svr*x;srv*" + t.TempDir()}, "ImagePath": {ImagePath: "svr*x"},
		"_NT_SYMBOL_PATH": {Getenv: func(name string) string { return map[string]string{"_NT_SYMBOL_PATH": "svr*x"}[name] }},
	} {
		_, warnings := opened(t, path, opts)
		bad, ok := errors.AsType[*target.OptionError](errors.Join(*warnings...))
		if !ok || bad.Option != option || !errors.As(bad, new(*sympath.ParseError)) {
			t.Errorf("%s: %v", option, *warnings)
		}
	}
}

// TestMinidump_bare has none of the records.
func TestMinidump_bare(t *testing.T) {
	path := write(t, "crash.dmp", dumpbuild.BuildMinidump(dumpbuild.Minidump{
		Architecture: 9, Modules: []dumpbuild.MinidumpModule{{Name: `C:\app\app.exe`, Base: 0x140000000, Size: 0x9000}},
	}))
	tg, _ := opened(t, path, target.Options{Symbols: sympath.Chain()})
	if _, err := tg.Exception(); !errors.Is(err, target.ErrNoRecord) {
		t.Errorf("exception: %v", err)
	}
	for _, err := range tg.Threads(t.Context()) {
		if !errors.Is(err, target.ErrNoRecord) {
			t.Errorf("threads: %v", err)
		}
	}
	for m, err := range tg.Unloaded() {
		t.Errorf("%v, %v", m, err)
	}
}

func TestBugCheck(t *testing.T) {
	dump, symbols, _ := userDump(t)
	tg, _ := opened(t, dump, target.Options{SymbolPath: symbols})
	b, err := tg.BugCheck()
	if err != nil || b.Code == 0 {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := tg.Exception(); !errors.Is(err, target.ErrNoRecord) {
		t.Errorf("exception of a kernel: %v", err)
	}
}

func firstOf[T any](all func(func(T, error) bool)) (first error) {
	all(func(_ T, err error) bool { first = err; return false })
	return first
}

// TestOpen_others are files that are no targets.
func TestOpen_others(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty": {nil, "the file is empty"},
		"text":  {[]byte("a\nb\n"), "not a crash dump, a minidump or a memory image"},
		"image": {fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"), "a PE image, not a crash dump, a minidump or a memory image"},
	} {
		path := write(t, name, c.data)
		_, err := target.Open(t.Context(), path, target.Options{})
		if !errors.Is(err, target.ErrFormat) || err.Error() != path+": "+c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNew: a debugger brings memory and modules, some of which cannot be.
func TestNew(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	var warnings []error
	m := symres.Module{Image: "fs_rec.sys", Base: image.Base(), Size: image.Size()}
	tg, err := target.New(target.Options{
		Memory: image.Source(), Machine: 0x8664, Modules: []symres.Module{m, m},
		SymbolPath: filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb")), Warn: func(err error) { warnings = append(warnings, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if len(warnings) != 1 || !errors.Is(warnings[0], symres.ErrModuleExists) || len(tg.Modules()) != 2 {
		t.Errorf("warnings %v", warnings)
	}
	if names := lookup(t, tg, "fs_rec!DriverEntry"); len(names) != 1 || tg.Bits() != 64 || tg.Kind() != target.KindMemory {
		t.Errorf("%v", names)
	}
	if err := firstOf(tg.Unloaded()); !errors.Is(err, target.ErrNoRecord) {
		t.Errorf("unloaded: %v", err)
	}
	odd, err := target.New(target.Options{Machine: 0x1234, Symbols: sympath.Chain(), Warn: func(err error) { warnings = append(warnings, err) }})
	if err != nil || len(warnings) != 2 || odd.Machine() != 0x1234 || odd.Memory() != nil {
		t.Errorf("unknown machine: %v, warnings %v", err, warnings)
	}
	if err := odd.LoadTypes(t.Context()); !errors.Is(err, nt.ErrNoKernel) {
		t.Errorf("types: %v", err)
	}
}

func TestFiles(t *testing.T) {
	image := fixture.Path(t, "fs_rec/x64/good/fs_rec.sys")
	pdb := fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb")
	other := fixture.Path(t, "user/x64/notepad.pdb")
	at := []symres.Module{{Image: "own.sys", Base: 0xfffff80000000000}}
	for name, c := range map[string]struct {
		image, pdb string
		opts       target.Options
		pattern    string
		names      int
	}{
		"both":   {image, pdb, target.Options{}, "fs_rec!DriverEntry", 1},
		"pdb":    {"", pdb, target.Options{}, "fs_rec!DriverEntry", 1},
		"beside": {sibling(t, image, pdb), "", target.Options{}, "fs_rec!DriverEntry", 1},
		"based":  {image, pdb, target.Options{Modules: at}, "own!DriverEntry", 1},
	} {
		c.opts.Getenv = func(string) string { return "" }
		tg, err := target.Files(c.image, c.pdb, c.opts)
		if err != nil {
			t.Fatal(err)
		}
		if names := lookup(t, tg, c.pattern); len(names) != c.names || tg.Memory() != nil || tg.Kind() != target.KindFiles || tg.Bits() != 64 {
			t.Errorf("%s: %v", name, names)
		}
		tg.Close()
	}
	tg, err := target.Files(image, other, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if _, err := tg.Session().Load(t.Context(), "fs_rec"); !errors.Is(err, symres.ErrNoSymbols) {
		t.Errorf("another image's PDB: %v", err)
	}
	if e, ok := optionError(target.Files(image, "", target.Options{Modules: append(at, at...)})); !ok || e.Option != "Modules" {
		t.Errorf("two modules: %v", e)
	}
	for _, c := range [][2]string{{"", ""}, {pdb, ""}, {"", image}, {image, image}} {
		if tg, err := target.Files(c[0], c[1], target.Options{}); err == nil {
			t.Errorf("%q opens %v", c, tg.Modules())
		}
	}
}

// sibling is the image in a folder with its PDB.
func sibling(t *testing.T, image, pdb string) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{image, pdb} {
		copyFile(t, path, filepath.Join(dir, filepath.Base(path)))
	}
	return filepath.Join(dir, filepath.Base(image))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
