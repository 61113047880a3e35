package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/storetest"
)

// build writes the demo's dump, and an archive of some of its symbol files.
func build(t *testing.T, names ...string) (dump, archive string) {
	t.Helper()
	t.Setenv("_NT_SYMBOL_PATH", "")
	t.Setenv("_NT_ALT_SYMBOL_PATH", "")
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, "symbols", strings.ToLower(name)))
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create("out/x86fre/" + name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	archive = filepath.Join(dir, "build.zip")
	if err := os.WriteFile(archive, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "demo.dmp"), archive
}

func TestCustomStore(t *testing.T) {
	dump, archive := build(t, "FS_REC.SYS", "fs_rec.pdb")
	var out bytes.Buffer
	if err := run(t.Context(), &out, dump, archive, "fs_rec!*"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"fe0c8358  Fs_Rec!_imp___allmul\n", "fe0c9570  Fs_Rec!_NULL_IMPORT_DESCRIPTOR\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
}

func TestCustomStore_without_the_image(t *testing.T) {
	dump, archive := build(t, "fs_rec.pdb")
	var out bytes.Buffer
	err := run(t.Context(), &out, dump, archive, "fs_rec!*")
	if err == nil || out.Len() != 0 || !strings.Contains(err.Error(), "Fs_Rec.SYS") {
		t.Errorf("%v, output %q; want an error that names the module", err, &out)
	}
}

// TestArchive holds the store against what a session expects of one.
func TestArchive(t *testing.T) {
	_, zipFile := build(t, "fs_rec.pdb")
	files, err := zip.OpenReader(zipFile)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	want, err := os.ReadFile(filepath.Join(filepath.Dir(zipFile), "symbols", "fs_rec.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.TestStore(archive(zipFile, &files.Reader),
		storetest.Has(sympath.Query{File: "FS_REC.pdb"}, want), storetest.Lacks(sympath.Query{File: "fs_rec.sys"})); err != nil {
		t.Error(err)
	}
}
