package pdb

import "github.com/symres/symres/internal/codeview"

// form says where the fields of a symbol record lie, counted from its length
// field; 0 is a field the record does not have (cvinfo.h).
type form struct {
	name                 uint8 // 0: the record has none
	off, seg, size, typ  uint8
	flags                uint8
	sizeBytes, flagBytes uint8
	length               uint8 // of the record up to its name
}

// formOf returns the layout of the kinds that have an address or a global
// name; ok is false for all others.
func formOf(k Kind) (form, bool) {
	k, _ = k.current()
	switch k {
	case KindPub32:
		return form{length: 14, name: 14, flags: 4, flagBytes: 4, off: 8, seg: 12}, true
	case KindGProc32, KindLProc32, KindGProc32ID, KindLProc32ID, KindLProc32DPC, KindLProc32DPCID:
		return form{length: 39, name: 39, size: 16, sizeBytes: 4, typ: 28, off: 32, seg: 36, flags: 38, flagBytes: 1}, true
	case KindGManProc, KindLManProc:
		return form{length: 41, name: 41, size: 16, sizeBytes: 4, typ: 28, off: 32, seg: 36, flags: 38, flagBytes: 1}, true
	case KindThunk32:
		return form{length: 25, name: 25, off: 16, seg: 20, size: 22, sizeBytes: 2, flags: 24, flagBytes: 1}, true
	case KindTrampoline:
		return form{length: 20, size: 6, sizeBytes: 2, off: 8, seg: 16, flags: 4, flagBytes: 2}, true
	case KindSepCode:
		return form{length: 32, size: 12, sizeBytes: 4, off: 20, seg: 28, flags: 16, flagBytes: 4}, true
	case KindBlock32:
		return form{length: 22, name: 22, size: 12, sizeBytes: 4, off: 16, seg: 20}, true
	case KindLabel32:
		return form{length: 11, name: 11, off: 4, seg: 8, flags: 10, flagBytes: 1}, true
	case KindGData32, KindLData32, KindGManData, KindLManData, KindGThread32, KindLThread32:
		return form{length: 14, name: 14, typ: 4, off: 8, seg: 12}, true
	case KindProcRef, KindLProcRef, KindDataRef, KindAnnotRef, KindTokenRef:
		return form{length: 14, name: 14}, true
	case KindSection:
		return form{length: 20, name: 20, seg: 4, size: 12, sizeBytes: 4, flags: 16, flagBytes: 4}, true
	case KindCoffGroup:
		return form{length: 18, name: 18, size: 4, sizeBytes: 4, flags: 8, flagBytes: 4, off: 12, seg: 16}, true
	case KindExport:
		return form{length: 8, name: 8, flags: 6, flagBytes: 2}, true
	case KindFastlink:
		return form{length: 10, name: 10, typ: 4, flags: 8, flagBytes: 2}, true
	case KindUDT, KindConstant, KindManConstant: // of a constant the name follows the value
		return form{length: 8, name: 8, typ: 4}, true
	}
	return form{}, false
}

// parseSymbol reads a whole record; ok is false for kinds without an address
// or a global name and for records too short for their kind. The RVA is left
// open.
func parseSymbol(rec []byte) (sym Symbol, ok bool) {
	ok = sym.parse(rec)
	return sym, ok
}

// parse is parseSymbol in place.
func (s *Symbol) parse(rec []byte) bool {
	if len(rec) < codeview.RecordHead {
		return false
	}
	// The kinds there are most of are filled in place: to build a Symbol aside and copy
	// it takes longer than all the rest.
	const procHead = 39
	switch kind := Kind(u16(rec, 2)); {
	case kind == KindPub32 && len(rec) >= pubHead:
		*s = Symbol{}
		s.public(rec)
		return true
	case (kind == KindGProc32 || kind == KindLProc32 || kind == KindGProc32ID || kind == KindLProc32ID) && len(rec) >= procHead:
		*s = Symbol{}
		s.Kind, s.Segment, s.Offset, s.Flags = kind, u16(rec, 36), u32(rec, 32), uint32(rec[38])
		s.Size, s.Type = u32(rec, 16), u32(rec, 28)
		s.name = codeview.UntilNUL(rec[procHead:])
		return true
	default:
		return s.parseOther(kind, rec)
	}
}

// public takes what an S_PUB32 record has into a Symbol that is empty or a
// public: nothing else was ever in one.
func (s *Symbol) public(rec []byte) {
	s.Kind, s.Segment, s.Offset, s.Flags = KindPub32, u16(rec, 12), u32(rec, 8), u32(rec, 4)
	s.RVA, s.HasRVA, s.Absolute = 0, false, false
	s.name = codeview.UntilNUL(rec[pubHead:])
}

func (s *Symbol) parseOther(kind Kind, rec []byte) (ok bool) {
	f, ok := formOf(kind)
	if !ok || len(rec) < int(f.length) {
		return false
	}
	*s = Symbol{Kind: kind, Size: field(rec, f.size, f.sizeBytes), Flags: field(rec, f.flags, f.flagBytes)}
	if f.off != 0 {
		s.Offset = u32(rec, int(f.off))
	}
	if f.seg != 0 {
		s.Segment = u16(rec, int(f.seg))
	}
	if f.typ != 0 {
		s.Type = u32(rec, int(f.typ))
	}
	at := int(f.name)
	switch {
	case kind.IsConstant():
		r := codeview.Reader{B: rec, Off: at}
		if s.Value.n = r.Number(); r.Short {
			return false
		}
		at = r.Off
	case kind.isRef():
		s.Module, s.ref = u16(rec, 12), u32(rec, 8)
	case kind == KindExport:
		s.Value.n = codeview.Number{Lo: uint64(u16(rec, 4))}
	}
	if f.name != 0 {
		s.name, ok = nameAt(kind, rec, at)
	}
	return ok
}

// field reads an unsigned field of n bytes.
func field(rec []byte, at, n uint8) uint32 {
	switch n {
	case 1:
		return uint32(rec[at])
	case 2:
		return uint32(u16(rec, int(at)))
	case 4:
		return u32(rec, int(at))
	}
	return 0
}

// nameAt returns the name at a position of the record.
func nameAt(k Kind, rec []byte, at int) ([]byte, bool) {
	if _, old := k.current(); !old {
		return codeview.UntilNUL(rec[at:]), true
	}
	if at >= len(rec) || int(rec[at]) >= len(rec)-at {
		return nil, false
	}
	return rec[at+1:][:rec[at]:rec[at]], true
}

// nameOf returns the name of a record; ok is false for kinds without one.
func nameOf(rec []byte) (name []byte, ok bool) {
	at, ok := nameStart(rec)
	if !ok || at > len(rec) {
		return nil, false
	}
	return nameAt(Kind(u16(rec, 2)), rec, at)
}

// nameStart returns where the name begins in a record, which may be cut off
// behind that.
func nameStart(rec []byte) (at int, ok bool) {
	if len(rec) < codeview.RecordHead {
		return 0, false
	}
	kind := Kind(u16(rec, 2))
	f, ok := formOf(kind)
	if !ok || f.name == 0 || len(rec) < int(f.length) {
		return 0, false
	}
	if !kind.IsConstant() {
		return int(f.name), true
	}
	r := codeview.Reader{B: rec, Off: int(f.name)}
	r.Number()
	return r.Off, !r.Short
}
