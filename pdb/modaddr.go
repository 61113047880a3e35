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
		for r.step() {
			if key, ok := addressOf(r.rec); ok {
				m = append(m, memoryEntry{off: key.off(), rec: r.off, seg: key.seg()})
			}
		}
		if fatal(r.err) {
			return nil, r.err
		}
		m.sort()
		return &m, nil
	})
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
