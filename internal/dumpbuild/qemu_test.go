package dumpbuild_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

const (
	qemu      = "qemu-system-x86_64"
	ramFrames = 80 << 20 >> 12 // more than the highest frame of any dump here
	pageBytes = 0x1000
)

// guest is a machine of QEMU that never runs: its memory is that of a dump,
// and its memory management unit, in software, translates our addresses.
type guest struct {
	t *testing.T
	remote
	regs   map[string]register
	stderr bytes.Buffer
}

// absentWord fills the frames a dump does not hold: it says which frame it is,
// and as an entry of a page table it is not valid.
func absentWord(frame uint64) uint32 { return 0x5a000000 | uint32(frame)<<1 }

func absentPage(frame uint64) []byte {
	return bytes.Repeat(le.AppendUint32(nil, absentWord(frame)), pageBytes/4)
}

// boot starts a machine with the physical pages of d. It is killed with the
// test, or after two minutes.
func boot(t *testing.T, d *dump) *guest {
	t.Helper()
	dir := t.TempDir()
	writeRAM(t, filepath.Join(dir, "ram"), d)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, qemu, "-M", "q35,memory-backend=ram",
		"-object", fmt.Sprintf("memory-backend-file,id=ram,size=%dM,mem-path=ram,share=off", ramFrames>>8),
		"-m", fmt.Sprintf("%dM", ramFrames>>8), "-accel", "tcg", "-cpu", "max", "-nodefaults", "-vga", "none",
		"-display", "none", "-S", "-gdb", "stdio")
	g := &guest{t: t}
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = dir, &g.stderr, 10*time.Second
	in, err := cmd.StdinPipe()
	g.must(err)
	out, err := cmd.StdoutPipe()
	g.must(err)
	g.must(cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed, and says so
		if t.Failed() && g.stderr.Len() > 0 {
			t.Logf("%s: %s", qemu, g.stderr.Bytes())
		}
	})
	g.remote = remote{bufio.NewReader(out), in}
	g.regs, err = g.registers()
	g.must(err)
	g.holds(d)
	return g
}

func (g *guest) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatalf("%s: %v", qemu, err)
	}
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
	g.must(g.expect("Qqemu.PhyMemMode:1"))
	for _, f := range d.order {
		if f >= ramFrames {
			g.t.Fatalf("frame %x is above the machine's memory", f)
		}
		if got, err := g.memory(f<<12, pageBytes); err != nil || !bytes.Equal(got, d.frame(f)) {
			g.t.Fatalf("the machine does not hold frame %x: %d bytes, %v", f, len(got), err)
		}
	}
	g.must(g.expect("Qqemu.PhyMemMode:0"))
}

// Bits of control registers (Intel SDM volume 3, 2.5 and 2.2.1).
const (
	cr0Protected = 1<<31 | 1<<16 | 1<<4 | 1<<0 // PG, WP, ET, PE
	cr4Large     = 1 << 4                      // PSE
	cr4PAE       = 1 << 5
	eferLong     = 1<<10 | 1<<8 // LMA, LME
)

// translate turns paging on: two levels of 32 bits, or four of 64.
func (g *guest) translate(wide bool, root uint64) {
	g.t.Helper()
	if wide {
		g.set("cr4", cr4PAE)
		g.set("efer", eferLong)
	} else {
		g.set("cr4", cr4Large)
	}
	g.set("cr3", root)
	g.set("cr0", cr0Protected)
}

// set sets a register and reads it back.
func (g *guest) set(name string, v uint64) {
	g.t.Helper()
	r, ok := g.regs[name]
	if !ok || r.size < 4 || r.size > 8 {
		g.t.Fatalf("%s: register %s is %+v", qemu, name, r)
	}
	want := hex.EncodeToString(le.AppendUint64(nil, v)[:r.size])
	g.must(g.expect(fmt.Sprintf("P%x=%s", r.number, want)))
	if got, err := g.ask(fmt.Sprintf("p%x", r.number)); err != nil || got != want {
		g.t.Fatalf("%s: %s is %s after setting it to %s, %v", qemu, name, got, want, err)
	}
}

// page returns the page at a virtual address, nil if it is not mapped.
func (g *guest) page(va uint64) []byte {
	g.t.Helper()
	b, err := g.memory(va, pageBytes)
	if no, ok := errors.AsType[refused](err); ok && no == "E14" { // EFAULT
		return nil
	}
	g.must(err)
	return b
}

// mapped returns all pages that are mapped and their physical addresses. In
// QEMU that is another walker than the one that translates for page.
func (g *guest) mapped(wide bool) map[uint64]uint64 {
	g.t.Helper()
	text, err := g.monitor("info tlb")
	g.must(err)
	large := uint64(4 << 20)
	if wide {
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
