package nt_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/vadmath"
)

// kernelPDB opens the PDB of the kernel in a dump of dumpbuild.
func kernelPDB(t testing.TB, machine uint16, build uint32) *pdb.File {
	t.Helper()
	dir := map[uint16]string{i386: "x86", amd64: "x64", dumpbuild.IA64: "ia64"}[machine]
	if machine != dumpbuild.IA64 && build != 2600 && build != 19041 {
		dir = fmt.Sprintf("%s-%d", dir, build)
	}
	return open(t, fixture.Bytes(t, "nt/"+dir+"/ntkrnlmp.pdb"))
}

// typed is the kernel of a dump, read by the types of its PDB.
func typed(t testing.TB, s dumpbuild.Spec) (*nt.Kernel, *dumpbuild.Facts) {
	t.Helper()
	k, facts := build(t, s)
	k, err := k.WithTypes(kernelPDB(t, s.Machine, s.Build))
	if err != nil {
		t.Fatal(err)
	}
	return k, facts
}

func eras(t *testing.T, visit func(t *testing.T, s dumpbuild.Spec)) {
	for _, era := range dumpbuild.Eras() {
		t.Run(fmt.Sprintf("%x_%d", era.Machine, era.Build), func(t *testing.T) {
			s, err := dumpbuild.SeedEra(fixture.Read, era.Machine, era.Build)
			if err != nil {
				t.Fatal(err)
			}
			visit(t, s)
		})
	}
}

// TestEraVADs walks the tree of each era by the types of its kernel.
func TestEraVADs(t *testing.T) {
	eras(t, func(t *testing.T, s dumpbuild.Spec) {
		k, facts := typed(t, s)
		p := process(t, k, "explorer.exe")
		want := facts.Processes[1]
		if p.Address != want.Address || p.PID != 0xb50 || p.Parent != 0xefc || p.PEB != want.PEB || p.Root != want.Root ||
			!p.HasSession || p.Session != 3 || p.Err != nil || !strings.HasPrefix(p.Origin, "types") {
			t.Errorf("process %+v, want %+v", p, want)
		}
		checkVADs(t, view(t, k, p), s.Processes[1], want)
	})
}

// TestEmbeddedSession reads the session of an XP process without its kernel's
// types; System belongs to none.
func TestEmbeddedSession(t *testing.T) {
	s, err := dumpbuild.SeedEra(fixture.Read, i386, 2600)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := build(t, s)
	p, system := process(t, k, "explorer.exe"), process(t, k, "System")
	if !p.HasSession || p.Session != 3 || system.HasSession || !strings.HasPrefix(p.Origin, "embedded") {
		t.Errorf("%+v, %+v", p, system)
	}
}

// TestTypesWithoutMachine reads types of PDBs that name no machine, as public
// ones of Windows XP do.
func TestTypesWithoutMachine(t *testing.T) {
	for dir, bits := range map[string]int{"x86": 32, "x64": 64} {
		b := bytes.Clone(fixture.Bytes(t, "nt/"+dir+"/ntkrnlmp.pdb"))
		named, err := nt.LayoutsOf(open(t, b))
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, []byte("\xff\xff\xff\xff\x77\x09\x31\x01")) // where the DBI stream begins
		if at < 0 {
			t.Fatal("no DBI stream")
		}
		copy(b[at+58:], []byte{0, 0})
		f := open(t, b)
		got, err := nt.LayoutsOf(f)
		if err != nil || f.Info().DBI.Machine != 0 || got.Process.Bits != bits || got != named {
			t.Errorf("machine %#x, %v\n%+v, want\n%+v", f.Info().DBI.Machine, err, got, named)
		}
	}
}

func open(t testing.TB, b []byte) *pdb.File {
	t.Helper()
	f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// checkVADs compares the tree with what the builder was told to write.
func checkVADs(t *testing.T, v *nt.View, spec dumpbuild.Process, want dumpbuild.ProcessFacts) {
	t.Helper()
	var got []vadmath.Entry
	for e, err := range v.VADs() {
		if err != nil {
			t.Error(err)
			continue
		}
		got = append(got, e)
	}
	if len(got) != len(want.VADs) || len(got) == 0 {
		t.Fatalf("%d VADs, want %d", len(got), len(want.VADs))
	}
	for i, w := range want.VADs {
		d := spec.VADs[slices.IndexFunc(spec.VADs, func(d dumpbuild.VAD) bool { return d.Start == w.Start })]
		e := vadmath.Entry{Address: w.Address, Level: got[i].Level, Pages: vadmath.Pages{Start: vadmath.VPN(w.Start), End: vadmath.VPN(w.End)},
			Commit: int64(d.Commit), Protection: vadmath.ProtectionName(d.Protection), Type: vadmath.TypePrivate, View: vadmath.ViewUnmap, File: w.File, Note: got[i].Note}
		if w.File != "" {
			e.Type, e.View = vadmath.TypeImage, got[i].View
		}
		if d.Commit == 1<<31-1 {
			e.Commit = -1
		}
		if d.NameOut {
			e.File = ""
		}
		if got[i] != e || d.NameOut != (got[i].Note != "") {
			t.Errorf("VAD %+v, want %+v", got[i], e)
		}
		at, err := v.VADAt(w.End*0x1000 + 0xfff)
		if err != nil || at != got[i] {
			t.Errorf("at its last byte: %+v, %v", at, err)
		}
	}
	if _, err := v.VADAt(0x20000); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("between VADs: %v", err)
	}
}

// TestEraLayouts compares the embedded tables with what compilers make of the
// structures.
func TestEraLayouts(t *testing.T) {
	for _, era := range dumpbuild.Eras() {
		t.Run(fmt.Sprintf("%x_%d", era.Machine, era.Build), func(t *testing.T) {
			got, err := nt.LayoutsOf(kernelPDB(t, era.Machine, era.Build))
			if err != nil {
				t.Fatal(err)
			}
			want := nt.LayoutsFor(era.Machine, era.Build)
			got.VAD.Origin, got.Section.Origin, got.Module.Origin = want.VAD.Origin, want.Section.Origin, want.Module.Origin
			got.Loader.Origin, got.Loader.Entry.Origin, got.Process.Origin = want.Loader.Origin, want.Loader.Entry.Origin, want.Process.Origin
			got.VAD.StartHigher, got.VAD.EndHigher = nt.Field{}, nt.Field{} // known from types alone
			if got.VAD.Inherit == (nt.Field{}) {                            // the fixtures of most eras end before it
				want.VAD.Inherit = nt.Field{}
			}
			if got.VAD != want.VAD {
				t.Errorf("VAD\n%+v of the types\n%+v embedded", got.VAD, want.VAD)
			}
			if got.Section != want.Section {
				t.Errorf("section\n%+v of the types\n%+v embedded", got.Section, want.Section)
			}
			if got.Module != want.Module {
				t.Errorf("driver\n%+v of the types\n%+v embedded", got.Module, want.Module)
			}
			if got.Loader != want.Loader {
				t.Errorf("loader\n%+v of the types\n%+v embedded", got.Loader, want.Loader)
			}
			if want.Process.Bits != 0 && got.Process != want.Process {
				t.Errorf("process\n%+v of the types\n%+v embedded", got.Process, want.Process)
			}
		})
	}
}

func process(t testing.TB, k *nt.Kernel, name string) nt.Process {
	t.Helper()
	for p, err := range k.Processes() {
		if err != nil {
			t.Error(err)
		} else if p.Name == name {
			return p
		}
	}
	t.Fatalf("no process %s", name)
	return nt.Process{}
}

func view(t testing.TB, k *nt.Kernel, p nt.Process) *nt.View {
	t.Helper()
	v, err := k.View(p)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
