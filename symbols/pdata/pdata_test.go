package pdata_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/pdata"
)

// TestPDB compares the bounds of functions with those their PDBs say, for x64
// and ARM64.
func TestPDB(t *testing.T) {
	exes, err := filepath.Glob(filepath.Join(fixture.Shared(t), "unwind", "a-*64-O*.exe"))
	if err != nil || len(exes) < 4 {
		t.Fatalf("%d images, %v", len(exes), err)
	}
	for _, exe := range exes {
		b, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		table, err := pdata.New(symtest.Image(b))
		if err != nil {
			t.Fatal(err)
		}
		same, total := compare(t, table, strings.TrimSuffix(exe, ".exe")+".pdb")
		t.Logf("%s: %d of %d functions", filepath.Base(exe), same, total)
		if same < 20 {
			t.Errorf("%s: %d of %d functions have their bounds", exe, same, total)
		}
		symtest.Check(t, table)
	}
}

// compare counts the functions of a PDB that have unwind data, and those of them
// with the same bounds. A function without any calls nothing.
func compare(t *testing.T, table *pdata.Table, path string) (same, total int) {
	t.Helper()
	p, err := pdb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for s, err := range p.Procs() {
		if err != nil {
			t.Fatal(err)
		}
		f, ok, err := table.Below(s.RVA)
		switch {
		case err != nil:
			t.Errorf("%s: %v", s.Name(), err)
		case !ok || s.RVA >= f.End: // no unwind data
			continue
		case f.Start != s.RVA || f.End != s.RVA+s.Size || f.Parent != s.RVA:
			t.Errorf("%s: %s is %x-%x, not %+v", path, s.Name(), s.RVA, s.RVA+s.Size, f)
		default:
			same++
		}
		total++
	}
	return same, total
}

// TestHandWritten wants chained and indirect entries to lead to their functions,
// which their names tell: f_chain..., f_ind... of the fixture.
func TestHandWritten(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(fixture.Shared(t), "unwind", "g-x64.exe"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := pdata.New(symtest.Image(b))
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	for s, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		// A part that lies behind its function leads back to it.
		f, ok, err := table.Below(s.RVA + s.Size)
		if err != nil || !ok {
			t.Fatalf("%+v: %v", s, err)
		}
		if f.Parent == s.RVA && f.Start != s.RVA {
			parts++
		}
	}
	if parts == 0 {
		t.Error("no function has parts")
	}
}

// TestNone tells images without function tables from damaged ones.
func TestNone(t *testing.T) {
	if _, err := pdata.New(symtest.Image(fixture.Bytes(t, "fs_rec/x86/good/fs_rec.sys"))); !errors.Is(err, symbols.ErrNone) {
		t.Errorf("x86: %v", err)
	}
	im := symtest.Image(fixture.Bytes(t, "nt/x64-7601/ntoskrnl.exe"))
	im.Directories[3].RVA = im.SizeOfImage
	if _, err := pdata.New(im); !errors.Is(err, symbols.ErrFormat) {
		t.Errorf("behind the image: %v", err)
	}
}

// FuzzTable: whatever the image, bounds lead nowhere but down.
func FuzzTable(f *testing.F) {
	f.Add(fixture.Bytes(f, "nt/x64-7601/ntoskrnl.exe"), uint16(0), uint32(0x1010))
	f.Add(fixture.Bytes(f, "nt/x64-7601/ntoskrnl.exe"), uint16(0xaa64), uint32(0x1010))
	f.Fuzz(func(t *testing.T, b []byte, machine uint16, rva uint32) {
		im := symtest.Image(b)
		if im == nil {
			return
		}
		if machine != 0 {
			im.Machine = machine
		}
		table, err := pdata.New(im)
		if err != nil {
			return
		}
		if f, ok, err := table.Below(rva); ok && err == nil && f.Start > rva {
			// A table that is not sorted misses functions and names none above.
			t.Fatalf("%x: %+v", rva, f)
		}
	})
}
