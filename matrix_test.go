package symres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
)

// A matrixRow is what the target knows and which copy is on the path.
type matrixRow struct {
	name    string
	copy    []byte
	variant string // whose PDB lies beside the copy
	module  symres.Module
}

// A matrixTarget is a driver of one machine and what of it is resident.
type matrixTarget struct {
	arch      string
	machine   uint16
	base      uint64
	code      int // file offset of an instruction that is resident where code is
	residency []residency
}

type residency struct {
	name string
	out  []int // pages
}

// matrixTargets have pages of their own for each section, and two pages in all,
// the headers and the constants together in the first.
func matrixTargets() []matrixTarget {
	return []matrixTarget{
		{"x64", 0x8664, base64, 0x440, []residency{
			{"header in", nil}, {"header out, code in", []int{0, 2}}, {"one .rdata page", []int{0, 1, 3, 4, 5}}, {"nothing", []int{0, 1, 2, 3, 4, 5}},
		}},
		{"x86", 0x14c, 0xfe0c8000, 0x1810, []residency{
			{"header in", nil}, {"header out, code in", []int{0}}, {"nothing", []int{0, 1}},
		}},
	}
}

// matrixRows are the variants of the driver. The target's image is always the
// good one.
func matrixRows(t *testing.T, m matrixTarget) []matrixRow {
	variant := func(name string) []byte { return fsRec(t, m.arch+"/"+name) }
	entry := loaderEntry(t, m.arch+"/good", m.base)
	noStamp, noSum := entry, entry
	noStamp.TimeDateStamp, noStamp.SizeOfImage = 0, 0
	noSum.CheckSum = 0
	sizeOnly := noStamp
	sizeOnly.CheckSum = 0
	altered := bytes.Clone(variant("good"))
	altered[m.code] ^= 0x28 // all fields of the header stay
	return []matrixRow{
		{"good", variant("good"), "good", entry},
		{"stamp + 1", variant("ts1"), "ts1", entry},
		{"same stamp, other code", variant("samets"), "samets", entry},
		{"same stamp and checksum field, other code", altered, "good", entry},
		{"bigger", variant("bigger"), "bigger", entry},
		{"no debug directory", variant("nodebug"), "", entry},
		{"good, target knows no stamp", variant("good"), "good", noStamp},
		{"good, target's checksum is zero", variant("good"), "good", noSum},
		{"good, target knows the rounded size alone", variant("good"), "good", sizeOnly},
		{"other code, target knows the rounded size alone", altered, "good", sizeOnly},
	}
}

// matrixCell loads and returns the proof, or that the copy was refused.
func matrixCell(t *testing.T, m matrixTarget, row matrixRow, out []int, check symres.VersionCheck) string {
	dir := fstest.MapFS{"Fs_Rec.sys": {Data: row.copy}}
	if row.variant != "" {
		dir["fs_rec.pdb"] = &fstest.MapFile{Data: fixture.Bytes(t, "fs_rec/"+m.arch+"/"+row.variant+"/fs_rec.pdb")}
	}
	pdbs := fstest.MapFS{"fs_rec.pdb": {Data: fixture.Bytes(t, "fs_rec/"+m.arch+"/good/fs_rec.pdb")}}
	cfg := symres.Config{
		Memory: mapped(t, fsRec(t, m.arch+"/good"), m.base, out...), Machine: m.machine,
		Symbols: sympath.Chain(sympath.Dir("copy", dir), sympath.Dir("pdbs", pdbs)), Check: check,
	}
	rep, err := session(t, cfg, row.module).Load(context.Background(), "fs_rec")
	switch {
	case errors.Is(err, symres.ErrMismatch):
		return "refused"
	case err != nil:
		t.Errorf("%s: %v", row.name, err)
		return "error"
	}
	return rep.Proof.String()
}

// TestProofMatrix makes the tables of docs/proof.md: every variant, by what of
// the target is resident, under every check. The rules: a record that is
// resident is exact; stamp and size equal are image; checksum or rounded size
// alone are weak; a field or a range that differs is refused unless nothing is
// checked.
func TestProofMatrix(t *testing.T) {
	for _, m := range matrixTargets() {
		table := matrixTable(t, m)
		doc, err := os.ReadFile(filepath.Join("docs", "proof.md"))
		if err != nil || !strings.Contains(string(doc), table) {
			t.Errorf("docs/proof.md (%v) does not have this table of %s:\n%s", err, m.arch, table)
		}
	}
}

func matrixTable(t *testing.T, m matrixTarget) string {
	var table strings.Builder
	table.WriteString("| copy on the path |")
	for _, r := range m.residency {
		table.WriteString(" " + r.name + " |")
	}
	table.WriteString("\n| --- |" + strings.Repeat(" --- |", len(m.residency)) + "\n")
	for _, row := range matrixRows(t, m) {
		fmt.Fprintf(&table, "| %s |", row.name)
		for _, r := range m.residency {
			var cells []string
			for _, check := range []symres.VersionCheck{symres.CheckStrict, symres.CheckKnown, symres.CheckOff} {
				cells = append(cells, matrixCell(t, m, row, r.out, check))
			}
			fmt.Fprintf(&table, " %s |", strings.Join(cells, " / "))
		}
		table.WriteString("\n")
	}
	return table.String()
}
