package target_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// opened opens a file, and closes it with the test. What it warns of is kept.
func opened(t *testing.T, path string, opts target.Options) (*target.Target, *[]error) {
	t.Helper()
	var warnings []error
	opts.Warn = func(err error) { warnings = append(warnings, err) }
	tg, err := target.Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(tg.Close(), tg.Close()); err != nil {
			t.Error(err)
		}
	})
	return tg, &warnings
}

// lookup returns the names a pattern finds.
func lookup(t *testing.T, tg *target.Target, pattern string) (names []string) {
	t.Helper()
	for sym, err := range tg.Session().Lookup(t.Context(), pattern) {
		if err != nil {
			t.Fatalf("%+v", err)
		}
		names = append(names, sym.Module+"!"+sym.Name)
	}
	return names
}

// write writes a file below a folder of the test.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// userDump is the dump of processes, without holes in the page tables' way, and a
// folder with what its kernel's PDB is.
func userDump(t *testing.T) (dump, symbols string, facts *dumpbuild.Facts) {
	t.Helper()
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	spec.Modules[0].Pages = nil
	b, facts, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	symbols = t.TempDir()
	for _, name := range []string{"nt/x64/ntkrnlmp.pdb", "user/x64/notepad.exe", "user/x64/notepad.pdb"} {
		if err := os.WriteFile(filepath.Join(symbols, filepath.Base(name)), fixture.Bytes(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return write(t, "user.dmp", b), symbols, facts
}

func TestOpen_demo(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	symbols := filepath.Join(dir, demo.ShareName)
	tg, _ := opened(t, filepath.Join(dir, demo.DumpName), target.Options{SymbolPath: symbols})
	if names := lookup(t, tg, "fs_rec!*"); !slices.Contains(names, "Fs_Rec!_NULL_IMPORT_DESCRIPTOR") {
		t.Errorf("%v", names)
	}
	if tg.Kind() != target.KindCrashDump || tg.Bits() != 32 || tg.Machine() != 0x14c || tg.View() != nil || tg.Kernel() == nil {
		t.Errorf("%v, %d bits, machine %#x", tg.Kind(), tg.Bits(), tg.Machine())
	}
	// The image path comes first, and is searched with all that is below it.
	tg, _ = opened(t, filepath.Join(dir, demo.DumpName), target.Options{SymbolPath: symbols, ImagePath: dir})
	r, err := tg.Session().Load(t.Context(), "Fs_Rec")
	if err != nil || r.Attempts[0].Store != dir {
		t.Errorf("%v, attempts %v", err, r.Attempts)
	}
	// The paths of the environment.
	t.Setenv("_NT_ALT_SYMBOL_PATH", "")
	t.Setenv("_NT_SYMBOL_PATH", symbols)
	tg, _ = opened(t, filepath.Join(dir, demo.DumpName), target.Options{})
	if names := lookup(t, tg, "fs_rec!*IMPORT*"); len(names) == 0 {
		t.Error("nothing by the path of the environment")
	}
}

// TestOpen_files: targets that are given one Files hold each PDB once.
func TestOpen_files(t *testing.T) {
	files := symres.NewFiles(symres.FilesConfig{})
	defer files.Close()
	for range 5 {
		tg, _ := opened(t, "../testdata/demo/MEMORY.DMP", target.Options{SymbolPath: "../testdata/demo/symbols", Files: files})
		if names := lookup(t, tg, "fs_rec!*IMPORT*"); len(names) == 0 {
			t.Error("nothing found")
		}
	}
	if s := files.Stats(); s.Files > 2 || s.Shared < 4 {
		t.Errorf("%+v", s)
	}
}

func TestOpen_process(t *testing.T) {
	dump, symbols, _ := userDump(t)
	for _, name := range []string{"notepad.exe", "NOTEPAD", "c24", "0n3108"} {
		tg, warnings := opened(t, dump, target.Options{SymbolPath: symbols, Process: name})
		if p := tg.View().Process(); p.Name != "notepad.exe" {
			t.Fatalf("%s is %+v", name, p)
		}
		names := lookup(t, tg, "notepad!Notepad*")
		if len(names) != 6 {
			t.Errorf("%v", names)
		}
		road, ok := errors.AsType[*target.RoadWarning]((*warnings)[len(*warnings)-1])
		if !ok || road.Process.Name != "notepad.exe" || road.Modules.Road != nt.RoadVAD || !errors.Is(road, memsource.ErrPagedOut) {
			t.Errorf("warnings %v", *warnings)
		}
		images := 0
		for e, err := range tg.VADs() {
			if err != nil {
				t.Error(err)
			}
			if strings.HasSuffix(e.File, ".exe") {
				images++
			}
		}
		if images != 1 {
			t.Errorf("%d images among the VADs", images)
		}
	}
}

func TestOpen_processes(t *testing.T) {
	dump, symbols, _ := userDump(t)
	tg, _ := opened(t, dump, target.Options{SymbolPath: symbols, NoModules: true})
	if len(tg.Modules()) != 0 || len(tg.Session().Modules()) != 0 {
		t.Errorf("modules %v", tg.Modules())
	}
	var names []string
	for p, err := range tg.Processes(t.Context()) {
		if err != nil {
			t.Error(err)
		}
		names = append(names, p.Name)
	}
	if !slices.Contains(names, "notepad.exe") || tg.LoadTypes(t.Context()) != nil {
		t.Errorf("%v", names)
	}
	for _, err := range tg.VADs() {
		if !errors.Is(err, target.ErrNoProcess) {
			t.Errorf("VADs without a process: %v", err)
		}
	}
	_, err := target.Open(t.Context(), dump, target.Options{SymbolPath: symbols, Process: "word.exe"})
	e, ok := errors.AsType[*target.ProcessError](err)
	if !ok || !errors.Is(err, target.ErrNoProcess) || e.Among != len(names) || !strings.Contains(err.Error(), "no process word.exe among") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := target.Open(ctx, dump, target.Options{SymbolPath: symbols, Process: "notepad"}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestOpen_ambiguous: which one is for the caller to say.
func TestOpen_ambiguous(t *testing.T) {
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	for i := range spec.Processes {
		if spec.Processes[i].Name == "calc.exe" {
			spec.Processes[i].Name = "notepad.exe"
		}
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	_, err = target.OpenReader(t.Context(), bytes.NewReader(b), int64(len(b)), target.Options{Symbols: sympath.Chain(), Process: "notepad"})
	e, ok := errors.AsType[*target.ProcessError](err)
	if !ok || len(e.Found) != 2 || errors.Is(err, target.ErrNoProcess) || !strings.Contains(err.Error(), "give its PID") {
		t.Errorf("%v", err)
	}
}

// TestOpen_pageFiles: the loader's own lists come first when the PEB is read.
func TestOpen_pageFiles(t *testing.T) {
	dump, symbols, facts := userDump(t)
	paths := map[int]string{}
	for n, swap := range facts.PageFiles {
		paths[n] = filepath.Join(t.TempDir(), fmt.Sprint(n))
		if err := swap.WriteFile(paths[n]); err != nil {
			t.Fatal(err)
		}
	}
	opts := target.Options{SymbolPath: symbols, Process: "notepad.exe", PageFiles: paths}
	tg, warnings := opened(t, dump, opts)
	for _, err := range *warnings {
		if errors.Is(err, memsource.ErrPagedOut) {
			t.Errorf("with its paging file: %v", err)
		}
	}
	if names := lookup(t, tg, "notepad!NotepadSum"); len(names) != 1 {
		t.Errorf("%v", names)
	}
	opts.PageFiles = map[int]string{0: filepath.Join(t.TempDir(), "none")}
	if _, err := target.Open(t.Context(), dump, opts); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a paging file that is not there: %v", err)
	}
	opts.PageFiles = map[int]string{16: dump}
	if e, ok := optionError(target.Open(t.Context(), dump, opts)); !ok || e.Option != "PageFiles" {
		t.Errorf("number 16: %v", e)
	}
}

func optionError(_ *target.Target, err error) (*target.OptionError, bool) {
	return errors.AsType[*target.OptionError](err)
}

// TestOpen_memoryImage: the kernel is found in raw memory.
func TestOpen_memoryImage(t *testing.T) {
	dump, symbols, facts := userDump(t)
	raw := rawMemory(t, dump, facts)
	ctx, cancel := context.WithCancel(t.Context())
	tg, err := target.Open(ctx, raw, target.Options{SymbolPath: symbols, Process: "notepad.exe"})
	if err != nil {
		t.Fatal(err)
	}
	cancel() // it was for the opening
	defer tg.Close()
	if names := lookup(t, tg, "notepad!NotepadSum"); len(names) != 1 || tg.Kind() != target.KindPhysical {
		t.Errorf("%v of a %v", names, tg.Kind())
	}
	if _, err := memsource.U16(tg.Memory(), tg.Modules()[0].Base); err != nil {
		t.Errorf("memory after the context of the opening: %v", err)
	}
	if _, err := target.Open(ctx, raw, target.Options{SymbolPath: symbols}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	empty := write(t, "empty", make([]byte, 2<<20))
	if _, err := target.Open(t.Context(), empty, target.Options{}); !errors.Is(err, nt.ErrNoKernel) {
		t.Errorf("zeros: %v", err)
	}
}

// rawMemory writes the physical memory of a dump, with the kernel's root where
// x64 starts processors by.
func rawMemory(t *testing.T, dump string, facts *dumpbuild.Facts) string {
	t.Helper()
	d, err := crashdump.Open(dump)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	phys, err := d.Physical()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 0x1000)
	for _, frame := range facts.Frames {
		if err := memsource.ReadFull(phys, page, frame<<12); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(page, int64(frame<<12)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt(lowStub(facts), 0x13000); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// TestFiles_rearranged: the sections of a PDB with OMAP are those before the image
// was rearranged, which may have become larger.
func TestFiles_rearranged(t *testing.T) {
	path := filepath.Join(fixture.Shared(t), "google+syzygy/syzygy/refinery/test_data/test_vtables_omap.dll.pdb")
	tg, err := target.Files("", path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	loc, err := tg.Session().Resolve(t.Context(), 0x16c29)
	if err != nil || loc.Name != "__pioinfo" || loc.Displacement != 9 {
		t.Errorf("got %s+%#x, %v", loc.Name, loc.Displacement, err)
	}
}
