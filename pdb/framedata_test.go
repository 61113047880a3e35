package pdb_test

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestCorpusFrameData compares the frame data of both forms with another
// reader's.
func TestCorpusFrameData(t *testing.T) {
	t.Parallel()
	total := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			f := open(t, c[1])
			var want []string
			for _, line := range pdbutil(t, c[1], "-fpo") {
				fields := strings.Split(line, "|")
				if len(fields) < 9 || strings.Contains(line, "Code") {
					continue
				}
				if len(fields) == 9 { // the old form, of which 19 reads two flags from the wrong bits
					fields = slices.Delete(fields, 6, 8)
				}
				want = append(want, strings.Join(strings.Fields(strings.Join(fields, " ")), " "))
			}
			got := append(oldFrameData(t, f), newFrameData(t, f)...)
			if !slices.Equal(got, want) {
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Errorf("record %d:\n got %s\nwant %s", i, got[i], want[i])
						break
					}
				}
				t.Errorf("%d records, want %d", len(got), len(want))
			}
			total += len(got)
		})
	}
	if total < 5000 {
		t.Errorf("only %d records in the corpus", total)
	}
}

func oldFrameData(t *testing.T, f *pdb.File) (list []string) {
	t.Helper()
	for d, err := range f.FrameRecords().FPO() {
		if err != nil {
			t.Fatal(err)
		}
		kind := []string{"FPO", "Trap", "TSS", "Non-FPO"}[d.Type]
		if at, ok, err := f.FrameRecords().FPOAt(d.RVA); d.Size > 0 && (!ok || at.RVA != d.RVA || err != nil) {
			t.Errorf("FPOAt(%#x) = %+v, %v, %v", d.RVA, at, ok, err)
		}
		list = append(list, fmt.Sprintf("%08X %d %d %d %d %d %s", d.RVA, d.Size, d.Locals/4, d.Params/4, d.Prolog, d.Regs, kind))
	}
	return list
}

// newFrameData lists the records; each is found again by its address.
func newFrameData(t *testing.T, f *pdb.File) (list []string) {
	t.Helper()
	last := uint32(0)
	for d, err := range f.FrameRecords().FrameData() {
		if err != nil {
			t.Fatal(err)
		}
		is := func(flag uint32) bool { return d.Flags&flag != 0 }
		list = append(list, strings.Join(strings.Fields(fmt.Sprintf("%08X %d %d %d %d %d %d %v %v %v %s", d.RVA, d.Size, d.Locals, d.Params,
			d.MaxStack, d.Prolog, d.SavedRegs, is(pdb.FrameSEH), is(pdb.FrameEH), is(pdb.FrameStart), d.Program)), " "))
		if at, ok, err := f.FrameRecords().FrameDataAt(d.RVA); d.Size > 0 && d.RVA > last && (!ok || at.RVA != d.RVA || err != nil) {
			t.Errorf("FrameDataAt(%#x) = %+v, %v, %v", d.RVA, at, ok, err)
		}
		last = max(last, d.RVA)
	}
	return list
}

// TestFPO: every field of a record (winnt.h, FPO_DATA).
func TestFPO(t *testing.T) {
	p := samplePDB()
	p.opt = []uint16{firstExtra, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, numSections}
	p.extra = [][]byte{le16(le32(nil, 0x1000, 0x20, 3), 2, 7|5<<8|1<<11|2<<14)}
	p.extra[0] = le16(le32(p.extra[0], 0x1020, 0x10, 0), 0, 1<<12)
	p.extra[0] = append(p.extra[0], 1, 2, 3) // no whole record
	want := []pdb.FPO{
		{RVA: 0x1000, Size: 0x20, Locals: 12, Params: 8, Prolog: 7, Regs: 5, SEH: true, Type: 2},
		{RVA: 0x1020, Size: 0x10, UsesEBP: true},
	}
	var got []pdb.FPO
	for d, err := range openImage(t, p.write()).FrameRecords().FPO() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	old := openImage(t, p.write())
	for rva, want := range map[uint32]uint32{0xfff: 0, 0x1000: 0x1000, 0x101f: 0x1000, 0x1020: 0x1020, 0x1030: 0} {
		if d, ok, err := old.FrameRecords().FPOAt(rva); d.RVA != want || ok != (want != 0) || err != nil {
			t.Errorf("FPOAt(%#x) = %+v, %v, %v", rva, d, ok, err)
		}
	}
	f := openImage(t, samplePDB().write())
	if _, ok, err := f.FrameRecords().FPOAt(0x1000); ok || err != nil {
		t.Errorf("FPO without a stream: %v, %v", ok, err)
	}
	if _, ok, err := f.FrameRecords().FrameDataAt(0x1000); ok || err != nil {
		t.Errorf("frame data without a stream: %v, %v", ok, err)
	}
}

var callLine = regexp.MustCompile(`^ +type = 0x([0-9A-F]+) .*addr = (\d+):(\d+)`)

// TestCorpusCallSites compares the call sites of all modules with another
// reader's.
func TestCorpusCallSites(t *testing.T) {
	t.Parallel()
	total := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			f := open(t, c[1])
			var got, want []string
			modules := 0
			for _, err := range f.Modules() {
				if modules++; err != nil {
					t.Fatal(err)
				}
				for s, err := range f.Module(modules).CallSites() {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, fmt.Sprintf("%d:%d %x", s.Segment, s.Offset, s.Type))
				}
			}
			next := false
			for _, line := range pdbutil(t, c[1], "-symbols") {
				if next {
					m := callLine.FindStringSubmatch(line)
					if m == nil {
						t.Fatalf("%q", line)
					}
					typ, _ := strconv.ParseUint(m[1], 16, 32)
					seg, _ := strconv.Atoi(m[2])
					off, _ := strconv.Atoi(m[3])
					want = append(want, fmt.Sprintf("%d:%d %x", seg, off, typ))
				}
				next = strings.Contains(line, "| S_CALLSITEINFO [") || strings.Contains(line, "| S_HEAPALLOCSITE [")
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d call sites, want %d, and they differ", len(got), len(want))
			}
			total += len(got)
		})
	}
	if total < 2000 {
		t.Errorf("only %d call sites in the corpus", total)
	}
}

// TestSourceStreams: what says where sources are is handed out as data.
func TestSourceStreams(t *testing.T) {
	p := samplePDB()
	p.named["sourcelink$1"] = []byte(`{"documents":{}}`)
	f := openImage(t, p.write())
	r, err := f.Stream("srcsrv")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "SRCSRV: ini" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	docs, err := sourceLinks(f)
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	for i, want := range []string{"{}", `{"documents":{}}`} {
		if b, err := io.ReadAll(docs[i]); string(b) != want || err != nil {
			t.Errorf("document %d: %q, %v", i, b, err)
		}
	}
	none := samplePDB()
	none.named = nil
	f = openImage(t, none.write())
	if r, err := f.Stream("srcsrv"); r != nil || err != nil {
		t.Errorf("srcsrv: %v, %v", r, err)
	}
	if docs, err := sourceLinks(f); docs != nil || err != nil {
		t.Errorf("source links: %v, %v", docs, err)
	}
}

// TestCorpusSourceStreams: PDBs of the corpus have a Source Link stream, all
// of them an empty one, and source server text.
func TestCorpusSourceStreams(t *testing.T) {
	links, servers := 0, 0
	for _, c := range corpusPDBs(t) {
		f := open(t, c[1])
		docs, err := sourceLinks(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range docs {
			links++
			if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
				t.Errorf("%s: %.40q, %v", c[0], b, err)
			}
		}
		r, err := f.Stream("srcsrv")
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			continue
		}
		servers++
		if b, err := io.ReadAll(r); err != nil || !strings.HasPrefix(string(b), "SRCSRV: ini") {
			t.Errorf("%s: %.40q, %v", c[0], b, err)
		}
	}
	if links == 0 || servers == 0 {
		t.Errorf("%d Source Link streams, %d source server streams", links, servers)
	}
}

// sourceLinks opens the Source Link documents of a PDB; linkers leave several in one.
func sourceLinks(f *pdb.File) (docs []*io.SectionReader, err error) {
	state, err := f.Status()
	for _, s := range state.Streams {
		if s.Name == "sourcelink" || strings.HasPrefix(s.Name, "sourcelink$") {
			r, err := f.Stream(s.Name)
			if err != nil {
				return nil, err
			}
			docs = append(docs, r)
		}
	}
	return docs, err
}
