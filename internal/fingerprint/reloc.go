package fingerprint

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/symres/symres/internal/peimage"
)

// Kinds of base relocation (PE specification, "Base Relocation Types"). What
// kinds 5, 7 and 9 mean depends on the machine; ours are ARM and IA-64 (winnt.h).
const (
	relAbsolute = 0
	relHigh     = 1
	relLow      = 2
	relHighLow  = 3
	relHighAdj  = 4
	relArmMov   = 5
	relThumbMov = 7
	relIA64Imm  = 9
	relDir64    = 10
)

// Machines (winnt.h).
const (
	machineI386  = 0x14c
	machineARM   = 0x1c0
	machineARMNT = 0x1c4
	machineIA64  = 0x200
	machineAMD64 = 0x8664
	machineARM64 = 0xaa64
)

// maxWidth is how many bytes the widest relocation changes that may cross the end
// of a page.
const maxWidth = 8

// bundle is the size of three IA-64 instructions, which are aligned to it.
const bundle = 16

// reloc is one relocation.
type reloc struct {
	rva   uint32
	low   uint16 // of relHighAdj: the lower half of the address
	kind  uint8
	width uint8
}

func isARM(machine uint16) bool { return machine == machineARM || machine == machineARMNT }

// width returns how many bytes a relocation changes, false for an unknown kind.
func width(kind uint8, machine uint16) (uint8, bool) {
	switch {
	case kind == relAbsolute:
		return 0, true
	case kind == relHigh, kind == relLow, kind == relHighAdj:
		return 2, true
	case kind == relHighLow:
		return 4, true
	case kind == relDir64, (kind == relArmMov || kind == relThumbMov) && isARM(machine):
		return 8, true
	case kind == relIA64Imm && machine == machineIA64:
		return bundle, true
	}
	return 0, false
}

// readRelocs reads the relocation directory: blocks of a page each. The block
// of a page ends where it says; a block of size 0 ends the directory.
func (i *Image) readRelocs() error {
	if i.h.Characteristics&relocsStripped != 0 {
		return fmt.Errorf("%w: its relocations are stripped, and its own is %#x", ErrBase, i.h.ImageBase)
	}
	for dir := i.directory(dirBaseReloc); len(dir) >= 8; {
		page, n := binary.LittleEndian.Uint32(dir), binary.LittleEndian.Uint32(dir[4:])
		if n == 0 {
			break
		}
		if n < 8 || uint64(n) > uint64(len(dir)) {
			return fmt.Errorf("%w: relocation block of %#x bytes", peimage.ErrFormat, n)
		}
		if err := i.readBlock(page, dir[8:n]); err != nil {
			return err
		}
		dir = dir[n:]
	}
	slices.SortStableFunc(i.relocs, func(a, b reloc) int { return cmp.Compare(a.rva, b.rva) })
	return nil
}

func (i *Image) readBlock(page uint32, entries []byte) error {
	for ; len(entries) >= 2; entries = entries[2:] {
		v := binary.LittleEndian.Uint16(entries)
		r := reloc{rva: page + uint32(v&0xfff), kind: uint8(v >> 12)}
		w, ok := width(r.kind, i.h.Machine)
		if r.width = w; !ok {
			return fmt.Errorf("%w: relocation of kind %d", peimage.ErrFormat, r.kind)
		}
		if r.kind == relHighAdj { // its low half stands in the next entry
			if entries = entries[2:]; len(entries) < 2 {
				return fmt.Errorf("%w: a relocation block ends inside a relocation", peimage.ErrFormat)
			}
			r.low = binary.LittleEndian.Uint16(entries)
		}
		if r.kind == relIA64Imm { // the place may be that of an instruction in the bundle
			r.rva &^= bundle - 1
		}
		if w > 0 {
			i.relocs = append(i.relocs, r)
		}
	}
	return nil
}

func (i *Image) relocsIn(from, to uint64) []reloc {
	// One that begins just below from may reach into it.
	first, _ := slices.BinarySearchFunc(i.relocs, from, func(r reloc, at uint64) int {
		return cmp.Compare(uint64(r.rva)+maxWidth, at+1)
	})
	last := first
	for last < len(i.relocs) && uint64(i.relocs[last].rva) < to {
		last++
	}
	return i.relocs[first:last]
}

// apply relocates the bytes at p, of which there are width.
func (r reloc) apply(p []byte, delta uint64) {
	le := binary.LittleEndian
	switch r.kind {
	case relHigh:
		le.PutUint16(p, uint16((uint32(le.Uint16(p))<<16+uint32(delta))>>16))
	case relLow:
		le.PutUint16(p, le.Uint16(p)+uint16(delta))
	case relHighLow:
		le.PutUint32(p, le.Uint32(p)+uint32(delta))
	case relHighAdj:
		v := uint32(le.Uint16(p))<<16 + uint32(int32(int16(r.low))) + uint32(delta) + 0x8000
		le.PutUint16(p, uint16(v>>16))
	case relDir64:
		le.PutUint64(p, le.Uint64(p)+delta)
	case relIA64Imm:
		low, high := le.Uint64(p), le.Uint64(p[8:])
		low, high = setMovl(low, high, movl(low, high)+delta)
		le.PutUint64(p, low)
		le.PutUint64(p[8:], high)
	case relArmMov:
		applyPair(p, uint32(delta), armImm, setArmImm)
	case relThumbMov:
		applyPair(p, uint32(delta), thumbImm, setThumbImm)
	}
}

// applyPair relocates the address that a MOVW and a MOVT load in halves.
func applyPair(p []byte, delta uint32, get func(uint32) uint32, set func(ins, imm uint32) uint32) {
	le := binary.LittleEndian
	low, high := le.Uint32(p), le.Uint32(p[4:])
	v := get(low) | get(high)<<16
	v += delta
	le.PutUint32(p, set(low, v&0xffff))
	le.PutUint32(p[4:], set(high, v>>16))
}

// armImm is the immediate of an A32 MOVW or MOVT: imm4 at bit 16, imm12 at 0
// (Arm architecture reference manual, A1 and A2 encodings).
func armImm(ins uint32) uint32 { return ins>>4&0xf000 | ins&0xfff }

func setArmImm(ins, imm uint32) uint32 { return ins&^0xf0fff | imm&0xf000<<4 | imm&0xfff }

// thumbImm is that of a T32 one, whose first halfword is the lower: imm4 at bit
// 0 and i at bit 10 of the first, imm3 at bit 12 and imm8 at 0 of the second.
func thumbImm(ins uint32) uint32 {
	return ins&0xf<<12 | ins>>10&1<<11 | ins>>28&7<<8 | ins>>16&0xff
}

func setThumbImm(ins, imm uint32) uint32 {
	return ins&^0x70ff040f | imm>>12 | imm>>11&1<<10 | imm>>8&7<<28 | imm&0xff<<16
}

// immFields returns where a MOVL has its 64-bit immediate (format X2 of the Intel
// Itanium manual, the EMARCH_ENC_I17 fields of winnt.h): width bits from bit
// from of its bundle are bits to and up of the value. Only the second field is in
// both halves of the bundle.
func immFields() [6]immField {
	return [...]immField{
		{100, 7, 0},  // imm7b
		{46, 41, 22}, // imm41
		{114, 9, 7},  // imm9d
		{109, 5, 16}, // imm5c
		{108, 1, 21}, // ic
		{123, 1, 63}, // i
	}
}

type immField struct{ from, width, to uint8 }

// movl is the immediate of the MOVL in a bundle, given as two halves.
func movl(low, high uint64) (v uint64) {
	for _, f := range immFields() {
		v |= bitsOf(low, high, f.from) & (1<<f.width - 1) << f.to
	}
	return v
}

// bitsOf are the bits of a bundle from one on.
func bitsOf(low, high uint64, from uint8) uint64 {
	if from >= 64 {
		return high >> (from - 64)
	}
	return low>>from | high<<(64-from)
}

func setMovl(low, high, v uint64) (newLow, newHigh uint64) {
	for _, f := range immFields() {
		mask := uint64(1)<<f.width - 1
		bits := v >> f.to & mask
		if f.from >= 64 {
			high = high&^(mask<<(f.from-64)) | bits<<(f.from-64)
			continue
		}
		low = low&^(mask<<f.from) | bits<<f.from
		high = high&^(mask>>(64-f.from)) | bits>>(64-f.from)
	}
	return low, high
}
