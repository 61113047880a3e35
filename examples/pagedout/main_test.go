package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/demo"
)

func TestPagedOut(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(&out, filepath.Join(dir, "demo.dmp"), filepath.Join(dir, "symbols"), "fs_rec!*"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"fe0c8358  Fs_Rec!_imp___allmul (proof: weak)",
		"fe0c8310  Fs_Rec!_imp__IoCreateDevice (proof: weak)",
		"fe0c9570  Fs_Rec!_NULL_IMPORT_DESCRIPTOR (proof: weak)",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
}

func TestPagedOut_without_a_copy(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(&out, filepath.Join(dir, "demo.dmp"), dir, "fs_rec!*")
	if err == nil || out.Len() != 0 || !strings.Contains(err.Error(), "Fs_Rec.SYS") {
		t.Errorf("%v, output %q; want an error that names the module", err, &out)
	}
}
