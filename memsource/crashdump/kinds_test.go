package crashdump_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
)

// rangeDump is a dump of type 8, 9 or 10: rows of pages, tail behind the last of
// them in the metadata, and the pages from the next page of the file on.
func rangeDump(typ uint32, tail []byte, spans ...span) []byte {
	var meta []byte
	for _, s := range spans {
		meta = le.AppendUint64(le.AppendUint64(meta, s[0]), s[1])
	}
	meta = append(meta, tail...)
	meta = append(meta, make([]byte, -(0x2030+len(meta))&0xfff)...)
	b, list := head64(typ), pages(spans)
	head := make([]byte, 0x30)
	le.PutUint32(head, 0x40)
	copy(head[4:], "RDMPDUMP")
	le.PutUint64(head[0x10:], uint64(len(meta)+0x10))
	le.PutUint64(head[0x18:], uint64(0x2030+len(meta)))
	if typ == 10 {
		le.PutUint32(head[0x20:], uint32(len(spans)))
		le.PutUint64(head[0x28:], uint64(len(list)))
	}
	b = slices.Concat(b, head, meta)
	for _, n := range list {
		b = append(b, pageBytes(n)...)
	}
	return b
}

// holds checks that a dump has exactly the pages of the spans, and that what is
// wrong with it is named; "" is nothing.
func holds(t *testing.T, b []byte, problem string, spans ...span) {
	t.Helper()
	f := open(t, b)
	src, err := f.Physical()
	if err != nil {
		t.Fatal(err)
	}
	list, got := pages(spans), make([]byte, page)
	for n := range slices.Max(list) + 3 {
		err := memsource.ReadFull(src, got, n*page)
		if slices.Contains(list, n) != (err == nil) || err == nil && !bytes.Equal(got, pageBytes(n)) {
			t.Errorf("page %d: % x, %v", n, got[:8], err)
		}
	}
	if text := errors.Join(f.Problems()...); (text == nil) != (problem == "") || text != nil && !strings.Contains(text.Error(), problem) {
		t.Errorf("problems %v, want %q", text, problem)
	}
}

// TestRanges reads dumps of types 8, 9 and 10, whose metadata may reach beyond the
// last row and whose counts may lie.
func TestRanges(t *testing.T) {
	spans := []span{{1, 2}, {5, 1}, {9, 3}}
	zeros, noise := make([]byte, 0x2000), bytes.Repeat([]byte{7, 0, 0, 0, 0, 0, 0, 0}, 0x300)
	for name, c := range map[string]struct {
		typ     uint32
		tail    []byte
		change  func(b []byte)
		problem string
	}{
		"k":               {8, nil, nil, ""},
		"ka":              {9, nil, nil, ""},
		"f":               {10, nil, nil, ""},
		"k_zeros":         {8, zeros, nil, ""},
		"f_zeros":         {10, zeros, nil, ""},
		"k_noise":         {8, noise, nil, ""}, // no zeros end it: the file has as many pages
		"f_noise":         {10, noise, nil, ""},
		"f_no_total":      {10, zeros, func(b []byte) { clear(b[0x2028:0x2030]) }, ""},
		"f_total_lies":    {10, noise, func(b []byte) { le.PutUint64(b[0x2028:], 5) }, "6 pages in the rows, 5 in their head"},
		"f_rows_lie":      {10, zeros, func(b []byte) { le.PutUint32(b[0x2020:], 2) }, "3 rows of pages, 2 in their head"},
		"size_lies":       {9, zeros, func(b []byte) { le.PutUint64(b[0x2010:], 0x40) }, "metadata of 0x40 bytes"},
		"place_lies":      {9, zeros, func(b []byte) { le.PutUint64(b[0x2018:], math.MaxUint64) }, "first page at offset 0xffffffffffffffff"},
		"place_in_header": {9, nil, func(b []byte) { le.PutUint64(b[0x2018:], 0) }, "first page at offset 0x0"},
		"marker":          {8, nil, func(b []byte) { b[0x2000] = 1 }, "marker 0x1"},
		"type_of_bitmap":  {10, nil, func(b []byte) { le.PutUint32(b[0xf98:], 5) }, "of type 5 (bitmap full) by its header"},
		"type_of_full":    {8, nil, func(b []byte) { le.PutUint32(b[0xf98:], 1) }, "of type 1 (full) by its header"},
		"type_unwritten":  {8, nil, func(b []byte) { copy(b[0xf98:], "PAGE") }, "of type 0 (type 0x0) by its header"},
	} {
		t.Run(name, func(t *testing.T) {
			b := rangeDump(c.typ, c.tail, spans...)
			if c.change != nil {
				c.change(b)
			}
			holds(t, b, c.problem, spans...)
		})
	}
	t.Run("from_page_0", func(t *testing.T) { holds(t, rangeDump(9, zeros, span{0, 2}, span{4, 1}), "", span{0, 2}, span{4, 1}) })
	t.Run("overlap", func(t *testing.T) {
		b := rangeDump(9, zeros, span{1, 2}, span{2, 2})
		holds(t, b[:len(b)-2*page], "", span{1, 2})
	})
	t.Run("cut", func(t *testing.T) {
		b := rangeDump(8, zeros, spans...)
		holds(t, b[:len(b)-page], "ends before the last 1 pages", span{1, 2}, span{5, 1}, span{9, 2})
	})
}

// TestRunCounts: where the number of runs or pages is not that of a full dump's
// runs, or was never written, what the file holds counts.
func TestRunCounts(t *testing.T) {
	const runs, total = 0x88, 0x90
	spans := []span{{1, 2}, {5, 1}, {9, 3}}
	for name, c := range map[string]struct {
		change  func(b []byte)
		problem string
	}{
		"few":           {func(b []byte) { le.PutUint32(b[runs:], 1) }, "claims 1 memory runs, and 3 have its pages"},
		"many":          {func(b []byte) { le.PutUint32(b[runs:], 9) }, "claims 9 memory runs, and 3 have its pages"},
		"none":          {func(b []byte) { le.PutUint32(b[runs:], 0) }, "claims 0 memory runs"},
		"pattern":       {func(b []byte) { copy(b[runs:], "PAGE") }, "claims 0 memory runs"},
		"pages":         {func(b []byte) { le.PutUint64(b[total:], 77) }, "6 pages in the runs, 77 in the header"},
		"both":          {func(b []byte) { le.PutUint32(b[runs:], 2); le.PutUint64(b[total:], 77) }, "claims 2 memory runs"},
		"both_patterns": {func(b []byte) { copy(b[runs:], "PAGEPAGEPAGEPAGE") }, "claims 0 memory runs"},
	} {
		t.Run(name, func(t *testing.T) {
			b := fullDump(64, spans...)
			c.change(b)
			holds(t, b, c.problem, spans...)
		})
	}
}

// TestBitmapCounts: where the head and the bitmap disagree, the bitmap counts.
func TestBitmapCounts(t *testing.T) {
	const first, present, bits = 0x2020, 0x2028, 0x2030
	spans := []span{{1, 2}, {50, 1}, {90, 3}}
	for name, c := range map[string]struct {
		field   int
		value   uint64
		problem string
	}{
		"present_zero":    {present, 0, "6 pages in the bitmap, 0 in its head"},
		"present_small":   {present, 5, "6 pages in the bitmap, 5 in its head"},
		"present_large":   {present, 0x5000, "6 pages in the bitmap, 20480 in its head"},
		"present_huge":    {present, math.MaxUint64, "6 pages in the bitmap"},
		"present_pattern": {present, 0x4547415045474150, "6 pages in the bitmap"},
		"bits_zero":       {bits, 0, "0 in its head"},
		"bits_small":      {bits, 60, "60 in its head"},
		"bits_tiny":       {bits, 1, "1 in its head"},
		"bits_large":      {bits, 1 << 20, "1048576 in its head"},
		"bits_huge":       {bits, 1 << 60, "in its head"},
		"first_zero":      {first, 0, "not at 0x0"},
		"first_in_bitmap": {first, 0x2039, "not at 0x2039"},
		"first_nowhere":   {first, math.MaxUint64, "not at 0xffffffffffffffff"},
		"first_beyond":    {first, 0x100000, "not at 0x100000"},
	} {
		t.Run(name, func(t *testing.T) {
			b := bitmapDump(64, 5, "FDMPDUMP", 100, spans...)
			le.PutUint64(b[c.field:], c.value)
			holds(t, b, c.problem, spans...)
		})
	}
	t.Run("swapped", func(t *testing.T) {
		b := bitmapDump(64, 6, "SDMPDUMP", 100, spans...)
		le.PutUint64(b[present:], 100)
		le.PutUint64(b[bits:], 6)
		holds(t, b, "", spans...)
	})
	t.Run("summary", func(t *testing.T) {
		b := summaryDump(64, 100, spans...)
		le.PutUint32(b[0x2014:], 0x777)
		holds(t, b, "6 pages in the bitmap, 1911 in its head", spans...)
		le.PutUint32(b[0x2014:], 6)
		le.PutUint32(b[0x2010:], 3)
		holds(t, b, "3 in its head", spans...)
	})
	t.Run("not_right_behind", func(t *testing.T) { // the bitmap may be followed by anything
		b := bitmapDump(64, 5, "FDMPDUMP", 100, spans...)
		le.PutUint64(b[first:], uint64(len(b)-6*page+7))
		b = slices.Insert(b, len(b)-6*page, make([]byte, 7)...)
		le.PutUint64(b[present:], 0x5000)
		holds(t, b, "20480 in its head", spans...)
	})
	if _, err := open(t, head64(7)).Physical(); !errors.Is(err, crashdump.ErrUnsupported) {
		t.Errorf("automatic without anything: %v", err)
	}
	for _, typ := range []uint32{0, 3, 5, 7, 9, 0x45474150} {
		b := fullDump(64, spans...)
		le.PutUint32(b[0xf98:], typ)
		holds(t, b, "and has the pages of type 1 (full)", spans...)
	}
	b := bitmapDump(64, 7, "SDMPDUMP", 100, spans...)
	holds(t, b, "of type 7 (automatic) by its header", spans...)
}
