package paging_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// rootPAE is the topmost table of PAE, which need not begin a page.
const rootPAE = root32 + 0x20

// pae returns memory with PTEs at driver in the PAE form and prototype PTEs at
// proto32.
func pae(ptes []uint64, protos ...uint64) ram {
	r := ram{}
	r.put64(rootPAE+8*3, pdpt64|1)
	r.put64(pdpt64+8*(driver>>21&511), pt32|3)
	for i, pte := range ptes {
		r.put64(pt32+8*(driver>>12&511)+8*uint64(i), pte)
	}
	r.put64(pdpt64+8*(proto32>>21&511), 0x405000|3)
	r.put64(0x405000+8*(proto32>>12&511), proto32PA|3)
	for i, v := range protos {
		r.put64(proto32PA+8*uint64(i), v)
	}
	r.fill(0x600000, 'A')
	r.fill(0x601000, 'B')
	r.fill(0x602000, 'C')
	return r
}

// TestSoftwarePTEPAE holds a PTE of every form.
func TestSoftwarePTEPAE(t *testing.T) {
	const sub = 0x81345678
	for _, c := range []struct {
		name       string
		pte, proto uint64
		want       string
	}{
		{"zero", 0, 0, "not mapped"},
		{"demand zero", 0x80, 0, "demand zero"},
		{"decommitted", 0x200, 0, "not mapped"},
		{"no access", 0x300, 0, "no access"},
		{"pagefile", 0x1234<<32 | 0x80, 0, "paged out 0:1234000"},
		{"pagefile 15", 0x1234<<32 | 0x80 | 15<<1, 0, "paged out 15:1234000"},
		{"last page", 0xfffffffe<<32 | 0x82, 0, "paged out 1:fffffffe000"},
		{"valid, no-execute", 1<<63 | 0x600001, 0, "byte A"},
		{"transition", 0x601860, 0, "byte B"},
		{"transition, bits above the frame", 0xabc<<40 | 0x601860, 0, "byte B"},
		{"found by the VAD", 0xffffffff<<32 | 0x420, 0, "not mapped"},
		{"prototype, valid", proto32<<32 | 0x400, 0x602001, "byte C"},
		{"prototype, transition", proto32<<32 | 0x400, 0x601860, "byte B"},
		{"prototype, pagefile", proto32<<32 | 0x400, 0x77<<32 | 0x84, "paged out 2:77000"},
		{"prototype, empty", proto32<<32 | 0x400, 0, "demand zero"},
		{"prototype, file", proto32<<32 | 0x400, sub<<32 | 0x460, `not resident \driver.sys:0`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			s := space(t, pae([]uint64{c.pte}, c.proto), paging.Config{Mode: paging.ModePAE, Root: rootPAE | 0x18, ResolveFile: files(sub)})
			if got := outcome(s, driver); got != c.want {
				t.Errorf("PTE %#x: %s, want %s", c.pte, got, c.want)
			}
		})
	}
}

func TestHolesPAE(t *testing.T) {
	s := space(t, pae([]uint64{0x600003}), paging.Config{Mode: paging.ModePAE, Root: rootPAE})
	for addr, want := range map[uint64]string{
		driver + 0x1000: "not mapped",
		0xfe200000:      "not mapped len 200000",
		0x80000000:      "not mapped len 40000000",
		1 << 32:         "not a valid address len ffffffff00000000",
	} {
		if got := outcome(s, addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
}

// TestFiveLevels: the upper half of LA57 begins higher up, and an address of
// four levels is one of five.
func TestFiveLevels(t *testing.T) {
	const va, root5 = 0xff10000012345000, 0x501000
	r := x64([]uint64{0x600003})
	r.put64(root5+8*511, root64|3) // where addresses of four levels go
	next := uint64(0x510000)
	r.put64(root5+8*(va>>48&511), next|3)
	table := next
	for level := 3; level > 0; level-- {
		next += 0x1000
		r.put64(table+8*index(va, level), next|3)
		table = next
	}
	r.put64(table+8*index(va, 0), 0x601003)
	s := space(t, r, paging.Config{Mode: paging.ModeLA57, Root: root5})
	for addr, want := range map[uint64]string{
		va:                 "byte B",
		kernel:             "byte A",
		va + 0x1000:        "not mapped",
		0xff00000000000000: "not mapped len 1000000000000",
		0x0100000000000000: "not a valid address len fe00000000000000",
	} {
		if got := outcome(s, addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
	if f := faultAt(t, s, 0xff00000000000000); f.Level != 4 {
		t.Errorf("empty PML5E: %+v", f)
	}
}

func faultAt(t *testing.T, s memsource.Source, addr uint64) *memsource.Fault {
	t.Helper()
	_, err := memsource.U8(s, addr)
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok || f.Addr != addr {
		t.Fatalf("%#x: no fault there: %v", addr, err)
	}
	return f
}

// arm64 is memory with descriptors: kernel pages in the upper half of the
// table at root64 (Windows) or in a table of their own at root2.
func arm64(root uint64, index3 uint64, ptes ...uint64) ram {
	r := ram{}
	r.frame(root64)
	r.put64(root+8*index3, pdpt64|3)
	r.put64(pdpt64+8*index(kernel, 2), pd64|3)
	r.put64(pd64+8*index(kernel, 1), pt64|3)
	for i, v := range ptes {
		r.put64(pt64+8*(index(kernel, 0)+uint64(i)), v)
	}
	r.fill(0x600000, 'A')
	r.fill(0x601000, 'B')
	return r
}

// TestARM64 walks descriptors (Arm ARM, D8.3): the bits of a block and of a
// page, reserved forms, and software forms where bit 0 is clear.
func TestARM64(t *testing.T) {
	const attributes = 1<<54 | 1<<53 | 0x711<<0&^3 // UXN, PXN, AF, SH, AttrIndx
	const block1G = kernel&^(1<<30-1) + 1<<30      // the next entry above
	const block2M = kernel&^(1<<21-1) + 1<<21
	r := arm64(root64, index(kernel, 3), attributes|0x600003, attributes|0x601001, 0x601860|1<<4, 0x1234<<32|0x80|2<<12|1<<4)
	r.put64(pdpt64+8*index(block1G, 2), attributes|0x40000001)
	r.put64(pd64+8*index(block2M, 1), attributes|0x7fe00001)
	r.put64(root64+8*(index(kernel, 3)+1), 0x40000001) // no block up here
	r.fill(0x40123000, 'g')
	r.fill(0x7fe23000, 'm')
	s := space(t, r, paging.Config{Mode: paging.ModeARM64, Root: root64 | 7<<48 | 1, Layout: paging.LayoutFor(paging.ModeARM64, 22000)})
	for addr, want := range map[uint64]string{
		kernel:             "byte A",
		kernel + 0x1000:    "not mapped", // a page needs bit 1
		kernel + 0x2000:    "byte B",
		kernel + 0x3000:    "paged out 2:1234000",
		block1G + 0x123000: "byte g",
		block2M + 0x23000:  "byte m",
		kernel + 1<<39:     "not mapped len 7fedcbb000",
	} {
		if got := outcome(s, addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
	if f := faultAt(t, s, kernel+0x1000); f.Err == nil || f.PTE != attributes|0x601001 {
		t.Errorf("a reserved form: %+v", f)
	}
	if f := faultAt(t, s, kernel+1<<39); f.Err == nil || f.Level != 3 {
		t.Errorf("a block at the topmost level: %+v", f)
	}
}

// TestARM64Roots: two roots, in each of the ways their sizes can be told.
func TestARM64Roots(t *testing.T) {
	const root2, user = 0x501000, 0x7ff600000000
	for _, c := range []struct {
		name   string
		root2  uint64
		bits   uint8
		table  uint64 // where the entry of the upper half is put
		slot   uint64
		hole   uint64 // the first address of neither half
		gap    uint64
		refuse bool
	}{
		{name: "one", table: root64, slot: index(kernel, 3), hole: 1 << 47, gap: 0xffff000000000000},
		{name: "second half of the page", root2: root64 + 0x800, table: root64, slot: index(kernel, 3), hole: 1 << 47, gap: 0xffff000000000000},
		{name: "48 bits", root2: root2, table: root2, slot: index(kernel, 3), hole: 1 << 48, gap: 0xfffe000000000000},
		{name: "47 bits, said", root2: root2, bits: 47, table: root2, slot: index(kernel, 3) & 255, hole: 1 << 47, gap: 0xffff000000000000},
		{name: "ASID and CnP", root2: 5<<48 | root2 | 1, bits: 48, table: root2, slot: index(kernel, 3), hole: 1 << 48, gap: 0xfffe000000000000},
		{name: "too few bits", root2: root2, bits: 39, refuse: true},
		{name: "48 bits in one table", bits: 48, refuse: true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			r := arm64(c.table, c.slot, 0x600003)
			next := uint64(0x700000)
			r.put64(r.map64(user, &next), 0x601003)
			s, err := paging.New(r.source(), paging.Config{Mode: paging.ModeARM64, Root: root64, Root2: c.root2, VABits: c.bits})
			if c.refuse {
				if !errors.Is(err, paging.ErrMode) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a, b := outcome(s, kernel), outcome(s, user); a != "byte A" || b != "byte B" {
				t.Errorf("kernel %s, user %s", a, b)
			}
			if f := faultAt(t, s, c.hole); f.Reason != memsource.ReasonNonCanonical || f.Len != c.gap {
				t.Errorf("%#x: %+v", c.hole, f)
			}
			if f := faultAt(t, s, c.hole-1); f.Reason != memsource.ReasonNotMapped || f.Len != 1 {
				t.Errorf("%#x: %+v", c.hole-1, f)
			}
		})
	}
}

// TestTranslate: where a page is, and whether the processor would go there.
func TestTranslate(t *testing.T) {
	const proto = protoVA&0xffffffffffff<<16 | 0x420
	r := x64([]uint64{0x600003, 0x601860, proto, 0x80 | 5<<32}, 0x602001)
	s := space(t, r, paging.Config{Mode: paging.ModeX64})
	for off, want := range map[uint64]paging.Page{
		0x10:   {Physical: 0x600010, Size: 0xff0, PTE: 0x600003, Valid: true},
		0x1000: {Physical: 0x601000, Size: 0x1000, PTE: 0x601860},
		0x2fff: {Physical: 0x602fff, Size: 1, PTE: 0x602001},
	} {
		if p, err := s.Translate(kernel + off); err != nil || p != want {
			t.Errorf("+%x: %+v, %v; want %+v", off, p, err, want)
		}
	}
	if _, err := s.Translate(kernel + 0x3000); !errors.Is(err, memsource.ErrPagedOut) {
		t.Errorf("paged out: %v", err)
	}
	r.put64(pd64+8*0x91, pt64|0x860) // the table in transition: only software goes on
	if p, err := space(t, r, paging.Config{Mode: paging.ModeX64}).Translate(kernel); err != nil || p.Valid || p.Physical != 0x600000 {
		t.Errorf("through a table in transition: %+v, %v", p, err)
	}
}
