package dumpbuild_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

func ExampleBuild() {
	spec, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		fmt.Println(err)
		return
	}
	dump, facts, err := dumpbuild.Build(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	fs := facts.Modules[1]
	fmt.Printf("%s %d bytes\n", dump[:8], len(dump))
	fmt.Printf("%s at %x: header in pagefile %d at %x, PTE %x\n",
		fs.Name, fs.Base, fs.Pages[0].PageFile, fs.Pages[0].Offset, fs.Pages[0].PTE)
	// Output:
	// PAGEDUMP 368640 bytes
	// Fs_Rec.SYS at fe0c8000: header in pagefile 0 at 1234000, PTE 1234080
}

// built is one dump and what is known of it.
type built struct {
	spec  dumpbuild.Spec
	facts *dumpbuild.Facts
	view
}

func build(t *testing.T, s dumpbuild.Spec) built {
	t.Helper()
	b, facts, err := dumpbuild.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, b)
	return built{s, facts, view{d, t, d.ptr(0x10)}}
}

// seeds are the ready-made dumps with pages.
func seeds() map[string]func() (dumpbuild.Spec, error) {
	return map[string]func() (dumpbuild.Spec, error){
		"demo":       func() (dumpbuild.Spec, error) { return dumpbuild.Demo(fixture.Read) },
		"x86 full":   func() (dumpbuild.Spec, error) { return dumpbuild.Seed32(fixture.Read, dumpbuild.Full) },
		"x86 bitmap": func() (dumpbuild.Spec, error) { return dumpbuild.Seed32(fixture.Read, dumpbuild.Bitmap) },
		"x64 full":   func() (dumpbuild.Spec, error) { return dumpbuild.Seed64(fixture.Read, dumpbuild.Full) },
		"x64 bitmap": func() (dumpbuild.Spec, error) { return dumpbuild.Seed64(fixture.Read, dumpbuild.Bitmap) },
	}
}

func seed(t *testing.T, name string) dumpbuild.Spec {
	t.Helper()
	s, err := seeds()[name]()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBuild(t *testing.T) {
	for name := range seeds() {
		t.Run(name, func(t *testing.T) {
			b := build(t, seed(t, name))
			t.Run("header", b.header)
			t.Run("pages", b.pages)
			t.Run("drivers", b.drivers)
			t.Run("debugger block", b.debuggerBlock)
			t.Run("processes", b.processes)
		})
	}
}

func TestBuild_deterministic(t *testing.T) {
	for name := range seeds() {
		s := seed(t, name)
		a, _, err := dumpbuild.Build(s)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if again, _, err := dumpbuild.Build(s); err != nil || !bytes.Equal(a, again) {
				t.Errorf("%s: the same specification gave other bytes (%v)", name, err)
			}
		}
	}
}

// in gives the methods below the test they run in.
func (b built) in(t *testing.T) built { b.t = t; return b }

func (b built) header(t *testing.T) {
	f := b.facts
	root := f.Root
	for _, p := range f.Processes {
		if slices.ContainsFunc(p.Threads, func(t dumpbuild.ThreadFacts) bool { return t.Running }) {
			root = p.Root
		}
	}
	for _, c := range []struct {
		what        string
		narrow, off uint64
		want        uint64
	}{
		{"DirectoryTableBase", 0x10, 0x10, root},
		{"PsLoadedModuleList", 0x18, 0x20, f.PsLoadedModuleList},
		{"PsActiveProcessHead", 0x1c, 0x28, f.PsActiveProcess},
		{"KdDebuggerDataBlock", 0x60, 0x80, f.DebuggerBlock},
	} {
		if got := b.ptr(b.field(c.narrow, c.off)); got != c.want {
			t.Errorf("%s is %x, facts say %x", c.what, got, c.want)
		}
	}
	if got := b.u32(b.field(0x20, 0x30)); got != uint64(b.spec.Machine) {
		t.Errorf("MachineImageType %x", got)
	}
	if got := b.u32(12); got != uint64(b.spec.Build) {
		t.Errorf("MinorVersion %d", got)
	}
	if !b.wide && b.b[0x5c] != 0 {
		t.Errorf("PaeEnabled %d", b.b[0x5c])
	}
	if !slices.Equal(b.order, f.Frames) {
		t.Errorf("frames %x, facts say %x", b.order, f.Frames)
	}
}

func (b built) debuggerBlock(t *testing.T) {
	b = b.in(t)
	at := b.facts.DebuggerBlock
	if tag := string(b.bytes(at+0x10, 4)); tag != "KDBG" {
		t.Fatalf("OwnerTag %q", tag)
	}
	sign := func(v uint64) uint64 { return v }
	if !b.wide {
		sign = func(v uint64) uint64 { return v | 0xffffffff<<32 }
	}
	for off, want := range map[uint64]uint64{
		0: at, 8: at, 0x48: b.facts.PsLoadedModuleList, 0x50: b.facts.PsActiveProcess, 0x18: b.spec.Modules[0].Base} {
		if got := b.u64At(at + off); got != sign(want) {
			t.Errorf("+%x is %x, want %x", off, got, sign(want))
		}
	}
	if got := b.u64At(at + 0x138); got != 0x1000 {
		t.Errorf("MmPageSize %x", got)
	}
	if got := b.ptrAt(b.ptrAt(at + 0x120)); got != b.facts.PagedPool {
		t.Errorf("MmPagedPoolStart holds %x, facts say %x", got, b.facts.PagedPool)
	}
	if !b.wide {
		if got := b.ptrAt(b.ptrAt(at + 0xd8)); got != b.facts.Subsections {
			t.Errorf("MmSubsectionBase holds %x, facts say %x", got, b.facts.Subsections)
		}
	}
}

// drivers checks the list against the facts and the facts against the files.
func (b built) drivers(t *testing.T) {
	b = b.in(t)
	links := b.ring(b.facts.PsLoadedModuleList)
	if len(links) != len(b.spec.Modules) {
		t.Fatalf("%d entries for %d modules", len(links), len(b.spec.Modules))
	}
	for i, at := range links {
		m, f := b.spec.Modules[i], b.facts.Modules[i]
		if f.Entry != at {
			t.Errorf("%s: entry %x, facts say %x", m.Name, at, f.Entry)
		}
		if name, path := b.text(at+b.field(0x2c, 0x58)), b.text(at+b.field(0x24, 0x48)); name != m.Name || path != m.Path {
			t.Errorf("%s: names %q and %q", m.Name, name, path)
		}
		nt := le.Uint32(m.PE[0x3c:])
		stamp, size, check := le.Uint32(m.PE[nt+8:]), le.Uint32(m.PE[nt+24+56:]), le.Uint32(m.PE[nt+24+64:])
		if got := b.ptrAt(at + b.field(0x18, 0x30)); got != m.Base {
			t.Errorf("%s: DllBase %x", m.Name, got)
		}
		rounded := uint64(size)
		if b.wide { // Windows 10 keeps the linker's size beside
			rounded = (rounded + 0xfff) &^ 0xfff
		}
		if got := b.u32At(at + b.field(0x20, 0x40)); got != rounded || got != f.Size {
			t.Errorf("%s: SizeOfImage %x, file has %x, facts %x", m.Name, got, size, f.Size)
		}
		if got := b.u32At(at + b.field(0x40, 0x78)); got != uint64(check) || f.CheckSum != check {
			t.Errorf("%s: CheckSum %x, file has %x, facts %x", m.Name, got, check, f.CheckSum)
		}
		if f.Stamp != stamp || f.SizeOfImage != size || f.EntryHasTime != b.wide {
			t.Errorf("%s: facts %+v", m.Name, f)
		}
		if b.wide && (b.u32At(at+0x9c) != uint64(stamp) || b.u32At(at+0x98) != uint64(size)) {
			t.Errorf("%s: entry has stamp %x, unrounded size %x", m.Name, b.u32At(at+0x9c), b.u32At(at+0x98))
		}
		if !b.wide && b.u32At(at+0x44) == uint64(stamp) {
			t.Errorf("%s: an XP entry has no stamp", m.Name)
		}
	}
}

func TestBuild_errors(t *testing.T) {
	read := func(name string) []byte { return fixture.Bytes(t, name) }
	kernel := func() dumpbuild.Module {
		return dumpbuild.Module{Name: "ntoskrnl.exe", Base: 0xfffff80002c00000, PE: read("nt/x64/ntoskrnl.exe"), Large: true}
	}
	driver := func() dumpbuild.Module {
		return dumpbuild.Module{Name: "a.sys", Base: 0xfffff80003a00000, PE: read("fs_rec/x64/good/fs_rec.sys")}
	}
	good := func() dumpbuild.Spec {
		return dumpbuild.Spec{Machine: dumpbuild.X64, Type: dumpbuild.Full, KernelPDB: read("nt/x64/ntkrnlmp.pdb"), Modules: []dumpbuild.Module{kernel(), driver()}}
	}
	if _, _, err := dumpbuild.Build(good()); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	page0 := func(p dumpbuild.Page) map[int]dumpbuild.Page { return map[int]dumpbuild.Page{0: p} }
	for name, spoil := range map[string]func(s *dumpbuild.Spec){
		"machine":              func(s *dumpbuild.Spec) { s.Machine = 0x1c0 },
		"type":                 func(s *dumpbuild.Spec) { s.Type = 2 },
		"triage x86":           func(s *dumpbuild.Spec) { s.Machine, s.Type = dumpbuild.X86, dumpbuild.Triage },
		"no PDB":               func(s *dumpbuild.Spec) { s.KernelPDB = nil },
		"no modules":           func(s *dumpbuild.Spec) { s.Modules = nil },
		"driver as kernel":     func(s *dumpbuild.Spec) { s.Modules[0] = driver() },
		"not a PE":             func(s *dumpbuild.Spec) { s.Modules[1].PE = []byte("MZ, but no more") },
		"cut PE":               func(s *dumpbuild.Spec) { s.Modules[1].PE = s.Modules[1].PE[:0x500] },
		"other machine's PE":   func(s *dumpbuild.Spec) { s.Modules[1].PE = read("fs_rec/x86/good/fs_rec.sys") },
		"unaligned base":       func(s *dumpbuild.Spec) { s.Modules[1].Base += 0x10 },
		"non-canonical base":   func(s *dumpbuild.Spec) { s.Modules[1].Base = 0x800000000000 },
		"same base twice":      func(s *dumpbuild.Spec) { s.Modules = append(s.Modules, s.Modules[1]) },
		"under the large page": func(s *dumpbuild.Spec) { s.Modules[1].Base = s.Modules[0].Base + 0x100000 },
		"no such page":         func(s *dumpbuild.Spec) { s.Modules[1].Pages = map[int]dumpbuild.Page{6: {}} },
		"no such state":        func(s *dumpbuild.Spec) { s.Modules[1].Pages = page0(dumpbuild.Page{State: 99}) },
		"large and paged out":  func(s *dumpbuild.Spec) { s.Modules[0].Pages = page0(dumpbuild.Page{State: dumpbuild.PageFile}) },
		"pagefile 16": func(s *dumpbuild.Spec) {
			s.Modules[1].Pages = page0(dumpbuild.Page{State: dumpbuild.PageFile, PageFile: 16})
		},
		"shared page table": func(s *dumpbuild.Spec) {
			s.Modules = append(s.Modules, driver())
			s.Modules[1].TableOut, s.Modules[2].Base = true, s.Modules[1].Base+0x10000
		},
		"process name": func(s *dumpbuild.Spec) { s.Processes = []dumpbuild.Process{{Name: "sixteen bytes.exe"}} },
		"VADs overlap": func(s *dumpbuild.Spec) {
			s.Processes = []dumpbuild.Process{{PID: 8, VADs: []dumpbuild.VAD{{Start: 1, End: 5}, {Start: 5, End: 9}}}}
		},
		"VAD backwards": func(s *dumpbuild.Spec) {
			s.Processes = []dumpbuild.Process{{PID: 8, VADs: []dumpbuild.VAD{{Start: 5, End: 4}}}}
		},
		"block not in memory": func(s *dumpbuild.Spec) {
			s.Type, s.Blocks = dumpbuild.Triage, []dumpbuild.Block{{Addr: 0x1000, Size: 8}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			spoil(&s)
			b, facts, err := dumpbuild.Build(s)
			if !errors.Is(err, dumpbuild.ErrSpec) || b != nil || facts != nil {
				t.Errorf("%d bytes, error %v", len(b), err)
			}
		})
	}
	t.Run("x86 file page of Vista", func(t *testing.T) {
		s := seed(t, "x86 full")
		s.Build = 7601
		if _, _, err := dumpbuild.Build(s); !errors.Is(err, dumpbuild.ErrSpec) {
			t.Errorf("error %v", err)
		}
	})
}
