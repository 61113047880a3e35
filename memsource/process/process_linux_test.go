package process_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/process"
)

// TestReadMemory_conforms reads pages made for it: some that may be read, one
// that was reserved only, one that is gone.
func TestReadMemory_conforms(t *testing.T) {
	p := self(t) // before the pages are there
	const page = 0x1000
	b, err := syscall.Mmap(-1, 0, 8*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = byte(i >> 4)
	}
	want := bytes.Clone(b)
	base := addressOf(t, &b[0])
	protect := func(from, to, prot int) {
		if err := syscall.Mprotect(b[from*page:to*page], prot); err != nil {
			t.Fatal(err)
		}
	}
	protect(0, 1, syscall.PROT_NONE)
	protect(4, 5, syscall.PROT_NONE)
	protect(5, 8, syscall.PROT_READ)
	if err := memtest.TestSource(p,
		memtest.Hole(0, 0x1000, memsource.ReasonNotMapped),
		memtest.Hole(base, page, memsource.ReasonNoAccess), memtest.Data(base+page, want[page:4*page]),
		memtest.Hole(base+4*page, page, memsource.ReasonNoAccess), memtest.Data(base+5*page, want[5*page:]),
	); err != nil {
		t.Error(err)
	}
	if err := syscall.Munmap(b); err != nil {
		t.Fatal(err)
	}
	if _, err := memsource.U64(p, base+page); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("pages that are gone: %v", err)
	}
}

// TestOther reads the header of a program out of another process, and sees it end.
func TestOther(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	p, err := process.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var first process.Region
	for r, err := range p.Regions() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Path != "" && r.Offset == 0 && r.Read {
			first = r
			break
		}
	}
	file, err := os.ReadFile(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, min(0x1000, len(file)))
	if err := memsource.ReadFull(p, got, first.Addr); err != nil || !bytes.Equal(got, file[:len(got)]) {
		t.Errorf("%s at %#x: %v, or other bytes than those of the file", first.Path, first.Addr, err)
	}
	if err := errors.Join(cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, and says so
	_, err = memsource.U64(p, first.Addr)
	if f, ok := errors.AsType[*memsource.Fault](err); !ok || f.Reason != memsource.ReasonIO || !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after its end: %v", err)
	}
}
