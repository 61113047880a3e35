package peimage_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
)

// testImage describes an image file to be written: sections of which the first
// has the debug directory and the records it leads to.
type testImage struct {
	sections         int
	align, fileAlign uint32
	firstRVA         uint32
	rawOffset        uint32 // of the first section; 0: behind the headers
	records          []testRecord
}

type testRecord struct {
	data  string
	minor uint16
	lost  bool // its data lies behind the end of the file
}

func rsds(guid byte, age uint32, path string) string {
	b := append([]byte("RSDS"), bytes.Repeat([]byte{guid}, 16)...)
	return string(binary.LittleEndian.AppendUint32(b, age)) + path + "\x00"
}

func nb10(sig, age uint32, path string) string {
	b := binary.LittleEndian.AppendUint32([]byte("NB10\x00\x00\x00\x00"), sig)
	return string(binary.LittleEndian.AppendUint32(b, age)) + path + "\x00"
}

const testLfanew = 0x80

// write returns the file; its first section has 0x400 bytes.
func (m testImage) write() []byte {
	const opt, sectionBytes = 240, 0x400
	le := binary.LittleEndian
	table := testLfanew + 24 + opt
	headers := (table + 40*m.sections + int(m.fileAlign) - 1) / int(m.fileAlign) * int(m.fileAlign)
	raw := int(m.rawOffset)
	if raw == 0 {
		raw = headers
	}
	b := make([]byte, raw+sectionBytes)
	copy(b, "MZ")
	le.PutUint32(b[0x3C:], testLfanew)
	copy(b[testLfanew:], "PE\x00\x00")
	le.PutUint16(b[testLfanew+4:], 0x8664)
	le.PutUint16(b[testLfanew+6:], uint16(m.sections))
	le.PutUint32(b[testLfanew+8:], 0x5F000000)
	le.PutUint16(b[testLfanew+20:], opt)
	le.PutUint16(b[testLfanew+22:], 0x22)
	o := b[testLfanew+24:]
	le.PutUint16(o, 0x20B)
	le.PutUint64(o[24:], 0x140000000)
	le.PutUint32(o[32:], m.align)
	le.PutUint32(o[36:], m.fileAlign)
	size := m.firstRVA + max(m.align, sectionBytes)*uint32(m.sections)
	le.PutUint32(o[56:], size)
	le.PutUint32(o[60:], uint32(headers))
	le.PutUint32(o[108:], 16)
	le.PutUint32(o[112+8*6:], m.firstRVA)
	le.PutUint32(o[112+8*6+4:], uint32(28*len(m.records)))
	for i := range m.sections {
		s := b[table+40*i:]
		copy(s, ".s")
		le.PutUint32(s[8:], sectionBytes)
		le.PutUint32(s[12:], m.firstRVA+max(m.align, sectionBytes)*uint32(i))
		if i == 0 {
			le.PutUint32(s[16:], sectionBytes)
			le.PutUint32(s[20:], uint32(raw))
		}
	}
	at := 28 * len(m.records)
	for i, r := range m.records {
		e := b[raw+28*i:]
		le.PutUint16(e[10:], r.minor)
		le.PutUint32(e[12:], peimage.DebugTypeCodeView)
		le.PutUint32(e[16:], uint32(len(r.data)))
		le.PutUint32(e[20:], m.firstRVA+uint32(at))
		le.PutUint32(e[24:], uint32(raw+at))
		if r.lost {
			le.PutUint32(e[24:], uint32(len(b)))
		}
		at += copy(b[raw+at:], r.data)
	}
	return b
}

// mapped lays a file out as in memory.
func (m testImage) mapped() []byte {
	b := m.write()
	raw := len(b) - 0x400
	out := make([]byte, m.firstRVA)
	copy(out, b[:raw])
	return append(out, b[raw:]...)
}

func plain(records ...testRecord) testImage {
	return testImage{sections: 1, align: 0x1000, fileAlign: 0x200, firstRVA: 0x1000, records: records}
}

// read reads the records of a file.
func readRecords(t *testing.T, b []byte) (peimage.CodeView, []peimage.CodeView, error) {
	t.Helper()
	h, err := pedisk.ReadHeaders(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	l := peimage.OnDisk{Headers: h}
	entries, err := peimage.ReadDebug(bytes.NewReader(b), h, l)
	if err != nil {
		t.Fatal(err)
	}
	cv, err := peimage.FindCodeView(bytes.NewReader(b), entries, l)
	return cv, peimage.OtherCodeViews(bytes.NewReader(b), entries, l, cv), err
}

// TestFindCodeView_several: the last RSDS record counts, the others are told.
func TestFindCodeView_several(t *testing.T) {
	first, second, third := testRecord{data: rsds(1, 1, "first.pdb")}, testRecord{data: rsds(2, 2, "second.pdb")}, testRecord{data: rsds(3, 3, "third.pdb")}
	old := testRecord{data: nb10(7, 1, "old.pdb")}
	lost := second
	lost.lost = true
	for name, c := range map[string]struct {
		records []testRecord
		want    string
		others  []string
	}{
		"one":            {[]testRecord{first}, "first.pdb", nil},
		"two":            {[]testRecord{first, second}, "second.pdb", []string{"first.pdb"}},
		"three":          {[]testRecord{third, first, second}, "second.pdb", []string{"first.pdb", "third.pdb"}},
		"twice the same": {[]testRecord{first, second, first}, "first.pdb", []string{"second.pdb"}},
		"NB10 behind":    {[]testRecord{first, old}, "first.pdb", []string{"old.pdb"}},
		"NB10 alone":     {[]testRecord{old, old}, "old.pdb", nil},
		"damaged last":   {[]testRecord{first, {data: "RSDX"}}, "first.pdb", nil},
		"cut off last":   {[]testRecord{first, lost}, "first.pdb", nil},
	} {
		cv, others, err := readRecords(t, plain(c.records...).write())
		if err != nil || cv.Path != c.want || len(others) != len(c.others) {
			t.Errorf("%s: %+v, %+v, %v", name, cv, others, err)
			continue
		}
		for i, o := range others {
			if o.Path != c.others[i] {
				t.Errorf("%s: other %d is %s, want %s", name, i, o.Path, c.others[i])
			}
		}
	}
	// In memory a record behind the others that is out may be the one that counts.
	m := plain(first, second)
	b := m.mapped()
	at := int64(bytes.Index(b, []byte(second.data)))
	r := holes{b, [][2]int64{{at, at + 8}}}
	h := peimage.ReadHeaders(r)
	entries, err := peimage.ReadDebug(r, h, peimage.Memory{})
	if err != nil || len(entries) != 2 {
		t.Fatal(entries, err)
	}
	if cv, err := peimage.FindCodeView(r, entries, peimage.Memory{}); !errors.Is(err, errHole) {
		t.Errorf("the last record is out: %+v, %v", cv, err)
	}
}

// TestFindCodeView_portable: the entry says that the PDB is a portable one.
func TestFindCodeView_portable(t *testing.T) {
	native, portable := testRecord{data: rsds(1, 1, "n.pdb")}, testRecord{data: rsds(2, 1, "p.pdb"), minor: 0x504D}
	for _, c := range []struct {
		records []testRecord
		want    bool
	}{
		{[]testRecord{portable}, true}, {[]testRecord{native}, false}, {[]testRecord{native, portable}, true}, {[]testRecord{portable, native}, false},
		{[]testRecord{{data: nb10(1, 1, "n.pdb"), minor: 0x504D}}, false},
	} {
		cv, others, err := readRecords(t, plain(c.records...).write())
		if err != nil || cv.Portable != c.want || len(others) != len(c.records)-1 || len(others) == 1 && others[0].Portable == c.want {
			t.Errorf("%+v, %+v, %v, want portable %v", cv, others, err, c.want)
		}
	}
}

// TestReadHeaders_sections: as many sections as Windows loads.
func TestReadHeaders_sections(t *testing.T) {
	for _, n := range []int{96, 97, 1630, 3000, 65535} {
		first := uint32(testLfanew+24+240+40*n+0xFFF) &^ 0xFFF
		m := testImage{sections: n, align: 0x1000, fileAlign: 0x200, firstRVA: first, records: []testRecord{{data: rsds(9, 3, "many.pdb")}}}
		b := m.write()
		h, err := pedisk.ReadHeaders(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(h.Sections) != n || int(h.NumberOfSections) != n || h.SectionErr != nil {
			t.Fatalf("%d: %v, %v", n, err, h)
		}
		if cv, _, err := readRecords(t, b); err != nil || cv.Path != "many.pdb" || cv.Age != 3 {
			t.Errorf("%d: %+v, %v", n, cv, err)
		}
		own := peimage.ReadHeaders(bytes.NewReader(b))
		if len(own.Sections) != n || own.SectionErr != nil {
			t.Errorf("%d: %d sections, %v", n, len(own.Sections), own.SectionErr)
		}
		for i := 0; i < n; i += 1 + n/100 { // many are searched by address
			s := &own.Sections[i]
			if got := own.SectionOf(s.VirtualAddress); got != s {
				t.Errorf("%d: section %d is %v", n, i, got)
			}
			if off, ok := own.FileOffset(s.VirtualAddress); ok != (s.RawSize > 0) || ok && off != int64(s.RawOffset) {
				t.Errorf("%d: section %d is at %#x, %v", n, i, off, ok)
			}
		}
		if s := own.SectionOf(first - 1); s != nil {
			t.Errorf("%d: in front of the first is %v", n, s)
		}
	}
}

// TestFileOffset_low: an image of low alignment has its sections where the table
// says, as ReadyToRun images of Linux do, or where they are mapped.
func TestFileOffset_low(t *testing.T) {
	record := testRecord{data: rsds(5, 1, "r2r.ni.pdb")}
	for name, m := range map[string]testImage{
		"elsewhere in the file": {sections: 1, align: 0x20, fileAlign: 0x20, firstRVA: 0x1000, rawOffset: 0x260, records: []testRecord{record}},
		"where it is mapped":    {sections: 1, align: 0x200, fileAlign: 0x200, firstRVA: 0x400, rawOffset: 0x400, records: []testRecord{record}},
	} {
		if cv, _, err := readRecords(t, m.write()); err != nil || cv.Path != "r2r.ni.pdb" {
			t.Errorf("%s: %+v, %v", name, cv, err)
		}
	}
	h := &peimage.Headers{SectionAlignment: 0x20, SizeOfHeaders: 0x200, Sections: []peimage.Section{{VirtualAddress: 0x1000, RawSize: 0x100, RawOffset: 0x260}}}
	for rva, want := range map[uint32]int64{0x10: 0x10, 0x1000: 0x260, 0x10FF: 0x35F, 0x1100: 0x1100} {
		if off, ok := h.FileOffset(rva); !ok || off != want {
			t.Errorf("FileOffset(%#x) = %#x, %v, want %#x", rva, off, ok, want)
		}
	}
	h.SectionAlignment = 0x1000
	if off, ok := h.FileOffset(0x1100); ok {
		t.Errorf("behind the section of an image of page alignment: %#x", off)
	}
}
