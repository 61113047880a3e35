package pdb_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// allEntries is a field list with every kind of entry, in one form after the
// other: 16-bit indices, names with a length byte, the current one.
var allEntries = map[string][][]byte{
	"16t": {
		rec(0x0207, 3, 0x0074, 0x13, 0x0003, uint32(24)), // 1000: two overloads, the second introduces a virtual function
		rec(0x0204, // 1001
			entry(0x0400, 0x1002, 3, 8), entry(0x0401, 0x1002, 0x0403, 1, 4, 2), entry(0x0402, 0x1002, 0x0403, 1, 12, 3),
			entry(0x0407, 0x0074, 3, st("count")), entry(0x0408, 2, 0x1000, st("f")), entry(0x0409, 0x1002, st("In")),
			entry(0x040A, 0x0403), entry(0x040B, 0x1002), entry(0x0404, 0x1002, st("pal")),
			entry(0x040C, 0x13, 0x0074, uint32(16), st("g")), entry(0x040C, 3, 0x0074, st("h")), entry(0x040D, 0x0403, uint32(32)),
			entry(0x0405, 0x1004)),
		rec(0x0005, 0, 0, 0, 0, 0, 4, st("B")),                // 1002
		rec(0x0004, 13, 0x1001, 0, 0, 0, 40, st("C")),         // 1003
		rec(0x0204, entry(0x0406, 0x1005, 1, 36, st("last"))), // 1004
		rec(0x0001, 3, 0x0074),                                // 1005: const volatile int
	},
	"ST": {
		rec(0x1206, 3, 0, uint32(0x74), 0x13, 0, uint32(3), uint32(24)),
		rec(0x1203,
			entry(0x1400, 3, uint32(0x1002), 8), entry(0x1401, 1, uint32(0x1002), uint32(0x403), 4, 2), entry(0x1402, 1, uint32(0x1002), uint32(0x403), 12, 3),
			entry(0x1406, 3, uint32(0x74), st("count")), entry(0x1407, 2, uint32(0x1000), st("f")), entry(0x1408, 0, uint32(0x1002), st("In")),
			entry(0x1409, 0, uint32(0x403)), entry(0x140A, 0, uint32(0x1002)), entry(0x1403, 0, uint32(0x1002), st("pal")),
			entry(0x140B, 0x13, uint32(0x74), uint32(16), st("g")), entry(0x140B, 3, uint32(0x74), st("h")), entry(0x140C, 0, uint32(0x403), uint32(32)),
			entry(0x1404, 0, uint32(0x1004))),
		rec(0x1005, 0, 0, uint32(0), uint32(0), uint32(0), 4, st("B")),
		rec(0x1004, 13, 0, uint32(0x1001), uint32(0), uint32(0), 40, st("C")),
		rec(0x1203, entry(0x1405, 1, uint32(0x1005), 36, st("last"))),
		rec(0x1001, uint32(0x74), 3),
	},
	"SZ": {
		rec(0x1206, 3, 0, uint32(0x74), 0x13, 0, uint32(3), uint32(24)),
		rec(0x1203,
			entry(0x1400, 3, uint32(0x1002), 8), entry(0x1401, 1, uint32(0x1002), uint32(0x403), 4, 2), entry(0x1402, 1, uint32(0x1002), uint32(0x403), 12, 3),
			entry(0x150E, 3, uint32(0x74), "count"), entry(0x150F, 2, uint32(0x1000), "f"), entry(0x1510, 0, uint32(0x1002), "In"),
			entry(0x1409, 0, uint32(0x403)), entry(0x140A, 0, uint32(0x1002)), entry(0x150C, 0, uint32(0x1002), "pal"),
			entry(0x1511, 0x13, uint32(0x74), uint32(16), "g"), entry(0x1511, 3, uint32(0x74), "h"), entry(0x140C, 0, uint32(0x403), uint32(32)),
			entry(0x1404, 0, uint32(0x1004))),
		rec(0x1505, 0, 0, uint32(0), uint32(0), uint32(0), 4, "B"),
		rec(0x1504, 13, 0, uint32(0x1001), uint32(0), uint32(0), 40, "C"),
		rec(0x1203, entry(0x150D, 1, uint32(0x1005), 36, "last")),
		rec(0x1001, uint32(0x74), 3),
	},
}

func TestMembers_entries(t *testing.T) {
	const want = `base 3 +8 B "" 0
virtual base 1 +4 B "" 2
indirect virtual base 1 +12 B "" 3
static 3 +0 int "count" 0
method 3 +0 int "f" 0
method 19 +24 void "f" 0 introduces
type 0 +0 B "In" 0
vftable 0 +0 void* "" 0
friend 0 +0 B "" 0
friend 0 +0 B "pal" 0
method 19 +16 int "g" 0 introduces
method 3 +0 int "h" 0
vftable 0 +32 void* "" 0
data 1 +36 const volatile int "last" 0
`
	for form, recs := range allEntries {
		w := typeWriter{recs: recs, noHash: true}
		if form == "16t" {
			w.version = 19951122
		}
		f := openTypes(t, w)
		var got strings.Builder
		for m, err := range typeNamed(t, f, "C").Members() {
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			mt, err := m.Type()
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			fmt.Fprintf(&got, "%v %d +%d %v %q %v", m.Kind, m.Attr, m.Offset, mt, m.NameBytes(), m.Value)
			if virtual, intro := m.Virtual(); virtual && intro {
				got.WriteString(" introduces")
			}
			got.WriteString("\n")
		}
		if got.String() != want {
			t.Errorf("%s:\n%s\nwant:\n%s", form, got.String(), want)
		}
		if field, err := typeNamed(t, f, "C").Field("last"); err != nil || field.Offset != 36 || field.Size != 4 {
			t.Errorf("%s: last is %+v, %v", form, field, err)
		}
	}
}

// TestMembers_values: all forms of numbers, each the value of an enumerator.
func TestMembers_values(t *testing.T) {
	long := uint64(0xFFFFFFFFFFFFFFFE)
	entries := []struct {
		want string
		leaf []any
	}{
		{"7", []any{7}}, {"32767", []any{0x7FFF}},
		{"-2", []any{0x8000, uint8(0xFE)}}, {"-2", []any{0x8001, 0xFFFE}}, {"65534", []any{0x8002, 0xFFFE}},
		{"-2", []any{0x8003, uint32(0xFFFFFFFE)}}, {"4294967294", []any{0x8004, uint32(0xFFFFFFFE)}},
		{"-2", []any{0x8009, long}}, {"18446744073709551614", []any{0x800A, long}},
		{"-2", []any{0x8017, long, ^uint64(0)}}, {"340282366920938463463374607431768211454", []any{0x8018, long, ^uint64(0)}},
		{"-170141183460469231731687303715884105728", []any{0x8017, uint64(0), uint64(1) << 63}},
		{"1.5", []any{0x8005, uint32(0x3FC00000)}}, {"-0.25", []any{0x8006, uint64(0xBFD0000000000000)}},
		{"?", []any{0x8007, make([]byte, 10)}}, {"?", []any{0x8008, make([]byte, 16)}}, {"?", []any{0x800B, make([]byte, 6)}},
		{"?", []any{0x800C, make([]byte, 8)}}, {"?", []any{0x800D, make([]byte, 16)}}, {"?", []any{0x800E, make([]byte, 20)}},
		{"?", []any{0x800F, make([]byte, 32)}}, {"?", []any{0x8010, 3, []byte("abc")}}, {"?", []any{0x8019, make([]byte, 16)}},
		{"?", []any{0x801A, make([]byte, 8)}}, {"?", []any{0x801B, "text"}}, {"?", []any{0x801C, 0}},
	}
	var list []byte
	for _, e := range entries {
		list = append(list, entry(0x1502, append(append([]any{3}, e.leaf...), "v")...)...)
	}
	f := openTypes(t, typeWriter{noHash: true, recs: [][]byte{
		rec(0x1203, list), rec(0x1507, len(entries), 0, uint32(0x03), uint32(0x1000), "E"),
		rec(0x1203, entry(0x1502, 3, 0x8123, "v")), rec(0x1507, 1, 0, uint32(0x03), uint32(0x1002), "Unknown"),
	}})
	n := 0
	for m, err := range typeNamed(t, f, "E").Members() {
		if err != nil {
			t.Fatal(err)
		}
		if want := entries[n]; m.Value.String() != want.want || m.Name() != "v" {
			t.Errorf("%x is %v %q, want %s", want.leaf, m.Value, m.Name(), want.want)
		}
		checkNumber(t, m.Value)
		n++
	}
	if n != len(entries) {
		t.Errorf("%d values, want %d", n, len(entries))
	}
	checkError(t, "Unknown", lastError(typeNamed(t, f, "Unknown").Members()), "ends early")
}

// checkNumber expects the accessors to agree with the text.
func checkNumber(t *testing.T, n pdb.Number) {
	t.Helper()
	if v, ok := n.Int64(); ok && fmt.Sprint(v) != n.String() {
		t.Errorf("Int64 is %d, String %v", v, n)
	}
	if v, ok := n.Uint64(); ok && fmt.Sprint(v) != n.String() {
		t.Errorf("Uint64 is %d, String %v", v, n)
	}
	if v, ok := n.Float64(); ok && fmt.Sprint(v) != n.String() {
		t.Errorf("Float64 is %v, String %v", v, n)
	}
}

// TestIDNames_long: a name that does not fit a record is cut into pieces.
func TestIDNames_long(t *testing.T) {
	t.Parallel()
	w := typeWriter{recs: [][]byte{
		rec(0x1605, uint32(0), "first_"),                       // 1000
		rec(0x1605, uint32(0), "second_"),                      // 1001
		rec(0x1604, uint32(2), uint32(0x1000), uint32(0x1001)), // 1002
		rec(0x1605, uint32(0x1002), "ns"),                      // 1003
		rec(0x1601, uint32(0x1003), uint32(0x1000), "f"),       // 1004
		rec(0x1601, uint32(0x9999), uint32(0x1000), "g"),       // 1005: its scope is not there
		rec(0x1602, uint32(0x9999), uint32(0x1000), "h"),       // 1006: nor is its class
		rec(0x1605, uint32(0x1007), "self"),                    // 1007: its pieces are itself
		rec(0x1606, uint32(0x1000), uint32(0x1000), uint32(1)), // 1008: no name
		rec(0x1601, uint32(0)),                                 // 1009: cut
	}}
	types, hash := w.streams()
	p := samplePDB()
	p.extra = [][]byte{hash}
	p.edit = func(s *testStreams) { s.list[4] = types }
	m := p.write()
	f, err := pdb.New(m, m.Size())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[uint32]string{0x1000: "first_", 0x1003: "first_second_ns", 0x1004: "first_second_ns::f", 0x1005: "g", 0x1006: "h"} {
		if got, err := f.IDName(id); got != want || err != nil {
			t.Errorf("%#x is %q, %v; want %q", id, got, err, want)
		}
	}
	for _, id := range []uint32{0x1007, 0x1008, 0x1009, 0x100A, 0x80001000} {
		if got, err := f.IDName(id); !errors.Is(err, pdb.ErrFormat) {
			t.Errorf("%#x is %q, %v; want damage", id, got, err)
		}
	}
}

func TestField_errors(t *testing.T) {
	f := openTypes(t, sameStructure["V80"])
	s := typeNamed(t, f, "S")
	for _, path := range []string{"", ".", "nothing", "flags.more", "text[", "text[16]", "text[x]", "text[-1]", "text[1][0]", "self.flags", "text.x", ".flags", "flags."} {
		if got, err := s.Field(path); !errors.Is(err, pdb.ErrNotFound) {
			t.Errorf("Field(%q) = %+v, %v; want not found", path, got, err)
		}
	}
	for path, want := range map[string]uint64{"flags": 7 << 5, "text[3]": 0xFF, "text": 0, "self": 0xFFFFFFFF} {
		got, err := s.Field(path)
		if err != nil || got.Mask() != want {
			t.Errorf("Field(%q): mask %#x, %v; want %#x", path, got.Mask(), err, want)
		}
	}
	for _, typ := range []pdb.Type{{}, typeNamed(t, f, "E")} {
		if got, err := typ.Field("x"); !errors.Is(err, pdb.ErrNotFound) {
			t.Errorf("%v.x = %+v, %v; want not found", typ, got, err)
		}
	}
}

// TestType_text: calling conventions, aliases and the basic types.
func TestType_text(t *testing.T) {
	call := func(conv uint8) []byte { return rec(0x1008, uint32(0x74), conv, uint8(0), 1, uint32(0x1000)) }
	f := openTypes(t, typeWriter{noHash: true, recs: [][]byte{
		rec(0x1201, uint32(1), uint32(0x0670)), // 1000: (char*)
		call(0), call(7), call(4), call(0x18),  // 1001 to 1004
		rec(0x1002, uint32(0x1002), uint32(0x0A|4<<13)), // 1005: pointer to stdcall
		rec(0x1009, uint32(3), uint32(0x1007), uint32(0), uint8(0x0B), uint8(0), 0, uint32(0), uint32(0)),
		rec(0x1505, 0, 0x80, uint32(0), uint32(0), uint32(0), 0, "C"),           // 1007
		rec(0x1002, uint32(0x1006), uint32(0x0C|3<<5|8<<13), uint32(0x1007), 0), // 1008
		rec(0x150A, uint32(0x1005), "Callback"),                                 // 1009
		rec(0x1503, uint32(0x1007), uint32(0x22), 12, ""),                       // 100A: of an unknown number
		rec(0x1002, uint32(0x74), uint32(0x0A|0x200|0x400|0x800|0x1000|4<<13)),
		rec(0x1001, uint32(0x100B), 1),
	}})
	for index, want := range map[uint32]string{
		0x1001: "int v(char*)", 0x1002: "int __stdcall v(char*)", 0x1003: "int __fastcall v(char*)", 0x1004: "int __vectorcall v(char*)",
		0x1005: "int (__stdcall *v)(char*)", 0x1006: "void v(void)", 0x1008: "void (C::*v)(void)", 0x1009: "Callback v", 0x100A: "C v[]",
		0x100B: "int* const volatile __unaligned __restrict v",
		0x0074: "int v", 0x0603: "void* v", 0x0403: "void* v", 0x0022: "unsigned long v", 0x0041: "double v", 0x0030: "bool v",
		0x0600: "...* v", 0x00EE: "__unknown v",
	} {
		typ, err := f.Type(index)
		if err != nil || typ.Declare("v") != want {
			t.Errorf("%#x is %q, %v; want %q", index, typ.Declare("v"), err, want)
		}
	}
	for index, want := range map[uint32]uint64{0x0403: 4, 0x0603: 8, 0x0071: 2, 0x0078: 16, 0x0042: 10, 0x0013: 8} {
		typ, err := f.Type(index)
		if err != nil {
			t.Fatal(err)
		}
		if size, err := typ.Size(); size != want || err != nil {
			t.Errorf("%v: size %d, %v; want %d", typ, size, err, want)
		}
	}
	var kinds []pdb.Basic
	for _, index := range []uint32{0x03, 0x30, 0x70, 0x20, 0x71, 0x74, 0x75, 0x40, 0x50, 0x08, 0x00, 0x603} {
		typ, err := f.Type(index)
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, typ.Basic())
	}
	want := []pdb.Basic{pdb.BasicVoid, pdb.BasicBool, pdb.BasicChar, pdb.BasicUChar, pdb.BasicWChar, pdb.BasicInt, pdb.BasicUint,
		pdb.BasicFloat, pdb.BasicComplex, pdb.BasicHResult, pdb.BasicNone, pdb.BasicOther}
	if !slices.Equal(kinds, want) {
		t.Errorf("basic kinds %v, want %v", kinds, want)
	}
	class, err := mustType(t, f, 0x1008).Class()
	if err != nil || class.Name() != "C" {
		t.Errorf("class %v, %v", class, err)
	}
}

func mustType(t testing.TB, f *pdb.File, index uint32) pdb.Type {
	t.Helper()
	typ, err := f.Type(index)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}
