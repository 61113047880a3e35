package nt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
)

// TestWithPageFiles: with the paging files at hand every page that is in one
// is read, through prototype PTEs too, and list entries and names with them.
func TestWithPageFiles(t *testing.T) {
	for name, seed := range map[string]func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error){
		"x86": dumpbuild.Seed32, "x64": dumpbuild.Seed64,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := seed(fixture.Read, dumpbuild.Bitmap)
			if err != nil {
				t.Fatal(err)
			}
			s.Modules[3].EntryOut, s.Modules[5].NamesOut = true, true
			plain, f := build(t, s)
			files := map[int]io.ReaderAt{}
			for n, swap := range f.PageFiles {
				files[n] = swap
			}
			k, err := plain.WithPageFiles(files)
			if err != nil {
				t.Fatal(err)
			}
			if list := modules(t, k); len(list) != len(f.Modules) || list[5].Name != f.Modules[5].Name {
				t.Errorf("%d modules, the sixth %q", len(list), list[5].Name)
			}
			read := 0
			for _, m := range f.Modules {
				for n, p := range m.Pages {
					if p.State != dumpbuild.PageFile && p.State != dumpbuild.PrototypePageFile {
						continue
					}
					page := make([]byte, 0x1000)
					if err := memsource.ReadFull(k.Memory(), page, p.Addr); err != nil || !bytes.Equal(page, m.Memory[n*0x1000:][:0x1000]) {
						t.Errorf("%s page %d: %v", m.Name, n, err)
					}
					if err := memsource.ReadFull(plain.Memory(), page, p.Addr); !errors.Is(err, memsource.ErrPagedOut) {
						t.Errorf("%s page %d without the file: %v", m.Name, n, err)
					}
					read++
				}
			}
			if read < 3 {
				t.Errorf("%d pages in paging files", read)
			}
		})
	}
	s, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Triage)
	if err != nil {
		t.Fatal(err)
	}
	triage, _ := build(t, s)
	if _, err := triage.WithPageFiles(nil); !errors.Is(err, crashdump.ErrUnsupported) {
		t.Errorf("triage dump: %v", err)
	}
}

// TestTypedPages: by the types of its kernel a dump is read as by the embedded
// positions, and a mask that is not the usual one is taken from the kernel.
func TestTypedPages(t *testing.T) {
	for _, mask := range []uint64{0, 1 << 45, 1<<45 | 1<<41} {
		s, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Full)
		if err != nil {
			t.Fatal(err)
		}
		types := fixturePDB(t, "nt/x64/ntkrnlmp.pdb")
		state, err := types.ByName("MiState")
		if err != nil || len(state) != 1 {
			t.Fatal(state, err)
		}
		s.PTEMask, s.MaskRVA = mask, state[0].RVA+0x50
		plain, f := build(t, s)
		k, err := plain.WithTypes(types)
		if err != nil {
			t.Fatal(err)
		}
		bad := 0
		for _, m := range f.Modules {
			for n, p := range m.Pages {
				content := m.Memory[n*4096:][:4096]
				if err := checkPage(k.Memory(), p, content); err != nil {
					t.Errorf("mask %#x: %s page %d: %v", mask, m.Name, n, err)
				}
				if checkPage(plain.Memory(), p, content) != nil {
					bad++
				}
			}
		}
		if unusual := mask&^(1<<45) != 0; unusual != (bad > 0) {
			t.Errorf("mask %#x: %d pages are read wrongly without knowing it", mask, bad)
		}
	}
}

// TestModes: PAE, tables of five levels and those of ARM64 are walked, each
// found by what the header says or by what its addresses lead to.
func TestModes(t *testing.T) {
	const list5 = 0xff10000012345000 // no address of four levels
	for name, c := range map[string]struct {
		machine uint16
		pae     bool
		list    uint64
		tables  []uint64 // pairs: where an entry is, and the entry
	}{
		"pae":   {i386, true, 0x80545000, []uint64{0x1010, 0x2001, 0x2000 + 8*2, 0x3003, 0x3000 + 8*0x145, 0x4003}},
		"x64":   {amd64, false, 0xfffff80000345000, []uint64{0x1000 + 8*0x1f0, 0x2003, 0x2000, 0x3003, 0x3008, 0x4003, 0x4000 + 8*0x145, 0x6003}},
		"la57":  {amd64, false, list5, []uint64{0x1000 + 8*0x110, 0x2003, 0x2000, 0x3003, 0x3000, 0x4003, 0x4000 + 8*0x91, 0x5003, 0x5000 + 8*0x145, 0x6003}},
		"arm64": {0xaa64, false, 0xfffff80000345000, []uint64{0x1000 + 8*0x1f0, 0x2003, 0x2000, 0x3003, 0x3008, 0x4003, 0x4000 + 8*0x145, 0x6003}},
	} {
		t.Run(name, func(t *testing.T) {
			b := emptyDump(c.machine, 1, c.pae)
			head := len(b) - 0x1000
			b = append(b, make([]byte, 7*0x1000)...)
			width := 8
			if c.machine == i386 {
				width = 4
				le.PutUint32(b[0x10:], 0x1000)
				le.PutUint32(b[0x18:], uint32(c.list))
				le.PutUint32(b[0x68:], 8)
				le.PutUint32(b[0x70:], 8)
			} else {
				le.PutUint64(b[0x10:], 0x1000)
				le.PutUint64(b[0x20:], c.list)
				le.PutUint64(b[0x90:], 8)
				le.PutUint64(b[0xa0:], 8)
			}
			phys := b[head:]
			for i := 0; i < len(c.tables); i += 2 {
				le.PutUint64(phys[c.tables[i]:], c.tables[i+1])
			}
			at := c.tables[len(c.tables)-1] &^ 0xfff // the empty list: the head leads to itself
			for i := range 2 {
				copy(phys[at+uint64(i*width):], binary.LittleEndian.AppendUint64(nil, c.list)[:width])
			}
			k, err := fromBytes(t, b)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := memsource.U32(k.Memory(), c.list); err != nil || v != uint32(c.list) {
				t.Errorf("list head: %#x, %v", v, err)
			}
			for m, err := range k.Modules() {
				t.Errorf("in an empty list: %+v, %v", m, err)
			}
		})
	}
}

// TestScanEnds: a scan of all addresses ends at the top of memory, and at once
// when nobody waits for it.
func TestScanEnds(t *testing.T) {
	top := &memsource.Sparse{Missing: memsource.ReasonNotInDump}
	for _, at := range []uint64{0x1000, ^uint64(0xfff)} {
		if err := top.Add(at, make([]byte, 0x1000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := nt.FromPhysical(nt.Physical{Memory: top, Scan: ^uint64(0)}); !errors.Is(err, nt.ErrNoKernel) {
		t.Errorf("memory at the top: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := nt.FromPhysical(nt.Physical{Memory: memsource.Bind(ctx, top), Scan: ^uint64(0)}); !errors.Is(err, nt.ErrNoKernel) {
		t.Errorf("canceled: %v", err)
	}
}
