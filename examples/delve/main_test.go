package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-delve/delve/pkg/proc/core/minidump"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
)

const base = 0x140000000

// symbols unpacks the PDB of symres's testdata and returns its folder.
func symbols(t *testing.T) string {
	t.Helper()
	packed, err := os.Open(filepath.Join(fixtures(), "fs_rec.pdb.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fs_rec.pdb"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fixtures() string { return filepath.Join("..", "..", "testdata", "fs_rec", "x64", "good") }

// dump writes a minidump of a process that has loaded fs_rec, all of it saved
// in ranges that touch, but for the page at 3000.
func dump(t *testing.T) (path string, image []byte) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(fixtures(), "fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := memtest.Image(file)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = b.At(base); err != nil {
		t.Fatal(err)
	}
	image = b.Bytes()
	path = filepath.Join(t.TempDir(), "a.dmp")
	if err := os.WriteFile(path, dumpbuild.BuildMinidump(dumpbuild.Minidump{
		Architecture: 9,
		Modules:      []dumpbuild.MinidumpModule{{Name: `C:\app\fs_rec.sys`, Base: base, Size: uint32(len(image))}},
		Full: []dumpbuild.MinidumpRange{
			{Addr: base, Data: image[:0x800]}, {Addr: base + 0x800, Data: image[0x800:0x3000]},
			{Addr: base + 0x4000, Data: image[0x4000:]},
		},
		Threads: []dumpbuild.MinidumpThread{{ID: 1, Context: make([]byte, 1232)}},
	}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, image
}

// TestRun names an address; the PDB is known by the header delve reads.
func TestRun(t *testing.T) {
	path, _ := dump(t)
	var out bytes.Buffer
	if err := run(&out, path, t.TempDir(), "140001003"); err == nil {
		t.Errorf("without a PDB: %s", out.String())
	}
	if err := run(&out, path, symbols(t), "140001003"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "fs_rec!") || !strings.HasSuffix(got, " (exact)\n") {
		t.Errorf("%s", got)
	}
}

// TestSource: behind Strict, delve's memory keeps the contract.
func TestSource(t *testing.T) {
	path, image := dump(t)
	m, err := minidump.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := memtest.TestSource(source(memory(m)),
		memtest.Hole(base-0x1000, 0x1000, memsource.ReasonUnknown), memtest.Data(base, image[:0x3000]),
		memtest.Hole(base+0x3000, 0x1000, memsource.ReasonUnknown), memtest.Data(base+0x4000, image[0x4000:]),
	); err != nil {
		t.Error(err)
	}
}
