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

// matrixRows are the variants of the x64 driver. The target's image is always
// the good one.
func matrixRows(t *testing.T) []matrixRow {
	entry := loaderEntry(t, "x64/good", base64)
	noStamp, noSum := entry, entry
	noStamp.TimeDateStamp, noStamp.SizeOfImage = 0, 0
	noSum.CheckSum = 0
	sizeOnly := noStamp
	sizeOnly.CheckSum = 0
	altered := bytes.Clone(fsRec(t, "x64/good"))
	altered[0x440] ^= 0x28 // an instruction of .text; all fields of the header stay
	return []matrixRow{
		{"good", fsRec(t, "x64/good"), "good", entry},
		{"stamp + 1", fsRec(t, "x64/ts1"), "ts1", entry},
		{"same stamp, other code", fsRec(t, "x64/samets"), "samets", entry},
		{"same stamp and checksum field, other code", altered, "good", entry},
		{"bigger", fsRec(t, "x64/bigger"), "bigger", entry},
		{"no debug directory", fsRec(t, "x64/nodebug"), "", entry},
		{"good, target knows no stamp", fsRec(t, "x64/good"), "good", noStamp},
		{"good, target's checksum is zero", fsRec(t, "x64/good"), "good", noSum},
		{"good, target knows the rounded size alone", fsRec(t, "x64/good"), "good", sizeOnly},
		{"other code, target knows the rounded size alone", altered, "good", sizeOnly},
	}
}

// matrixCell loads and returns the proof, or that the copy was refused.
func matrixCell(t *testing.T, row matrixRow, out []int, check symres.VersionCheck) string {
	dir := fstest.MapFS{"Fs_Rec.sys": {Data: row.copy}}
	if row.variant != "" {
		dir["fs_rec.pdb"] = &fstest.MapFile{Data: fixture.Bytes(t, "fs_rec/x64/"+row.variant+"/fs_rec.pdb")}
	}
	pdbs := fstest.MapFS{"fs_rec.pdb": {Data: fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")}}
	cfg := symres.Config{
		Memory:  mapped(t, fsRec(t, "x64/good"), base64, out...),
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

// TestProofMatrix is the table of docs/proof.md: every variant, by what of the
// target is resident, under every check. The rules: a record that is resident is
// exact; stamp and size equal are image; checksum or rounded size alone are
// weak; a field or a range that differs is refused unless nothing is checked.
func TestProofMatrix(t *testing.T) {
	residency := []struct {
		name string
		out  []int
	}{{"header in", nil}, {"header out, code in", []int{0, 2}}, {"one .rdata page", []int{0, 1, 3, 4, 5}}, {"nothing", []int{0, 1, 2, 3, 4, 5}}}
	var table strings.Builder
	table.WriteString("| copy on the path |")
	for _, r := range residency {
		table.WriteString(" " + r.name + " |")
	}
	table.WriteString("\n| --- |" + strings.Repeat(" --- |", len(residency)) + "\n")
	for _, row := range matrixRows(t) {
		fmt.Fprintf(&table, "| %s |", row.name)
		for _, r := range residency {
			var cells []string
			for _, check := range []symres.VersionCheck{symres.CheckStrict, symres.CheckKnown, symres.CheckOff} {
				cells = append(cells, matrixCell(t, row, r.out, check))
			}
			fmt.Fprintf(&table, " %s |", strings.Join(cells, " / "))
		}
		table.WriteString("\n")
	}
	doc, err := os.ReadFile(filepath.Join("docs", "proof.md"))
	if err != nil || !strings.Contains(string(doc), table.String()) {
		t.Errorf("docs/proof.md (%v) does not have this table:\n%s", err, table.String())
	}
}
