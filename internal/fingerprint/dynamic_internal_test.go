package fingerprint

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/symres/symres/internal/peimage"
)

// withTable is an image of two pages of code and one of constants, whose
// dynamic value relocation table is the given one.
func withTable(table []byte) (i *Image, memory []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	file := make([]byte, 0x5000)
	for k := 0x1000; k < 0x4000; k++ {
		file[k] = byte(random.UintN(0x80)) // no breakpoint is among them
	}
	copy(file[0x4000:], table)
	section := func(name string, at, size, characteristics uint32) peimage.Section {
		return peimage.Section{Name: name, VirtualAddress: at, VirtualSize: size, RawOffset: at, RawSize: size, Characteristics: characteristics}
	}
	h := &peimage.Headers{
		Machine: machineAMD64, Magic: 0x20b, SizeOfImage: 0x5000, SizeOfHeaders: 0x1000,
		Sections: []peimage.Section{
			section(".text", 0x1000, 0x2000, scnExecute), section(".rdata", 0x3000, 0x1000, 0), section(".data", 0x4000, 0x1000, scnWrite),
		},
	}
	i = &Image{r: bytes.NewReader(file), h: h, size: 0x5000, segments: segments(h, 0x5000)}
	i.readDynamic(0, 3)
	i.joinMasks()
	return i, bytes.Clone(file)
}

// words are 32-bit numbers, one after the other.
func words(v ...uint32) (b []byte) {
	for _, w := range v {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// tableOf is a table of version 1 with the entries of one symbol.
func tableOf(symbol uint32, entries []byte) []byte {
	return append(words(1, uint32(12+len(entries)), symbol, 0, uint32(len(entries))), entries...)
}

// override is the entry of one function with two variants and one branch, of
// the given kind, at RVA 1120.
func override(kind uint32) []byte {
	b := words(16+8+12, 0x1000, 0, 8, 12, 0x2000, 0x2100, 0x1000, 12, kind<<12|0x120)
	return append(b, words(8, 0, 0)...) // the tree that decides
}

// TestDynamic changes bytes of the sites that a table lists, and others.
func TestDynamic(t *testing.T) {
	const code, next, constants = 1, 2, 3 // pages
	damaged := override(1)
	damaged[12] = 0xff // more variants than there is room for
	for _, c := range []struct {
		name    string
		table   []byte
		changed int // RVA
		page    int
		want    State
		whole   bool
	}{
		{"override: in the branch", tableOf(dynOverride, override(1)), 0x1121, code, Fixups, true},
		{"override: behind the branch", tableOf(dynOverride, override(1)), 0x1124, code, Differs, true},
		{"override: a branch of ARM64", tableOf(dynOverride, override(2)), 0x1123, code, Fixups, true},
		{"override: a kind not known, code", tableOf(dynOverride, override(3)), 0x2800, next, Skipped, false},
		{"override: a kind not known, constants", tableOf(dynOverride, override(3)), 0x3800, constants, Differs, false},
		{"override: a form not known", tableOf(dynOverride, damaged), 0x1800, code, Skipped, false},
		{"import call: its last byte", tableOf(dynImportCall, words(0x1000, 12, 0x7f120)), 0x112b, code, Fixups, true},
		{"import call: behind it", tableOf(dynImportCall, words(0x1000, 12, 0x7f120)), 0x112c, code, Differs, true},
		{"import call at the start of a page", tableOf(dynImportCall, words(0x1000, 12, 0)), 0x1001, code, Fixups, true},
		{"ARM64 import call: the call", tableOf(dynARM64Import, words(0x1000, 12, 7<<17|1<<16|16<<11|1<<10|0x250)), 0x1943, code, Fixups, true},
		{"ARM64 import call: loads its register", tableOf(dynARM64Import, words(0x1000, 12, 7<<17|16<<11|0x250)), 0x1938, code, Fixups, true},
		{"ARM64 import call: before that", tableOf(dynARM64Import, words(0x1000, 12, 7<<17|16<<11|0x250)), 0x1937, code, Differs, true},
		{"ARM64 import call: behind it", tableOf(dynARM64Import, words(0x1000, 12, 7<<17|16<<11|0x250)), 0x1944, code, Differs, true},
		{"ARM64 import call: not counted in bytes", tableOf(dynARM64Import, words(0x1000, 12, 0x250)), 0x1250, code, Differs, true},
		{"ARM64 import call: begins the image's code", tableOf(dynARM64Import, words(0x1000, 12, 1)), 0x1000, code, Fixups, true},
		{"indirect call: its last byte", tableOf(dynIndirectCall, words(0x1000, 12, 0x5120)), 0x1125, code, Fixups, true},
		{"indirect call: behind it", tableOf(dynIndirectCall, words(0x1000, 12, 0x5120)), 0x1126, code, Differs, true},
		{"indirect jump with REX.W: its last byte", tableOf(dynIndirectCall, words(0x1000, 12, 0x6120)), 0x1126, code, Fixups, true},
		{"indirect jump with REX.W: behind it", tableOf(dynIndirectCall, words(0x1000, 12, 0x6120)), 0x1127, code, Differs, true},
		{"switch jump by rcx: its last byte", tableOf(dynSwitchJump, words(0x1000, 12, 0x1120)), 0x1125, code, Fixups, true},
		{"switch jump by rcx: behind it", tableOf(dynSwitchJump, words(0x1000, 12, 0x1120)), 0x1126, code, Differs, true},
		{"switch jump by r9: its last byte", tableOf(dynSwitchJump, words(0x1000, 12, 0x9120)), 0x1126, code, Fixups, true},
		{"switch jump by r9: behind it", tableOf(dynSwitchJump, words(0x1000, 12, 0x9120)), 0x1127, code, Differs, true},
		{"switch jump: padding is no site", tableOf(dynSwitchJump, words(0x1000, 12, 0x1120)), 0x1000, code, Differs, true},
		{"function prologues", tableOf(dynPrologue, words(0x8b484807, 0x1000, 12, 0x120)), 0x1800, code, Skipped, false},
		{"ARM64X: a page it lists", tableOf(dynARM64X, words(0x3000, 16, 0x8d005008, 0x1234)), 0x3ff0, constants, Skipped, false},
		{"ARM64X: another", tableOf(dynARM64X, words(0x3000, 16, 0x8d005008, 0x1234)), 0x1ff0, code, Differs, false},
		{"version 2: code", words(2, 24, 24, 0, 1, 0, 0, 0), 0x1800, code, Skipped, false},
		{"version 2: constants", words(2, 24, 24, 0, 1, 0, 0, 0), 0x3800, constants, Skipped, false},
	} {
		i, memory := withTable(c.table)
		memory[c.changed] ^= 0x55
		compared := NewComparer(i)
		compared.Add(0, memory)
		r := compared.Result()
		p := r.Pages[c.page]
		if p.State != c.want || (p.State == Fixups || p.State == Skipped) && p.Reasons&Dynamic == 0 {
			t.Errorf("%s: %v (%v), want %v", c.name, p.State, p.Reasons, c.want)
		}
		if r.whole != c.whole {
			t.Errorf("%s: all could be compared: %v", c.name, r.whole)
		}
	}
}

// TestSlots changes what a load configuration names, in images with other flags
// and with structures of other sizes.
func TestSlots(t *testing.T) {
	const base, at = 0x140000000, 0x3100
	type field struct {
		offset int
		flag   uint32
		why    Reason
	}
	for _, machine := range []struct {
		magic  uint16
		flags  int
		fields map[string]field
	}{
		{0x20b, 0x90, map[string]field{
			"check": {0x70, guardCF, LoaderSlots}, "dispatch": {0x78, guardCF, LoaderSlots}, "RF failure": {0xd8, guardRF, ReservedSlots},
			"RF verify": {0xe8, guardRF, ReservedSlots}, "XFG check": {0x118, guardCF, LoaderSlots}, "XFG dispatch": {0x120, guardCF, LoaderSlots},
			"XFG table": {0x128, guardCF, LoaderSlots}, "cast guard": {0x130, guardCF, ReservedSlots}, "memcpy": {0x138, guardCF, LoaderSlots},
			"UMA": {0x140, guardCF, ReservedSlots},
		}},
		{0x10b, 0x58, map[string]field{
			"check": {0x48, guardCF, LoaderSlots}, "dispatch": {0x4c, guardCF, LoaderSlots}, "RF failure": {0x84, guardRF, ReservedSlots},
			"RF verify": {0x90, guardRF, ReservedSlots}, "XFG check": {0xac, guardCF, LoaderSlots}, "XFG dispatch": {0xb0, guardCF, LoaderSlots},
			"XFG table": {0xb4, guardCF, LoaderSlots}, "cast guard": {0xb8, guardCF, ReservedSlots}, "memcpy": {0xbc, guardCF, LoaderSlots},
			"UMA": {0xc0, guardCF, ReservedSlots},
		}},
	} {
		for name, f := range machine.fields {
			for _, c := range []struct {
				flags uint32
				size  int
				want  State
			}{{f.flag, 0x160, Fixups}, {^f.flag, 0x160, Differs}, {f.flag, f.offset, Differs}} {
				i, memory := withTable(nil)
				i.h.Magic, i.h.ImageBase = machine.magic, base
				if !i.h.Is64() {
					i.h.ImageBase = base >> 12
				}
				i.masks = nil
				b := make([]byte, 0x160)
				binary.LittleEndian.PutUint32(b, uint32(c.size))
				binary.LittleEndian.PutUint32(b[machine.flags:], c.flags)
				binary.LittleEndian.PutUint32(b[f.offset:], uint32(i.h.ImageBase)+at)
				if i.h.Is64() {
					binary.LittleEndian.PutUint64(b[f.offset:], base+at)
				}
				i.readLoadConfig(b)
				i.joinMasks()
				memory[at+i.pointer()-1] ^= 0x55
				compared := NewComparer(i)
				compared.Add(0, memory)
				p := compared.Result().Pages[at/PageSize]
				if p.State != c.want || (p.Reasons&f.why != 0) != (c.want == Fixups) {
					t.Errorf("%#x %s, flags %x, size %x: %v (%v), want %v", machine.magic, name, c.flags, c.size, p.State, p.Reasons, c.want)
				}
			}
		}
	}
}
