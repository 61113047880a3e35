package pdb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// localsPDB has a function with variables of every form.
func localsPDB() *testPDB {
	p := samplePDB()
	m := newModule()
	local := func(kind pdb.Kind, s string, data []byte) { m.add(kind, name(data, s, kind < 0x1100)) }
	ranged := func(head []byte, off uint32, size uint16, gaps ...uint16) []byte {
		return le16(le16(le32(head, off), 1, size), gaps...)
	}
	m.proc(pdb.KindGProc32, "f", 1, 0x10, 0x60)
	local(0x113E, "arg", le16(le32(nil, 0x74), pdb.VariableParameter))
	m.add(0x1141, ranged(le16(nil, 17, 0), 0x10, 0x20, 4, 4, 0x10, 8)) // register
	m.add(0x1142, ranged(le32(nil, 0xFFFFFFF8), 0x30, 0x10))           // frame
	local(0x113E, "gone", le16(le32(nil, 0x75), pdb.VariableOptimizedOut))
	local(0x113E, "pair", le16(le32(nil, 0x1001), 0))
	m.add(0x1143, ranged(le32(le16(nil, 18, 0), 0xABC04), 0x10, 4))  // register, part
	m.add(0x1145, ranged(le32(le16(nil, 335, 0x81), 0x40), 0x14, 4)) // register relative, part
	m.add(0x1140, ranged(le32(nil, 7, 12), 0x18, 4))                 // program, part
	m.add(0x113F, ranged(le32(nil, 7), 0x1C, 4))                     // program
	m.add(0x1141, le16(nil, 1, 2))                                   // cut off
	m.block(1, 0x20, 8)
	local(0x113E, "inner", le16(le32(nil, 0x76), 0))
	m.add(0x1144, le32(nil, 0x18)) // frame, whole scope
	m.end()
	m.begin(kindInlineSite, append(le32(nil, 0x1001), ops(12, 4, 8, 12, 4, 0x10)...))
	local(0x113E, "lent", le16(le32(nil, 0x77), 1))
	m.add(0x1144, le32(nil, 0x20))
	m.end()
	local(0x1111, "rel", le16(le32(nil, 0x28, 0x10), 335))
	local(0x110B, "bp", le32(nil, 0xFFFFFFFC, 0x11))
	local(0x1106, "reg", le16(le32(nil, 0x12), 22))
	local(0x100D, "oldrel", le16(le32(nil, 0x2C, 0x13), 21))
	local(0x1006, "oldbp", le32(nil, 8, 0x14))
	local(0x1001, "oldreg", le16(le32(nil, 0x15), 23))
	m.end()
	m.leaf(pdb.KindGProc32, "other", 1, 0x70, 8)
	p.symbols = [][]byte{m.b}
	return p
}

func rangesText(list []pdb.Range) string {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, " %x+%x", r.RVA, r.Size)
	}
	return b.String()
}

func TestLocals(t *testing.T) {
	f := openImage(t, localsPDB().write())
	places := []string{"?", "reg", "frame", "reg+"}
	var got []string
	for v, err := range f.Locals(0x1011) {
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%s %x %x %d in%s", v.Name, v.Type, v.Flags, v.Depth, rangesText(v.Scope))
		for _, l := range v.Locations {
			text += fmt.Sprintf(" @%s %d%+d", places[l.Place], l.Register, l.Offset)
			if l.Part {
				text += fmt.Sprintf(" part %d", l.PartAt)
			}
			text += rangesText(l.Ranges)
		}
		got = append(got, text)
	}
	want := []string{
		"arg 74 1 0 in 1010+60 @reg 17+0 1010+4 1018+8 1028+8 @frame 0-8 1030+10",
		"gone 75 100 0 in 1010+60",
		"pair 1001 0 0 in 1010+60 @reg 18+0 part 3076 1010+4 @reg+ 335+64 part 8 1014+4 @? 0+0 part 12 1018+4 @? 0+0 101c+4 @? 0+0",
		"inner 76 0 0 in 1020+8 @frame 0+24 1020+8",
		"lent 77 1 1 in 1018+4 1028+4 @frame 0+32 1018+4 1028+4",
		"rel 10 0 0 in 1010+60 @reg+ 335+40 1010+60",
		"bp 11 0 0 in 1010+60 @frame 0-4 1010+60",
		"reg 12 0 0 in 1010+60 @reg 22+0 1010+60",
		"oldrel 13 0 0 in 1010+60 @reg+ 21+44 1010+60",
		"oldbp 14 0 0 in 1010+60 @frame 0+8 1010+60",
		"oldreg 15 0 0 in 1010+60 @reg 23+0 1010+60",
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("variable %d:\n got %q\nwant %q", i, got[min(i, len(got)):], want[min(i, len(want)):])
		}
	}
}

// TestVariableAt: what can be named at an address, and where it is.
func TestVariableAt(t *testing.T) {
	f := openImage(t, localsPDB().write())
	all := "arg gone pair rel bp reg oldrel oldbp oldreg"
	for rva, want := range map[uint32]string{
		0x1010: all, 0x1018: "lent " + all, 0x101C: all, 0x1020: "inner " + all, 0x1029: "lent " + all, 0x106F: all,
		0x1070: "", 0x1078: "", 0x3000: "",
	} {
		var names []string
		for v, err := range f.Locals(rva) {
			if err != nil {
				t.Fatal(err)
			}
			if v.InScope(rva) {
				names = append(names, v.Name)
			}
			for l := range v.At(rva) {
				if !slices.ContainsFunc(l.Ranges, func(r pdb.Range) bool { return r.Contains(rva) }) {
					t.Errorf("%s is at %+v at %#x", v.Name, l, rva)
				}
			}
		}
		wantNames := strings.Fields(want)
		slices.Sort(names)
		slices.Sort(wantNames)
		if !slices.Equal(names, wantNames) {
			t.Errorf("at %#x: %q, want %q", rva, names, wantNames)
		}
	}
	for v, err := range f.Locals(0x1015) {
		if err != nil {
			t.Fatal(err)
		}
		if n := slices.Collect(v.At(0x1015)); v.Name == "arg" && len(n) != 0 {
			t.Errorf("arg is at %+v in its gap", n)
		}
	}
}
