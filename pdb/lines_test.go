package pdb_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

const statement = 1 << 31 // flag of a line

// codePDB has two modules with lines of every form, in the sections and
// contributions of samplePDB.
func codePDB() *testPDB {
	p := samplePDB()
	names, at := testStrings(1, `C:\src\main.c`, `C:\src\list.h`, `D:\lib\list.h`, `C:\src\other.c`)
	p.named["/names"] = names
	a, b := newTestCode(), newTestCode()
	mainC, listH := a.file(at[0], 1, strings.Repeat("m", 16)), a.file(at[1], 3, strings.Repeat("s", 32))
	libH := a.file(at[2], 0, "")
	a.proc(pdb.KindGProc32, "main", 1, 0x10, 0x60)
	a.site(0x1001, ops(6, 2<<1, 12, 0x10, 0x10)) // 0x20..0x30 of the section
	a.site(0x1002, ops(5, libH, 12, 4, 0x14))    // 0x24..0x28
	a.end()
	a.end()
	a.site(0x1003, ops(3, 0x30, 4, 8)) // 0x40..0x48; nobody says where it begins
	a.end()
	a.end()
	// Runs of two files interleave; the last row reaches to the end of the
	// code; the row at 0x28 is code without a line.
	a.block(1, 0x10, 0x60, true,
		testRun{mainC, [][3]uint32{{0, 10 | statement, 1 | 9<<16}, {0, 11 | 2<<24 | statement, 5}, {0x20, 12, 0}, {0x28, 0xF00F00, 0}, {0x30, 14 | statement, 7}}},
		testRun{listH, [][3]uint32{{0x10, 100 | statement, 3}, {0x18, 101, 4}}})
	a.inlinee(0x1001, listH, 40)
	a.inlinee(0x1002, mainC, 7)
	a.addTo(p)
	otherC := b.file(at[3], 1, strings.Repeat("o", 16))
	b.leaf(pdb.KindGProc32, "first", 1, 0x100, 0x20)
	b.leaf(pdb.KindLProc32, "folded", 1, 0x100, 0x20)
	b.block(1, 0x100, 0x20, false, testRun{otherC, [][3]uint32{{0, 5, 0}, {8, 6, 0}, {0x40, 7, 0}}})
	b.block(1, 0x100, 0x20, false, testRun{otherC, [][3]uint32{{0, 50, 0}}})
	b.addTo(p)
	return p
}

func lineText(l pdb.Line) string {
	text := fmt.Sprintf("%x+%x %s:%d", l.RVA, l.Size, l.File[strings.LastIndexByte(l.File, '\\')+1:], l.Line)
	if l.EndLine != l.Line {
		text += fmt.Sprintf("-%d", l.EndLine)
	}
	if l.Column != 0 {
		text += fmt.Sprintf(" col %d-%d", l.Column, l.EndColumn)
	}
	if l.Statement {
		text += " stmt"
	}
	if l.Inlined {
		text += " inlined"
	}
	return text
}

func moduleLines(t *testing.T, f *pdb.File, module int) (list []string) {
	t.Helper()
	for l, err := range f.Module(module).Lines() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, lineText(l))
	}
	return list
}

func TestLines(t *testing.T) {
	f := openImage(t, codePDB().write())
	for module, want := range map[int][]string{
		1: {
			"1010+0 main.c:10 col 1-9 stmt", "1010+10 main.c:11-13 col 5-0 stmt", "1020+8 list.h:100 col 3-0 stmt",
			"1028+8 list.h:101 col 4-0", "1030+8 main.c:12", "1040+30 main.c:14 col 7-0 stmt",
		},
		2: {"1100+8 other.c:5", "1108+18 other.c:6", "1100+20 other.c:50"},
		3: nil,
	} {
		if got := moduleLines(t, f, module); !slices.Equal(got, want) {
			t.Errorf("module %d:\n got %q\nwant %q", module, got, want)
		}
	}
	var last error
	for _, last = range f.Module(4).Lines() {
	}
	if !errors.Is(last, pdb.ErrFormat) {
		t.Errorf("module 4: %v, want ErrFormat", last)
	}
}

func TestLineAt(t *testing.T) {
	f := openImage(t, codePDB().write())
	for rva, want := range map[uint32]string{
		0x100F: "", 0x1010: "1010+10 main.c:10 col 1-9 stmt", 0x1011: "1010+10 main.c:11-13 col 5-0 stmt",
		0x101F: "1010+10 main.c:11-13 col 5-0 stmt", 0x1020: "1020+8 list.h:100 col 3-0 stmt", 0x102F: "1028+8 list.h:101 col 4-0",
		0x1038: "", 0x103F: "", 0x1040: "1040+30 main.c:14 col 7-0 stmt", 0x106F: "1040+30 main.c:14 col 7-0 stmt", 0x1070: "",
		0x111F: "1108+18 other.c:6", 0x1120: "", 0: "", 0xFFFFFFFF: "",
	} {
		l, ok, err := f.LineAt(rva)
		if err != nil || ok != (want != "") || ok && lineText(l) != want {
			t.Errorf("LineAt(%#x) = %s, %v, %v; want %s", rva, lineText(l), ok, err, want)
		}
	}
}

// TestFrames: the line of a call is the line of the caller at that address.
func TestFrames(t *testing.T) {
	f := openImage(t, codePDB().write())
	place := func(fr pdb.Frame) string {
		return fmt.Sprintf("%s %s:%d", fr.Function, fr.File[strings.LastIndexByte(fr.File, '\\')+1:], fr.Line)
	}
	for rva, want := range map[uint32][]string{
		0x1010: {"main main.c:10"}, 0x1020: {" list.h:42", "main list.h:100"}, 0x1024: {" list.h:7", " list.h:42", "main list.h:100"},
		0x1028: {" list.h:42", "main list.h:101"}, 0x1030: {"main main.c:12"}, 0x1038: {"main :0"},
		0x1040: {" :0", "main main.c:14"}, 0x1048: {"main main.c:14"}, 0x1070: nil, 0x1100: {"first other.c:5"}, 0x3000: nil,
	} {
		list, err := f.Frames(rva)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, fr := range list {
			if got = append(got, place(fr)); fr.Inlined != (i < len(list)-1) {
				t.Errorf("Frames(%#x): %+v", rva, list)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("Frames(%#x) = %q, want %q", rva, got, want)
		}
	}
}

func TestLineAddresses(t *testing.T) {
	f := openImage(t, codePDB().write())
	for _, c := range []struct {
		file string
		line uint32
		want []string
	}{
		{`C:\src\main.c`, 12, []string{"1030+8 main.c:12"}},
		{`c:/SRC/Main.C`, 12, []string{"1030+8 main.c:12"}},
		{`main.c`, 13, []string{"1040+30 main.c:14 col 7-0 stmt"}},
		{`main.c`, 15, nil},
		{`ain.c`, 12, nil},
		{`list.h`, 42, []string{"1020+10 list.h:42 inlined"}},
		{`src\list.h`, 1, []string{"1020+10 list.h:42 inlined"}},
		{`lib/list.h`, 1, []string{"1024+4 list.h:7 inlined"}},
		{`list.h`, 1, []string{"1024+4 list.h:7 inlined"}},
		{`other.c`, 50, []string{"1100+20 other.c:50"}},
		{``, 1, nil},
		{`none.c`, 1, nil},
	} {
		list, err := f.LineAddresses(c.file, c.line)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range list {
			got = append(got, lineText(l))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:%d: %q, want %q", c.file, c.line, got, c.want)
		}
	}
}

func TestSourceFiles(t *testing.T) {
	f := openImage(t, codePDB().write())
	var got []pdb.SourceFile
	for s, err := range f.Module(1).SourceFiles() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	want := []pdb.SourceFile{
		{Name: `C:\src\main.c`, Kind: pdb.ChecksumMD5, Checksum: strings.Repeat("m", 16)},
		{Name: `C:\src\list.h`, Kind: pdb.ChecksumSHA256, Checksum: strings.Repeat("s", 32)},
		{Name: `D:\lib\list.h`},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// oldLinesPDB has C11 lines in its first module, with names in the given form.
func oldLinesPDB(version uint32) *testPDB {
	p := samplePDB()
	m := newModule()
	m.leaf(pdb.KindGProc32, "old", 1, 0x10, 0x30)
	lines := lines11(map[uint16][2]uint32{1: {0x10, 0x4F}, 2: {0, 0xF}}, []uint16{2, 1}, version < 19990903,
		oldFileLines{`c:\old\main.c`, []oldSegLines{{1, [][2]uint32{{0x10, 5}, {0x30, 9}}, 0}, {2, [][2]uint32{{4, 77}}, 0}}},
		oldFileLines{`c:\old\list.h`, []oldSegLines{{1, [][2]uint32{{0x20, 50}}, 0}}})
	p.symbols, p.c13 = [][]byte{m.b}, [][]byte{lines}
	p.edit = func(s *testStreams) {
		dbi := s.list[numDBI]
		put32(dbi, 4, version)
		put32(dbi, s.moduleList+40, uint32(len(lines)))
		put32(dbi, s.moduleList+44, 0)
	}
	return p
}

// TestLines11: lines of compilers before Visual C++ 7.
func TestLines11(t *testing.T) {
	for _, version := range []uint32{19970606, 19990903} {
		f := openImage(t, oldLinesPDB(version).write())
		want := []string{"1010+10 main.c:5 stmt", "1020+10 list.h:50 stmt", "1030+20 main.c:9 stmt", "3004+c main.c:77 stmt"}
		if got := moduleLines(t, f, 1); !slices.Equal(got, want) {
			t.Errorf("version %d:\n got %q\nwant %q", version, got, want)
		}
		list, err := f.Frames(0x1024)
		if err != nil || len(list) != 1 || list[0] != (pdb.Frame{Function: "old", File: `c:\old\list.h`, Line: 50}) {
			t.Errorf("version %d: %+v, %v", version, list, err)
		}
		if got, err := f.LineAddresses("old/main.c", 9); len(got) != 1 || got[0].RVA != 0x1030 || err != nil {
			t.Errorf("version %d: %+v, %v", version, got, err)
		}
		n := 0
		for s, err := range f.Module(1).SourceFiles() {
			if n++; err != nil || s.Checksum != "" || !strings.HasPrefix(s.Name, `c:\old\`) {
				t.Errorf("version %d: %+v, %v", version, s, err)
			}
		}
		if n != 2 {
			t.Errorf("version %d: %d files", version, n)
		}
	}
}

// TestLines11_ranges: a row ends with the range of its file, and what lies below
// it has the code behind that; where nothing does, the code has no line.
func TestLines11_ranges(t *testing.T) {
	p := samplePDB()
	m := newModule()
	m.leaf(pdb.KindGProc32, "old", 1, 0, 0x80)
	lines := lines11(map[uint16][2]uint32{1: {0, 0x7F}}, []uint16{1}, false,
		oldFileLines{"main.c", []oldSegLines{{1, [][2]uint32{{0, 5}, {8, 6}}, 0x3F}}},
		oldFileLines{"inside.h", []oldSegLines{{1, [][2]uint32{{0x10, 50}, {0x14, 51}}, 0x17}}},
		oldFileLines{"at_end.h", []oldSegLines{{1, [][2]uint32{{0x30, 70}}, 0x3F}}},
		oldFileLines{"apart.c", []oldSegLines{{1, [][2]uint32{{0x50, 90}, {0x58, 91}}, 0x5F}}},
		oldFileLines{"empty.c", []oldSegLines{{1, [][2]uint32{{0x70, 99}}, 0x6F}}})
	p.modules, p.symbols, p.c13 = []string{"a.obj"}, [][]byte{m.b}, [][]byte{lines}
	p.contribs = []testContrib{{1, 0, 0x80}}
	p.edit = func(s *testStreams) {
		put32(s.list[numDBI], s.moduleList+40, uint32(len(lines)))
		put32(s.list[numDBI], s.moduleList+44, 0)
	}
	f := openImage(t, p.write())
	want := []string{"1000+8 main.c:5 stmt", "1008+8 main.c:6 stmt", "1010+4 inside.h:50 stmt", "1014+4 inside.h:51 stmt", "1018+18 main.c:6 stmt",
		"1030+10 at_end.h:70 stmt", "1050+8 apart.c:90 stmt", "1058+8 apart.c:91 stmt"}
	if got := moduleLines(t, f, 1); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for rva, want := range map[uint32]uint32{0x100F: 6, 0x1017: 51, 0x1018: 6, 0x102F: 6, 0x103F: 70, 0x1040: 0, 0x104F: 0, 0x1050: 90, 0x105F: 91, 0x1060: 0, 0x1070: 0, 0x107F: 0} {
		line, ok, err := f.LineAt(rva)
		list, err2 := f.Frames(rva)
		if err != nil || err2 != nil || ok != (want != 0) || line.Line != want || len(list) != 1 || list[0].Line != want || (list[0].File == "") != (want == 0) {
			t.Errorf("%#x: line %d %v, frames %v, want %d; %v, %v", rva, line.Line, ok, list, want, err, err2)
		}
	}
}

// TestCorpusLines: the lines of real PDBs are those their addresses have, and
// asking for a line of a file leads back to its address.
func TestCorpusLines(t *testing.T) {
	lines, asked := 0, 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			f := open(t, c[1])
			module := 0
			for _, err := range f.Modules() {
				if module++; err != nil {
					t.Fatal(err)
				}
				for l, err := range f.Module(module).Lines() {
					if err != nil {
						t.Fatal(err)
					}
					if lines++; !l.HasRVA || l.Size == 0 || lines%97 != 0 {
						continue
					}
					asked++
					list, err := f.LineAddresses(l.File, l.Line)
					if err != nil || !slices.Contains(list, l) {
						t.Fatalf("%s:%d leads to %d addresses, not to %#x: %v", l.File, l.Line, len(list), l.RVA, err)
					}
				}
			}
		})
	}
	t.Logf("%d lines, %d asked for", lines, asked)
	if lines < 20_000 {
		t.Errorf("only %d lines in the corpus", lines)
	}
}

// TestLinesDamaged: what is wrong with one part leaves the others alone.
func TestLinesDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(module []byte, part func(kind uint32) int)
		want string // frames at 0x1024, as function@line
	}{
		"sound":               {func([]byte, func(uint32) int) {}, "@7 @42 main@100"},
		"run_too_long":        {func(b []byte, part func(uint32) int) { put32(b, part(0xF2)+12+8, 0xFFFFFFF0) }, "@7 @42 main@0"},
		"run_too_short":       {func(b []byte, part func(uint32) int) { put32(b, part(0xF2)+12+8, 4) }, "@7 @42 main@0"},
		"rows_too_many":       {func(b []byte, part func(uint32) int) { put32(b, part(0xF2)+12+4, 0x20000001) }, "@7 @42 main@0"},
		"no_checksums":        {func(b []byte, part func(uint32) int) { put32(b, part(0xF4)-8, 0x800000F4) }, "@7 @42 main@100"},
		"checksum_too_long":   {func(b []byte, part func(uint32) int) { b[part(0xF4)+4] = 255 }, "@7 @42 main@100"},
		"no_inlinees":         {func(b []byte, part func(uint32) int) { put32(b, part(0xF6)-8, 0x800000F6) }, "@0 @0 main@100"},
		"inlinees_form":       {func(b []byte, part func(uint32) int) { put32(b, part(0xF6), 2) }, "@0 @0 main@100"},
		"inlinees_extra_huge": {func(b []byte, part func(uint32) int) { put32(b, part(0xF6), 1) }, "@0 @42 main@100"},
		"part_past_the_end":   {func(b []byte, part func(uint32) int) { put32(b, part(0xF4)-4, 0x7FFFFFFF) }, "@0 @0 main@100"},
		"end_of_site_before":  {func(b []byte, _ func(uint32) int) { copy(b, procEnd(b, kindInlineSite, 0, 4)) }, "@7 @42 main@100"},
		"end_of_proc_far":     {func(b []byte, _ func(uint32) int) { copy(b, procEnd(b, pdb.KindGProc32, 0, 0xFFFFFFFC)) }, "@7 @42 main@100"},
	} {
		t.Run(name, func(t *testing.T) {
			p := codePDB()
			p.edit = func(s *testStreams) {
				b := s.list[firstExtra]
				start := len(p.symbols[0])
				c.edit(b, func(kind uint32) int {
					for at := start; ; {
						size := int(binary.LittleEndian.Uint32(b[at+4:]))
						if binary.LittleEndian.Uint32(b[at:]) == kind {
							return at + 8
						}
						at += 8 + (size+3)&^3
					}
				})
			}
			list, err := openImage(t, p.write()).Frames(0x1024)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, fr := range list {
				got = append(got, fmt.Sprintf("%s@%d", fr.Function, fr.Line))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
