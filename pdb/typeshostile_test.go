package pdb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

func structure(fields uint32, size int, name string) []byte {
	return rec(0x1505, 1, 0, fields, uint32(0), uint32(0), size, name)
}

// TestTypes_hostile: types made of themselves cost bounded work and say so.
func TestTypes_hostile(t *testing.T) {
	member := func(ti uint32, off any, name string) []byte { return entry(0x150D, 3, ti, off, name) }
	w := typeWriter{noHash: true, recs: [][]byte{
		rec(0x1203, member(0x74, 0, "a"), entry(0x1404, 0, uint32(0x1000))), // 1000: goes on in itself
		structure(0x1000, 4, "circle"),                                      // 1001
		rec(0x1203, entry(0x1400, 3, uint32(0x1003), 4), member(0x74, 0, "own")),
		structure(0x1002, 8, "its_own_base"),                                // 1003
		rec(0x1001, uint32(0x1004), 1),                                      // 1004: const of itself
		rec(0x1002, uint32(0x1005), uint32(0x0C|8<<13)),                     // 1005: pointer to itself
		rec(0x1008, uint32(0x1006), uint8(0), uint8(0), 64, uint32(0x1007)), // 1006: function of itself
		rec(0x1201, uint32(4), uint32(0x1006), uint32(0x1006), uint32(0x1006), uint32(0x1006)),
		rec(0x1503, uint32(0x1008), uint32(0x22), 100, ""),              // 1008: array of itself
		rec(0x1507, 1, 0, uint32(0x1009), uint32(0), "its_own_integer"), // 1009
		rec(0x1203, member(0x74, []byte{0x0A, 0x80, 255, 255, 255, 255, 255, 255, 255, 255}, ""), member(0x100C, []byte{0x0A, 0x80, 255, 255, 255, 255, 255, 255, 255, 255}, "")),
		structure(0x100A, 8, "far"),                                        // 100B
		structure(0x100D, 8, "inner"),                                      // 100C
		rec(0x1203, member(0x74, 4, "x")),                                  // 100D
		rec(0x1203, entry(0x1999, 0, 0), member(0x74, 4, "x")),             // 100E
		structure(0x100E, 8, "unknown_entry"),                              // 100F
		structure(0x1001, 8, "no_list"),                                    // 1010
		structure(0x5555, 8, "no_record"),                                  // 1011
		rec(0x1505, 1, 0x80, uint32(0), uint32(0), uint32(0), 0, "opaque"), // 1012: only declared
		rec(0x1505, 1), // 1013: cut
		rec(0x1505, 1, 0, uint32(0), uint32(0), uint32(0), 0x8000, uint8(0xFF), "negative"), // 1014
	}}
	f := openTypes(t, w)
	for _, c := range []struct{ name, members, fields, size string }{
		{"circle", "circle", "circle", ""},
		{"its_own_base", "", "nested more than", ""},
		{"its_own_integer", "", "", "nested more than"},
		{"far", "", "beyond the end of memory", ""},
		{"unknown_entry", "unknown entry", "unknown entry", ""},
		{"no_list", "is no field list", "is no field list", ""},
		{"no_record", "not in 0x1000..", "not in 0x1000..", ""},
		{"opaque", "definition of", "definition of", "definition of"},
	} {
		typ := typeNamed(t, f, c.name)
		checkError(t, c.name+" members", lastError(typ.Members()), c.members)
		checkError(t, c.name+" fields", lastError(typ.Fields()), c.fields)
		_, err := typ.Size()
		checkError(t, c.name+" size", err, c.size)
	}
	for ti, want := range map[uint32]string{0x1004: "?", 0x1005: "*", 0x1006: "...", 0x1008: "[", 0x1009: "its_own_integer"} {
		typ, err := f.Type(ti)
		if err != nil {
			t.Fatal(err)
		}
		if s := typ.String(); !strings.Contains(s, want) || len(s) > 1<<20 {
			t.Errorf("type %#x is %d bytes: %.80q", ti, len(s), s)
		}
		typ.Size()
		typ.Len()
		typ.Resolve()
	}
	for _, ti := range []uint32{0x1013, 0x1014, 0x1015, 0xFFFFFFFF} {
		if typ, err := f.Type(ti); !errors.Is(err, pdb.ErrFormat) {
			t.Errorf("type %#x is %v, %v; want damage", ti, typ, err)
		}
	}
}

func lastError(members func(func(pdb.Member, error) bool)) (last error) {
	for _, err := range members {
		last = err
	}
	return last
}

func checkError(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: %v, want one with %q", what, err, want)
	case err != nil && !errors.Is(err, pdb.ErrFormat) && !errors.Is(err, pdb.ErrNotFound):
		t.Errorf("%s: %v is neither damage nor not found", what, err)
	}
}

// TestTypes_lookup: which of several types a name stands for.
func TestTypes_lookup(t *testing.T) {
	tag := func(props int, name, unique string) []byte {
		return rec(0x1505, 1, props|0x200, uint32(0), uint32(0), uint32(0), 1, name, unique)
	}
	w := typeWriter{
		recs: [][]byte{
			tag(0x80, "S", ".?AUS@@"),                      // 1000: only declared
			tag(0, "S", ".?AUS@@"),                         // 1001
			tag(0, "S", ".?AUS@@"),                         // 1002
			tag(0x100, "f::L", ".?AUL@?1??f@@"),            // 1003: local to f
			tag(0x180, "f::L", ".?AUL@?1??f@@"),            // 1004
			tag(0x80, "Opaque", ".?AUOpaque@@"),            // 1005
			tag(0, "<unnamed-tag>", ".?AU<unnamed-tag>@@"), // 1006
			tag(0, "T", ".?AUT@@"),                         // 1007
			tag(0, "T", ".?AUT@@"),                         // 1008
			tag(0, "Wrong", ".?AUWrong@@"),                 // 1009: in a bucket names do not lead to
		},
		keys:  []string{"", "S", "S", ".?AUL@?1??f@@", "", "", "", "T", "T", ""},
		heads: []uint32{0x1007},
	}
	for hash, want := range map[bool]map[string]uint32{
		true:  {"S": 0x1002, "T": 0x1007, "f::L": 0x1003, ".?AUL@?1??f@@": 0x1003, "Opaque": 0x1005, "<unnamed-tag>": 0x1006, "t": 0, "Wrong": 0},
		false: {"S": 0x1002, "T": 0x1008, "f::L": 0x1003, "Opaque": 0x1005, "<unnamed-tag>": 0x1006, "t": 0, "Wrong": 0x1009},
	} {
		w.noHash = !hash
		f := openTypes(t, w)
		for round := range 3 { // of which later ones may use what earlier ones made
			for name, ti := range want {
				typ, err := f.TypeByName(name)
				if typ.Index() != ti || (ti == 0) != errors.Is(err, pdb.ErrNotFound) {
					t.Errorf("hash %v, round %d: %q is %#x, %v; want %#x", hash, round, name, typ.Index(), err, ti)
				}
			}
			if typ, err := f.TypeByName("oPAQUE", pdb.IgnoreCase); err != nil || typ.Name() != "Opaque" {
				t.Errorf("oPAQUE is %v, %v", typ, err)
			}
			for fwd, def := range map[uint32]uint32{0x1000: 0x1002, 0x1004: 0x1003, 0x1005: 0} {
				typ, err := f.Type(fwd)
				if err != nil {
					t.Fatal(err)
				}
				got, err := typ.Definition()
				if got.Index() != def || (def == 0) != errors.Is(err, pdb.ErrNotFound) {
					t.Errorf("hash %v: %#x is defined by %#x, %v; want %#x", hash, fwd, got.Index(), err, def)
				}
			}
		}
	}
	w.noHash = false
	if problems := typeProblems(openTypes(t, w)); len(problems) != 1 || !strings.Contains(problems[0].Error(), "Wrong") {
		t.Errorf("Check reports %v, want one problem about Wrong", problems)
	}
}
