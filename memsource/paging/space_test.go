package paging_test

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/paging"
)

// TestSuite runs the judge of every Source over an address space with pages of
// all kinds next to each other.
func TestSuite(t *testing.T) {
	const proto = protoVA&0xffffffffffff<<16 | 0x420
	pages := []uint64{
		0x600003, 0x601860, proto, // resident, in transition, shared: three pages of bytes
		0x1234<<32 | 0x80, // paged out
		0x602003,
		proto + 8<<16, // in a file
		0x80,          // demand zero
		0,             // nothing
		0x600003,
		0x999003, // resident, but not in the dump
	}
	s := space(t, x64(pages, 0x602001, 0x460), paging.Config{Mode: paging.ModeX64})
	fill := func(b string) []byte { return bytes.Repeat([]byte(b), 0x1000) }
	err := memtest.TestSource(s,
		memtest.Hole(0x7fffffff0000, 0x10000, memsource.ReasonNotMapped),
		memtest.Hole(0x800000000000, 0x10000, memsource.ReasonNonCanonical),
		memtest.Hole(kernel-0x1000, 0x1000, memsource.ReasonNotMapped),
		memtest.Data(kernel, append(append(fill("A"), fill("B")...), fill("C")...)),
		memtest.Hole(kernel+0x3000, 0x1000, memsource.ReasonPagedOut),
		memtest.Data(kernel+0x4000, fill("C")),
		memtest.Hole(kernel+0x5000, 0x1000, memsource.ReasonFileBacked),
		memtest.Hole(kernel+0x6000, 0x1000, memsource.ReasonDemandZero),
		memtest.Hole(kernel+0x7000, 0x1000, memsource.ReasonNotMapped),
		memtest.Data(kernel+0x8000, fill("A")),
		memtest.Hole(kernel+0x9000, 0x1000, memsource.ReasonNotInDump),
		memtest.Hole(kernel+0xa000, 0x80000000, memsource.ReasonNotMapped))
	if err != nil {
		t.Error(err)
	}
}

func TestSuiteX86(t *testing.T) {
	s := space(t, x86([]uint32{0x600003, 0x1234080, 0x601860, 0x400}, 0x400), paging.Config{Mode: paging.ModeX86})
	err := memtest.TestSource(s,
		memtest.Hole(driver-0x1000, 0x1000, memsource.ReasonNotMapped),
		memtest.Data(driver, bytes.Repeat([]byte("A"), 0x1000)),
		memtest.Hole(driver+0x1000, 0x1000, memsource.ReasonPagedOut),
		memtest.Data(driver+0x2000, bytes.Repeat([]byte("B"), 0x1000)),
		memtest.Hole(driver+0x3000, 0x1000, memsource.ReasonFileBacked),
		memtest.Hole(driver+0x4000, 0x1000, memsource.ReasonNotMapped),
		memtest.Hole(0xffff0000, 0x10000, memsource.ReasonNotMapped),
		memtest.Hole(1<<32, 0x10000, memsource.ReasonNonCanonical))
	if err != nil {
		t.Error(err)
	}
}

// counted counts the reads of physical memory, and their bytes.
type counted struct {
	memsource.Source
	reads, bytes atomic.Int64
}

func (c *counted) ReadMemory(buf []byte, addr uint64) (int, error) {
	c.reads.Add(1)
	c.bytes.Add(int64(len(buf)))
	return c.Source.ReadMemory(buf, addr)
}

// consecutive returns a space whose first n pages at va are resident, in
// frames that do not follow each other.
func consecutive(t testing.TB, n int, mode paging.Mode) (*paging.Space, *counted, uint64) {
	t.Helper()
	r, va, next := ram{}, uint64(0xfffff80012200000), uint64(0x10000)
	cfg := paging.Config{Mode: mode, Root: root64}
	if mode == paging.ModeX86 {
		va = 0xf8000000
		r.put32(root32+4*(va>>22), pt32|1)
	}
	for i := range uint64(n) {
		frame := 0x10000000 + i*0x3000
		r.frame(frame)[0] = byte(i)
		if mode == paging.ModeX86 {
			r.put32(pt32+4*i, uint32(frame|1))
		} else {
			r.put64(r.map64(va+i<<12, &next), frame|1)
		}
	}
	phys := &counted{Source: r.source()}
	s, err := paging.New(phys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, phys, va
}

// TestConsecutivePagesAreCheap counts: of each table a read looks at, pieces
// are read once, not an entry per page and level.
func TestConsecutivePagesAreCheap(t *testing.T) {
	for mode, most := range map[paging.Mode]int64{
		paging.ModeX64: 256 + 3 + 256/64, // the pages, the three upper tables, pieces of 64 PTEs
		paging.ModeX86: 256 + 1 + 256/128,
	} {
		s, phys, va := consecutive(t, 256, mode)
		buf := make([]byte, 256<<12)
		if err := memsource.ReadFull(s, buf, va); err != nil {
			t.Fatal(err)
		}
		for i := range 256 {
			if buf[i<<12] != byte(i) {
				t.Fatalf("%v: page %d is wrong", mode, i)
			}
		}
		if got := phys.reads.Load(); got > most {
			t.Errorf("%v: %d physical reads for 256 pages, want at most %d", mode, got, most)
		}
	}
}

func BenchmarkReadPointer(b *testing.B) {
	s, phys, va := consecutive(b, 16, paging.ModeX64)
	var buf [8]byte
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.ReadMemory(buf[:], va+5<<12); err != nil || buf[0] != 5 {
			b.Fatal("wrong answer", err)
		}
	}
	b.ReportMetric(float64(phys.bytes.Load())/float64(b.N), "physB/op")
}

// TestReadAllocatesNothing: a walk over a list makes thousands of small reads.
func TestReadAllocatesNothing(t *testing.T) {
	s, _, va := consecutive(t, 16, paging.ModeX64)
	buf := make([]byte, 8)
	allocs := testing.AllocsPerRun(200, func() {
		if _, err := s.ReadMemory(buf, va+5<<12); err != nil || buf[0] != 5 {
			t.Fatal("wrong answer", err)
		}
	})
	if allocs >= 1 { // the pool may be emptied now and then
		t.Errorf("%v allocations for a read", allocs)
	}
}

// fuzzFrames is how many frames of physical memory a fuzzed machine has.
const fuzzFrames = 8

// fuzzMachine lays out page tables by a program of 4-byte instructions: which
// entry of which frame, of what kind, with what value. Frames and addresses are
// kept small so that most chains lead somewhere.
func fuzzMachine(program []byte, mode paging.Mode) ram {
	r := ram{}
	for f := range uint64(fuzzFrames - 1) { // the last one is missing
		r.fill(f<<12, byte(f+'a'))
		clear(r.frame(f << 12)[:32])
	}
	for ; len(program) >= 4; program = program[4:] {
		frame, slot := uint64(program[0]%(fuzzFrames-1))<<12, uint64(program[0]>>3&3)
		v := fuzzEntry(program[1], program[2], program[3])
		if mode == paging.ModeX86 {
			r.put32(frame+4*slot, uint32(v))
		} else {
			r.put64(frame+8*slot, v)
		}
	}
	return r
}

func fuzzEntry(kind, a, b byte) uint64 {
	frame := uint64(a%fuzzFrames) << 12
	addr := fuzzAddr(a, b)
	switch kind % 13 {
	case 0, 1:
		return frame | 3
	case 2:
		return frame | 0x83
	case 3:
		return frame | 0x860 | uint64(b)<<40
	case 4:
		return addr<<16 | 0x420 | uint64(b&1)<<4
	case 5:
		return addr<<16 | uint64(b)
	case 6:
		return uint64(a)<<32 | uint64(b)<<1&^1
	case 7:
		return ^uint64(0) &^ uint64(b)
	case 8:
		return uint64(a)<<12 | uint64(b)<<1
	case 9:
		return frame | 1 | uint64(b)<<48 // ARM: a block
	case 10:
		return addr<<12 | uint64(b&3)<<1 // IA-64: a prototype PTE
	case 11:
		return frame | 0x80 // IA-64: in transition
	}
	return uint64(kind) | uint64(a)<<8 | uint64(b)<<16 | uint64(a^b)<<48
}

// fuzzAddr returns an address whose index at each level is 0 to 3.
func fuzzAddr(a, b byte) uint64 {
	return uint64(a&3)<<39 | uint64(a>>2&3)<<30 | uint64(a>>4&3)<<21 | uint64(a>>6&3)<<12 | uint64(b)*8
}

// fuzzAddrIA64 is fuzzAddr in one of four regions, or near where tables see
// themselves, where the kernel's image is, or in a region without tables.
func fuzzAddrIA64(a, b byte) uint64 {
	if b >= 0xe0 {
		windows := [...]uint64{0xfffffe0000000000, 0xffffffff80000000, 0xffffffffffe00000, 0xe000000080000000, 0x4000000000000000}
		return windows[b%5] + uint64(a)*8 - uint64(b>>4&1)*0x400
	}
	return [...]uint64{0, 1, 4, 7}[a>>6]<<61 | uint64(a&3)<<33 | uint64(a>>2&3)<<23 | uint64(a>>4&3)<<13 | uint64(b)*8
}

// pageShift is of the smallest pages.
func pageShift(m paging.Mode) uint {
	if m == paging.ModeIA64 {
		return 13
	}
	return 12
}

// FuzzSpace: whatever the tables say, a read gives all bytes or a fault at
// exactly the first one missing; reads agree with themselves and with reads in
// pieces; and a fault's length claims only what cannot be read either.
func FuzzSpace(f *testing.F) {
	chain := []byte{0, 0, 1, 0, 1, 0, 2, 0, 2, 0, 3, 0, 3, 0, 4, 0}
	f.Add(chain, uint8(0), uint8(3), uint16(0x1800), uint8(0), uint32(0))
	f.Add([]byte{0, 0, 1, 0, 1, 0, 2, 0, 2, 0, 3, 0, 3, 4, 0, 9, 11, 3, 4, 0}, uint8(0), uint8(0), uint16(0x2fff), uint8(0), uint32(w2004))
	f.Add([]byte{0, 0, 1, 0, 1, 0, 4, 0, 9, 6, 0x12, 0x40}, uint8(0), uint8(0), uint16(0x3000), uint8(1), uint32(7601))
	f.Add([]byte{0, 0, 1, 0, 1, 0, 2, 0, 2, 6, 1, 0}, uint8(0), uint8(0), uint16(0x1fff), uint8(2), uint32(0)) // PAE, in a paging file
	f.Add(append(chain, 4, 0, 5, 0), uint8(0), uint8(3), uint16(0x1800), uint8(3), uint32(w22H2))              // five levels
	f.Add([]byte{0, 0, 1, 0, 1, 9, 2, 0, 0, 6, 3, 0}, uint8(0), uint8(0), uint16(0x1fff), uint8(4), uint32(0)) // a block of ARM
	ia64 := []byte{2, 0, 4, 0, 4, 0, 6, 0, 6, 0, 0, 0}
	for _, a := range []uint8{0, 0x40, 0x80, 0xc0} { // the user's, the session's, a direct and the kernel's region
		f.Add(ia64, a, uint8(3), uint16(0x3800), uint8(5), uint32(0))
	}
	f.Add([]byte{2, 0, 4, 0, 4, 0, 6, 0, 6, 10, 0xc0, 1, 0, 0, 0, 0}, uint8(0), uint8(3), uint16(0x2800), uint8(5), uint32(1)) // a prototype PTE
	f.Add([]byte{2, 0, 4, 0, 4, 11, 6, 0, 6, 6, 1, 0}, uint8(0), uint8(0), uint16(0x2000), uint8(5), uint32(0))                // a table in transition, a page in a paging file
	f.Add([]byte("A070a0200200"), uint8(0x10), uint8(0x63), uint16(0x2800), uint8(5), uint32(37))                              // prototype PTEs only the VADs know
	for b := uint8(0xe0); b < 0xe5; b++ {                                                                                      // where tables see themselves, the kernel's image, a region without tables
		f.Add(ia64, uint8(0xff), b, uint16(0x3800), uint8(5), uint32(0))
		f.Add([]byte{2, 0, 4, 0, 4, 11, 6, 0, 6, 6, 1, 0}, uint8(1), b, uint16(0x2000), uint8(5), uint32(0)) // a table in transition
		f.Add([]byte{2, 0, 4, 0, 4, 0, 0, 0}, uint8(1), b|0x10, uint16(0x2000), uint8(5), uint32(0))         // no table
	}
	f.Fuzz(func(t *testing.T, program []byte, a, b uint8, size uint16, mode uint8, build uint32) {
		modes := []paging.Mode{paging.ModeX64, paging.ModeX86, paging.ModePAE, paging.ModeLA57, paging.ModeARM64, paging.ModeIA64}
		cfg := paging.Config{Mode: modes[int(mode)%len(modes)], ResolveFile: files(0x1000),
			PageFiles: map[int]io.ReaderAt{0: pageFile(map[int]byte{1: 'x', 2: 'y'}), 1: bytes.NewReader(program)}}
		if shift := pageShift(cfg.Mode); build%2 == 1 { // the same for all of a page
			cfg.PrototypeOf = func(va uint64) (uint64, bool) { return va >> shift * 8, va>>shift&3 != 3 }
		}
		cfg.Layout = paging.LayoutFor(cfg.Mode, build)
		if cfg.Mode == paging.ModeIA64 { // 0 is no root
			cfg.Root, cfg.SessionRoot, cfg.Root2 = 0x2000, 0x2000, 0x2000
		}
		s, err := paging.New(fuzzMachine(program, cfg.Mode).source(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		addr := fuzzAddr(a, b)
		switch cfg.Mode {
		case paging.ModeX86:
			addr = uint64(a&3)<<22 | uint64(a>>2&3)<<12 | uint64(b)*8
		case paging.ModePAE:
			addr &= 1<<32 - 1
		case paging.ModeIA64:
			addr = fuzzAddrIA64(a, b)
		}
		whole := make([]byte, size)
		n, err := s.ReadMemory(whole, addr)
		if n < 0 || n > len(whole) || (n == len(whole)) != (err == nil) {
			t.Fatalf("n = %d of %d, %v", n, len(whole), err)
		}
		again := make([]byte, size)
		if n2, err2 := s.ReadMemory(again, addr); n2 != n || !bytes.Equal(again[:n], whole[:n]) || text(err) != text(err2) {
			t.Fatalf("read again: %d, %v; first %d, %v", n2, err2, n, err)
		}
		for done, step := 0, 1+int(b); done < n; done += step {
			p := make([]byte, min(step, n-done))
			if err := memsource.ReadFull(s, p, addr+uint64(done)); err != nil || !bytes.Equal(p, whole[done:done+len(p)]) {
				t.Fatalf("piece at %d: %v", done, err)
			}
		}
		if err != nil {
			checkFault(t, s, err, addr+uint64(n), uint64(a)<<8|uint64(b))
		}
		if p, err := s.Translate(addr); err == nil && (p.Size == 0 || p.Size > 1<<44 || p.PTE != 0 && (p.Size > 1<<30 || p.Valid && p.PTE&1 == 0)) {
			t.Fatalf("%#x is at %+v", addr, p)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// checkFault checks a fault against reads of what it claims to be missing.
func checkFault(t *testing.T, s *paging.Space, err error, addr, pick uint64) {
	t.Helper()
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok || f.Addr != addr || f.Status == 0 || f.Reason == memsource.ReasonUnknown || f.Len == 0 {
		t.Fatalf("at %#x: fault %+v", addr, f)
	}
	for _, past := range []uint64{f.Len - 1, f.Len / 2, pick * 0x1001 % f.Len} {
		var b [1]byte
		if n, err := s.ReadMemory(b[:], addr+past); n != 0 || err == nil {
			t.Fatalf("fault at %#x claims %#x bytes, but %#x can be read", addr, f.Len, addr+past)
		}
	}
}
