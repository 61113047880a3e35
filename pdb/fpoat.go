package pdb

import (
	"sort"

	"github.com/symres/symres/internal/msf"
)

// FPOAt returns the old frame record of the code at an RVA. ok is false where
// there is none. Linkers write the records in the order of their addresses; a
// PDB whose records are not finds less. Addresses and errors are those of
// [File.FrameDataAt].
func (f *File) FPOAt(rva uint32) (d FPO, ok bool, err error) {
	if err := f.enter(); err != nil {
		return FPO{}, false, err
	}
	defer f.leave()
	s, err := f.optionalStream(optFPO, "FPO")
	if s == nil || err != nil {
		return FPO{}, false, err
	}
	w := msf.Walker{Stream: s, Chunk: fpoSize}
	at := func(i int) (b []byte) {
		if err == nil {
			b, err = w.Span(uint32(i)*fpoSize, fpoSize)
		}
		return b
	}
	i := sort.Search(int(s.Size/fpoSize), func(i int) bool {
		b := at(i)
		return b == nil || u32(b, 0) > rva
	})
	if err != nil || i == 0 {
		return FPO{}, false, err
	}
	if b := at(i - 1); b != nil && rva-u32(b, 0) < u32(b, 4) {
		return parseFPO(b), true, nil
	}
	return FPO{}, false, err
}

// parseFPO reads one record.
func parseFPO(b []byte) FPO {
	bits := u16(b, 14)
	return FPO{
		RVA: u32(b, 0), Size: u32(b, 4), Locals: u32(b, 8) * 4, Params: uint32(u16(b, 12)) * 4,
		Prolog: uint8(bits), Regs: uint8(bits >> 8 & 7), SEH: bits>>11&1 != 0, UsesEBP: bits>>12&1 != 0, Type: uint8(bits >> 14),
	}
}
