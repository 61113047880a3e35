package nt_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
)

const fuzzBase = 0xffff800000100000

// fuzzMemory has the bytes of the fuzzer at fuzzBase and nothing else.
func fuzzMemory(t *testing.T, b []byte) memsource.Source {
	var s memsource.Sparse
	if err := s.Add(fuzzBase, b); err != nil {
		t.Fatal(err)
	}
	return &s
}

// flat is the memory of a test in one piece from fuzzBase on.
func (m *memory) flat(pages int) []byte {
	b := make([]byte, pages<<12)
	for n, page := range m.pages {
		if at := n<<12 - fuzzBase; at < uint64(len(b)) {
			copy(b[at:], page)
		}
	}
	return b
}

var errFuzz = errors.New("an error that is neither a fault nor a format error")

// judged refuses errors that do not say what is wrong.
func judged(t *testing.T, err error) {
	t.Helper()
	if _, fault := errors.AsType[*memsource.Fault](err); err != nil && !fault && !errors.Is(err, nt.ErrMalformed) {
		t.Errorf("%v: %v", errFuzz, err)
	}
}

// FuzzVADs: whatever a tree is made of, no node comes twice, every range is
// one, and there are no more than the memory has room for.
func FuzzVADs(f *testing.F) {
	whole := tree(full()...).flat(8)
	f.Add(whole, uint16(0x4000), false)
	loop := bytes.Clone(whole)
	le.PutUint64(loop[0x1000:], nodeAt(4))
	f.Add(loop, uint16(0x4000), false)
	f.Add(whole[:0x4000], uint16(0x4000), true)
	f.Add([]byte{}, uint16(0), true)
	f.Fuzz(func(t *testing.T, b []byte, root uint16, narrow bool) {
		l, s := nt.VADLayoutFor(amd64, 19041), nt.SectionLayoutFor(amd64, 19041)
		if narrow {
			l, s = nt.VADLayoutFor(amd64, 7601), nt.SectionLayoutFor(amd64, 7601)
		}
		seen := map[uint64]bool{}
		for e, err := range nt.VADs(fuzzMemory(t, b), l, s, fuzzBase+uint64(root)) {
			if err != nil {
				judged(t, err)
				continue
			}
			if seen[e.Address] || e.Pages.End < e.Pages.Start || e.Address-fuzzBase >= uint64(len(b)) {
				t.Errorf("%+v", e)
			}
			seen[e.Address] = true
		}
		if len(seen) > len(b)/8 {
			t.Errorf("%d descriptors in %d bytes", len(seen), len(b))
		}
	})
}

// FuzzProcesses: no process comes twice, and each has page tables.
func FuzzProcesses(f *testing.F) {
	m, head := processes(3)
	b := make([]byte, 0x210000)
	for n, page := range m.pages {
		copy(b[n<<12-fuzzBase:], page)
	}
	f.Add(b[head-fuzzBase:], uint32(0))
	f.Add([]byte("short"), uint32(1))
	f.Fuzz(func(t *testing.T, b []byte, head uint32) {
		seen := map[uint64]bool{}
		for p, err := range nt.Processes(fuzzMemory(t, b), nt.ProcessLayoutFor(amd64, 19041), fuzzBase+uint64(head)) {
			if err != nil {
				judged(t, err)
				continue
			}
			if seen[p.Address] || p.Root == 0 || p.PID>>32 != 0 || len(p.Name) > 4*15 {
				t.Errorf("%+v", p)
			}
			seen[p.Address] = true
		}
	})
}

// FuzzLoaderModules: no entry comes twice, and every module could be one.
func FuzzLoaderModules(f *testing.F) {
	m := newMemory(64)
	m.ptr(fuzzBase+0x18, fuzzBase+0x100)
	for i := range uint64(3) {
		head, e := fuzzBase+0x110+16*i, fuzzBase+0x200+16*i
		m.ptr(head, e)
		m.ptr(head+8, e)
		m.ptr(e, head)
		m.ptr(e+8, head)
	}
	m.ptr(fuzzBase+0x230, 0x140000000)
	m.u32(fuzzBase+0x240, 0x32000)
	m.name(fuzzBase+0x258, fuzzBase+0x400, "a.exe")
	f.Add(m.flat(1), true)
	f.Add(m.flat(1), false)
	f.Fuzz(func(t *testing.T, b []byte, wide bool) {
		bits := 32
		if wide {
			bits = 64
		}
		list, err := nt.LoaderModules(fuzzMemory(t, b), nt.LoaderLayoutFor(bits), fuzzBase)
		judged(t, err)
		seen := map[uint64]bool{}
		for _, m := range list {
			if seen[m.Entry] || m.Base%0x1000 != 0 || m.Size == 0 || m.Size%0x1000 != 0 || m.Base+m.Size-1 < m.Base {
				t.Errorf("%+v", m)
			}
			seen[m.Entry] = true
		}
	})
}

// FuzzFromPhysical changes bytes of a raw image: what is found is a kernel, and
// walking all of it ends.
func FuzzFromPhysical(f *testing.F) {
	s, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Bitmap)
	if err != nil {
		f.Fatal(err)
	}
	s.Build = 19041
	s.Modules[0].Pages = nil
	r := raw(f, s)
	r.lowStub()
	root, block := uint32(r.facts.Root), uint32(0)
	space := r.at(f, r.facts.DebuggerBlock)
	for pa, page := range r.pages {
		if &page[len(page)-1] == &space[len(space)-1] {
			block = uint32(pa) + uint32(4096-len(space))
		}
	}
	f.Add(uint32(0x13070), []byte{1})
	f.Add(uint32(0x130a0), []byte{0xff, 0xff})
	f.Add(root+0xf68, []byte{0x67})
	f.Add(block+0x14, []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(block+0x18, []byte{0})
	f.Add(block+0x48, []byte{8})
	f.Add(block+0x220, []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		var changed memsource.Sparse
		for i, c := range with {
			pa := uint64(at) + uint64(i)
			if page := r.pages[pa&^0xfff]; page != nil {
				page = bytes.Clone(page)
				page[pa&0xfff] = c
				if err := changed.Add(pa, page[pa&0xfff:][:1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		k, err := nt.FromPhysical(nt.Physical{Memory: memsource.Overlay(&changed, r.source()), Scan: 1 << 20})
		if err != nil {
			if !errors.Is(err, nt.ErrNoKernel) {
				judged(t, err)
			}
			return
		}
		walkKernel(t, k)
	})
}

// FuzzItanium changes bytes of the dump of an Itanium: in the header, in the roots
// of the three regions, in the debugger data block and in structures of a process.
// Walking all of it ends.
func FuzzItanium(f *testing.F) {
	s, err := dumpbuild.SeedIA64(fixture.Read, dumpbuild.Full)
	if err != nil {
		f.Fatal(err)
	}
	whole, facts, err := dumpbuild.Build(s)
	if err != nil {
		f.Fatal(err)
	}
	types := kernelPDB(f, s.Machine, s.Build)
	at := func(pa uint64) uint32 { // in the file
		i, _ := slices.BinarySearch(facts.Frames, pa>>13)
		return uint32(0x2000 + uint64(i)<<13 + pa&0x1fff)
	}
	block := at(facts.DebuggerBlock - 0xe000000080000000)
	f.Add(uint32(0x10), []byte{0x61, 0x84, 0x9e, 7})
	f.Add(block+0x14, []byte{0xff, 0xff})
	f.Add(block+0x288, make([]byte, 8))
	f.Add(block+0x218, []byte{1})
	f.Add(at(facts.Root)+0x18, []byte{0x80, 0, 0, 3})
	f.Add(at(facts.Processes[1].Root&^0x1fff)+0x1be8, []byte{2, 0, 0xa0})
	f.Add(uint32(bytes.Index(whole, []byte("explorer.exe"))), []byte{0xff})
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		b := bytes.Clone(whole)
		if uint64(at) < uint64(len(b)) {
			copy(b[at:], with)
		}
		dump, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		k, err := nt.FromDump(dump)
		if err != nil {
			return
		}
		k, _ = k.WithTypes(types)
		if k != nil {
			walkKernel(t, k)
		}
	})
}

// walkKernel reads all lists and trees.
func walkKernel(t *testing.T, k *nt.Kernel) {
	count := 0
	for range k.Modules() {
		count++
	}
	for range k.Unloaded() {
		count++
	}
	for p, err := range k.Processes() {
		if err != nil {
			continue
		}
		v, err := k.View(p)
		if err != nil {
			t.Fatal(err)
		}
		u := v.Modules()
		if count += len(u.Modules); len(u.Modules) > 0 && u.Road == 0 {
			t.Errorf("%+v", u)
		}
	}
	if count > 1000 {
		t.Errorf("%d entries", count)
	}
}

// FuzzLayoutsOf: whatever types a PDB has, what is taken from them is inside
// a structure of the kernel.
func FuzzLayoutsOf(f *testing.F) {
	whole := fixture.Bytes(f, "nt/x64-9600/ntkrnlmp.pdb")
	f.Add(uint32(0), []byte{})
	for _, name := range []string{"VadRoot", "StartingVpn", "_EPROCESS", "FilePointer", "VadFlags"} {
		f.Add(uint32(bytes.Index(whole, []byte(name))), []byte("X"))
		f.Add(uint32(bytes.Index(whole, []byte(name))-2), []byte{0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		b := bytes.Clone(whole)
		if uint64(at) < uint64(len(b)) {
			copy(b[at:], with)
		}
		p, err := pdb.New(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		defer p.Close()
		l, err := nt.LayoutsOf(p)
		if err != nil && !errors.Is(err, pdb.ErrNotFound) && !errors.Is(err, pdb.ErrFormat) {
			t.Errorf("%v", err)
		}
		for _, field := range []nt.Field{l.Process.VADRoot, l.Process.PEB, l.VAD.Start, l.VAD.Subsection, l.VAD.Type} {
			if field.Offset > 0x4000 || field.Size > 8 || field.Bit+field.Bits > 64 {
				t.Errorf("%+v", field)
			}
		}
	})
}
