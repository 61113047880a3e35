package symres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
)

// rung returns the evidence of a rung and field.
func rung(t testing.TB, rep *symres.Report, r identify.Rung, field string) identify.Evidence {
	t.Helper()
	i := slices.IndexFunc(rep.Evidence, func(e identify.Evidence) bool { return e.Rung == r && e.Name() == field })
	if i < 0 {
		t.Fatalf("no evidence of %s from the %v in %v", field, r, rep.Evidence)
	}
	return rep.Evidence[i]
}

// TestLoad_RSDS_scan has the header out and the record in: the target itself
// names its PDB.
func TestLoad_RSDS_scan(t *testing.T) {
	m := loaderEntry(t, "x64/good", base64)
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64, 0), Symbols: store(t, "x64/samets", "x64/good")}
	rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err != nil || rep.Proof != symres.ProofExact || rep.From != identify.RungScan || !strings.HasPrefix(rep.PDB, "x64/good") {
		t.Fatalf("PDB %s, proof %v from %v, %v", rep.PDB, rep.Proof, rep.From, err)
	}
	if e := rung(t, rep, identify.RungScan, "RSDS record"); e.Strength != identify.StrengthExact || !strings.Contains(e.Note, "RVA 2074") {
		t.Errorf("evidence %+v", e)
	}
	if e := rung(t, rep, identify.RungHeader, "image header"); e.Result != identify.ComparisonNotResident || !strings.Contains(e.Note, "paged out") {
		t.Errorf("evidence %+v", e)
	}
}

// scanning loads a module whose pages hold what is put there.
func scanning(t *testing.T, put map[uint64]string) *symres.Report {
	t.Helper()
	const base = 0xfffff80005000000
	mem := new(memsource.Sparse)
	for rva, text := range put {
		if err := mem.Add(base+rva, append([]byte(text), make([]byte, 64)...)); err != nil {
			t.Fatal(err)
		}
	}
	s := session(t, symres.Config{Memory: mem}, symres.Module{Image: "tool.sys", Base: base, Size: 0x10000})
	rep, _ := s.Load(context.Background(), "tool") // there is no PDB to find
	return rep
}

func rsdsRecord(guid byte, age uint32, path string) string {
	b := append([]byte("RSDS"), bytes.Repeat([]byte{guid}, 16)...)
	return string(binary.LittleEndian.AppendUint32(b, age)) + path
}

func nb10Record(signature, age uint32, path string) string {
	b := append([]byte("NB10"), 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, signature)
	return string(binary.LittleEndian.AppendUint32(b, age)) + path
}

// TestLoad_NB10_scan has a record of the older kind alone, beside one that is
// another's, and beside a newer one.
func TestLoad_NB10_scan(t *testing.T) {
	own, other := nb10Record(0x3b7d82d3, 2, "C:\\b\\tool.pdb\x00"), nb10Record(5, 1, "viewer.pdb\x00")
	for _, c := range []struct {
		name string
		put  map[uint64]string
		key  string
	}{
		{"alone", map[uint64]string{0x3000: own}, "3B7D82D32"},
		{"the name decides", map[uint64]string{0x2000: other, 0x3000: own}, "3B7D82D32"},
		{"the debug directory decides", map[uint64]string{0x2000: other, 0x3000: own, 0x4000: debugEntry(0x2000, 0x1b)}, "000000051"},
		{"RSDS first", map[uint64]string{0x2000: own, 0x3000: rsdsRecord(1, 1, "tool.pdb\x00")}, "010101010101010101010101010101011"},
	} {
		rep := scanning(t, c.put)
		if rep.PDBID.Key() != c.key || rep.From != identify.RungScan {
			t.Errorf("%s: %v from %v, want %s; %v", c.name, rep.PDBID.Key(), rep.From, c.key, rep.Evidence)
		}
	}
	if e := rung(t, scanning(t, map[uint64]string{0x3000: own}), identify.RungScan, "NB10 record"); e.Target.String() != "NB10 3B7D82D3 age 2 tool.pdb" {
		t.Errorf("evidence %+v", e)
	}
}

// TestLoad_unloaded names a module by its range alone, of which the target
// remembers the rest.
func TestLoad_unloaded(t *testing.T) {
	entry := loaderEntry(t, "x64/good", base64)
	gone := symres.Module{
		Image: "fs_rec.sys", Base: base64, Size: 0x6000, Origin: "the list",
		SizeOfImage: 0x6000, TimeDateStamp: entry.TimeDateStamp, CheckSum: entry.CheckSum,
	}
	other, cut, older, elsewhere := gone, gone, gone, gone
	other.Image, cut.Base, cut.Size = "other.sys", base64+0x1000, 0x1000
	older.TimeDateStamp++
	elsewhere.Base += 0x6000
	for name, c := range map[string]struct {
		list  []symres.Module
		proof symres.Proof
		notes []string
	}{
		"the module":                 {[]symres.Module{elsewhere, gone}, symres.ProofImage, []string{"the list"}},
		"twice":                      {[]symres.Module{gone, gone}, symres.ProofImage, []string{"the list", "the list"}},
		"two builds":                 {[]symres.Module{gone, older, gone}, symres.ProofWeak, []string{"the list", "another build", "the list"}},
		"of another name":            {[]symres.Module{other}, symres.ProofWeak, []string{"another image"}},
		"in a part of the range":     {[]symres.Module{cut}, symres.ProofWeak, []string{"another image"}},
		"elsewhere, and none at all": {[]symres.Module{elsewhere}, symres.ProofWeak, nil},
	} {
		cfg := symres.Config{Symbols: store(t, "x64/good"), Unloaded: func(yield func(symres.Module, error) bool) {
			if !yield(symres.Module{}, fmt.Errorf("an entry that is out")) {
				return
			}
			for _, m := range c.list {
				if !yield(m, nil) {
					return
				}
			}
		}}
		rep, err := session(t, cfg, symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x6000}).Load(context.Background(), "fs_rec")
		if err != nil || rep.Proof != c.proof {
			t.Errorf("%s: proof %v, want %v, %v", name, rep.Proof, c.proof, err)
		}
		var notes []string
		for _, e := range rep.Evidence {
			if e.Rung == identify.RungUnloaded {
				notes = append(notes, e.Note)
			}
		}
		if !slices.EqualFunc(notes, c.notes, strings.Contains) {
			t.Errorf("%s: notes %q, want %q", name, notes, c.notes)
		}
	}
}

// debugEntry is an IMAGE_DEBUG_DIRECTORY of type CodeView.
func debugEntry(rva, size uint32) string {
	b := make([]byte, 28)
	binary.LittleEndian.PutUint32(b[12:], 2)
	binary.LittleEndian.PutUint32(b[16:], size)
	binary.LittleEndian.PutUint32(b[20:], rva)
	return string(b)
}

func TestLoad_RSDS_several(t *testing.T) {
	own, other := rsdsRecord(1, 1, "C:\\b\\tool.pdb\x00"), rsdsRecord(2, 1, "viewer.pdb\x00")
	for _, c := range []struct {
		name string
		put  map[uint64]string
		want byte // of the GUID, 0 for none
		note string
	}{
		{"one", map[uint64]string{0x3000: own}, 1, "at RVA 3000"},
		{"the name decides", map[uint64]string{0x2000: other, 0x3000: own}, 1, ""},
		{"another's name alone", map[uint64]string{0x2000: other}, 0, "no record has the module's name"},
		{"the debug directory decides", map[uint64]string{0x2000: other, 0x3000: own, 0x4000: debugEntry(0x2000, 0x23)}, 2, ""},
		{"two of the name", map[uint64]string{0x2000: own, 0x3000: rsdsRecord(3, 1, "tool.pdb\x00")}, 0, "several records"},
		{"two of the name, one of a likely age", map[uint64]string{0x2000: own, 0x3000: rsdsRecord(3, 900, "tool.pdb\x00")}, 1, ""},
		{"age 0", map[uint64]string{0x3000: rsdsRecord(1, 0, "tool.pdb\x00")}, 0, "none in"},
		{"none", map[uint64]string{0x3000: "code"}, 0, "none in"},
	} {
		rep := scanning(t, c.put)
		e := rung(t, rep, identify.RungScan, "RSDS record")
		got := byte(0)
		if !rep.PDBID.IsZero() {
			got = rep.PDBID.GUID()[0]
		}
		if got != c.want || !strings.Contains(e.Note, c.note) {
			t.Errorf("%s: GUID of %d, want %d; %+v", c.name, got, c.want, e)
		}
	}
}

// TestLoad_RSDS_straddling has a record across two pages, and its path cut off
// by one that is out.
func TestLoad_RSDS_straddling(t *testing.T) {
	const base = 0xfffff80005000000
	record := rsdsRecord(7, 3, "C:\\build\\tool.pdb\x00")
	page := append(make([]byte, 0xfe0), record...)
	for _, second := range []bool{true, false} {
		mem := new(memsource.Sparse)
		data := append(page, make([]byte, 0x2000-len(page))...)
		if !second {
			data = data[:0x1000]
		}
		if err := mem.Add(base+0x2000, data); err != nil {
			t.Fatal(err)
		}
		s := session(t, symres.Config{Memory: mem, Symbols: sympath.Dir("d", fstest.MapFS{})}, symres.Module{Image: "tool.sys", Base: base, Size: 0x10000})
		rep, _ := s.Load(context.Background(), "tool")
		if rep.PDBID.GUID()[0] != 7 || rep.PDBID.Age() != 3 || len(rep.Attempts) == 0 || !strings.Contains(rep.Attempts[0].Location, "tool.pdb") {
			t.Errorf("second page %v: looked for %v in %v", second, rep.PDBID, rep.Attempts)
		}
		if cut := strings.Contains(rung(t, rep, identify.RungScan, "RSDS record").Note, "out"); cut == second {
			t.Errorf("second page %v: %v", second, rep.Evidence)
		}
	}
}

// TestLoad_debug_info has a NON_PAGED_DEBUG_INFO with a record behind it.
func TestLoad_debug_info(t *testing.T) {
	const at = 0xfffffa8000100000
	good := fsRec(t, "x64/good")
	rsds := bytes.Index(good, []byte("RSDS"))
	b := make([]byte, 0x20)
	le := binary.LittleEndian
	le.PutUint16(b, 0x494e)
	le.PutUint16(b[8:], 0x8664)
	le.PutUint32(b[0xc:], 0x39ff5d00)
	le.PutUint64(b[0x18:], base64)
	b = append(b, make([]byte, 28)...) // an entry of the debug directory
	b = append(b, good[rsds:rsds+40]...)
	le.PutUint32(b[4:], uint32(len(b)))
	for name, dir := range map[string]uint64{"right": base64, "of another image": base64 + 0x10000} {
		extra := new(memsource.Sparse)
		le.PutUint64(b[0x18:], dir)
		if err := extra.Add(at, bytes.Clone(b)); err != nil {
			t.Fatal(err)
		}
		mem := memsource.Overlay(mapped(t, good, base64, 0, 2), extra)
		m := symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x6000, DebugInfo: at}
		rep, err := session(t, symres.Config{Memory: mem, Symbols: store(t, "x64/good")}, m).Load(context.Background(), "fs_rec")
		if err != nil {
			t.Fatal(err)
		}
		if want := dir == base64; (rep.From == identify.RungDebugInfo) != want || (rep.Proof == symres.ProofExact) != want {
			t.Errorf("%s: from %v, proof %v; %v", name, rep.From, rep.Proof, rep.Evidence)
		}
	}
}

// fading is memory whose pages can go away.
type fading struct {
	symres.MemorySource
	gone atomic.Bool
}

func (f *fading) ReadMemory(b []byte, addr uint64) (int, error) {
	if f.gone.Load() {
		return 0, memsource.NewFault(memsource.ReasonPagedOut, addr, 1)
	}
	return f.MemorySource.ReadMemory(b, addr)
}

// TestLoad_remembers reads an identity, loses every page, and is asked again
// once the PDB is there.
func TestLoad_remembers(t *testing.T) {
	for name, out := range map[string][]int{"header": nil, "scan": {0}} {
		mem := &fading{MemorySource: mapped(t, fsRec(t, "x64/good"), base64, out...)}
		dir := fstest.MapFS{}
		m := symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x6000}
		s := session(t, symres.Config{Memory: mem, Symbols: sympath.Dir("d", dir)}, m)
		if _, err := s.Load(context.Background(), "fs_rec"); err == nil {
			t.Fatal("loaded without a PDB")
		}
		mem.gone.Store(true)
		dir["fs_rec.pdb"] = &fstest.MapFile{Data: fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")}
		rep, err := s.Load(context.Background(), "fs_rec")
		if err != nil || rep.Proof != symres.ProofExact || rep.HeaderErr == nil {
			t.Errorf("%s: proof %v, %v; %v", name, rep.Proof, err, rep.Evidence)
		}
	}
}

// TestVerify_keeps_nothing: what a comparison read is no help to a load that
// comes when the pages are out.
func TestVerify_keeps_nothing(t *testing.T) {
	mem := &fading{MemorySource: mapped(t, fsRec(t, "x64/good"), base64)}
	cfg := symres.Config{Memory: mem, Images: sympath.Dir("d", fstest.MapFS{"fs_rec.sys": {Data: fsRec(t, "x64/good")}})}
	s := session(t, cfg, symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x6000})
	verified, err := s.Verify(context.Background(), "fs_rec")
	if err != nil || verified.From != identify.RungHeader {
		t.Fatalf("from %v, %v", verified.From, err)
	}
	if rep := s.Modules()[0]; rep.Status != symres.StatusDeferred || rep.Header != nil || len(rep.Evidence) > 0 {
		t.Errorf("the module has the report %+v", rep)
	}
	mem.gone.Store(true)
	rep, err := s.Load(context.Background(), "fs_rec")
	if err == nil || rep.From != identify.RungCopy || strings.Contains(fmt.Sprint(rep.Evidence), "read before") {
		t.Errorf("the load knows the PDB from %v: %v, %v", rep.From, rep.Evidence, err)
	}
}

// reads counts how often each page is read.
type reads struct {
	symres.MemorySource
	pages map[uint64]int
}

func (r *reads) ReadMemory(b []byte, addr uint64) (int, error) {
	n, err := r.MemorySource.ReadMemory(b, addr)
	for a := addr &^ 0xfff; n > 0 && a < addr+uint64(n); a += 0x1000 {
		r.pages[a]++
	}
	return n, err
}

// TestLoad_reads_pages_once scans for the record and compares three copies with
// one read of each resident page.
func TestLoad_reads_pages_once(t *testing.T) {
	const base = 0xf8420000
	file := fixture.Bytes(t, "wide/x86/wide.sys")
	b := imageAt(t, file, base)
	mem := &reads{b.PageOut(0, 5, 6, 0x21).Source(), map[uint64]int{}}
	var stores []sympath.Store
	for i := range 3 {
		copied := bytes.Clone(file)
		if i < 2 {
			copied[0x2000+i] ^= 1 // its checksum is not the target's any more, which is not known
		}
		stores = append(stores, sympath.Dir(fmt.Sprint(i), fstest.MapFS{"wide.sys": {Data: copied}, "wide.pdb": {Data: fixture.Bytes(t, "wide/x86/wide.pdb")}}))
	}
	m := symres.Module{Image: "wide.sys", Base: base, Size: b.Size()}
	rep, err := session(t, symres.Config{Memory: mem, Symbols: sympath.Chain(stores...)}, m).Load(context.Background(), "wide")
	if err != nil || rep.Image != "2/wide.sys" || rep.Pages.Verdict != identify.VerdictLikely {
		t.Fatalf("image %s, %v, %v", rep.Image, rep.Pages, err)
	}
	for page, n := range mem.pages {
		if n != 1 {
			t.Errorf("the page at %x was read %d times", page, n)
		}
	}
	if len(mem.pages) != len(b.Bytes())/0x1000-4 {
		t.Errorf("%d pages were read", len(mem.pages))
	}
}

// TestLoad_tie has two builds that agree equally well with what is resident.
func TestLoad_tie(t *testing.T) {
	m := symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x6000, TimeDateStamp: 0x39ff5d00, SizeOfImage: 0x6000}
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64, 0, 2), Symbols: store(t, "x64/samets", "x64/good")}
	rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err != nil || rep.Proof != symres.ProofWeak || !strings.HasPrefix(rep.Image, "x64/samets") {
		t.Errorf("image %s, proof %v, %v", rep.Image, rep.Proof, err)
	}
	if !slices.ContainsFunc(rep.Notes, func(n string) bool { return strings.Contains(n, "2 copies of Fs_Rec.SYS agree equally well") }) {
		t.Errorf("notes %q do not tell of the tie", rep.Notes)
	}
	m.CheckSum = 0x86ea // which only the second one has
	rep, err = session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err != nil || rep.Proof != symres.ProofImage || !strings.HasPrefix(rep.Image, "x64/good") || len(rep.Notes) > 0 {
		t.Errorf("with a checksum: image %s, proof %v, %q, %v", rep.Image, rep.Proof, rep.Notes, err)
	}
}

func TestSession_Verify(t *testing.T) {
	const base = 0xf8420000
	file := fixture.Bytes(t, "wide/x86/wide.sys")
	b := imageAt(t, file, base)
	mem := b.PageOut(0, 0x21).Source()
	sum := headersOf(t, file).CheckSum
	m := symres.Module{Image: "wide.sys", Base: base, Size: b.Size(), CheckSum: sum}
	altered := bytes.Clone(file)
	altered[0x3000] ^= 1
	for name, c := range map[string]struct {
		file    []byte
		verdict identify.Verdict
		next    string
	}{
		"right":   {file, identify.VerdictConfirmed, ""},
		"altered": {altered, identify.VerdictMismatch, fmt.Sprintf("append a share that holds wide.sys, size %x checksum %x", b.Size(), sum)},
		"other":   {fixture.Bytes(t, "wide/x64/wide.sys"), identify.VerdictMismatch, "append a share"},
	} {
		cfg := symres.Config{Memory: mem, Images: sympath.Dir("d", fstest.MapFS{"wide.sys": {Data: c.file}})}
		rep, err := session(t, cfg, m).Verify(context.Background(), "wide")
		if err != nil || rep.Pages.Verdict != c.verdict || !strings.Contains(rep.Next.String(), c.next) {
			t.Errorf("%s: %v %v, next %q, %v", name, rep.Pages.Verdict, rep.Pages, rep.Next, err)
		}
	}
	rep, err := session(t, symres.Config{Memory: mem, Images: sympath.Dir("d", fstest.MapFS{})}, m).Verify(context.Background(), "wide")
	if err == nil || rep == nil || !strings.Contains(rep.Next.String(), "append a share that holds wide.sys") {
		t.Errorf("no copy: %+v, %v", rep, err)
	}
}

// TestSession_Verify_altered has a module that was loaded from a file changed
// after it was linked, as stripped ones are: its checksum is not the computed
// one. Such a copy takes every page to be told from another.
func TestSession_Verify_altered(t *testing.T) {
	const base = 0xf8420000
	file := bytes.Clone(fixture.Bytes(t, "wide/x86/wide.sys"))
	file[0x3000] ^= 1
	m := symres.Module{Image: "wide.sys", Base: base, Size: imageAt(t, file, base).Size(), CheckSum: headersOf(t, file).CheckSum}
	cfg := symres.Config{Images: sympath.Dir("d", fstest.MapFS{"wide.sys": {Data: file}})}
	for _, c := range []struct {
		out     []int
		verdict identify.Verdict
		result  identify.Comparison
	}{{[]int{0}, identify.VerdictConfirmed, identify.ComparisonUnknown}, {[]int{0, 5}, identify.VerdictMismatch, identify.ComparisonDiffers}} {
		cfg.Memory = imageAt(t, file, base).PageOut(c.out...).Source()
		rep, err := session(t, cfg, m).Verify(context.Background(), "wide")
		if err != nil {
			t.Fatal(err)
		}
		e := rung(t, rep, identify.RungCopy, "computed CheckSum")
		if rep.Pages.Verdict != c.verdict || rep.Pages.Differing > 0 || e.Result != c.result {
			t.Errorf("without %v: %v, %v, %v", c.out, rep.Pages.Verdict, rep.Pages, e)
		}
	}
}

// TestNext_wrong_age has a PDB of the right GUID and another age.
func TestNext_wrong_age(t *testing.T) {
	file := bytes.Clone(fsRec(t, "x64/good"))
	at := bytes.Index(file, []byte("RSDS"))
	binary.LittleEndian.PutUint32(file[at+20:], 5)
	cfg := symres.Config{Memory: mapped(t, file, base64), Symbols: store(t, "x64/good")}
	rep, err := session(t, cfg, loaderEntry(t, "x64/good", base64)).Load(context.Background(), "fs_rec")
	if err == nil || !strings.HasPrefix(rep.Next.String(), "the PDB found has age 1, the image wants 5") {
		t.Errorf("next %q, %v", rep.Next, err)
	}
}

// TestNext_unproven: a copy that agrees in all that is known is not said to be
// of another build.
func TestNext_unproven(t *testing.T) {
	m := symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x6000}
	cfg := symres.Config{Memory: new(memsource.Sparse), Symbols: store(t, "x64/good"), Check: symres.CheckStrict}
	rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err == nil || !strings.HasPrefix(rep.Next.String(), "nothing contradicts the copy found") || !strings.HasSuffix(rep.Next.String(), "the version check known takes it, labelled weak") {
		t.Errorf("next %q, %v", rep.Next, err)
	}
	cfg.Symbols = store(t, "x64/ts1")
	m.TimeDateStamp = 0x39ff5d00
	rep, err = session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err == nil || !strings.HasPrefix(rep.Next.String(), "the copies found are of other builds") {
		t.Errorf("another stamp: next %q, %v", rep.Next, err)
	}
}

// TestNext_no_debug_directory: the right copy that names no PDB is not said to be
// of another build, and the way it names works.
func TestNext_no_debug_directory(t *testing.T) {
	dir := fstest.MapFS{"fs_rec.sys": {Data: fsRec(t, "x64/nodebug")}, "Fs_Rec.pdb": {Data: fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")}}
	h := headersOf(t, dir["fs_rec.sys"].Data)
	m := symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x6000, TimeDateStamp: h.TimeDateStamp, CheckSum: h.CheckSum}
	cfg := symres.Config{Memory: new(memsource.Sparse), Symbols: sympath.Dir("d", dir)}
	rep, err := session(t, cfg, m).Load(t.Context(), "fs_rec")
	if err == nil || rep.Next.Kind != identify.StepNoDebug || rep.Next.File != "Fs_Rec.pdb" {
		t.Errorf("next %q, %v", rep.Next, err)
	}
	cfg.Check = rep.Next.Check
	if rep, err = session(t, cfg, m).Load(t.Context(), "fs_rec"); err != nil || rep.Proof != symres.ProofNameOnly {
		t.Errorf("insisting: %v, %v", rep.Proof, err)
	}
	cfg.Check = symres.CheckKnown
	m.TimeDateStamp++
	if rep, err = session(t, cfg, m).Load(t.Context(), "fs_rec"); err == nil || rep.Next.Kind != identify.StepOtherBuilds {
		t.Errorf("another stamp: next %q, %v", rep.Next, err)
	}
}

// TestSession_Verify_kernel_names: the kernel lies under the name it was linked
// by, which only its record tells.
func TestSession_Verify_kernel_names(t *testing.T) {
	good := fsRec(t, "x64/good")
	image, err := symres.NewImage(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	named := *image.CodeView
	named.Path = "ntkrnlpa.pdb"
	m := loaderEntry(t, "x64/good", base64)
	m.Image, m.Name, m.CodeView = "ntoskrnl.exe", "nt", &named
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64, 0, 2), Symbols: sympath.Dir("d", fstest.MapFS{"ntkrnlpa.exe": {Data: fsRec(t, "x64/good")}})}
	rep, err := session(t, cfg, m).Verify(t.Context(), "nt")
	if err != nil || rep.Image != "d/ntkrnlpa.exe" || rep.Pages.Verdict < identify.VerdictLikely {
		t.Errorf("%+v, %v", rep, err)
	}
}

// ending is memory whose reader gives up at an address.
type ending struct {
	symres.MemorySource
	at     uint64
	cancel func()
}

func (e ending) ReadMemory(buf []byte, addr uint64) (int, error) {
	if addr <= e.at && e.at-addr < uint64(len(buf)) {
		e.cancel()
	}
	return e.MemorySource.ReadMemory(buf, addr)
}

// TestVerify_canceled: a comparison that was broken off says nothing, neither of
// a page it did not come to nor of the module.
func TestVerify_canceled(t *testing.T) {
	const base = 0xf8420000
	file := fixture.Bytes(t, "wide/x86/wide.sys")
	b := imageAt(t, file, base)
	ctx, cancel := context.WithCancel(t.Context())
	mem := ending{b.PageOut(0).Source(), base + 0x10000, cancel}
	m := symres.Module{Image: "wide.sys", Base: base, Size: b.Size(), CheckSum: headersOf(t, file).CheckSum}
	cfg := symres.Config{Memory: mem, Images: sympath.Dir("d", fstest.MapFS{"wide.sys": {Data: file}})}
	rep, err := session(t, cfg, m).Verify(ctx, "wide")
	if rep != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", rep, err)
	}
}

// TestLoad_header_of_another: a header in memory that is not what the loader
// saw is told of.
func TestLoad_header_of_another(t *testing.T) {
	m := loaderEntry(t, "x64/good", base64)
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: store(t, "x64/good")}
	rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err != nil || len(rep.Notes) != 0 {
		t.Errorf("%q, %v", rep.Notes, err)
	}
	want := fmt.Sprintf("the image header in memory has checksum %x, the module list %x; the header was taken", m.CheckSum, m.CheckSum+1)
	m.CheckSum++
	if rep, err = session(t, cfg, m).Load(context.Background(), "fs_rec"); err != nil || !slices.Contains(rep.Notes, want) {
		t.Errorf("%q, %v", rep.Notes, err)
	}
}
