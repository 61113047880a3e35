package symres_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// withRecords returns an image file that has further RSDS records, in front of the
// own one or behind it.
func withRecords(t *testing.T, image []byte, front, behind []symres.CodeView) []byte {
	t.Helper()
	records := func(list []symres.CodeView) (out []fixture.Record) {
		for _, c := range list {
			out = append(out, fixture.Record{GUID: c.GUID, Age: c.Age, Path: c.Path})
		}
		return out
	}
	return fixture.WithRecords(image, records(front), records(behind))
}

// fileModule is the module of an image file without memory.
func fileModule(t *testing.T, b []byte) symres.Module {
	t.Helper()
	m, err := symres.NewImage(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return symres.Module{Image: "fs_rec.sys", Base: m.ImageBase, Size: 0x10000, CodeView: m.CodeView, File: m, Origin: "image file"}
}

// TestLoad_severalRecords: of several RSDS records the last one names the PDB;
// where its PDB is missing that of another is used, and all are evidence.
func TestLoad_severalRecords(t *testing.T) {
	image, pdb := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"), fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	other := symres.CodeView{Kind: pe.CodeViewRSDS, GUID: [16]byte{1, 2, 3}, Age: 7, Path: "other.pdb"}
	third := symres.CodeView{Kind: pe.CodeViewRSDS, GUID: [16]byte{4, 5, 6}, Age: 8, Path: "third.pdb"}
	for name, c := range map[string]struct {
		front, behind []symres.CodeView
		counts        string
		told          []string
	}{
		"own last":   {[]symres.CodeView{other}, nil, "fs_rec.pdb", []string{"other.pdb"}},
		"other last": {nil, []symres.CodeView{other}, "other.pdb", []string{"fs_rec.pdb"}},
		"third last": {[]symres.CodeView{other}, []symres.CodeView{third}, "third.pdb", []string{"fs_rec.pdb", "other.pdb"}},
	} {
		b := withRecords(t, image, c.front, c.behind)
		m := fileModule(t, b)
		if m.CodeView.Path != c.counts || len(m.File.OtherCodeViews) != len(c.told) {
			t.Fatalf("%s: %+v, %+v", name, m.CodeView, m.File.OtherCodeViews)
		}
		for how, cfg := range map[string]symres.Config{
			"file":   {Symbols: sympath.Dir("d", fstest.MapFS{"fs_rec.pdb": {Data: pdb}})},
			"memory": {Symbols: sympath.Dir("d", fstest.MapFS{"fs_rec.pdb": {Data: pdb}}), Memory: mapped(t, b, m.Base)},
			"copy":   {Symbols: sympath.Dir("d", fstest.MapFS{"fs_rec.pdb": {Data: pdb}, "fs_rec.sys": {Data: b}})},
		} {
			module := m
			if how != "file" {
				module.CodeView, module.File = nil, nil
			}
			if how == "copy" {
				module.TimeDateStamp, module.SizeOfImage, module.CheckSum = imageFacts(t, b)
			}
			rep, err := session(t, cfg, module).Load(context.Background(), "fs_rec")
			if err != nil || rep.PDB != "d/fs_rec.pdb" {
				t.Errorf("%s, %s: %v, %v", name, how, rep.PDB, err)
			}
			told := 0
			for _, e := range rep.Evidence {
				if e.Field == identify.FieldOtherRecord && told < len(c.told) && strings.HasSuffix(cmp.Or(e.Target, e.Copy).String(), " "+c.told[told]) {
					told++
				}
			}
			if told != len(c.told) {
				t.Errorf("%s, %s: evidence %v, want %q told", name, how, rep.Evidence, c.told)
			}
		}
		// With neither PDB it is the one that counts that is missing.
		rep, err := session(t, symres.Config{Symbols: sympath.Dir("d", fstest.MapFS{})}, m).Load(context.Background(), "fs_rec")
		if !errors.Is(err, symres.ErrNoSymbols) || rep.PDBID != m.CodeView.ID() {
			t.Errorf("%s: %v, %v", name, rep.PDBID, err)
		}
	}
}

func imageFacts(t *testing.T, b []byte) (stamp, size, sum uint32) {
	t.Helper()
	m, err := symres.NewImage(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return m.TimeDateStamp, m.SizeOfImage, 0
}
