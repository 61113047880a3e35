package target_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// userTarget is the kernel of a dump with processes, and a folder with the
// files of everything in it.
func userTarget(t *testing.T, names ...string) (*nt.Kernel, sympath.Store) {
	t.Helper()
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	return kernelOf(t, spec), files(t, names...)
}

func kernelOf(t *testing.T, spec dumpbuild.Spec) *nt.Kernel {
	t.Helper()
	dump, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	f, err := crashdump.New(bytes.NewReader(dump), int64(len(dump)))
	if err != nil {
		t.Fatal(err)
	}
	k, err := nt.FromDump(f)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// files is a folder with files of testdata.
func files(t *testing.T, names ...string) sympath.Store {
	t.Helper()
	share := fstest.MapFS{}
	for _, file := range names {
		share[file[strings.LastIndexByte(file, '/')+1:]] = &fstest.MapFile{Data: fixture.Bytes(t, file)}
	}
	return sympath.Dir("share", share)
}

func processNamed(t *testing.T, k *nt.Kernel, name string) nt.Process {
	t.Helper()
	for p, err := range k.Processes() {
		if err == nil && p.Name == name {
			return p
		}
	}
	t.Fatalf("no process %s", name)
	return nt.Process{}
}

func TestKernelTypes(t *testing.T) {
	k, share := userTarget(t, "nt/x64/ntkrnlmp.pdb")
	typed, err := target.KernelTypes(t.Context(), k, symres.Config{Symbols: share})
	if err != nil {
		t.Error(err)
	}
	if p := processNamed(t, typed, "explorer.exe"); p.PID != 0xb50 || p.Parent != 0xefc || p.Origin != "types of the kernel's PDB" {
		t.Errorf("%+v", p)
	}
	k, empty := userTarget(t)
	fallback, err := target.KernelTypes(t.Context(), k, symres.Config{Symbols: empty})
	if p := processNamed(t, fallback, "explorer.exe"); !errors.Is(err, symres.ErrNoSymbols) || !strings.HasPrefix(p.Origin, "embedded") {
		t.Errorf("without a PDB: %+v, %v", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if k, err := target.KernelTypes(ctx, k, symres.Config{Symbols: share}); k == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestProcess_PEB_paged_out: the modules come from the VADs, the header is
// out, and the copy is told by its size.
func TestProcess_PEB_paged_out(t *testing.T) {
	k, share := userTarget(t, "user/x64/notepad.exe", "user/x64/notepad.pdb")
	v, err := k.View(processNamed(t, k, "notepad.exe"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := symres.NewSession(symres.Config{Memory: v.Memory(), Machine: k.Machine(), Contexts: k, Symbols: share})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u, err := target.AddProcess(s, v)
	if err != nil || u.Road != nt.RoadVAD || !errors.Is(u.PEB, memsource.ErrPagedOut) || len(u.Modules) != 2 {
		t.Errorf("%+v, %v", u, err)
	}
	var names []string
	for sym, err := range s.Lookup(t.Context(), "notepad!Notepad*") {
		if err != nil {
			t.Fatal(err)
		}
		if sym.Proof != symres.ProofExact || sym.Address-0x7f78e9e0000 != uint64(sym.RVA) {
			t.Errorf("%+v", sym)
		}
		names = append(names, sym.Name)
	}
	slices.Sort(names)
	if want := []string{"NotepadOpen", "NotepadSave", "NotepadSpace", "NotepadSum", "NotepadTitle", "NotepadVersion"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	for _, r := range s.Modules() {
		if !strings.HasPrefix(r.Module.Origin, "VAD (") {
			t.Errorf("%s: origin %q", r.Module.Name, r.Module.Origin)
		}
	}
}

// TestProcess_nameless: an image whose name is out everywhere is a module
// still, and its own header tells its PDB.
func TestProcess_nameless(t *testing.T) {
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	spec.Processes[2].VADs[0].NameOut = true
	spec.Processes[2].VADs[0].Pages[0] = dumpbuild.Page{}
	k, share := kernelOf(t, spec), files(t, "user/x64/notepad.pdb")
	v, err := k.View(processNamed(t, k, "notepad.exe"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := symres.NewSession(symres.Config{Memory: v.Memory(), Machine: k.Machine(), Contexts: k, Symbols: share})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := target.AddProcess(s, v); err != nil {
		t.Fatal(err)
	}
	r, err := s.Load(t.Context(), "module_000007f78e9e0000")
	if err != nil || r.Proof != symres.ProofExact || !strings.HasSuffix(r.PDB, "notepad.pdb") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestSession_space_image: the header of an image of session space is read in
// a process of the session, and the report says so.
func TestSession_space_image(t *testing.T) {
	k, share := userTarget(t, "fs_rec/x64/private/fs_rec.pdb", "fs_rec/x64/private/fs_rec.sys")
	for _, c := range []struct {
		contexts symres.Contexts
		reason   memsource.Reason
		notes    int
	}{{k, memsource.ReasonUnknown, 1}, {nil, memsource.ReasonWrongContext, 0}} {
		s, err := symres.NewSession(symres.Config{Memory: k.Memory(), Machine: k.Machine(), Contexts: c.contexts, Symbols: share})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for m, err := range k.Modules() {
			if err == nil {
				err = s.Add(target.FromLoader(m))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.Load(t.Context(), "win32k")
		fault, _ := errors.AsType[*memsource.Fault](r.HeaderErr)
		if (fault == nil) != (c.notes == 1) || fault != nil && fault.Reason != c.reason || len(r.Notes) != c.notes {
			t.Errorf("header %v, notes %q, %v", r.HeaderErr, r.Notes, err)
		}
		if c.notes == 1 && (!strings.Contains(r.Notes[0], "explorer.exe (pid b50) of session 1") || r.Proof != symres.ProofExact) {
			t.Errorf("proof %v, notes %q, %v", r.Proof, r.Notes, err)
		}
	}
}

// TestSession_other_process: an image of a process's own half is not taken from
// another process that has one at its address: that may be any program's.
func TestSession_other_process(t *testing.T) {
	k, share := userTarget(t, "user/x64/notepad.pdb")
	s, err := symres.NewSession(symres.Config{Memory: k.Memory(), Machine: k.Machine(), Contexts: k, Symbols: share})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const base = 0x7f7909e0000 // calc.exe has an image there, and its header is in memory
	if err := s.Add(symres.Module{Image: "other.exe", Base: base, Size: 0x32000}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Load(t.Context(), "other")
	if !errors.Is(err, symres.ErrNoSymbols) || !errors.Is(r.HeaderErr, memsource.ErrWrongContext) || r.PDB != "" || len(r.Notes) != 0 {
		t.Errorf("header %v, PDB %q, notes %q, %v", r.HeaderErr, r.PDB, r.Notes, err)
	}
}
