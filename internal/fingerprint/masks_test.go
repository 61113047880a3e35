package fingerprint_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fingerprint"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/pedisk"
)

// TestMasks_imports fills the import tables, as a loader does, with a directory
// that tells where they are and with none.
func TestMasks_imports(t *testing.T) {
	const base = 0xfffff80003a00000
	file := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys")
	memory := bytes.Clone(inMemory(t, file, base))
	h, err := pedisk.ReadHeaders(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	const dirIAT = 12
	iat := h.Directories[dirIAT]
	if iat.Size == 0 {
		t.Fatal("the fixture should have an import table")
	}
	for k := range iat.Size - 8 { // the last entry is the zero that ends it
		memory[iat.RVA+k] ^= 0xa5
	}
	for _, declared := range []bool{true, false} {
		headers := *h
		headers.Directories = append(headers.Directories[:0:0], h.Directories...)
		if !declared {
			headers.Directories[dirIAT].Size = 0
		}
		image, err := fingerprint.Load(bytes.NewReader(file), &headers, base)
		if err != nil {
			t.Fatal(err)
		}
		c := fingerprint.NewComparer(image)
		c.Add(0, memory)
		p := c.Result().Pages[iat.RVA/0x1000]
		if p.State != fingerprint.Fixups || p.Class != fingerprint.Weak || p.Reasons&fingerprint.Imports == 0 {
			t.Errorf("table declared %v: %v (%v), class %v", declared, p.State, p.Reasons, p.Class)
		}
	}
	memory[iat.RVA+iat.Size+4] ^= 1 // just behind the table
	c := fingerprint.NewComparer(load(t, file, base))
	c.Add(0, memory)
	if p := c.Result().Pages[iat.RVA/0x1000]; p.State != fingerprint.Differs {
		t.Errorf("a byte behind the table: %v, want differs", p.State)
	}
}

// TestMasks_of_Microsoft_images reads images that saferwall/pe has as test
// files. Their pages must match when another implementation relocated them, and
// the masks must be found.
func TestMasks_of_Microsoft_images(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/saferwall/pe").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "test")
	if _, statErr := os.Stat(filepath.Join(dir, "kernel32.dll")); err != nil || statErr != nil {
		t.Skipf("SKIPPED, NOT PASSED: no test images of saferwall/pe at %q (%v); run go mod download", dir, err)
	}
	for name, want := range map[string]fingerprint.Reason{
		"kernel32.dll": fingerprint.Imports | fingerprint.LoaderSlots, "acpi.sys": fingerprint.Imports | fingerprint.Dynamic, "WdBoot.sys": fingerprint.Imports | fingerprint.Dynamic,
		"KernelBase.dll": fingerprint.LoaderSlots | fingerprint.Imports, "mfc40u.dll": 0, "PSCRIPT5.DLL": fingerprint.Imports,
	} {
		file, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		base := uint64(0x6fff0000)
		image := load(t, file, base)
		c := fingerprint.NewComparer(image)
		c.Add(0, inMemory(t, file, base))
		r := c.Result()
		if r.Differing > 0 || r.Matched == 0 || r.Verdict(true, true) != fingerprint.Confirmed {
			t.Errorf("%s: %d of %d pages match, %d differ", name, r.Matched, r.Code, r.Differing)
		}
		var all fingerprint.Reason
		weak := 0
		for _, p := range r.Pages {
			if p.Class == fingerprint.Weak {
				all |= p.Reasons
				weak++
			}
		}
		if all&want != want || r.Strong == 0 {
			t.Errorf("%s: masked %v in %d of %d pages, want %v and pages without masks", name, all, weak, r.Code, want)
		}
		t.Logf("%s: %d pages of code and constants, %d masked in part: %v", name, r.Code, weak, all)
	}
}
