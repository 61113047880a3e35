package dumpbuild_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/symres/symres/internal/qemutest"
	"github.com/symres/symres/memsource/paging"
)

const (
	ramFrames = 80 << 20 >> 12 // more than the highest frame of any dump here
	pageBytes = 0x1000
)

// guest is a machine of QEMU that never runs: its memory is that of a dump,
// and its memory management unit, in software, translates our addresses.
type guest struct {
	*qemutest.Machine
	t *testing.T
}

// absentWord fills the frames a dump does not hold: it says which frame it is,
// and as an entry of a page table it is not valid.
func absentWord(frame uint64) uint32 { return 0x5a000000 | uint32(frame)<<1 }

func absentPage(frame uint64) []byte {
	return bytes.Repeat(le.AppendUint32(nil, absentWord(frame)), pageBytes/4)
}

// boot starts a machine with the physical pages of d.
func boot(t *testing.T, d *dump) *guest {
	t.Helper()
	ram := filepath.Join(t.TempDir(), "ram")
	writeRAM(t, ram, d)
	g := &guest{qemutest.Start(t, ram), t}
	g.holds(d)
	return g
}

// writeRAM writes physical memory as the machine is to have it.
func writeRAM(t *testing.T, name string, d *dump) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for frame := range uint64(ramFrames) {
		page := d.frame(frame)
		if page == nil {
			page = absentPage(frame)
		}
		w.Write(page) // Flush returns the error
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// holds checks that the machine has every page of the dump where it belongs:
// a PC has holes and ROM below its first megabyte.
func (g *guest) holds(d *dump) {
	g.t.Helper()
	g.Must(g.Expect("Qqemu.PhyMemMode:1"))
	for _, f := range d.order {
		if f >= ramFrames {
			g.t.Fatalf("frame %x is above the machine's memory", f)
		}
		if got, err := g.Memory(f<<12, pageBytes); err != nil || !bytes.Equal(got, d.frame(f)) {
			g.t.Fatalf("the machine does not hold frame %x: %d bytes, %v", f, len(got), err)
		}
	}
	g.Must(g.Expect("Qqemu.PhyMemMode:0"))
}

// translate turns paging on.
func (g *guest) translate(mode paging.Mode, root uint64) {
	g.t.Helper()
	g.Set("cr4", map[paging.Mode]uint64{paging.ModeX86: qemutest.CR4PSE, paging.ModePAE: qemutest.CR4PAE, paging.ModeX64: qemutest.CR4PAE,
		paging.ModeLA57: qemutest.CR4PAE | qemutest.CR4LA57}[mode])
	if mode == paging.ModeX64 || mode == paging.ModeLA57 {
		g.Set("efer", qemutest.EFERLong)
	}
	g.Set("cr3", root)
	g.Set("cr0", qemutest.CR0Paging)
}

// page returns the page at a virtual address, nil if it is not mapped.
func (g *guest) page(va uint64) []byte { return g.Read(va, pageBytes) }

// mapped returns all pages that are mapped and their physical addresses. In
// QEMU that is another walker than the one that translates for page.
func (g *guest) mapped(mode paging.Mode) map[uint64]uint64 {
	g.t.Helper()
	text, err := g.Monitor("info tlb")
	g.Must(err)
	large := uint64(4 << 20)
	if mode != paging.ModeX86 {
		large = 2 << 20
	}
	all := map[uint64]uint64{}
	for _, m := range regexp.MustCompile(`(?m)^([0-9a-f]{16}): ([0-9a-f]{16}) ([-XGPDACTUW]{9})\r?$`).FindAllStringSubmatch(text, -1) {
		va, _ := strconv.ParseUint(m[1], 16, 64) // the expression lets no other text through
		pa, _ := strconv.ParseUint(m[2], 16, 64)
		size := uint64(pageBytes)
		if m[3][2] == 'P' {
			size = large
		}
		for off := uint64(0); off < size; off += pageBytes {
			all[va+off] = pa + off
		}
	}
	if len(all) == 0 {
		g.t.Fatalf("info tlb: %.200q", text)
	}
	return all
}
