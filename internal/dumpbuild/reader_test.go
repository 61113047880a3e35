package dumpbuild_test

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"testing"
	"unicode/utf16"

	"github.com/symres/symres/internal/dumpbuild"
)

// A second, tiny reader of dumps and page tables, written from the documented
// offsets and sharing nothing with the builder: what the builder writes is
// checked against the formats, not against itself.

var le = binary.LittleEndian

type dump struct {
	b     []byte
	wide  bool
	pages map[uint64]uint64 // frame -> file offset
	order []uint64
}

func parse(t *testing.T, b []byte) *dump {
	t.Helper()
	d := &dump{b: b, pages: map[uint64]uint64{}}
	switch string(b[:8]) {
	case "PAGEDU64":
		d.wide = true
	case "PAGEDUMP":
	default:
		t.Fatalf("signature %q", b[:8])
	}
	header, kind := d.field(0x1000, 0x2000), d.u32(d.field(0xf88, 0xf98))
	if need := le.Uint64(b[0xfa0:]); need != uint64(len(b)) {
		t.Errorf("RequiredDumpSpace %x, file is %x", need, len(b))
	}
	switch kind {
	case 1:
		d.readRuns(t, header)
	case 5:
		d.readBitmap(t, header)
	case 4:
	default:
		t.Fatalf("type %d", kind)
	}
	return d
}

// field picks the 32-bit or the 64-bit value.
func (d *dump) field(narrow, wide uint64) uint64 {
	if d.wide {
		return wide
	}
	return narrow
}

func (d *dump) u32(off uint64) uint64 { return uint64(le.Uint32(d.b[off:])) }
func (d *dump) ptr(off uint64) uint64 { return d.num(d.b[off:]) }
func (d *dump) num(b []byte) uint64 {
	if d.wide {
		return le.Uint64(b)
	}
	return uint64(le.Uint32(b))
}

// page is the size of pages.
func (d *dump) page() uint64 {
	if uint16(d.u32(d.field(0x20, 0x30))) == dumpbuild.IA64 {
		return 0x2000
	}
	return 0x1000
}

func (d *dump) readRuns(t *testing.T, off uint64) {
	at, w := d.field(0x64, 0x88), d.field(4, 8)
	total := uint64(0)
	for i := range d.u32(at) {
		first, count := d.ptr(at+2*w*(i+1)), d.ptr(at+2*w*(i+1)+w)
		for k := range count {
			d.pages[first+k] = off
			d.order = append(d.order, first+k)
			off += d.page()
		}
		total += count
	}
	if n := d.ptr(at + w); n != total {
		t.Errorf("NumberOfPages %d, runs have %d", n, total)
	}
	if off != uint64(len(d.b)) {
		t.Errorf("pages end at %x, file at %x", off, len(d.b))
	}
	if limit := d.field(0x320, 0x348); at+2*w*(d.u32(at)+1) > limit {
		t.Errorf("%d runs reach into the CONTEXT", d.u32(at))
	}
}

func (d *dump) readBitmap(t *testing.T, at uint64) {
	if s := string(d.b[at : at+8]); s != "SDMPDUMP" {
		t.Fatalf("bitmap signature %q", s)
	}
	off, present, n := le.Uint64(d.b[at+0x20:]), le.Uint64(d.b[at+0x28:]), le.Uint64(d.b[at+0x30:])
	if n%8 != 0 || off%0x1000 != 0 || at+0x38+n/8 > off {
		t.Fatalf("%d bits, pages at %x", n, off)
	}
	count := 0
	for i, c := range d.b[at+0x38 : at+0x38+n/8] {
		count += bits.OnesCount8(c)
		for k := range 8 {
			if f := uint64(8*i + k); c>>k&1 == 1 {
				d.pages[f] = off
				d.order = append(d.order, f)
				off += d.page()
			}
		}
	}
	if uint64(count) != present || off != uint64(len(d.b)) {
		t.Errorf("%d bits set, header says %d; pages end at %x of %x", count, present, off, len(d.b))
	}
}

func (d *dump) frame(f uint64) []byte {
	off, ok := d.pages[f]
	if !ok {
		return nil
	}
	return d.b[off : off+0x1000]
}

// walk returns the last entry met on the way to va, and its frame: the PTE, or
// the entry of a large page. The error names the level whose table is missing.
func (d *dump) walk(root, va uint64) (pte, frame uint64, large bool, err error) {
	shifts, size := []uint{22, 12}, uint64(4)
	if d.wide {
		shifts, size = []uint{39, 30, 21, 12}, 8
	}
	table := root >> 12
	for _, s := range shifts {
		page := d.frame(table)
		if page == nil {
			return 0, table, false, fmt.Errorf("table frame %x for bit %d is not in the dump", table, s)
		}
		index := va >> s % (0x1000 / size)
		pte = d.num(page[index*size:])
		table = pte >> 12 & 0xfffffffff
		if pte&1 == 0 || s == 12 {
			return pte, table, false, nil
		}
		if pte&0x80 != 0 {
			return pte, table + va&(1<<s-1)>>12, true, nil
		}
	}
	return pte, table, false, nil
}

// read returns n bytes that valid entries lead to, or nil.
func (d *dump) read(root, va uint64, n int) []byte {
	var out []byte
	for len(out) < n {
		pte, frame, _, err := d.walk(root, va)
		page := d.frame(frame)
		if err != nil || pte&1 == 0 || page == nil {
			return nil
		}
		page = page[va&0xfff:]
		page = page[:min(len(page), n-len(out))]
		out, va = append(out, page...), va+uint64(len(page))
	}
	return out
}

// a view reads one address space and fails the test on holes.
type view struct {
	*dump
	t    *testing.T
	root uint64
}

func (v view) bytes(va uint64, n int) []byte {
	v.t.Helper()
	b := v.read(v.root, va, n)
	if b == nil {
		v.t.Fatalf("%x is not readable", va)
	}
	return b
}
func (v view) u16At(va uint64) uint64 { v.t.Helper(); return uint64(le.Uint16(v.bytes(va, 2))) }
func (v view) u32At(va uint64) uint64 { v.t.Helper(); return uint64(le.Uint32(v.bytes(va, 4))) }
func (v view) u64At(va uint64) uint64 { v.t.Helper(); return le.Uint64(v.bytes(va, 8)) }
func (v view) ptrAt(va uint64) uint64 { v.t.Helper(); return v.num(v.bytes(va, int(v.field(4, 8)))) }

// text reads a UNICODE_STRING.
func (v view) text(va uint64) string {
	v.t.Helper()
	raw := v.bytes(v.ptrAt(va+v.field(4, 8)), int(v.u16At(va)))
	var u []uint16
	for ; len(raw) >= 2; raw = raw[2:] {
		u = append(u, le.Uint16(raw))
	}
	return string(utf16.Decode(u))
}

// ring follows a list from its head, forwards, and checks every back link.
func (v view) ring(head uint64) (links []uint64) {
	v.t.Helper()
	for at := head; len(links) < 100; {
		next := v.ptrAt(at)
		if back := v.ptrAt(next + v.field(4, 8)); back != at {
			v.t.Fatalf("Blink of %x is %x, not %x", next, back, at)
		}
		if next == head {
			return links
		}
		links, at = append(links, next), next
	}
	v.t.Fatal("list without end")
	return nil
}
