package nt_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
)

// TestFromPhysical_forged_tables: page tables every entry of which leads back
// to them map memory in 2^27 ways. That none of them shows a debug record is
// found without going all of them.
func TestFromPhysical_forged_tables(t *testing.T) {
	var mem memsource.Sparse
	for n := range uint64(16) {
		table, at := make([]byte, 4096), (2+n)*0x1000
		for i := range 512 {
			binary.LittleEndian.PutUint64(table[8*i:], at|0x63)
		}
		record := append(append(make([]byte, 16), rsdsOf("ntkrnlmp.pdb")...), make([]byte, 4096)...)[:4096]
		if err := errors.Join(mem.Add(at, table), mem.Add(at+0x100000, record)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := nt.FromPhysical(nt.Physical{Memory: &mem, Scan: 2 << 20}); !errors.Is(err, nt.ErrNoKernel) {
		t.Errorf("%v", err)
	}
}

// rsdsOf is a CodeView record that names a PDB.
func rsdsOf(name string) string {
	b := append([]byte("RSDS0123456789abcdef"), 1, 0, 0, 0)
	return string(append(b, name...)) + "\x00"
}

// TestFromPhysical_stale_tables: page tables that map themselves and nothing else, or
// an empty half for a kernel, as an earlier system may leave them, do not keep the
// kernel's from being tried.
func TestFromPhysical_stale_tables(t *testing.T) {
	s := userSpec(t)
	s.Modules[0].Pages = nil
	r := raw(t, s)
	for n := range uint64(80) {
		table, at := make([]byte, 4096), 0x100000+n*0x1000
		binary.LittleEndian.PutUint64(table[8*0x1ed:], at|0x63)
		if n%10 == 0 {
			binary.LittleEndian.PutUint64(table[8*0x1f0:], 0x90000|0x63)
		}
		r.pages[at] = table
	}
	k, err := nt.FromPhysical(nt.Physical{Memory: r.source(), Scan: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if base, err := k.Base(); err != nil || base != r.facts.Modules[0].Base {
		t.Errorf("base %x, %v", base, err)
	}
}
