package demo_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

func ExampleShare() {
	share, err := demo.Share()
	if err != nil {
		fmt.Println(err)
		return
	}
	names, err := fs.Glob(share, "*")
	fmt.Println(demo.UNC, names, err)
	// Output: \\demo\symbols [ExplorerFrame.dll ExplorerFrame.pdb fs_rec.pdb fs_rec.sys notepad.exe notepad.pdb wide.pdb wide.sys] <nil>
}

// shared are the files of the share by their names in testdata.
func shared() []string {
	return []string{"fs_rec/x86/good/fs_rec.sys", "fs_rec/x86/good/fs_rec.pdb", "user/x86/notepad.exe", "user/x86/notepad.pdb",
		"user/x86/ExplorerFrame.dll", "user/x86/ExplorerFrame.pdb", "wide/x86/wide.sys", "wide/x86/wide.pdb"}
}

// TestGenerated makes the demo's files anew and compares contents; "go
// generate ./internal/demo" is what to run when it fails.
func TestGenerated(t *testing.T) {
	spec, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := demo.Dump(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the embedded dump is stale (%v)", err)
	}
	itanium, err := dumpbuild.SeedIA64(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	if want, _, err = dumpbuild.Build(itanium); err != nil || !bytes.Equal(fixture.Bytes(t, "demo/itanium/MEMORY.DMP"), want) {
		t.Errorf("the dump of an Itanium is stale (%v)", err)
	}
	share, err := demo.Share()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range shared() {
		if got, err := fs.ReadFile(share, path.Base(name)); err != nil || !bytes.Equal(got, fixture.Bytes(t, name)) {
			t.Errorf("the embedded %s is stale (%v)", name, err)
		}
	}
}

func TestShare(t *testing.T) {
	share, err := demo.Share()
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(share, "fs_rec.sys", "fs_rec.pdb", "notepad.exe", "notepad.pdb", "ExplorerFrame.dll", "ExplorerFrame.pdb", "wide.sys", "wide.pdb"); err != nil {
		t.Error(err)
	}
	f, err := share.Open("fs_rec.sys")
	if err != nil {
		t.Fatal(err)
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		t.Fatalf("%T has no ReadAt", f)
	}
	var b [2]byte
	if _, err := r.ReadAt(b[:], 0); err != nil || string(b[:]) != "MZ" {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := share.Open("../fs_rec.sys"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("path with ..: %v", err)
	}
}

// TestEmbeddedSize keeps the demo a small part of the program.
func TestEmbeddedSize(t *testing.T) {
	var total int64
	err := filepath.WalkDir("files", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		return err
	})
	if err != nil || total == 0 || total > 160<<10 {
		t.Errorf("%d bytes embedded (%v)", total, err)
	}
}

func TestWriteTo(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	want, err := demo.Dump()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, demo.DumpName)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("demo.dmp: %d bytes, %v", len(got), err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, demo.KernelName, "ntkrnlmp.pdb")); err != nil || !bytes.Equal(got, fixture.Bytes(t, "nt/x86/ntkrnlmp.pdb")) {
		t.Errorf("the kernel's PDB: %d bytes, %v", len(got), err)
	}
	for _, name := range shared() {
		got, err := os.ReadFile(filepath.Join(dir, demo.ShareName, path.Base(name)))
		if err != nil || !bytes.Equal(got, fixture.Bytes(t, name)) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	t.Run("twice", func(t *testing.T) {
		if err := demo.WriteTo(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("second time: %v, want fs.ErrExist", err)
		}
	})
	t.Run("one is there", func(t *testing.T) {
		dir := t.TempDir()
		mine := filepath.Join(dir, demo.ShareName, "fs_rec.sys")
		if err := os.Mkdir(filepath.Dir(mine), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(mine, []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := demo.WriteTo(dir); !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want fs.ErrExist", err)
		}
		if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
			t.Errorf("the file that was there: %q, %v", b, err)
		}
		if _, err := os.Stat(filepath.Join(dir, demo.DumpName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("half a demo was left: %v", err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if err := demo.WriteTo(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want fs.ErrNotExist", err)
		}
	})
}
