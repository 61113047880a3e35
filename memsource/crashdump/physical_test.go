package crashdump_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/memtest"
)

func open(t testing.TB, b []byte) *crashdump.File {
	t.Helper()
	f, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func physical(t testing.TB, b []byte) memsource.Source {
	t.Helper()
	src, err := open(t, b).Physical()
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// checkFault reads one byte at addr and compares the fault; size 0 is not compared.
func checkFault(t *testing.T, src memsource.Source, addr uint64, r memsource.Reason, size uint64) {
	t.Helper()
	n, err := src.ReadMemory(make([]byte, 1), addr)
	f, ok := errors.AsType[*memsource.Fault](err)
	switch {
	case !ok || n != 0:
		t.Errorf("%#x: read %d, %v; want a Fault", addr, n, err)
	case f.Addr != addr || f.Reason != r || f.Status != r.Status() || size != 0 && f.Len != size:
		t.Errorf("%#x: %v at %#x, Len %#x, status %v; want %v, Len %#x", addr, f.Reason, f.Addr, f.Len, f.Status, r, size)
	}
}

func TestPhysical(t *testing.T) {
	spans := []span{{1, 2}, {5, 1}, {4090, 10}, {9000, 1}}
	const total = 9001 // not a multiple of 8: the last page is in a partial byte
	for name, b := range map[string][]byte{
		"full_64":           fullDump(64, spans...),
		"full_32":           fullDump(32, spans...),
		"bitmap_5_FDMP":     bitmapDump(64, 5, "FDMPDUMP", total, spans...),
		"bitmap_6_SDMP":     bitmapDump(64, 6, "SDMPDUMP", total, spans...),
		"bitmap_32":         bitmapDump(32, 5, "SDMPDUMP", total, spans...),
		"bitmap_32_kernel":  bitmapDump(32, 6, "SDMPDUMP", total, spans...),
		"summary_32":        summaryDump(32, total, spans...),
		"summary_64":        summaryDump(64, total, spans...),
		"summary_new_head":  bitmapDump(64, 2, "SDMPDUMP", total, spans...),
		"bitmap_long":       bitmapDump(64, 5, "FDMPDUMP", 9600, spans...),
		"bitmap_other_way":  swapCounts(bitmapDump(64, 5, "FDMPDUMP", total, spans...)),
		"full_out_of_order": fullDump(64, spans[3], spans[1], spans[0], spans[2]),
	} {
		t.Run(name, func(t *testing.T) {
			if p := open(t, b).Problems(); len(p) != 0 {
				t.Errorf("problems: %v", p)
			}
			src := physical(t, b)
			got := make([]byte, page)
			for _, n := range pages(spans) {
				if err := memsource.ReadFull(src, got, n*page); err != nil || !bytes.Equal(got, pageBytes(n)) {
					t.Fatalf("page %#x: %v, starts % x", n, err, got[:16])
				}
			}
			checkFault(t, src, 0, memsource.ReasonNotInDump, page)
			checkFault(t, src, 3*page+8, memsource.ReasonNotInDump, 2*page-8)
			checkFault(t, src, 6*page, memsource.ReasonNotInDump, (4090-6)*page)
			checkFault(t, src, 4100*page, memsource.ReasonNotInDump, 4900*page)
			checkFault(t, src, 9001*page, memsource.ReasonNotInDump, math.MaxUint64-9001*page+1)
			checkFault(t, src, math.MaxUint64, memsource.ReasonNotInDump, 1)
		})
	}
}

// TestSources judges the three sources by the contract.
func TestSources(t *testing.T) {
	blocks, err := open(t, triageDump(64, nil, nil, []piece{{0x5003, "0123456789abcdef"}, {0x5013, "ghi"}})).Blocks()
	if err != nil {
		t.Fatal(err)
	}
	two := append(pageBytes(4), pageBytes(5)...)
	for name, c := range map[string]struct {
		src  memsource.Source
		want []memtest.Want
	}{
		"full": {physical(t, fullDump(64, span{4, 1}, span{5, 1}, span{9, 1})), []memtest.Want{
			memtest.Hole(0, 4*page, memsource.ReasonNotInDump), memtest.Data(4*page, two), memtest.Hole(6*page, 3*page, memsource.ReasonNotInDump)}},
		"bitmap": {physical(t, bitmapDump(64, 6, "SDMPDUMP", 10, span{4, 2}, span{9, 1})), []memtest.Want{
			memtest.Hole(0, 4*page, memsource.ReasonNotInDump), memtest.Data(4*page, two), memtest.Hole(6*page, 3*page, memsource.ReasonNotInDump)}},
		"blocks": {blocks, []memtest.Want{
			memtest.Hole(0, 0x5003, memsource.ReasonNotInDump), memtest.Data(0x5003, []byte("0123456789abcdefghi")), memtest.Hole(0x5016, page, memsource.ReasonNotInDump)}},
	} {
		if err := memtest.TestSource(c.src, c.want...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func swapCounts(b []byte) []byte {
	x, y := le.Uint64(b[0x2028:]), le.Uint64(b[0x2030:])
	le.PutUint64(b[0x2028:], y)
	le.PutUint64(b[0x2030:], x)
	return b
}

func TestPhysicalCrossing(t *testing.T) {
	for name, b := range map[string][]byte{
		"full":   fullDump(64, span{4, 1}, span{5, 2}, span{20, 1}),
		"bitmap": bitmapDump(64, 5, "FDMPDUMP", 64, span{4, 3}, span{20, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			src, buf := physical(t, b), make([]byte, 4*page)
			n, err := src.ReadMemory(buf, 4*page+0x800)
			f, ok := errors.AsType[*memsource.Fault](err)
			if !ok || n != 3*page-0x800 || f.Addr != 7*page || f.Physical != 7*page || f.Len != 13*page {
				t.Fatalf("read %#x, %v", n, err)
			}
			want := bytes.Join([][]byte{pageBytes(4)[0x800:], pageBytes(5), pageBytes(6)}, nil)
			if !bytes.Equal(buf[:n], want) {
				t.Error("bytes before the hole differ")
			}
		})
	}
}

func TestPhysicalTruncated(t *testing.T) {
	full := fullDump(64, span{1, 2}, span{8, 4})
	bitmap := bitmapDump(64, 5, "FDMPDUMP", 64, span{1, 2}, span{8, 4})
	for name, b := range map[string][]byte{"full": full, "bitmap": bitmap} {
		t.Run(name, func(t *testing.T) {
			b = b[:len(b)-page-0x10] // the last page is gone, the one before lacks 16 bytes
			f := open(t, b)
			src, err := f.Physical()
			if err != nil {
				t.Fatal(err)
			}
			n, err := src.ReadMemory(make([]byte, 4*page), 8*page)
			if fault, ok := errors.AsType[*memsource.Fault](err); !ok || n != 3*page-0x10 || fault.Reason != memsource.ReasonTruncated || fault.Len != page+0x10 {
				t.Errorf("read %#x, %v; want a truncated Fault after %#x", n, err, 3*page-0x10)
			}
			p := f.Problems()
			if len(p) != 1 || !errors.Is(p[0], io.ErrUnexpectedEOF) || !strings.Contains(p[0].Error(), "last 2 pages") {
				t.Errorf("problems = %v, want one about the last 2 pages", p)
			}
		})
	}
}

func TestBitmapTruncated(t *testing.T) {
	b := bitmapDump(64, 5, "FDMPDUMP", 64000, span{1, 2}, span{60000, 1})[:0x2038+100]
	f := open(t, b)
	src, err := f.Physical()
	if err != nil {
		t.Fatal(err)
	}
	checkFault(t, src, page, memsource.ReasonTruncated, 2*page)
	checkFault(t, src, 3*page, memsource.ReasonNotInDump, 797*page)
	checkFault(t, src, 800*page, memsource.ReasonTruncated, 63200*page)
	checkFault(t, src, 64000*page, memsource.ReasonNotInDump, 0)
	if p := f.Problems(); len(p) != 2 || !strings.Contains(p[0].Error(), "inside the bitmap") {
		t.Errorf("problems = %v", p)
	}
}

// TestBitmapLastByteCut: of 801 bits the file holds 800.
func TestBitmapLastByteCut(t *testing.T) {
	f := open(t, bitmapDump(64, 5, "FDMPDUMP", 801, span{1, 1}, span{800, 1})[:0x2038+100])
	src, err := f.Physical()
	if err != nil {
		t.Fatal(err)
	}
	checkFault(t, src, 2*page, memsource.ReasonNotInDump, 798*page)
	checkFault(t, src, 800*page, memsource.ReasonTruncated, page)
}

// TestRunsHostile: what the header claims is believed as far as it can be true.
func TestRunsHostile(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(b []byte)
		problem string
	}{
		"count_beyond_header": {func(b []byte) { le.PutUint32(b[0x88:], 0xffffffff) }, "has room for 43"},
		"count_wraps":         {func(b []byte) { le.PutUint64(b[0xb0:], math.MaxUint64) }, "cannot be"},
		"page_wraps":          {func(b []byte) { le.PutUint64(b[0xa8:], math.MaxUint64) }, "cannot be"},
		"overlap":             {func(b []byte) { le.PutUint64(b[0xa8:], 2) }, "overlap at page 0x2"},
		"total":               {func(b []byte) { le.PutUint64(b[0x90:], 5) }, "4 pages in the runs, 5 in the header"},
	} {
		t.Run(name, func(t *testing.T) {
			b := fullDump(64, span{1, 2}, span{8, 2})
			c.change(b)
			f := open(t, b)
			src, err := f.Physical()
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, page)
			if err := memsource.ReadFull(src, got, 2*page); err != nil || !bytes.Equal(got, pageBytes(2)) {
				t.Errorf("page 2: %v", err)
			}
			if p := errors.Join(f.Problems()...); p == nil || !strings.Contains(p.Error(), c.problem) {
				t.Errorf("problems = %v, want %q", p, c.problem)
			}
		})
	}
}

func TestPhysicalRefused(t *testing.T) {
	change := func(b []byte, f func(b []byte)) []byte { f(b); return b }
	for name, c := range map[string]struct {
		dump []byte
		want error
		says string
	}{
		"triage":               {triageDump(64, nil, nil, nil), crashdump.ErrNoPages, ""},
		"summary":              {head64(2), crashdump.ErrFormat, "summary head"},
		"summary_no_signature": {change(summaryDump(32, 8, span{1, 1}), func(b []byte) { b[0x1000]++ }), crashdump.ErrFormat, "SDMP"},
		"header_only":          {head64(3), crashdump.ErrUnsupported, "header only"},
		"automatic":            {head32(7), crashdump.ErrUnsupported, "automatic"},
		"k":                    {head64(8), crashdump.ErrFormat, "head of page rows"},
		"ka":                   {append(head64(9), make([]byte, 0x30)...), crashdump.ErrFormat, "no RDMP signature"},
		"f":                    {change(rangeDump(10, nil, span{1, 1}), func(b []byte) { clear(b[0x2030:0x3000]) }), crashdump.ErrFormat, "no rows of pages"},
		"f_nowhere":            {change(rangeDump(10, nil, span{1, 1}), func(b []byte) { clear(b[0x2010:0x2020]) }), crashdump.ErrFormat, "offset 0x0"},
		"unknown":              {head64(0x77), crashdump.ErrUnsupported, "type 0x77"},
		"no_descriptor":        {head64(1), crashdump.ErrFormat, "descriptor"},
		"no_bitmap":            {head64(5), crashdump.ErrFormat, "bitmap head"},
		"no_signature":         {append(head64(5), make([]byte, 0x38)...), crashdump.ErrFormat, "FDMP"},
		"bitmap_of_nothing": {change(bitmapDump(64, 5, "FDMPDUMP", 8), func(b []byte) {
			clear(b[0x2020:0x2038])
		}), crashdump.ErrFormat, "offset 0x0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.dump).Physical()
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("err = %v, want %v naming %q", err, c.want, c.says)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of more than one line: %q", err)
			}
		})
	}
}

func TestBitmapCountDiffers(t *testing.T) {
	b := bitmapDump(64, 5, "FDMPDUMP", 64, span{1, 3})
	le.PutUint64(b[0x2028:], 2)
	if p := open(t, b).Problems(); len(p) != 1 || !strings.Contains(p[0].Error(), "3 pages in the bitmap, 2 in its head") {
		t.Errorf("problems = %v", p)
	}
}

// hugeDump is a bitmap dump of a 1 TB machine that exists only as far as it is
// read: every page of the last 4 GB is held, and one in the middle.
type hugeDump struct {
	head []byte
	mu   sync.Mutex
	read int // bytes read
}

const (
	hugePages = 1 << 28
	hugeFirst = hugePages - 1<<20
	hugeData  = 0x2000 + 0x1000 + hugePages/8
)

func newHugeDump() *hugeDump {
	b := append(head64(6), make([]byte, 0x38)...)
	copy(b[0x2000:], "SDMPDUMP")
	le.PutUint64(b[0x2020:], hugeData)
	le.PutUint64(b[0x2028:], 1<<20+1)
	le.PutUint64(b[0x2030:], hugePages)
	return &hugeDump{head: b}
}

func (h *hugeDump) size() int64 { return hugeData + (1<<20+1)*page }

func (h *hugeDump) ReadAt(b []byte, off int64) (int, error) {
	h.mu.Lock()
	h.read += len(b)
	h.mu.Unlock()
	clear(b)
	if off < int64(len(h.head)) {
		return copy(b, h.head[off:]), nil
	}
	for i := range b {
		switch at := off + int64(i); {
		case at >= hugeData: // each page holds the number of its place
			b[i] = byte((at - hugeData) / page)
		case at >= 0x2038+hugePages/8: // padding
		case at >= 0x2038+hugeFirst/8:
			b[i] = 0xff
		case at == 0x2038+hugePages/16:
			b[i] = 1
		}
	}
	return len(b), nil
}

// TestBitmapLazy counts bytes: opening reads the headers, a page at the bottom
// nothing of the bitmap but one chunk, a page at the top the bitmap once.
func TestBitmapLazy(t *testing.T) {
	h := newHugeDump()
	f, err := crashdump.New(h, h.size())
	if err != nil {
		t.Fatal(err)
	}
	src, err := f.Physical()
	if err != nil || h.read > 0x2100+page { // the header, the head and the padding behind the bitmap
		t.Fatalf("open read %#x bytes, %v", h.read, err)
	}
	h.read = 0
	checkFault(t, src, 0x1000, memsource.ReasonNotInDump, 0)
	if h.read > 64<<10 {
		t.Errorf("a page that is absent cost %#x bytes", h.read)
	}
	for _, c := range []struct{ page, place, limit uint64 }{
		{hugePages / 2, 0, hugePages/16 + 2*page}, // half of the bitmap
		{hugePages - 1, 1 << 20 & 0xff, hugePages/16 + 2*page},
		{hugeFirst + 0x1234, 0x35, 2 * page},
	} {
		h.read = 0
		v, err := memsource.U8(src, c.page*page)
		if err != nil || uint64(v) != c.place {
			t.Errorf("page %#x: place %#x, %v; want %#x", c.page, v, err, c.place)
		}
		if uint64(h.read) > c.limit {
			t.Errorf("page %#x cost %#x bytes, want at most %#x", c.page, h.read, c.limit)
		}
	}
	if p := f.Problems(); len(p) != 0 {
		t.Errorf("problems: %v", p)
	}
}

// BenchmarkBitmapRead reads a page whose rank is known.
func BenchmarkBitmapRead(b *testing.B) {
	h := newHugeDump()
	f, err := crashdump.New(h, h.size())
	if err != nil {
		b.Fatal(err)
	}
	src, err := f.Physical()
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 8)
	if _, err := src.ReadMemory(buf, (hugePages-1)*page); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := src.ReadMemory(buf, (hugePages-2)*page); err != nil || buf[0] != 0xff {
			b.Fatalf("place %#x, %v", buf[0], err)
		}
	}
}

type brokenReader struct {
	*bytes.Reader
	from int64
}

var errBroken = errors.New("bad sector")

func (r brokenReader) ReadAt(b []byte, off int64) (int, error) {
	if off >= r.from {
		return 0, errBroken
	}
	if end := off + int64(len(b)); end > r.from {
		n, _ := r.Reader.ReadAt(b[:r.from-off], off)
		return n, errBroken
	}
	return r.Reader.ReadAt(b, off)
}

func TestPhysicalReadError(t *testing.T) {
	b := fullDump(64, span{1, 2})
	f, err := crashdump.New(brokenReader{bytes.NewReader(b), 0x2100}, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	src, err := f.Physical()
	if err != nil {
		t.Fatal(err)
	}
	n, err := src.ReadMemory(make([]byte, page), page)
	if fault, ok := errors.AsType[*memsource.Fault](err); !ok || n != 0x100 || fault.Reason != memsource.ReasonIO || !errors.Is(err, errBroken) {
		t.Errorf("read %#x, %v; want 0x100 and the reader's error", n, err)
	}
}
