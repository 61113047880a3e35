package physmem_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/qemutest"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/memsource/physmem"
)

// TestQEMUCore has QEMU write its memory and reads it back: all of it by
// physical address, and by virtual ones through the CR3 of the note.
func TestQEMUCore(t *testing.T) {
	qemutest.Need(t)
	const size, tables, kernel = 4 << 20, 0x100000, 0xfffff80012345000
	ram := make([]byte, size)
	for i := 0x200000; i < size; i += 8 {
		le.PutUint64(ram[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	for level, at := 3, uint64(tables); level >= 0; level, at = level-1, at+0x1000 {
		next := at + 0x1000
		if level == 0 {
			next = 0x2ab000
		}
		le.PutUint64(ram[at+kernel>>(12+9*level)&511*8:], next|3)
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "ram"), filepath.Join(dir, "core")
	if err := os.WriteFile(file, ram, 0o600); err != nil {
		t.Fatal(err)
	}
	m := qemutest.Start(t, file)
	m.Set("cr4", qemutest.CR4PAE)
	m.Set("efer", qemutest.EFERLong)
	m.Set("cr3", tables|0x18)
	m.Set("cr0", qemutest.CR0Paging)
	if text, err := m.Monitor("dump-guest-memory core"); err != nil || text != "" {
		t.Fatalf("dump-guest-memory: %q, %v", text, err)
	}
	f, err := physmem.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Format() != physmem.FormatELF || f.Machine() != 0x8664 || len(f.Problems()) != 0 {
		t.Errorf("%v, machine %#x, problems %v", f.Format(), f.Machine(), f.Problems())
	}
	got := make([]byte, size-tables) // below is what a PC has there
	if err := memsource.ReadFull(f, got, tables); err != nil || !bytes.Equal(got, ram[tables:]) {
		t.Errorf("physical memory differs, %v", err)
	}
	if len(f.CPUs()) != 1 || f.CPUs()[0].Mode != paging.ModeX64 || f.CPUs()[0].CR3 != tables|0x18 {
		t.Fatalf("processors %+v", f.CPUs())
	}
	virt, err := paging.New(f, paging.Config{Mode: paging.ModeX64, Root: f.CPUs()[0].CR3})
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 0x1000)
	if err := memsource.ReadFull(virt, page, kernel); err != nil || !bytes.Equal(page, m.Read(kernel, 0x1000)) {
		t.Errorf("virtual memory differs, %v", err)
	}
}
