package pdb

import "github.com/symres/symres/internal/codeview"

// maxSeen is how many symbols below an address are looked at for a function that
// covers it.
const maxSeen = 64

// function returns the function of a module at an RVA, none where there is none,
// as the outline of the module does but without the walk that takes. ok is false
// where the index, which may be nil, cannot tell.
func (x *Index) function(ms *modStream, rva uint32) (fn codeOffset, ok bool) {
	if x == nil || x.nameless {
		return codeOffset{}, false
	}
	run, ok := x.Find(rva)
	if !ok {
		return codeOffset{}, false
	}
	last := run.First + run.Count - 1
	linked := x.addrs[last] + run.Displacement
	seen := 0 // functions of the module
	for i := last; seen < maxOverlap && i >= 0 && x.together(x.addrs[i], linked); i-- {
		if last-i == maxSeen {
			return codeOffset{}, false
		}
		if fn.end != 0 && x.addrs[i] != linked-fn.off {
			break
		}
		if int(x.mods[i]) != ms.num {
			continue
		}
		at, is, covers := ms.functionAt(x.recs[i], linked-x.addrs[i])
		switch {
		case covers && at.end == 0:
			return codeOffset{}, false
		case covers: // of several at one address the first counts
			fn = codeOffset{function: at, off: linked - x.addrs[i]}
		}
		if is {
			seen++
		}
	}
	return fn, true
}

// functionAt looks at the record at rec: whether it is a function, and has code
// so many bytes from its beginning. It has no end where it does not say rightly
// where that is.
func (ms *modStream) functionAt(rec, off uint32) (fn function, is, covers bool) {
	b, err := codeview.RecordAt(ms.s, rec)
	if err != nil || !isFunction(Kind(u16(b, 2))) {
		return function{}, false, false
	}
	at, ok := placeOf(b)
	if !ok || off >= at.size {
		return function{}, ok, false
	}
	end := u32(b, endField)
	if end <= rec || end >= ms.symbols.End || codeview.RecordHead > ms.symbols.End-end {
		return function{}, true, true
	}
	if b, err = ms.s.View(end, codeview.RecordHead); err != nil || !Kind(u16(b, 2)).closes() {
		end = 0
	}
	return function{rec: rec, end: end}, true, true
}
