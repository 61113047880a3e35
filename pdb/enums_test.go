package pdb_test

import (
	"testing"

	"github.com/symres/symres/pdb"
)

// TestEnumerators_underlying: an enumerator has the width and the sign of the
// type below it, in whichever form its bits stand.
func TestEnumerators_underlying(t *testing.T) {
	const u8, s8, char, char8, boolean = 0x20, 0x10, 0x70, 0x7C, 0x30
	const s16, u16, wide, s32, u32, s64, u64, hresult = 0x11, 0x21, 0x71, 0x74, 0x75, 0x76, 0x77, 0x08
	for _, c := range []struct {
		underlying uint32
		value      []byte // a numeric leaf
		want       string
	}{
		{u64, fieldBytes(nil, 0x8000, uint8(0xFF)), "18446744073709551615"},
		{u64, fieldBytes(nil, 0x8001, 0x8000), "18446744073709518848"},
		{u64, fieldBytes(nil, 0x800A, ^uint64(0)), "18446744073709551615"},
		{u64, fieldBytes(nil, 0x8009, ^uint64(0)), "18446744073709551615"},
		{u32, fieldBytes(nil, 0x8000, uint8(0xFE)), "4294967294"},
		{u32, fieldBytes(nil, 0x8003, ^uint32(0)), "4294967295"},
		{u32, fieldBytes(nil, 0x8009, ^uint64(0)), "4294967295"},
		{u16, fieldBytes(nil, 0x8000, uint8(0xFF)), "65535"},
		{wide, fieldBytes(nil, 0x8000, uint8(0xFF)), "65535"},
		{u8, fieldBytes(nil, 0x8000, uint8(0xFF)), "255"},
		{char8, fieldBytes(nil, 0x8000, uint8(0x80)), "128"},
		{boolean, fieldBytes(nil, 1), "1"},
		{boolean, fieldBytes(nil, 0x8000, uint8(0xFF)), "255"},
		{s8, fieldBytes(nil, 0xFF), "-1"},
		{char, fieldBytes(nil, 0x80), "-128"},
		{s16, fieldBytes(nil, 0x8002, 0xFFFF), "-1"},
		{s32, fieldBytes(nil, 0x8004, ^uint32(0)), "-1"},
		{s32, fieldBytes(nil, 0x8000, uint8(0xFF)), "-1"},
		{hresult, fieldBytes(nil, 0x8004, uint32(0x80004005)), "-2147467259"},
		{s64, fieldBytes(nil, 0x800A, ^uint64(0)), "-1"},
		{s64, fieldBytes(nil, 7), "7"},
		// More than the type holds stays what it is.
		{u8, fieldBytes(nil, 0x8002, 0x100), "256"},
		{s8, fieldBytes(nil, 0x8001, 0x8000), "-32768"},
		{u32, fieldBytes(nil, 0x8009, ^uint64(0)>>1), "9223372036854775807"},
	} {
		w := typeWriter{keys: []string{"", "", "E"}, recs: [][]byte{
			rec(0x1001, c.underlying, 1, 0), // const of it: clang writes such
			rec(0x1203, entry(0x1502, 3, c.value, "A")),
			rec(0x1507, 1, 0, uint32(0x1000), uint32(0x1001), "E"),
		}}
		for _, elem := range []uint32{c.underlying, 0x1000} {
			w.recs[2] = rec(0x1507, 1, 0, elem, uint32(0x1001), "E")
			for m, err := range typeNamed(t, openTypes(t, w), "E").Members() {
				if err != nil || m.Value.String() != c.want {
					t.Errorf("%#x, % x: %v, %v, want %s", c.underlying, c.value, m.Value, err, c.want)
				}
			}
		}
	}
}

// TestNullptr: the type of nullptr is as wide as pointers of the machine are.
func TestNullptr(t *testing.T) {
	for machine, size := range map[uint16]uint64{0x014C: 4, 0x01C4: 4, 0x8664: 8, 0xAA64: 8, 0xA641: 8, 0x0200: 8} {
		w := sameStructure["V80"]
		p := w.pdb()
		p.machine = machine
		m := p.write()
		f, err := pdb.New(m, m.Size())
		if err != nil {
			t.Fatal(err)
		}
		typ, err := f.Type(0x0103)
		if err != nil || typ.String() != "std::nullptr_t" || typ.Kind() != pdb.TypeBasic || typ.Basic() != pdb.BasicNullptr {
			t.Fatalf("%v, %v, %v", typ, typ.Kind(), err)
		}
		if got, err := typ.Size(); got != size || err != nil {
			t.Errorf("machine %#x: %d bytes, %v, want %d", machine, got, err, size)
		}
		if text := typ.Declare("p"); text != "std::nullptr_t p" {
			t.Error(text)
		}
	}
}
