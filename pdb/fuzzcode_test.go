package pdb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// codeAnswers is everything a PDB says about its code, as text.
func codeAnswers(f *pdb.File) string {
	var b strings.Builder
	say := func(v ...any) { fmt.Fprintln(&b, v...) }
	for rva := uint32(0xFF0); rva < 0x1300; rva += 3 {
		say(f.Frames(rva))
		say(f.LineAt(rva))
	}
	for module := range 4 {
		for l, err := range f.Module(module).Lines() {
			say(l, err)
		}
		for s, err := range f.Module(module).SourceFiles() {
			say(s, err)
		}
		for s, err := range f.Module(module).CallSites() {
			say(s, err)
		}
	}
	for v, err := range f.Locals(0x1012) {
		say(v, err)
	}
	for d, err := range f.FrameRecords().FPO() {
		say(d, err)
	}
	for d, err := range f.FrameRecords().FrameData() {
		say(d, err)
	}
	say(f.FrameRecords().FrameDataAt(0x1010))
	say(f.FrameRecords().FPOAt(0x1010))
	say(f.FrameRecords().FrameProcAt(0x1010))
	say(f.LineAddresses("main.c", 1))
	return b.String()
}

// checkCode holds the answers about code to each other.
func checkCode(t *testing.T, f *pdb.File) {
	t.Helper()
	for rva := uint32(0xFF0); rva < 0x1300; rva += 7 {
		list, err := f.Frames(rva)
		if err != nil && !errors.Is(err, pdb.ErrFormat) {
			t.Fatalf("Frames(%#x): %v", rva, err)
		}
		line, ok, err2 := f.LineAt(rva)
		if err != nil || err2 != nil {
			continue
		}
		for i, fr := range list {
			if fr.Inlined != (i < len(list)-1) {
				t.Fatalf("Frames(%#x): frame %d of %d: %+v", rva, i, len(list), fr)
			}
		}
		if outer := (pdb.Frame{}); len(list) > 0 {
			if outer = list[len(list)-1]; outer.Line != line.Line || outer.File != line.File {
				t.Fatalf("Frames(%#x) ends with %+v, LineAt says %+v", rva, outer, line)
			}
		}
		if ok && line.HasRVA && (rva < line.RVA || rva-line.RVA >= line.Size) {
			t.Fatalf("LineAt(%#x) = %+v", rva, line)
		}
	}
	n := 0
	for l, err := range f.Module(1).Lines() {
		if n++; err != nil || n > 50 {
			break
		}
		if l.Line == 0 || l.Size > 0 && l.Offset+l.Size < l.Offset {
			t.Fatalf("line %+v", l)
		}
		list, err := f.LineAddresses(l.File, l.Line)
		if err != nil || l.File == "" {
			continue
		}
		found := false
		for _, o := range list {
			found = found || o == l
		}
		if !found {
			t.Fatalf("%s:%d leads to %+v, not to %+v", l.File, l.Line, list, l)
		}
	}
}

// FuzzCode puts lines and symbol records into a sound PDB.
func FuzzCode(f *testing.F) {
	p := codePDB()
	p.write()
	for i := range p.symbols {
		f.Add(p.symbols[i], p.c13[i], false)
	}
	old := oldLinesPDB(19990903)
	f.Add(old.symbols[0], old.c13[0], true)
	local := newTestCode()
	local.proc(pdb.KindGProc32, "main", 1, 0x10, 0x60)
	local.add(0x113E, append(le16(le32(nil, 0x74), 1), "arg\x00"...))
	local.add(0x1145, le16(le32(le16(nil, 335, 0x41), 8, 0x12), 1, 0x20, 4, 2, 0x10, 8))
	local.add(0x1111, append(le16(le32(nil, 16, 0x75), 335), "old\x00"...))
	local.end()
	f.Add(local.b, local.lines, false)
	// A block whose size says more than there are addresses.
	huge := newTestCode()
	huge.block(1, 0x140, 0xFFFFFFDF, false, testRun{rows: [][3]uint32{{0, 7, 0}}})
	f.Add(huge.b, huge.lines, false)
	f.Fuzz(func(t *testing.T, syms, lines []byte, old bool) {
		if len(syms)+len(lines) > 1<<16 {
			return
		}
		p := codePDB()
		p.symbols, p.c13 = [][]byte{syms}, [][]byte{lines}
		if syms == nil {
			p.symbols[0] = []byte{}
		}
		p.edit = func(s *testStreams) {
			if old {
				put32(s.list[numDBI], s.moduleList+40, uint32(len(lines)))
				put32(s.list[numDBI], s.moduleList+44, 0)
			}
		}
		b := p.write().Bytes()
		one, err := pdb.New(strings.NewReader(string(b)), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		two, err := pdb.NewMemory(b)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := codeAnswers(one), codeAnswers(two); a != b {
			t.Fatalf("frame providers disagree:\n%s", firstDifference(a, b))
		}
		checkCode(t, one)
	})
}
