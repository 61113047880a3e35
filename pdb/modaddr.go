package pdb

import (
	"github.com/symres/symres/internal/msf"

	"github.com/symres/symres/internal/codeview"
)

// placed visits the records of a module that may have an address; see
// addressOf. It returns damage that ends the walk early. rec is good until visit
// returns. own is memory to read into, which grows.
func (ms *modStream) placed(own *[]byte, visit func(off uint32, rec []byte)) error {
	buf := ms.symbols.InPlace()
	if buf == nil && ms.s != nil && ms.s.Copies() {
		buf = ms.symbols.Into(own)
	}
	if len(buf) >= minLanes {
		if l := newLanes(buf, ms.symbols.Off); l.run() {
			l.visit(visit)
			return nil
		}
	}
	r := recordsOf(ms.symbols)
	if r.W.Chunk = msf.ReadAhead; buf != nil {
		r.W.Off, r.W.Buf = ms.symbols.Off, buf
	}
	kinds := withAddress()
	for r.stepPlaced(&kinds) {
		if kinds.has(r.kind()) {
			visit(r.Off, r.Rec)
		}
	}
	return r.Err
}

// stepPlaced moves to the next record of one of the kinds, or to another one if
// that is easier. It goes over the others, which are most, without leaving the
// loop.
func (r *recordWalk) stepPlaced(kinds *kindSet) bool {
	if r.Next >= r.W.Off && r.Next < r.End {
		buf := r.W.Buf[:min(len(r.W.Buf), int(r.End-r.W.Off))]
		at := int(r.Next - r.W.Off)
		last := at
		for at+codeview.RecordHead <= len(buf) {
			next, counts := kinds.head(buf, at)
			if last = at; counts {
				break
			}
			at = next
		}
		r.Next = r.W.Off + uint32(last)
	}
	return r.Step()
}

// kindSet is a set of kinds that answers without a branch: which kind comes next
// cannot be foretold. It has the upper bits of a kind, and 1, in the place the
// lower ones are the number of, so there is no room for kinds that share those.
type kindSet [1 << kindBits]uint8

const kindBits = 9

// withAddress returns the kinds addressOf has an answer for.
func withAddress() (s kindSet) {
	for _, k := range [...]Kind{KindGProc32, KindLProc32, KindGProc32ID, KindLProc32ID, KindGData32, KindLData32,
		KindLProc32DPC, KindLProc32DPCID, KindGManProc, KindLManProc, KindGProc32ST, KindLProc32ST, KindThunk32, KindThunk32ST,
		KindTrampoline, KindSepCode, KindGManData, KindLManData, KindGData32ST, KindLData32ST} {
		s[k&(1<<kindBits-1)] = uint8(k>>kindBits) + 1
	}
	return s
}

func (s *kindSet) has(k Kind) bool { return s[k&(1<<kindBits-1)] == uint8(k>>kindBits)+1 }

// head returns where the record behind the one at at begins, and whether the
// latter is of a kind of the set, or none.
func (s *kindSet) head(buf []byte, at int) (next int, counts bool) {
	head := u32(buf, at)
	return at + int(head&0xFFFF) + codeview.LenField, s.has(Kind(head>>16)) || head&0xFFFE == 0
}

// addressOf returns the address of a private symbol an address can be answered
// with. Compilers give the tables of switch statements variables without a
// name; Microsoft's debuggers do not see them either.
func addressOf(rec []byte) (addrKey, bool) {
	switch kind := Kind(u16(rec, 2)); kind {
	case KindGProc32, KindLProc32, KindGProc32ID, KindLProc32ID:
		if len(rec) > 39 && rec[39] != 0 {
			return makeKey(u16(rec, 36), u32(rec, 32)), true
		}
	case KindGData32, KindLData32:
		if len(rec) > 14 && rec[14] != 0 {
			return makeKey(u16(rec, 12), u32(rec, 8)), true
		}
	case KindLProc32DPC, KindLProc32DPCID, KindGManProc, KindLManProc, KindGProc32ST, KindLProc32ST, KindThunk32, KindThunk32ST,
		KindTrampoline, KindSepCode, KindGManData, KindLManData, KindGData32ST, KindLData32ST:
		f, _ := formOf(kind)
		if len(rec) >= int(f.length) && (f.name == 0 || len(rec) > int(f.name) && rec[f.name] != 0) {
			return makeKey(u16(rec, int(f.seg)), u32(rec, int(f.off))), true
		}
	}
	return 0, false
}
