package paging_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/qemutest"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// oracle is a mode of the processor and how to switch it on.
type oracle struct {
	mode      paging.Mode
	cpu       string
	cr4, efer uint64
	shifts    []uint // of the levels, the PTE first
	bits      []uint
	entry     int
	rootAlign uint64 // what a root register may have besides
}

// Where the tables of a random machine are: above the first megabyte, which in
// a PC is not all memory.
const (
	oracleRAM     = 4 << 20
	oracleTables  = 0x100000
	oracleFrames  = 6 // tables of each level
	oracleAddress = 100_000
)

// TestAgainstQEMU fills page tables at random and compares, for 100,000
// addresses a mode, where QEMU's own page walk and ours say they lead.
func TestAgainstQEMU(t *testing.T) {
	qemutest.Need(t)
	for _, o := range []oracle{
		{mode: paging.ModeX86, cpu: "max", cr4: qemutest.CR4PSE, shifts: []uint{12, 22}, bits: []uint{10, 10}, entry: 4, rootAlign: 0x18},
		{mode: paging.ModePAE, cpu: "max", cr4: qemutest.CR4PAE, shifts: []uint{12, 21, 30}, bits: []uint{9, 9, 2}, entry: 8, rootAlign: 0x18},
		{mode: paging.ModeX64, cpu: "max", cr4: qemutest.CR4PAE, efer: qemutest.EFERLong,
			shifts: []uint{12, 21, 30, 39}, bits: []uint{9, 9, 9, 9}, entry: 8, rootAlign: 0x18},
		{mode: paging.ModeLA57, cpu: "max,+la57", cr4: qemutest.CR4PAE | qemutest.CR4LA57, efer: qemutest.EFERLong,
			shifts: []uint{12, 21, 30, 39, 48}, bits: []uint{9, 9, 9, 9, 9}, entry: 8, rootAlign: 0x18},
	} {
		t.Run(o.mode.String(), func(t *testing.T) { o.run(t, rand.New(rand.NewPCG(5, uint64(o.mode)))) })
	}
}

// table returns the physical address of table n of a level. The topmost one of
// PAE need not begin a page.
func (o oracle) table(level, n int) uint64 {
	at := oracleTables + uint64(level*oracleFrames+n)<<12
	if o.mode == paging.ModePAE && level == len(o.shifts)-1 {
		at += 0xfe0
	}
	return at
}

// fill writes tables whose entries lead to tables of the level below, to pages,
// large ones among them, or have any form that is not valid.
func (o oracle) fill(ram []byte, r *rand.Rand) {
	for level := range o.shifts {
		for n := range oracleFrames {
			at := o.table(level, n)
			for i := range uint64(1) << o.bits[level] {
				o.put(ram[at+i*uint64(o.entry):], o.random(r, level))
			}
		}
	}
}

func (o oracle) put(p []byte, v uint64) {
	if o.entry == 4 {
		binary.LittleEndian.PutUint32(p, uint32(v))
		return
	}
	binary.LittleEndian.PutUint64(p, v)
}

// random returns an entry. Bits that mean nothing to a page walk are random.
func (o oracle) random(r *rand.Rand, level int) uint64 {
	const largePage = 1 << 7
	v, top := r.Uint64(), level == len(o.shifts)-1
	if r.IntN(8) == 0 {
		return v &^ 1
	}
	v |= 1
	hasLarge := level == 1 || level == 2 && !top
	switch {
	case level == 0 && r.IntN(2) == 0, hasLarge && r.IntN(4) == 0:
		return v | largePage // a page anywhere; at level 0 the bit is PAT
	case level == 0:
		return v&^0xffffffffff000 | uint64(r.IntN(oracleRAM>>12))<<12 // one in the machine's memory
	}
	const keep = 0xfff &^ largePage
	return v&(1<<63|keep) | o.table(level-1, r.IntN(oracleFrames))&^0xfff
}

// addresses are random ones, those next to the edges of what the levels cover
// among them.
func (o oracle) addresses(r *rand.Rand) []uint64 {
	vas := make([]uint64, oracleAddress)
	top := len(o.shifts) - 1
	bits := o.shifts[top] + o.bits[top]
	for i := range vas {
		va := r.Uint64()
		if r.IntN(8) == 0 {
			edge := uint64(1) << (o.shifts[r.IntN(top+1)] + uint(r.IntN(3)))
			va = va&^(edge-1) - uint64(r.IntN(3)) + 1
		}
		switch {
		case bits == 32:
			va &= 1<<32 - 1
		case r.IntN(64) != 0: // else most likely not canonical
			va = uint64(int64(va<<(64-bits)) >> (64 - bits))
		}
		vas[i] = va
	}
	return vas
}

func (o oracle) run(t *testing.T, r *rand.Rand) {
	ram := make([]byte, oracleRAM)
	o.fill(ram, r)
	for off := uint64(oracleTables + 0x80000); off < oracleRAM; off += 8 { // a page says where it is
		binary.LittleEndian.PutUint64(ram[off:], off*0x9e3779b97f4a7c15)
	}
	file := filepath.Join(t.TempDir(), "ram")
	if err := os.WriteFile(file, ram, 0o600); err != nil {
		t.Fatal(err)
	}
	root := o.table(len(o.shifts)-1, 0)
	m := qemutest.Start(t, file, "-cpu", o.cpu)
	m.Set("cr4", o.cr4)
	if o.efer != 0 {
		m.Set("efer", o.efer)
	}
	m.Set("cr3", root|o.rootAlign)
	m.Set("cr0", qemutest.CR0Paging)
	phys := &memsource.Sparse{Missing: memsource.ReasonNotInDump}
	if err := phys.Add(0, ram); err != nil {
		t.Fatal(err)
	}
	ours, err := paging.New(phys, paging.Config{Mode: o.mode, Root: root | o.rootAlign})
	if err != nil {
		t.Fatal(err)
	}
	o.compare(t, m, ours, o.addresses(r))
}

// compare holds each answer of QEMU against ours, and some of the bytes.
func (o oracle) compare(t *testing.T, m *qemutest.Machine, ours *paging.Space, vas []uint64) {
	var tally [6]int // unmapped, then pages by level
	var inRAM []uint64
	bad := 0
	m.Translate(vas, func(i int, pa uint64, ok bool) {
		p, err := ours.Translate(vas[i])
		if mine := err == nil && p.Valid; mine != ok || ok && p.Physical != pa {
			if bad++; bad < 10 {
				t.Errorf("%#x: QEMU %#x %v, symres %+v %v", vas[i], pa, ok, p, err)
			}
			return
		}
		if !ok {
			tally[0]++
			return
		}
		tally[1+p.Level]++
		if p.Physical >= oracleTables && p.Physical < oracleRAM-8 && p.Size >= 8 {
			inRAM = append(inRAM, vas[i])
		}
	})
	for _, va := range inRAM[:min(len(inRAM), 1000)] {
		var b [8]byte
		if err := memsource.ReadFull(ours, b[:], va); err != nil || string(m.Read(va, 8)) != string(b[:]) {
			t.Errorf("%#x: other bytes than QEMU's, %v", va, err)
		}
	}
	t.Logf("%d addresses, %d differ: %d not mapped, 4 KB pages %d, large %v; %d with bytes compared",
		len(vas), bad, tally[0], tally[1], tally[2:4], min(len(inRAM), 1000))
	if tally[0] < oracleAddress/20 || tally[1] < oracleAddress/10 || tally[2] < oracleAddress/50 || len(inRAM) < 1000 {
		t.Errorf("the addresses show too little: %s", fmt.Sprint(tally, len(inRAM)))
	}
}
