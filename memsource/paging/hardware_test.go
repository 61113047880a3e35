package paging_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// answer reads one byte and describes the outcome: the byte, or the error.
func answer(s memsource.Source, addr uint64) string {
	b, err := memsource.U8(s, addr)
	if err != nil {
		return err.Error()
	}
	return string(rune(b))
}

// TestAgainstProcessor repeats reads that were compared with the page walk of
// an emulated processor (QEMU's gdb stub, four levels and 32-bit non-PAE): the
// same tables, the same addresses. The one intended difference is the page in
// transition, which the processor calls absent.
func TestAgainstProcessor(t *testing.T) {
	long := space(t, x64([]uint64{0x600003, 0x601800, 0x602003, 0x1234567800000080}), paging.Config{Mode: paging.ModeX64})
	r := x86([]uint32{0x600003, 0x601800, 0x602003, 0x1234080})
	r.put32(root32+4*(0xfa000000>>22), 0x800083)
	r.fill(0x8c8000, 'L')
	short := space(t, r, paging.Config{Mode: paging.ModeX86})
	for _, c := range []struct {
		s    memsource.Source
		addr uint64
		want string
	}{
		{long, kernel, "A"},
		{long, kernel + 0xfff, "A"},
		{long, kernel + 0x1000, "B"}, // transition
		{long, kernel + 0x2000, "C"},
		{long, kernel + 0x3000, "fffff800`12348000: paged out: pagefile 0 offset 0x12345678000"},
		{short, driver, "A"},
		{short, driver + 0x1000, "B"}, // transition
		{short, driver + 0x2000, "C"},
		{short, driver + 0x3000, "fe0cb000: paged out: pagefile 0 offset 0x1234000"},
		{short, 0xfa0c8000, "L"},
	} {
		if got := answer(c.s, c.addr); got != c.want {
			t.Errorf("%#x: %s, want %s", c.addr, got, c.want)
		}
	}
}

// TestLargePages: the bits of a large entry that look like an address are none.
func TestLargePages(t *testing.T) {
	const va2M, va1G, user = 0xfffff80040000000, 0xfffff88000000000, 0x7ff600000000
	const pat, ignored = 1 << 12, 0x3e000 // bit 12, and bits 13 to 17, reserved
	r := x64(nil)
	next := uint64(0x500000)
	pde := func(va uint64) uint64 { // address of the PDE: map64 makes a table behind it, replaced here
		r.map64(va, &next)
		return next - 0x2000 + 8*index(va, 1)
	}
	r.put64(pde(va2M), 0x12_3440_0000|pat|ignored|0x8000000000000083)
	r.map64(va1G, &next)
	r.put64(next-0x3000+8*index(va1G, 2), 0xf_c000_0000|pat|0x83)
	r.put64(r.map64(user, &next), 0xf_f123_4567_8000|0x8000000000000007)
	r.fill(0x123440_0000, '2')
	r.fill(0x12345f_f000, 'z')
	r.fill(0xf_c123_4000, '1')
	r.fill(0xf_ffff_f000, 'y')
	r.fill(0xf_f123_4567_8000, 'u')
	s := space(t, r, paging.Config{Mode: paging.ModeX64, Root: root64 | 0x8000000000000abc}) // no-flush bit and PCID
	for addr, want := range map[uint64]string{
		va2M: "2", va2M + 0xfff: "2", va2M + 0x1ff000: "z",
		va2M + 0x1000:     "fffff800`40001000: page 1234401 is not in the dump",
		va1G + 0x1234000:  "1",
		va1G + 0x3ffff000: "y",
		user:              "u",
	} {
		if got := answer(s, addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
}

func TestLargePagesX86(t *testing.T) {
	r := ram{}
	const pat = 1 << 12
	r.put32(root32+4*(0x80000000>>22), 0x00c00083|pat)
	r.put32(root32+4*(0xf0000000>>22), 0x00c00083|0xa5<<13) // PSE-36: physical bits 32 to 39
	r.fill(0x00ffe000, 'L')
	r.fill(0xa500c01000, 'H')
	s := space(t, r, paging.Config{Mode: paging.ModeX86, Root: root32 | 0x18})
	for addr, want := range map[uint64]string{0x803fe000: "L", 0xf0001fff: "H"} {
		if got := answer(s, addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
}

// TestHoles: where nothing is mapped, the fault says how far that goes.
func TestHoles(t *testing.T) {
	long := space(t, x64([]uint64{0x600003}), paging.Config{Mode: paging.ModeX64})
	short := space(t, x86([]uint32{0x600003}), paging.Config{Mode: paging.ModeX86})
	for _, c := range []struct {
		name       string
		s          memsource.Source
		addr, size uint64
		level      int8
		vad        bool
		reason     memsource.Reason
	}{
		{"PTE", long, kernel + 0x1800, 0x800, 0, false, memsource.ReasonNotMapped},
		{"PDE", long, kernel + 0x200000, 0x200000 - 0x145000, 1, false, memsource.ReasonNotMapped},
		{"PDPTE", long, kernel + 1<<30, 1<<30 - 0x12345000, 2, false, memsource.ReasonNotMapped},
		{"PML4E", long, 0xffff800000000000, 1 << 39, 3, false, memsource.ReasonNotMapped},
		{"PML4E of a process", long, 0x7ff600000000, 1<<39 - 0x7600000000, 3, true, memsource.ReasonNotMapped},
		{"not canonical", long, 0x800000001000, 0xffff800000000000 - 0x800000001000, 0, false, memsource.ReasonNonCanonical},
		{"last not canonical", long, 0xffff7fffffffffff, 1, 0, false, memsource.ReasonNonCanonical},
		{"x86 PTE", short, driver + 0x1000, 0x1000, 0, false, memsource.ReasonNotMapped},
		{"x86 PDE", short, 0x80001000, 0x3ff000, 1, false, memsource.ReasonNotMapped},
		{"x86 PDE of a process", short, 0x401000, 0x3ff000, 1, true, memsource.ReasonNotMapped},
		{"above 4 GB", short, 1 << 32, math.MaxUint64 - 1<<32 + 1, 0, false, memsource.ReasonNonCanonical},
		{"sign-extended", short, 0xfffffffffe0c8000, 0x1f38000, 0, false, memsource.ReasonNonCanonical},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			err := memsource.ReadFull(c.s, make([]byte, 1), c.addr)
			f, ok := errors.AsType[*memsource.Fault](err)
			if !ok || f.Addr != c.addr || f.Len != c.size || f.Level != c.level || f.Reason != c.reason || f.PTE != 0 {
				t.Fatalf("got %+v, want %v of %#x bytes at level %d", f, c.reason, c.size, c.level)
			}
			if errors.Is(err, paging.ErrConsultVAD) != c.vad {
				t.Errorf("asks for the VAD tree: %v, want %v", !c.vad, c.vad)
			}
		})
	}
}

// TestMissing takes away one frame after the other on the way to a page.
func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name       string
		frame      uint64
		text       string
		size, phys uint64
		level      int8
	}{
		{"page", 0x600000, "fffff800`12345010: page 600 is not in the dump", 0xff0, 0x600010, 0},
		{"page table", pt64, "fffff800`12345010: page table page 404 is not in the dump", 0x200000 - 0x145010, pt64 + 8*0x145, 0},
		{"directory", pd64, "fffff800`12345010: page table page 403 is not in the dump", 1<<30 - 0x12345010, pd64 + 8*0x91, 1},
		{"pointers", pdpt64, "fffff800`12345010: page table page 402 is not in the dump", 1<<39 - 0x12345010, pdpt64, 2},
		{"root", root64, "fffff800`12345010: page table page 401 is not in the dump", 0x80000000000 - 0x12345010, root64 + 8*0x1f0, 3},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			r := x64([]uint64{0x600003})
			delete(r, c.frame)
			s := space(t, r, paging.Config{Mode: paging.ModeX64})
			err := memsource.ReadFull(s, make([]byte, 1), kernel+0x10)
			f, ok := errors.AsType[*memsource.Fault](err)
			if !ok || err.Error() != c.text || f.Len != c.size || f.Physical != c.phys || f.Level != c.level {
				t.Errorf("got %v\n%+v, want length %#x, physical %#x", err, f, c.size, c.phys)
			}
			if !errors.Is(err, memsource.ErrNotInDump) || errors.Is(err, memsource.ErrNotMapped) {
				t.Errorf("%v matches the wrong sentinels", err)
			}
		})
	}
}

// TestMissingRoot: a missing root hides the half of the address space it was
// asked about, and no address between the halves.
func TestMissingRoot(t *testing.T) {
	s := space(t, ram{}, paging.Config{Mode: paging.ModeX64})
	for addr, want := range map[uint64]uint64{0x1000: 1<<47 - 0x1000, 0xffff800000001000: 1<<47 - 0x1000} {
		err := memsource.ReadFull(s, make([]byte, 1), addr)
		if f, ok := errors.AsType[*memsource.Fault](err); !ok || f.Len != want {
			t.Errorf("%#x: got %+v, want length %#x", addr, f, want)
		}
	}
}

// TestPartialTable: entries of a table are read one by one where its page is
// there only in parts.
func TestPartialTable(t *testing.T) {
	r := x64([]uint64{0x600003, 0x601003, 0x602003})
	at := uint64(pt64 + 8*0x145)
	table := r.frame(pt64)[at&0xfff:]
	delete(r, pt64)
	phys := r.source()
	for _, off := range []uint64{0, 16} { // the entry in between is missing
		if err := phys.Add(at+off, table[off:off+8]); err != nil {
			t.Fatal(err)
		}
	}
	s, err := paging.New(phys, paging.Config{Mode: paging.ModeX64, Root: root64})
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(s, kernel) + answer(s, kernel+0x2000); got != "AC" {
		t.Errorf("got %s, want AC", got)
	}
	err = memsource.ReadFull(s, make([]byte, 1), kernel+0x1000)
	if f, ok := errors.AsType[*memsource.Fault](err); !ok || f.Reason != memsource.ReasonTableNotInDump || f.Len != 0x1000 {
		t.Errorf("got %+v, want one page without its entry", f)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := paging.New(ram{}.source(), paging.Config{}); !errors.Is(err, paging.ErrMode) {
		t.Errorf("no mode: %v", err)
	}
	if _, err := paging.New(nil, paging.Config{Mode: paging.ModeX64}); err == nil {
		t.Error("no physical memory: no error")
	}
	if got := paging.ModeX86.String() + paging.ModeX64.String() + paging.Mode(9).String(); got != "x86x64mode 9" {
		t.Errorf("modes are %s", got)
	}
}
