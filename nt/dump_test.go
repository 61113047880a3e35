package nt_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/nt"
)

// built are the dumps of internal/dumpbuild, whose author wrote the layouts
// down independently.
func built(t *testing.T, visit func(t *testing.T, k *nt.Kernel, f *dumpbuild.Facts, triage bool)) {
	for name, spec := range map[string]func() (dumpbuild.Spec, error){
		"demo":       func() (dumpbuild.Spec, error) { return dumpbuild.Demo(fixture.Read) },
		"x86_full":   func() (dumpbuild.Spec, error) { return dumpbuild.Seed32(fixture.Read, dumpbuild.Full) },
		"x86_bitmap": func() (dumpbuild.Spec, error) { return dumpbuild.Seed32(fixture.Read, dumpbuild.Bitmap) },
		"x86_pae":    func() (dumpbuild.Spec, error) { return dumpbuild.SeedPAE(fixture.Read, dumpbuild.Full) },
		"x64_la57":   func() (dumpbuild.Spec, error) { return dumpbuild.SeedLA57(fixture.Read, dumpbuild.Full) },
		"x64_full":   func() (dumpbuild.Spec, error) { return dumpbuild.Seed64(fixture.Read, dumpbuild.Full) },
		"x64_bitmap": func() (dumpbuild.Spec, error) { return dumpbuild.Seed64(fixture.Read, dumpbuild.Bitmap) },
		"ia64":       func() (dumpbuild.Spec, error) { return dumpbuild.SeedIA64(fixture.Read, dumpbuild.Full) },
		"x64_triage": func() (dumpbuild.Spec, error) { return dumpbuild.Seed64(fixture.Read, dumpbuild.Triage) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := spec()
			if err != nil {
				t.Fatal(err)
			}
			k, facts := build(t, s)
			if s.Machine == dumpbuild.IA64 { // no layouts are embedded
				k, facts = typed(t, s)
			}
			visit(t, k, facts, s.Type == dumpbuild.Triage)
		})
	}
}

func build(t testing.TB, s dumpbuild.Spec) (*nt.Kernel, *dumpbuild.Facts) {
	t.Helper()
	b, facts, err := dumpbuild.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	k, err := fromBytes(t, b)
	if err != nil {
		t.Fatal(err)
	}
	return k, facts
}

func TestBuiltModules(t *testing.T) {
	built(t, func(t *testing.T, k *nt.Kernel, f *dumpbuild.Facts, triage bool) {
		list := modules(t, k)
		if len(list) != len(f.Modules) {
			t.Fatalf("%d modules, want %d", len(list), len(f.Modules))
		}
		for i, m := range list {
			w := f.Modules[i]
			stamp := w.Stamp
			if !w.EntryHasTime {
				stamp = 0
			}
			if triage {
				stamp, m.Entry = w.Stamp, w.Entry // the list in the dump has no addresses
			}
			if m.Name != w.Name || m.Path != w.Path || m.Base != w.Base || m.Size != w.Size ||
				m.CheckSum != w.CheckSum || m.TimeDateStamp != stamp || m.Entry != w.Entry {
				t.Errorf("module %d = %+v, want %s at %#x, size %#x, checksum %#x, stamp %#x, entry %#x",
					i, m, w.Path, w.Base, w.Size, w.CheckSum, stamp, w.Entry)
			}
		}
		if base, err := k.Base(); err != nil || base != f.Modules[0].Base {
			t.Errorf("kernel base %#x, %v", base, err)
		}
	})
}

// TestBuiltPages reads every page of every module of the page dumps and
// compares what comes, bytes or fault, with what the builder did.
func TestBuiltPages(t *testing.T) {
	built(t, func(t *testing.T, k *nt.Kernel, f *dumpbuild.Facts, triage bool) {
		if triage {
			return
		}
		count := map[dumpbuild.State]int{}
		for _, m := range f.Modules {
			for i, p := range m.Pages {
				count[p.State]++
				if err := checkPage(k.Memory(), p, m.Memory[i*len(m.Memory)/len(m.Pages):][:len(m.Memory)/len(m.Pages)]); err != nil {
					t.Errorf("%s page %d: %v", m.Name, i, err)
				}
			}
		}
		if count[dumpbuild.PageFile] == 0 || count[dumpbuild.Resident] == 0 {
			t.Errorf("states met: %v", count)
		}
	})
}

// TestBuiltEras builds the x64 dump for the builds at which software PTEs and
// loader entries changed, with and without an InvalidPteMask.
func TestBuiltEras(t *testing.T) {
	for _, c := range []struct {
		build uint32
		mask  uint64
	}{{9600, 0}, {10240, 0}, {16299, 0}, {17134, 0}, {17134, 1 << 45}, {19045, 1 << 45}, {22631, 0}, {26100, 1 << 45}} {
		t.Run(fmt.Sprintf("%d_mask_%x", c.build, c.mask), func(t *testing.T) {
			s, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Bitmap)
			if err != nil {
				t.Fatal(err)
			}
			s.Build, s.PTEMask = c.build, c.mask
			k, f := build(t, s)
			list := modules(t, k)
			if len(list) != len(f.Modules) {
				t.Fatalf("%d modules, want %d", len(list), len(f.Modules))
			}
			for i, m := range f.Modules {
				if stamp := list[i].TimeDateStamp; (stamp != 0) != (c.build >= 10240) || stamp != 0 && stamp != m.Stamp {
					t.Errorf("%s: stamp %#x, image has %#x", m.Name, stamp, m.Stamp)
				}
				for n, p := range m.Pages {
					if err := checkPage(k.Memory(), p, m.Memory[n*4096:][:4096]); err != nil {
						t.Errorf("%s page %d: %v", m.Name, n, err)
					}
				}
			}
		})
	}
}

// TestBuiltListDamage pages out what the list is made of.
func TestBuiltListDamage(t *testing.T) {
	for _, seed := range []func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error){dumpbuild.Seed32, dumpbuild.Seed64} {
		s, err := seed(fixture.Read, dumpbuild.Full)
		if err != nil {
			t.Fatal(err)
		}
		s.Modules[3].EntryOut, s.Modules[5].NamesOut = true, true
		k, f := build(t, s)
		var names []string
		var damage []error
		for m, err := range k.Modules() {
			if err != nil {
				damage = append(damage, err)
				continue
			}
			names = append(names, m.Name)
			if m.Base == f.Modules[5].Base && !errors.Is(m.NameErr, memsource.ErrPagedOut) {
				t.Errorf("names out: %+v", m)
			}
		}
		var want []string
		for i, m := range f.Modules {
			switch i {
			case 3:
			case 5:
				want = append(want, "")
			default:
				want = append(want, m.Name)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("names %q, want %q", names, want)
		}
		b, ok := errors.AsType[*nt.ListBreak](errors.Join(damage...))
		if len(damage) != 1 || !ok || b.At != f.Modules[3].Entry || b.End != b.At || b.Recovered != len(f.Modules)-4 || !errors.Is(b, memsource.ErrPagedOut) {
			t.Errorf("damage: %v", damage)
		}
	}
}

// TestBuiltSource judges the memory of a dump by the contract of a Source.
func TestBuiltSource(t *testing.T) {
	for _, seed := range []func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error){dumpbuild.Seed32, dumpbuild.Seed64} {
		s, err := seed(fixture.Read, dumpbuild.Bitmap)
		if err != nil {
			t.Fatal(err)
		}
		k, f := build(t, s)
		m := f.Modules[1] // Fs_Rec.SYS: its header is paged out, the rest is there
		if err := memtest.TestSource(k.Memory(), memtest.Hole(m.Base, 4096, memsource.ReasonPagedOut),
			memtest.Data(m.Base+4096, m.Memory[4096:])); err != nil {
			t.Error(err)
		}
	}
}

func checkPage(src memsource.Source, p dumpbuild.PageFacts, want []byte) error {
	got := make([]byte, len(want))
	n, err := src.ReadMemory(got, p.Addr)
	fault, _ := errors.AsType[*memsource.Fault](err)
	reason := map[dumpbuild.State]memsource.Reason{
		dumpbuild.PageFile: memsource.ReasonPagedOut, dumpbuild.PrototypePageFile: memsource.ReasonPagedOut,
		dumpbuild.PrototypeFile: memsource.ReasonFileBacked, dumpbuild.DemandZero: memsource.ReasonDemandZero,
		dumpbuild.NotMapped: memsource.ReasonNotMapped, dumpbuild.NotInDump: memsource.ReasonNotInDump,
	}[p.State]
	switch {
	case reason == 0: // resident, in transition, or shared through a prototype PTE
		if err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("state %d: %d bytes, %v", p.State, n, err)
		}
		return nil
	case fault == nil || n != 0 || fault.Addr != p.Addr || fault.Reason != reason:
		return fmt.Errorf("state %d: %d bytes, %v; want %v", p.State, n, err, reason)
	case reason == memsource.ReasonPagedOut && (fault.PageFile != p.PageFile || fault.PageFileOffset != p.Offset):
		return fmt.Errorf("pagefile %d offset %#x, want %d %#x", fault.PageFile, fault.PageFileOffset, p.PageFile, p.Offset)
	case reason == memsource.ReasonFileBacked && (fault.File != p.File || fault.FileOffset != p.FileOffset || fault.Err != nil):
		return fmt.Errorf("%s at %#x, %v; want %s at %#x", fault.File, fault.FileOffset, fault.Err, p.File, p.FileOffset)
	case reason == memsource.ReasonNotInDump && fault.Physical != p.Frame*uint64(len(want)):
		return fmt.Errorf("physical %#x, want %#x", fault.Physical, p.Frame*uint64(len(want)))
	}
	return nil
}
