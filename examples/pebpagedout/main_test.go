package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// files writes the dump and a folder with the images and PDBs.
func files(t *testing.T) (dump, share string) {
	t.Helper()
	dir := t.TempDir()
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	dump = filepath.Join(dir, "memory.dmp")
	contents := map[string][]byte{dump: b}
	for _, name := range []string{"ExplorerFrame.dll", "ExplorerFrame.pdb"} {
		contents[filepath.Join(dir, name)] = fixture.Bytes(t, "user/x64/"+name)
	}
	for name, b := range contents {
		if err := os.WriteFile(name, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dump, dir
}

func TestPEBPagedOut(t *testing.T) {
	dump, share := files(t)
	var out bytes.Buffer
	if err := run(t.Context(), &out, dump, share, "explorer.exe", "ExplorerFrame!Frame*"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"modules taken from the VADs",
		".reload /f ExplorerFrame.dll=000007fb`37a60000,1e000",
		".reload /f explorer.exe=000007f7`8f9e0000,32000",
		"7fb37a61000  ExplorerFrame!FrameCreate (proof: exact)",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
	if !strings.HasPrefix(out.String(), "PEB is paged out (Peb.Ldr = 000007f7`ffffe018): ") {
		t.Errorf("begins with %.60s", &out)
	}
}

func TestPEBPagedOut_no_process(t *testing.T) {
	dump, share := files(t)
	var out bytes.Buffer
	if err := run(t.Context(), &out, dump, share, "word.exe", "*"); err == nil || !strings.Contains(err.Error(), "word.exe") {
		t.Errorf("%v", err)
	}
}
