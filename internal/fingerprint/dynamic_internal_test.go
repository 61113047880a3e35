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
