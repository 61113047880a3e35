package pdb

import (
	"iter"
	"slices"
)

// Symbols enumerates functions and variables the way Microsoft's debuggers
// list them: every private function, every variable and thread-local variable
// that is no part of a function, and every public whose address has none of
// these. Functions that were folded together are all listed. Kind tells where
// a symbol is from. Privates come first, by module; publics last.
//
// Damage is reported as by [File.Procs].
func (f *File) Symbols() iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) {
		var taken []addrKey
		on := true
		keep := func(s Symbol, err error) bool {
			if err == nil && (s.Kind.IsProc() || s.Kind.IsData()) {
				taken = append(taken, makeKey(s.Segment, s.Offset))
			} else if err == nil && !s.Kind.IsThreadLocal() {
				return true
			}
			on = yield(s, err)
			return on
		}
		f.Procs()(keep)
		if on {
			f.Globals()(keep)
		}
		if !on {
			return
		}
		slices.Sort(taken)
		for s, err := range f.Publics() {
			if err == nil {
				if _, ok := slices.BinarySearch(taken, makeKey(s.Segment, s.Offset)); ok {
					continue
				}
			}
			if !yield(s, err) {
				return
			}
		}
	}
}
