package pdb

import (
	"cmp"
	"slices"
)

// moduleMap returns the addresses of what has one in a module: procedures,
// thunks, trampolines, cold parts and variables, those of functions too. It is
// built once and holds no pointers. A module that is damaged somewhere has
// what comes before.
func (f *File) moduleMap(ms *modStream) (*memoryMap, error) {
	return ms.addrs.get(func() (*memoryMap, error) {
		var m memoryMap
		if ms.s == nil {
			return &m, nil
		}
		r := ms.symbols.records()
		for key, ok := r.stepAddress(); ok; key, ok = r.stepAddress() {
			m = append(m, memoryEntry{off: key.off(), rec: r.off, seg: key.seg()})
		}
		if fatal(r.err) {
			return nil, r.err
		}
		m.sort()
		return &m, nil
	})
}

// stepAddress moves to the next record with an address. It goes over the others,
// which are most, without leaving the loop.
func (r *recordWalk) stepAddress() (addrKey, bool) {
	for {
		buf, at := r.w.buf, int(r.next-r.w.off)
		if r.next >= r.w.off && r.next < r.end {
			buf = buf[:min(len(buf), int(r.end-r.w.off))]
			for at >= 0 && at+recordHead <= len(buf) {
				head := u32(buf, at)
				if n := int(head&0xFFFF) + lenField; hasAddress(Kind(head>>16)) || n < recordHead || n > len(buf)-at {
					break
				} else {
					at += n
				}
			}
			r.next = r.w.off + uint32(at)
		}
		if !r.step() {
			return 0, false
		}
		if key, ok := addressOf(r.rec); ok {
			return key, true
		}
	}
}

// hasAddress reports whether addressOf has an answer for some records of a kind.
func hasAddress(k Kind) bool {
	const low = 1<<(KindGProc32-0x1100) | 1<<(KindLProc32-0x1100) | 1<<(KindGData32-0x1100) | 1<<(KindLData32-0x1100) |
		1<<(KindGManProc-0x1100) | 1<<(KindLManProc-0x1100) | 1<<(KindThunk32-0x1100) | 1<<(KindTrampoline-0x1100) |
		1<<(KindSepCode-0x1100) | 1<<(KindGManData-0x1100) | 1<<(KindLManData-0x1100)
	const high = 1<<(KindGProc32ID-0x1140) | 1<<(KindLProc32ID-0x1140) | 1<<(KindLProc32DPC-0x1140) | 1<<(KindLProc32DPCID-0x1140)
	switch k >> 6 {
	case 0x1100 >> 6:
		return uint64(low)>>(k&63)&1 != 0
	case 0x1140 >> 6:
		return uint64(high)>>(k&63)&1 != 0
	}
	return k>>8 == 0x10 // the old forms
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

func (m memoryMap) sort() {
	slices.SortFunc(m, func(a, b memoryEntry) int {
		return cmp.Or(cmp.Compare(a.seg, b.seg), cmp.Compare(a.off, b.off), cmp.Compare(a.rec, b.rec))
	})
}
