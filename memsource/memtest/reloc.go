package memtest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/symres/symres/internal/wire"
)

// Kinds of base relocation (winnt.h). Kind 7 has this meaning on ARM only, and
// kind 9 on IA-64.
const (
	relAbsolute = 0
	relHigh     = 1
	relLow      = 2
	relHighLow  = 3
	relThumbMov = 7
	relIA64Imm  = 9
	relDir64    = 10

	machineARMNT = 0x1c4
	machineIA64  = 0x200

	relocsStripped = 1 // in the characteristics
)

// relocate moves an image laid out at its preferred base to another.
func (h *header) relocate(image []byte, base uint64) error {
	if !h.plus && base>>32 != 0 {
		return errors.New("a PE32 image fits below 4 GB only")
	}
	delta := base - h.imageBase
	if delta == 0 {
		return nil
	}
	if h.characteristics&relocsStripped != 0 {
		return errors.New("relocations are stripped")
	}
	if err := h.fixups(image, delta); err != nil {
		return err
	}
	h.setBase(image, base)
	return nil
}

// setBase rewrites ImageBase, last, because a relocation cannot be in there.
func (h *header) setBase(image []byte, base uint64) {
	switch {
	case !wire.In(h.opt, 32, uint64(len(image))):
	case h.plus:
		binary.LittleEndian.PutUint64(image[h.opt+24:], base)
	default:
		binary.LittleEndian.PutUint32(image[h.opt+28:], uint32(base))
	}
}

// fixups applies all blocks of the relocation directory.
func (h *header) fixups(image []byte, delta uint64) error {
	rva, size := uint64(h.relocs.rva), uint64(h.relocs.size)
	if !wire.In(rva, size, uint64(len(image))) {
		return errors.New("relocation directory lies outside of the image")
	}
	for dir := image[rva : rva+size]; len(dir) >= 8; {
		page := uint64(binary.LittleEndian.Uint32(dir))
		n := uint64(binary.LittleEndian.Uint32(dir[4:]))
		if n == 0 {
			return nil // padding
		}
		if n < 8 || n > uint64(len(dir)) {
			return fmt.Errorf("relocation block of %#x bytes", n)
		}
		for e := dir[8:n]; len(e) >= 2; e = e[2:] {
			v := binary.LittleEndian.Uint16(e)
			if err := h.fixup(image, page+uint64(v&0xfff), v>>12, delta); err != nil {
				return err
			}
		}
		dir = dir[n:]
	}
	return nil
}

// fixup applies one relocation.
func (h *header) fixup(image []byte, rva uint64, kind uint16, delta uint64) error {
	if kind == relIA64Imm {
		rva &^= 15 // of a bundle
	}
	n, err := h.width(kind)
	if err != nil {
		return fmt.Errorf("RVA %#x: %w", rva, err)
	}
	if !wire.In(rva, n, uint64(len(image))) {
		return fmt.Errorf("relocation at RVA %#x lies outside of the image", rva)
	}
	le, p := binary.LittleEndian, image[rva:rva+n]
	switch kind {
	case relHigh:
		le.PutUint16(p, uint16((uint32(le.Uint16(p))<<16+uint32(delta))>>16))
	case relLow:
		le.PutUint16(p, le.Uint16(p)+uint16(delta))
	case relHighLow:
		le.PutUint32(p, le.Uint32(p)+uint32(delta))
	case relThumbMov:
		v := uint32(thumbImm(p)) | uint32(thumbImm(p[4:]))<<16
		v += uint32(delta)
		setThumbImm(p, uint16(v))
		setThumbImm(p[4:], uint16(v>>16))
	case relIA64Imm:
		setMovl(p, movl(p)+delta)
	case relDir64:
		le.PutUint64(p, le.Uint64(p)+delta)
	}
	return nil
}

// width returns how many bytes a relocation of a kind rewrites.
func (h *header) width(kind uint16) (uint64, error) {
	switch {
	case kind == relAbsolute:
		return 0, nil
	case kind == relHigh, kind == relLow:
		return 2, nil
	case kind == relHighLow:
		return 4, nil
	case kind == relDir64, kind == relThumbMov && h.machine == machineARMNT:
		return 8, nil
	case kind == relIA64Imm && h.machine == machineIA64:
		return 16, nil
	}
	return 0, fmt.Errorf("relocation of unknown kind %d", kind)
}

// thumbImm returns the immediate of a MOVW or MOVT: imm4 and i are in the first
// halfword, imm3 and imm8 in the second (Arm architecture reference, T3).
func thumbImm(p []byte) uint16 {
	a, b := binary.LittleEndian.Uint16(p), binary.LittleEndian.Uint16(p[2:])
	return a&0xf<<12 | a>>10&1<<11 | b>>12&7<<8 | b&0xff
}

func setThumbImm(p []byte, v uint16) {
	a, b := binary.LittleEndian.Uint16(p), binary.LittleEndian.Uint16(p[2:])
	binary.LittleEndian.PutUint16(p, a&^0x040f|v>>12|v>>11&1<<10)
	binary.LittleEndian.PutUint16(p[2:], b&^0x70ff|v>>8&7<<12|v&0xff)
}

// movlFields returns the EMARCH_ENC_I17 fields of winnt.h: the 32-bit word of the
// bundle, the bit in it, the width, and the bit of the value.
func movlFields() [8][4]int {
	return [...][4]int{{3, 4, 7, 0}, {3, 18, 9, 7}, {3, 13, 5, 16}, {3, 12, 1, 21}, {1, 14, 10, 22}, {1, 24, 8, 32}, {2, 0, 23, 40}, {3, 27, 1, 63}}
}

// movl returns the immediate of the MOVL in a bundle.
func movl(p []byte) (v uint64) {
	for _, f := range movlFields() {
		v |= uint64(binary.LittleEndian.Uint32(p[4*f[0]:])>>f[1]) & (1<<f[2] - 1) << f[3]
	}
	return v
}

func setMovl(p []byte, v uint64) {
	for _, f := range movlFields() {
		mask, word := uint32(1)<<f[2]-1, p[4*f[0]:]
		binary.LittleEndian.PutUint32(word, binary.LittleEndian.Uint32(word)&^(mask<<f[1])|uint32(v>>f[3])&mask<<f[1])
	}
}
