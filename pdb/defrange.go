package pdb

// Kinds of records that say where the variable before them is (cvinfo.h).
const (
	kindDefRange             Kind = 0x113F // u32 program
	kindDefRangeSubfield     Kind = 0x1140 // u32 program, u32 where in the variable
	kindDefRangeRegister     Kind = 0x1141 // u16 register, u16 attributes
	kindDefRangeFrame        Kind = 0x1142 // i32 offset
	kindDefRangeRegisterPart Kind = 0x1143 // u16 register, u16 attributes, u32 where in the variable in 12 bits
	kindDefRangeFrameScope   Kind = 0x1144 // i32 offset; the whole scope, no range
	kindDefRangeRegisterRel  Kind = 0x1145 // u16 register, u16 flags and where in the variable, i32 offset
)

const (
	rangeSize = 8 // u32 offset, u16 segment, u16 bytes; u16 start, u16 bytes of each gap behind it
	gapSize   = 4
)

// rangeAt returns where the range begins in a record; 0 for the one without.
func rangeAt(k Kind) (at int, ok bool) {
	switch k {
	case kindDefRange, kindDefRangeRegister, kindDefRangeFrame:
		return 8, true
	case kindDefRangeSubfield, kindDefRangeRegisterPart, kindDefRangeRegisterRel:
		return 12, true
	case kindDefRangeFrameScope:
		return 0, true
	}
	return 0, false
}

// parseLocation reads a record that says where a variable is. ok is false for
// other records; one that is too short says nothing.
func parseLocation(rec []byte, w *localWalk) (l Location, ok bool) {
	kind := Kind(u16(rec, 2))
	at, ok := rangeAt(kind)
	if !ok {
		return Location{}, false
	}
	if len(rec) < at+rangeSize && at != 0 || len(rec) < 8 {
		return Location{}, true
	}
	switch kind {
	case kindDefRangeSubfield:
		l.Part, l.PartAt = true, u32(rec, 8)
	case kindDefRangeRegister:
		l.Place, l.Register = PlaceRegister, u16(rec, 4)
	case kindDefRangeRegisterPart:
		l.Place, l.Register, l.Part, l.PartAt = PlaceRegister, u16(rec, 4), true, u32(rec, 8)&0xFFF
	case kindDefRangeFrame, kindDefRangeFrameScope:
		l.Place, l.Offset = PlaceFrame, int32(u32(rec, 4))
	case kindDefRangeRegisterRel:
		l.Place, l.Register, l.Offset = PlaceRegisterPlus, u16(rec, 4), int32(u32(rec, 8))
		// Bit 0: the variable was spilled there. A part says so by its place.
		l.PartAt = uint32(u16(rec, 6) >> 4)
		l.Part = u16(rec, 6)&1 != 0 || l.PartAt != 0
	}
	if at == 0 {
		l.Ranges = w.scope().ranges
		return l, true
	}
	code := makePlace(u16(rec, at+4), u32(rec, at), uint32(u16(rec, at+6)))
	l.Ranges = w.withoutGaps(code, rec[at+rangeSize:])
	return l, true
}

// withoutGaps returns the pieces of a range between its gaps, which count from
// its start.
func (w *localWalk) withoutGaps(code place, gaps []byte) (list []Range) {
	from := uint32(0)
	for ; len(gaps) >= gapSize; gaps = gaps[gapSize:] {
		start, size := uint32(u16(gaps, 0)), uint32(u16(gaps, 2))
		if size == 0 || start < from || start+size > code.size {
			continue
		}
		list = w.piece(list, code, from, start)
		from = start + size
	}
	return w.piece(list, code, from, code.size)
}

func (w *localWalk) piece(list []Range, code place, from, to uint32) []Range {
	if from >= to {
		return list
	}
	return w.ranges(list, place{off: code.off + from, size: to - from, seg: code.seg})
}
