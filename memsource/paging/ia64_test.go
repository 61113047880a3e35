package paging_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/paging"
)

// Where the tables of the tests of IA-64 lie: a root for each region, and a chain
// below each. A table of 8 KB is two frames of ram.
const (
	rootIA64, rootSession, rootKernel = 0x402000, 0x404000, 0x406000

	userIA64    = 0x6fb37a60000 // ExplorerFrame.dll of Microsoft's page
	driverIA64  = 0xe000000701200000
	sessionIA64 = 0x2000000000000000
	protoIA64   = 0xe0000006013e00a0
)

// ia64 returns memory whose pages from user on, and from driver on, have the given
// PTEs; protos are the prototype PTEs at protoIA64.
func ia64(user, driver []uint64, protos ...uint64) ram {
	r := ram{}
	next := uint64(0x500000)
	table := func(root, va uint64) uint64 {
		for shift := 33; shift > 13; shift -= 10 {
			at := root + va>>shift%1024*8
			r.frame(at)
			if r.get64(at) == 0 {
				r.put64(at, next|0x461)
				r.frame(next)
				r.frame(next + 0x1000)
				next += 0x2000
			}
			root = r.get64(at) &^ 0x1fff
		}
		return root + va>>13%1024*8
	}
	for i, e := range user {
		r.put64(table(rootIA64, userIA64+uint64(i)<<13), e)
	}
	for i, e := range driver {
		r.put64(table(rootKernel, driverIA64+uint64(i)<<13), e)
	}
	r.put64(table(rootSession, sessionIA64), 0x604000|0x461)
	r.put64(table(rootKernel, protoIA64), 0x610000|0x461)
	for i, e := range protos {
		r.put64(0x610000+protoIA64%0x2000+8*uint64(i), e)
	}
	for i, b := range []byte("ABCDEF") {
		r.fill(0x600000+uint64(i)<<12, b)
	}
	for at := uint64(rootIA64); at < rootKernel+0x2000; at += 0x1000 {
		r.frame(at)
	}
	return r
}

func spaceIA64(t testing.TB, r ram, cfg paging.Config) *paging.Space {
	t.Helper()
	cfg.Mode, cfg.Root, cfg.SessionRoot, cfg.Root2 = paging.ModeIA64, rootIA64|0x461, rootSession|0x461, rootKernel
	return space(t, r, cfg)
}

// TestSuiteIA64 has pages of all kinds next to each other.
func TestSuiteIA64(t *testing.T) {
	const proto = protoIA64&(1<<52-1)<<12 | 2
	driver := []uint64{
		0x600000 | 0x461, 0x602000 | 0x80 | 4<<2, proto, // resident, in transition, shared: three pages of bytes
		0x1234<<32 | 4<<2,                          // paged out
		0x600000 | 1<<12 | 1<<51 | 1<<60 | 0x461,   // resident: bits that mean nothing
		proto + 8<<12, 4 << 2, 0, 0x600000 | 0x461, // in a file, demand zero, nothing
		0x999000<<13 | 0x461, // resident, but not in the dump
	}
	s := spaceIA64(t, ia64(nil, driver, 0x604000|0x461, 2|4<<2), paging.Config{})
	fill := func(b ...byte) (p []byte) {
		for _, c := range b {
			p = append(p, bytes.Repeat([]byte{c}, 0x1000)...)
		}
		return p
	}
	err := memtest.TestSource(s,
		memtest.Data(sessionIA64, fill('E', 'F')),
		memtest.Hole(0x4000000000000000, 0x10000, memsource.ReasonNotMapped), // region 2 has no tables
		memtest.Data(0x8000000000600000, fill('A', 'B', 'C', 'D', 'E', 'F')), // region 4 is all memory
		memtest.Hole(0x8000000000900000, 0x10000, memsource.ReasonNotInDump),
		memtest.Hole(0x8000100000600000, 0x2000, memsource.ReasonNotMapped), // above 2^44 it is not
		memtest.Data(0xa000000000602000, fill('C', 'D')),
		memtest.Data(0xe000000080600000, fill('A', 'B')), // where the kernel's image is
		memtest.Hole(0xe0000000bfffe000, 0x2000, memsource.ReasonNotInDump),
		memtest.Hole(driverIA64-0x2000, 0x2000, memsource.ReasonNotMapped),
		memtest.Data(driverIA64, fill('A', 'B', 'C', 'D', 'E', 'F')),
		memtest.Hole(driverIA64+0x6000, 0x2000, memsource.ReasonPagedOut),
		memtest.Data(driverIA64+0x8000, fill('A', 'B')),
		memtest.Hole(driverIA64+0xa000, 0x2000, memsource.ReasonFileBacked),
		memtest.Hole(driverIA64+0xc000, 0x2000, memsource.ReasonDemandZero),
		memtest.Hole(driverIA64+0xe000, 0x2000, memsource.ReasonNotMapped),
		memtest.Data(driverIA64+0x10000, fill('A', 'B')),
		memtest.Hole(driverIA64+0x12000, 0x2000, memsource.ReasonNotInDump))
	if err != nil {
		t.Error(err)
	}
}

// TestFormsIA64 has every form a PTE and a prototype PTE can have.
func TestFormsIA64(t *testing.T) {
	const proto = protoIA64&(1<<52-1)<<12 | 2
	for _, c := range []struct {
		name        string
		pte, shared uint64
		want        string
	}{
		{"resident", 0x600461, 0, "byte A"},
		{"resident, whatever else", 0xfff8000000600001 | 0x1ffe, 0, "byte A"},
		{"transition", 0x602090, 0, "byte C"},
		{"transition and prototype", proto | 0x80, 0x602461, "byte C"},
		{"paged out", 0x1234<<32 | 4<<2, 0, "paged out 0:2468000"},
		{"paged out, file 15", 0x1234<<32 | 15<<28 | 4<<2, 0, "paged out 15:2468000"},
		{"demand zero", 4 << 2, 0, "demand zero"},
		{"no access", 0x18 << 2, 0, "no access"},
		{"decommitted", 0x10 << 2, 0, "not mapped"},
		{"none", 0, 0, "not mapped"},
		{"for the VAD", 0xffffffff<<32 | 2, 0, "not mapped"},
		{"prototype", proto, 0x602461, "byte C"},
		{"prototype in transition", proto, 0x602090, "byte C"},
		{"prototype paged out", proto, 0x1235<<32 | 2<<28 | 4<<2, "paged out 2:246a000"},
		{"prototype of demand zero", proto, 4 << 2, "demand zero"},
		{"prototype never used", proto, 0, "demand zero"},
		{"file", proto, protoIA64&(1<<52-1)<<12 | 2 | 4<<2, `not resident \driver.sys:14000`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spaceIA64(t, ia64([]uint64{c.pte}, nil, c.shared), paging.Config{ResolveFile: files(protoIA64)})
			if got := outcome(s, userIA64); got != c.want {
				t.Errorf("%#x: %s, want %s", c.pte, got, c.want)
			}
		})
	}
}

// TestTablesIA64 reads entries where each region sees its own tables, of the page of
// Microsoft's example. Reading them needs no table that the entry is not in.
func TestTablesIA64(t *testing.T) {
	r := ia64([]uint64{0x600461}, []uint64{0x602461})
	s := spaceIA64(t, r, paging.Config{})
	for addr, want := range map[uint64]uint64{
		0x1fffffffffe01be8: 0x500461, 0x1fffffff806fb378: 0x502461, 0x1ffffe01becde980: 0x600461,
		0xfffffe0001c04800: 0x602461, 0x3fffffffffe00000: 0x508461,
	} {
		if v, err := memsource.U64(s, addr); err != nil || v != want {
			t.Errorf("%#x: %#x %v, want %#x", addr, v, err, want)
		}
	}
	for _, addr := range []uint64{0x1fffffffffe02000, 0xfffffffffffffff8, 0x1fffffff80efb378, 0x1ffffe03becde980, 0x9ffffe0000000000, 0x1ffffe0000000000} {
		if v, err := memsource.U64(s, addr); !errors.Is(err, memsource.ErrNotMapped) {
			t.Errorf("%#x: %#x, %v", addr, v, err)
		}
	}
	if got := answer(s, userIA64|0x7ffff<<43&^(7<<61)) + answer(s, userIA64|1<<43); got != "AA" {
		t.Errorf("bits 43 to 60 matter: %s", got)
	}
}

// TestTablesOutIA64: tables are pageable, and may be read from a paging file.
func TestTablesOutIA64(t *testing.T) {
	r := ia64([]uint64{0x600461}, nil)
	at := uint64(0x500000) + userIA64>>23%1024*8
	r.put64(at, 0x502000|0x80|4<<2)
	if got := answer(spaceIA64(t, r, paging.Config{}), userIA64); got != "A" {
		t.Errorf("table in transition: %s", got)
	}
	r.put64(at, 1<<32|4<<2)
	s := spaceIA64(t, r, paging.Config{})
	f := faultAt(t, s, userIA64+0x10)
	if f.Reason != memsource.ReasonTableNotInDump || !errors.Is(f, memsource.ErrPagedOut) || f.Len != 1<<23-userIA64%(1<<23)-0x10 {
		t.Errorf("table in a paging file: %+v", f)
	}
	file := make([]byte, 0x4000)
	file[0x2000+userIA64>>13%1024*8] = 0x61
	file[0x2002+userIA64>>13%1024*8] = 0x60
	s = spaceIA64(t, r, paging.Config{PageFiles: map[int]io.ReaderAt{0: bytes.NewReader(file)}})
	if got := answer(s, userIA64); got != "A" {
		t.Errorf("table read from a paging file: %s", got)
	}
	if v, err := memsource.U64(s, 0x1ffffe01becde980); err != nil || v != 0x600061 {
		t.Errorf("entry of that table: %#x, %v", v, err)
	}
}

// TestHolesIA64: a hole ends where something else than its table decides.
func TestHolesIA64(t *testing.T) {
	s := spaceIA64(t, ia64([]uint64{0x600461}, nil), paging.Config{})
	for _, c := range []struct {
		name       string
		addr, size uint64
		level      int8
		vad        bool
	}{
		{"PTE", userIA64 + 0x2010, 0x1ff0, 0, true},
		{"PDE", userIA64 + 1<<23, 1<<23 - userIA64%(1<<23), 1, true},
		{"PPE", 0x1000, 1<<33 - 0x1000, 2, true},
		{"below the kernel's image", 0xe000000000001000, 0x7ffff000, 2, false},
		{"below the tables", 0x1ffffffe00001000, 1<<33 - 0x1000 - 1<<31, 2, true},
		{"region without tables", 0x6000000000001000, 0x1ffffe0000000000 - 0x1000, 2, false},
	} {
		f := faultAt(t, s, c.addr)
		if f.Reason != memsource.ReasonNotMapped || f.Len != c.size || f.Level != c.level || f.PageSize != 0x2000 || errors.Is(f, paging.ErrConsultVAD) != c.vad {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
	none, err := paging.New(ram{}.source(), paging.Config{Mode: paging.ModeIA64})
	if err != nil {
		t.Fatal(err)
	}
	if f := faultAt(t, none, 0xe000000000000000); f.Reason != memsource.ReasonNotMapped || f.Len != 0x80000000 {
		t.Errorf("no roots: %+v", f)
	}
}

// TestPageNumbersIA64: texts and offsets count pages of 8 KB.
func TestPageNumbersIA64(t *testing.T) {
	s := spaceIA64(t, ia64([]uint64{0x999<<13 | 0x461, 0x10<<32 | 4<<2, 0x11<<32 | 4<<2}, nil), paging.Config{})
	if got, want := answer(s, userIA64), "000006fb`37a60000: page 999 is not in the dump"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if f := faultAt(t, s, userIA64+0x2000).At(userIA64 + 0x3000); f.PageFileOffset != 0x20000 {
		t.Errorf("the second half of a page is at %#x", f.PageFileOffset)
	}
}
