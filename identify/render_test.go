package identify_test

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// TestEvidence_forms has the text and the JSON of one of each kind of value.
// What looks like a number and is none is left alone.
func TestEvidence_forms(t *testing.T) {
	digits := sympath.PDB70(guid.GUID([]byte("\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78")), 1)
	record := identify.Record{CodeView: pe.CodeView{Kind: pe.CodeViewNB10, Signature: 0x1234, Age: 1, Path: `c:\abc.pdb`}}
	counts := identify.PageCounts{Code: 5, Resident: 3, Matched: 2, Differing: 1, First: 0xfffff80003a0504c}
	for _, c := range []struct {
		evidence         identify.Evidence
		line, short, obj string
	}{
		{identify.Evidence{Rung: identify.RungCopy, Field: identify.FieldTimeDateStamp, Target: identify.Stamp(0x1a), Copy: identify.Stamp(0x2b), Result: identify.ComparisonDiffers},
			"image copy: TimeDateStamp differs: target 1a, copy 2b", "differs: target 1a, copy 2b", `"target":"0x1a","copy":"0x2b","result":"differs"`},
		{identify.Evidence{Rung: identify.RungCopy, Field: identify.FieldSizeOfImage, Copy: identify.Size(0x1000)},
			"image copy: SizeOfImage unknown in the target", "unknown in the target, copy 1000", `"copy":"0x1000","result":"unknown"`},
		{identify.Evidence{Rung: identify.RungCopy, Field: identify.FieldCheckSum, Target: identify.CheckSum(0xcbaf)},
			"image copy: CheckSum unknown in the copy", "unknown", `"target":"0xcbaf"`},
		{identify.Evidence{Rung: identify.RungPDB, Field: identify.FieldPDB, Target: identify.PDBID{ID: digits}, Copy: identify.PDBID{ID: digits}, Result: identify.ComparisonEqual},
			"PDB equal: 785634123412785612345678123456781", "equal 785634123412785612345678123456781", `"copy":"785634123412785612345678123456781"`},
		{identify.Evidence{Rung: identify.RungCopy, Field: identify.FieldFile, Copy: identify.File("abc"), Note: "found by name"},
			"image copy: file: abc (found by name)", "found by name", `"copy":"abc"`},
		{identify.Evidence{Rung: identify.RungScan, Field: identify.FieldScanned, Target: record},
			"RSDS scan: NB10 record: NB10 1234 age 1 abc.pdb", "NB10 1234 age 1 abc.pdb", `"field":"NB10 record","target":"NB10 1234 age 1 abc.pdb"`},
		{identify.Evidence{Rung: identify.RungScan, Field: identify.FieldOtherRecord, Target: record},
			"RSDS scan: other NB10 record: NB10 1234 age 1 abc.pdb", "NB10 1234 age 1 abc.pdb", `"field":"other NB10 record"`},
		{identify.Evidence{Rung: identify.RungScan, Field: identify.FieldScanned, Result: identify.ComparisonNotResident},
			"RSDS scan: RSDS record not resident", "not resident", `"field":"RSDS record","result":"not-resident"`},
		{identify.Evidence{Rung: identify.RungPages, Field: identify.FieldCodePages, Target: counts, Result: identify.ComparisonDiffers},
			"pages: code pages differ from fffff800`03a0504c on (3 of 5 code pages resident, 2 match, 1 differ)", "differ from fffff800`03a0504c on",
			`"target":"0xfffff80003a0504c","result":"differs","strength":"none","note":"3 of 5 code pages resident, 2 match, 1 differ"`},
		{identify.Evidence{Rung: identify.RungPages, Field: identify.FieldBase, Target: identify.Address(0x10000), Copy: identify.Address(0x20000), Result: identify.ComparisonDiffers},
			"pages: base differs: target 00010000, copy 00020000", "differs: target 00010000, copy 00020000", `"target":"0x10000","copy":"0x20000"`},
		{identify.Evidence{Rung: identify.RungListed, Field: identify.FieldModuleList, Target: identify.Fields{TimeDateStamp: 1, CheckSum: 2, Mapped: 0x3000}},
			"module list: size 3000 rounded, stamp 1, checksum 2", "size 3000 rounded, stamp 1, checksum 2", `"target":"size 3000 rounded, stamp 1, checksum 2"`},
		{identify.Evidence{Rung: identify.RungUnloaded, Field: identify.FieldUnloaded, Target: identify.Entry{Module: identify.Module{Image: "a\x1b.sys", Base: 0x1000, Size: 0x1000, CheckSum: 3}}},
			`unloaded list: unloaded module: a\x1b.sys 00001000-00002000, checksum 3`, `a\x1b.sys 00001000-00002000, checksum 3`, `"target":"a\\x1b.sys 00001000-00002000, checksum 3"`},
		{identify.Evidence{}, "unknown unknown", "unknown", `{"rung":"unknown","field":"unknown","result":"unknown","strength":"none"}`},
	} {
		obj, err := json.Marshal(c.evidence)
		if err != nil || !strings.Contains(string(obj), c.obj) {
			t.Errorf("%s, %v; want %s", obj, err, c.obj)
		}
		if got := c.evidence.Line(); got != c.line {
			t.Errorf("line %q, want %q", got, c.line)
		}
		if got := c.evidence.Finding(); got != c.short {
			t.Errorf("finding %q, want %q", got, c.short)
		}
	}
}

// TestModule_JSON: addresses are text, and what is unknown is left out.
func TestModule_JSON(t *testing.T) {
	m := identify.Module{Name: "a", Image: "a.sys", Base: 0xfffff80003a00000, Size: 0x6000, CheckSum: 0xcbaf}
	want := `"name":"a","image":"a.sys","base":"0xfffff80003a00000","size":"0x6000","checksum":"0xcbaf"`
	if text, err := json.Marshal(m); err != nil || string(text) != "{"+want+"}" {
		t.Errorf("%s, %v", text, err)
	}
	r := &identify.Report{Module: m, Status: identify.StatusPublic, PDB: "d/a.pdb", Identity: identify.IdentityImageKey, Proof: identify.ProofImage}
	want = "{" + want + `,"pdb":"a.pdb","status":"pdb symbols","proof":"image","identity":"image-key","report":{"symbols_from":"name","pdb":"d/a.pdb"}}`
	if text, err := json.Marshal(r); err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	pages := &identify.Pages{PageCounts: identify.PageCounts{Code: 2, Resident: 1, Matched: 1}, Verdict: identify.VerdictLikely,
		Ranges: []identify.PageRange{{RVA: 0x1000, Count: 1, State: identify.PageStateMatch}}}
	want = `{"verdict":"likely","compared":1,"matched":1,"code_pages":2,"pages":[{"rva":"0x1000","count":1,"state":"match"}]}`
	if text, err := json.Marshal(pages); err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

// TestWeigh_nothing: facts that nobody gathered are no reason to panic.
func TestWeigh_nothing(t *testing.T) {
	facts := &identify.Facts{Module: identify.Module{Image: "a.sys"}}
	copies := identify.Find(t.Context(), facts, new(identify.Search), identify.Screen{})
	defer copies.Close()
	batch, more, err := copies.Next()
	matches, notes := identify.Weigh(facts, batch)
	if len(matches)+len(notes) > 0 || more || err != nil || !errors.Is(copies.Err(), fs.ErrNotExist) {
		t.Errorf("%v, %v, %v, %v", matches, more, err, copies.Err())
	}
	if r := identify.Tell(identify.Outcome{Facts: facts, Err: copies.Err()}); r.Status != identify.StatusNoSymbols || r.Next != (identify.Step{}) {
		t.Errorf("%+v", r)
	}
}

// TestEvidence_Warning has the lines WinDbg prints.
func TestEvidence_Warning(t *testing.T) {
	stamp := identify.Evidence{Rung: identify.RungCopy, Field: identify.FieldTimeDateStamp, Target: identify.Stamp(0x1a), Copy: identify.Stamp(0x2b), Result: identify.ComparisonDiffers}
	if got := stamp.Warning("a.sys"); got != "symbols timestamp is wrong 0x0000001a 0x0000002b for a.sys" {
		t.Error(got)
	}
	stamp.Target, stamp.Result = nil, identify.ComparisonUnknown
	if got := stamp.Warning("a.sys"); got != "Unable to verify timestamp for a.sys" {
		t.Error(got)
	}
	if stamp.Rung = identify.RungHeader; stamp.Warning("a.sys") != "" {
		t.Error("a warning about the target's own header")
	}
}

// TestWords: every value of an enumeration has a word of its own, the words of
// JSON are those of String, and what is no value says so.
func TestWords(t *testing.T) {
	for name, of := range map[string]func(n uint8) encoding.TextMarshaler{
		"10 rungs":            func(n uint8) encoding.TextMarshaler { return identify.Rung(n) },
		"17 fields":           func(n uint8) encoding.TextMarshaler { return identify.Field(n) },
		"4 comparisons":       func(n uint8) encoding.TextMarshaler { return identify.Comparison(n) },
		"5 strengths":         func(n uint8) encoding.TextMarshaler { return identify.Strength(n) },
		"3 checks":            func(n uint8) encoding.TextMarshaler { return identify.VersionCheck(n) },
		"6 identities":        func(n uint8) encoding.TextMarshaler { return identify.Identity(n) },
		"5 proofs":            func(n uint8) encoding.TextMarshaler { return identify.Proof(n) },
		"4 verdicts":          func(n uint8) encoding.TextMarshaler { return identify.Verdict(n) },
		"6 states of pages":   func(n uint8) encoding.TextMarshaler { return identify.PageState(n) },
		"8 states of symbols": func(n uint8) encoding.TextMarshaler { return identify.Status(n) },
		"4 sources":           func(n uint8) encoding.TextMarshaler { return identify.SymbolSource(n) },
	} {
		var values uint8
		fmt.Sscan(name, &values)
		seen := map[string]bool{}
		for n := range values {
			text, err := of(n).MarshalText()
			if word := string(text); err != nil || seen[word] || word != fmt.Sprint(of(n)) || strings.Contains(word, "(") {
				t.Errorf("%s: value %d is %q, %v", name, n, word, err)
			}
			seen[string(text)] = true
		}
		if got := fmt.Sprint(of(values)); got != fmt.Sprintf("unknown (%d)", values) {
			t.Errorf("%s: one more is %q", name, got)
		}
	}
}
