package nt_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
)

// headerFields are where the headers have what leads to the kernel.
type headerFields struct {
	root, list, processes, block, machine, pae int
	wide                                       bool
}

func (h headerFields) pointer(b []byte, at int, v uint64) {
	if h.wide {
		le.PutUint64(b[at:], v)
	} else {
		le.PutUint32(b[at:], uint32(v))
	}
}

// lies are headers that lie or are empty, by what is changed in them.
func lies(f *dumpbuild.Facts) map[string]func(b []byte, h headerFields) {
	const pattern = 0x4547415045474150
	set := func(at func(h headerFields) int, v uint64) func([]byte, headerFields) {
		return func(b []byte, h headerFields) { h.pointer(b, at(h), v) }
	}
	root, list := func(h headerFields) int { return h.root }, func(h headerFields) int { return h.list }
	block := func(h headerFields) int { return h.block }
	out := map[string]func([]byte, headerFields){
		"list_zero": set(list, 0), "list_pattern": set(list, pattern), "list_elsewhere": set(list, f.DebuggerBlock),
		"list_of_processes": set(list, f.PsActiveProcess), "list_entry": set(list, f.Modules[1].Entry), "list_nowhere": set(list, 0x1122334455667788),
		"block_zero": set(block, 0), "block_pattern": set(block, pattern), "block_elsewhere": set(block, f.PsLoadedModuleList), "block_nowhere": set(block, 0xfffff0f0f0f0f0f0),
		"root_zero": set(root, 0), "root_pattern": set(root, pattern), "root_of_another_page": set(root, f.Frames[len(f.Frames)/2]<<12),
		"root_nowhere": set(root, 0x7ffffff000),
		"processes":    func(b []byte, h headerFields) { h.pointer(b, h.processes, f.DebuggerBlock) },
		"machine":      func(b []byte, h headerFields) { copy(b[h.machine:], "PAGE") },
		"other_width": func(b []byte, h headerFields) {
			le.PutUint32(b[h.machine:], map[bool]uint32{true: 0x14c, false: 0x8664}[h.wide])
		},
		"list_and_block": func(b []byte, h headerFields) {
			h.pointer(b, h.list, 0)
			h.pointer(b, h.block, pattern)
			h.pointer(b, h.processes, 0)
		},
		"list_entry_and_block": func(b []byte, h headerFields) {
			h.pointer(b, h.list, f.Modules[1].Entry)
			h.pointer(b, h.block, f.DebuggerBlock+8)
		},
		"everything": func(b []byte, h headerFields) {
			for at := 8; at < 0x60; at += 4 {
				if at < h.block || at >= h.block+8 {
					copy(b[at:], "PAGE")
				}
			}
			h.pointer(b, h.block, pattern)
		},
	}
	return out
}

// TestLyingHeaders opens dumps whose header lies or is empty: all that a sound one
// leads to is found, and it is told what was wrong.
func TestLyingHeaders(t *testing.T) {
	for name, seed := range map[string]func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error){
		"x86": dumpbuild.Seed32, "pae": dumpbuild.SeedPAE, "x64": dumpbuild.Seed64, "la57": dumpbuild.SeedLA57,
	} {
		for form, pages := range map[string]map[int]dumpbuild.Page{
			"whole": nil, "header_out": {0: {State: dumpbuild.NotInDump}},
		} {
			s, err := seed(fixture.Read, dumpbuild.Bitmap)
			if err != nil {
				t.Fatal(err)
			}
			s.Modules[0].Pages = pages
			b, facts, err := dumpbuild.Build(s)
			if err != nil {
				t.Fatal(err)
			}
			h := headerFields{root: 0x10, list: 0x20, processes: 0x28, block: 0x80, machine: 0x30, wide: true}
			if s.Machine == dumpbuild.X86 {
				h = headerFields{root: 0x10, list: 0x18, processes: 0x1c, block: 0x60, machine: 0x20, pae: 0x5c}
			}
			changes := lies(facts)
			if !h.wide {
				changes["pae_flag"] = func(b []byte, h headerFields) { b[h.pae] ^= 1 }
				changes["pae_pattern"] = func(b []byte, h headerFields) { b[h.pae] = 'P' }
				changes["pae_and_root"] = func(b []byte, h headerFields) { b[h.pae] ^= 1; h.pointer(b, h.root, 0) }
			}
			for lie, change := range changes {
				t.Run(name+"/"+form+"/"+lie, func(t *testing.T) {
					b := slices.Clone(b)
					change(b, h)
					checkFound(t, b, s, facts, lie == "pae_pattern" && !s.PAE)
				})
			}
		}
	}
}

// checkFound opens a dump and holds the kernel against what was built.
func checkFound(t *testing.T, b []byte, s dumpbuild.Spec, facts *dumpbuild.Facts, sound bool) {
	t.Helper()
	k, err := fromBytes(t, b)
	if err != nil {
		t.Fatal(err)
	}
	if base, err := k.Base(); err != nil || base != facts.Modules[0].Base || k.Machine() != s.Machine || k.Build() != s.Build && k.Build() != defaultBuild(s) {
		t.Errorf("base %x, %v; machine %x, build %d", base, err, k.Machine(), k.Build())
	}
	list := modules(t, k)
	if len(list) != len(s.Modules) {
		t.Fatalf("%d modules, want %d", len(list), len(s.Modules))
	}
	for i, m := range list {
		if m.Base != facts.Modules[i].Base || m.Name != facts.Modules[i].Name {
			t.Errorf("module %d: %+v", i, m)
		}
	}
	for _, p := range facts.Processes {
		if got := process(t, k, p.Name); got.PID != p.PID {
			t.Errorf("%+v", got)
		}
	}
	if text := errors.Join(k.Problems()...); (text == nil) != sound || text != nil && !strings.Contains(text.Error(), "dump header: ") {
		t.Errorf("road %v, problems %v", k.Road(), text)
	}
	if testing.Verbose() {
		t.Logf("%v: %v", k.Road(), k.Problems())
	}
	var unloaded []nt.Unloaded
	for u, err := range k.Unloaded() {
		if err != nil {
			t.Error(err)
		}
		unloaded = append(unloaded, u)
	}
	if len(unloaded) != len(s.Unloaded) {
		t.Errorf("%d unloaded drivers", len(unloaded))
	}
}

func defaultBuild(s dumpbuild.Spec) uint32 {
	if s.Machine == dumpbuild.X86 {
		return 2600
	}
	return 19041
}

// FuzzFromDump changes what leads to the kernel in the header of a dump: whatever it
// says, the modules and processes that are found are those of the dump.
func FuzzFromDump(f *testing.F) {
	type dump struct {
		b     []byte
		facts *dumpbuild.Facts
		spec  dumpbuild.Spec
	}
	var dumps []dump
	for _, seed := range []func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error){dumpbuild.SeedPAE, dumpbuild.Seed64} {
		s, err := seed(fixture.Read, dumpbuild.Full)
		if err != nil {
			f.Fatal(err)
		}
		s.Modules[0].Pages = nil
		b, facts, err := dumpbuild.Build(s)
		if err != nil {
			f.Fatal(err)
		}
		dumps = append(dumps, dump{b, facts, s})
	}
	f.Add(false, uint64(0), uint64(0), uint64(0), uint64(0), uint32(0), false)
	f.Add(true, uint64(0x4547415045474150), uint64(1), uint64(0xfffff80002c03008), uint64(0xffffffffffffffff), uint32(0x8664), true)
	f.Add(true, dumps[1].facts.Root, dumps[1].facts.Modules[1].Entry, uint64(0), dumps[1].facts.DebuggerBlock+8, uint32(0x14c), true)
	f.Add(true, uint64(0), uint64(0), uint64(0), uint64(0), uint32(dumpbuild.IA64), false)
	f.Fuzz(func(t *testing.T, wide bool, root, list, processes, block uint64, machine uint32, pae bool) {
		d, h := dumps[0], headerFields{root: 0x10, list: 0x18, processes: 0x1c, block: 0x60, machine: 0x20, pae: 0x5c}
		if wide {
			d, h = dumps[1], headerFields{root: 0x10, list: 0x20, processes: 0x28, block: 0x80, machine: 0x30, wide: true}
		}
		b := slices.Clone(d.b)
		h.pointer(b, h.root, root)
		h.pointer(b, h.list, list)
		h.pointer(b, h.processes, processes)
		h.pointer(b, h.block, block)
		le.PutUint32(b[h.machine:], machine)
		if !wide && pae {
			b[h.pae] ^= 1
		}
		k, err := fromBytes(t, b)
		if err != nil {
			if !errors.Is(err, crashdump.ErrUnsupported) {
				t.Fatal(err)
			}
			return // of a machine that is known, and not read
		}
		if uint16(machine) == dumpbuild.IA64 {
			return // whose pages are larger: it hides them all
		}
		list1 := modules(t, k)
		if len(list1) != len(d.spec.Modules) || list1[0].Base != d.facts.Modules[0].Base {
			t.Fatalf("%d modules, %v", len(list1), k.Problems())
		}
		for _, p := range d.facts.Processes {
			if got := process(t, k, p.Name); got.PID != p.PID {
				t.Errorf("%+v", got)
			}
		}
	})
}
