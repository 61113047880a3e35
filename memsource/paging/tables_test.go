package paging_test

import (
	"encoding/binary"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// ram builds physical memory frame by frame.
type ram map[uint64][]byte

// frame returns the bytes of the 4 KB frame at pa, making it if need be.
func (r ram) frame(pa uint64) []byte {
	pa &^= 0xfff
	if r[pa] == nil {
		r[pa] = make([]byte, 0x1000)
	}
	return r[pa]
}

// fill makes a frame of one byte value.
func (r ram) fill(pa uint64, b byte) {
	f := r.frame(pa)
	for i := range f {
		f[i] = b
	}
}

func (r ram) put64(pa, v uint64) { binary.LittleEndian.PutUint64(r.frame(pa)[pa&0xfff:], v) }

func (r ram) put32(pa uint64, v uint32) { binary.LittleEndian.PutUint32(r.frame(pa)[pa&0xfff:], v) }

// source returns the frames as physical memory of a dump.
func (r ram) source() *memsource.Sparse {
	s := &memsource.Sparse{Missing: memsource.ReasonNotInDump}
	for pa, b := range r {
		if err := s.Add(pa, b); err != nil {
			panic(err)
		}
	}
	return s
}

// Where the tables of the tests lie. Each address is mapped by one chain.
const (
	root64  = 0x401000
	pdpt64  = 0x402000
	pd64    = 0x403000
	pt64    = 0x404000
	kernel  = 0xfffff80012345000 // the first page of the chain
	protoVA = 0xffff8a0f55667000 // a kernel page that holds prototype PTEs
	protoPA = 0x610000

	root32    = 0x401000
	pt32      = 0x403000
	driver    = 0xfe0c8000
	proto32   = 0xe1000000
	proto32PA = 0x611000
)

func index(va uint64, level int) uint64 { return va >> (12 + 9*level) & 511 }

// map64 adds a chain of tables for va and returns where its PTE lies. Tables
// are placed by next, which moves on.
func (r ram) map64(va uint64, next *uint64) uint64 {
	table := uint64(root64)
	for level := 3; level > 0; level-- {
		at := table + 8*index(va, level)
		e := binary.LittleEndian.Uint64(r.frame(at)[at&0xfff:])
		if e == 0 {
			e = *next | 3
			*next += 0x1000
			r.frame(e)
			r.put64(at, e)
		}
		table = e &^ 0xfff
	}
	return table + 8*index(va, 0)
}

// x64 returns memory whose page at kernel has the given PTEs, and prototype
// PTEs at protoVA.
func x64(ptes []uint64, protos ...uint64) ram {
	r := ram{}
	r.frame(root64)
	next := uint64(pdpt64)
	at := r.map64(kernel, &next) // pdpt64, pd64, pt64
	for i, pte := range ptes {
		r.put64(at+8*uint64(i), pte)
	}
	r.put64(r.map64(protoVA, &next), protoPA|3)
	for i, v := range protos {
		r.put64(protoPA+8*uint64(i), v)
	}
	r.fill(0x600000, 'A')
	r.fill(0x601000, 'B')
	r.fill(0x602000, 'C')
	return r
}

// x86 is the 32-bit counterpart: PTEs at driver, prototype PTEs at proto32.
func x86(ptes []uint32, protos ...uint32) ram {
	r := ram{}
	r.put32(root32+4*(driver>>22), pt32|3)
	for i, pte := range ptes {
		r.put32(pt32+4*(driver>>12&1023)+4*uint64(i), pte)
	}
	r.put32(root32+4*(proto32>>22), 0x405000|3)
	r.put32(0x405000+4*(proto32>>12&1023), proto32PA|3)
	for i, v := range protos {
		r.put32(proto32PA+4*uint64(i), v)
	}
	r.fill(0x600000, 'A')
	r.fill(0x601000, 'B')
	r.fill(0x602000, 'C')
	return r
}

// space returns the address space of cfg over r.
func space(t testing.TB, r ram, cfg paging.Config) *paging.Space {
	t.Helper()
	if cfg.Root == 0 {
		cfg.Root = root64
	}
	s, err := paging.New(r.source(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r ram) get64(pa uint64) uint64 { return binary.LittleEndian.Uint64(r.frame(pa)[pa&0xfff:]) }
