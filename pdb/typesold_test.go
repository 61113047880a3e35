package pdb_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

func openTypes(t testing.TB, w typeWriter) *pdb.File {
	t.Helper()
	f, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func typeNamed(t testing.TB, f *pdb.File, name string) pdb.Type {
	t.Helper()
	typ, err := f.TypeByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// describe renders a tag with all its members.
func describe(t testing.TB, typ pdb.Type) string {
	t.Helper()
	size, err := typ.Size()
	s := fmt.Sprintf("%v %v %d %v:", typ.Kind(), typ, size, err)
	for m, err := range typ.Members() {
		if err != nil {
			return s + " " + err.Error()
		}
		mt, err := m.Type()
		if err != nil {
			t.Fatal(err)
		}
		s += fmt.Sprintf(" %v+%d %s", m.Kind, m.Offset, mt.Declare(m.Name()))
		if m.Bits != 0 {
			s += fmt.Sprintf(" bits %d+%d", m.Bit, m.Bits)
		}
		if m.Kind == pdb.MemberEnumerator {
			s += "=" + m.Value.String()
		}
	}
	return s
}

// sameStructure is one structure, a union, an enumeration and what they are
// made of, in one form of the records after the other.
var sameStructure = map[string]typeWriter{
	"16t": {version: 19951122, recs: [][]byte{
		rec(0x0206, uint8(3), uint8(5), 0x0022), // 1000: unsigned long : 3 at 5
		rec(0x0003, 0x0070, 0x0022, 16, st("")), // 1001: char[16]
		rec(0x0002, 0x0A|0x400, 0x1007),         // 1002: S* const
		rec(0x0204, entry(0x0406, 0x1000, 3, 0, st("flags")), entry(0x0406, 0x1001, 3, 4, st("text")), entry(0x0406, 0x1002, 3, 0x8002, 0x9000, st("self"))), // 1003
		rec(0x0204, entry(0x0403, 3, 0x8000, uint8(0xFF), st("Neg")), entry(0x0403, 3, 7, st("Seven"))),                                                      // 1004
		rec(0x0007, 2, 0x0074, 0x1004, 0, st("E")),                       // 1005
		rec(0x0006, 3, 0x1003, 0, 0x8004, uint32(0x9004), st("U")),       // 1006
		rec(0x0005, 3, 0x1003, 0, 0, 0, 0x8004, uint32(0x9004), st("S")), // 1007
	}},
	"ST": {version: 19961031, recs: [][]byte{
		rec(0x1205, uint32(0x22), uint8(3), uint8(5)),
		rec(0x1003, uint32(0x70), uint32(0x22), 16, st("")),
		rec(0x1002, uint32(0x1007), uint32(0x0A|0x400)),
		rec(0x1203, entry(0x1405, 3, uint32(0x1000), 0, st("flags")), entry(0x1405, 3, uint32(0x1001), 4, st("text")), entry(0x1405, 3, uint32(0x1002), 0x8002, 0x9000, st("self"))),
		rec(0x1203, entry(0x0403, 3, 0x8000, uint8(0xFF), st("Neg")), entry(0x0403, 3, 7, st("Seven"))),
		rec(0x1007, 2, 0, uint32(0x74), uint32(0x1004), st("E")),
		rec(0x1006, 3, 0, uint32(0x1003), 0x8004, uint32(0x9004), st("U")),
		rec(0x1005, 3, 0, uint32(0x1003), uint32(0), uint32(0), 0x8004, uint32(0x9004), st("S")),
	}},
	"V70": {version: 19990903, keys: []string{"", "", "", "", "", "E", "U", "S"}, recs: sameModern(false)},
	"V80": {keys: []string{"", "", "", "", "", "E", "U", "S"}, recs: sameModern(false)},
	"2":   {keys: []string{"", "", "", "", "", "E", "U", "S"}, recs: sameModern(true)},
}

func sameModern(second bool) [][]byte {
	recs := [][]byte{
		rec(0x1205, uint32(0x22), uint8(3), uint8(5)),
		rec(0x1503, uint32(0x70), uint32(0x22), 16, ""),
		rec(0x1002, uint32(0x1007), uint32(0x0A|0x400|4<<13)),
		rec(0x1203, entry(0x150D, 3, uint32(0x1000), 0, "flags"), entry(0x150D, 3, uint32(0x1001), 4, "text"), entry(0x150D, 3, uint32(0x1002), 0x8002, 0x9000, "self")),
		rec(0x1203, entry(0x1502, 3, 0x8000, uint8(0xFF), "Neg"), entry(0x1502, 3, 7, "Seven")),
		rec(0x1507, 2, 0, uint32(0x74), uint32(0x1004), "E"),
	}
	if second {
		return append(recs,
			rec(0x160A, uint32(0), uint32(0x1003), 3, 0x8004, uint32(0x9004), "U"),
			rec(0x1609, uint32(0x200), uint32(0x1003), uint32(0), uint32(0), 3, 0x8004, uint32(0x9004), "S", ".?AUS@@"))
	}
	return append(recs,
		rec(0x1506, 3, 0, uint32(0x1003), 0x8004, uint32(0x9004), "U"),
		rec(0x1505, 3, 0x200, uint32(0x1003), uint32(0), uint32(0), 0x8004, uint32(0x9004), "S", ".?AUS@@"))
}

// TestTypes_forms: records of all ages say the same.
func TestTypes_forms(t *testing.T) {
	want := map[string]string{
		"S": "struct S 36868 <nil>: data+0 unsigned long flags bits 5+3 data+4 char text[16] data+36864 S* const self",
		"U": "union U 36868 <nil>: data+0 unsigned long flags bits 5+3 data+4 char text[16] data+36864 S* const self",
		"E": "enum E 4 <nil>: enumerator+0 ... Neg=-1 enumerator+0 ... Seven=7",
	}
	interim := sameStructure["ST"]
	interim.version = 19960307
	forms := map[string]typeWriter{"interim": interim}
	for name, w := range sameStructure {
		forms[name] = w
	}
	for form, w := range forms {
		f := openTypes(t, w)
		for name, text := range want {
			if got := describe(t, typeNamed(t, f, name)); got != text {
				t.Errorf("%s: %s\nwant %s", form, got, text)
			}
		}
		if leaf := typeNamed(t, f, "E").Leaf(); strings.HasSuffix(leaf, "_16t") != (form == "16t") {
			t.Errorf("%s: leaf %s", form, leaf)
		}
		if _, err := f.TypeByName("T"); !errors.Is(err, pdb.ErrNotFound) {
			t.Errorf("%s: TypeByName(T): %v, want not found", form, err)
		}
	}
}

// TestTypes_index: the index of the file is a help, not a source of truth.
func TestTypes_index(t *testing.T) {
	for name, pairs := range map[string]func([]byte) []byte{
		"as it should be": nil,
		"missing":         func([]byte) []byte { return nil },
		"cut":             func(b []byte) []byte { return b[:len(b)-3] },
		"unsorted":        func(b []byte) []byte { return slices.Concat(b[8:16], b[:8], b[16:]) },
		"astray":          func(b []byte) []byte { b = slices.Clone(b); put32(b, 12, 6); return b },
		"beyond":          func(b []byte) []byte { return le32(slices.Clone(b), 0x2000, 0x2000) },
	} {
		t.Run(name, func(t *testing.T) {
			w := sameStructure["V80"]
			w.pairs = pairs
			f := openTypes(t, w)
			for typ, err := range f.Types() {
				if err != nil {
					t.Fatal(err)
				}
				if got, err := f.Type(typ.Index()); err != nil || got.String() != typ.String() || got.Leaf() != typ.Leaf() {
					t.Errorf("type %#x is %v, %v; want %v", typ.Index(), got, err, typ)
				}
			}
			if got := describe(t, typeNamed(t, f, "S")); !strings.HasPrefix(got, "struct S 36868 <nil>: data+0") {
				t.Error(got)
			}
			if problems := typeProblems(f); (len(problems) == 0) != (pairs == nil) {
				t.Errorf("Check reports %v", problems)
			}
		})
	}
	w := sameStructure["V80"]
	w.noHash = true
	if got := describe(t, typeNamed(t, openTypes(t, w), "S")); !strings.HasPrefix(got, "struct S 36868") {
		t.Error(got)
	}
}

// typeProblems is what Check says about types.
func typeProblems(f *pdb.File) (out []error) {
	for _, err := range f.Check() {
		if s := err.Error(); strings.Contains(s, "types") || strings.Contains(s, "ids") {
			out = append(out, err)
		}
	}
	return out
}
