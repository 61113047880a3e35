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
	return f.sequence(func(visit visitor) error {
		var taken []addrKey
		keep := func(s *Symbol, err error) bool {
			if err == nil && (s.Kind.IsProc() || s.Kind.IsData()) {
				taken = append(taken, makeKey(s.Segment, s.Offset))
			} else if err == nil && !s.Kind.IsThreadLocal() {
				return true
			}
			return visit(s, err)
		}
		if on, err := f.eachProc(Part{N: 1}, keep); !on || err != nil {
			return err
		}
		g, err := f.loadGlobals()
		if err != nil {
			return err
		}
		if on, err := f.eachOf(&g.names, keep); !on || err != nil {
			return err
		}
		p, err := f.loadPublics()
		if err != nil {
			return err
		}
		sec, err := f.placer()
		if err != nil {
			return err
		}
		slices.Sort(taken)
		_, err = f.eachOf(&p.names, func(s *Symbol, err error) bool {
			if err == nil && sec.has(s.Segment) {
				if _, private := slices.BinarySearch(taken, makeKey(s.Segment, s.Offset)); private {
					return true
				}
			}
			return visit(s, err)
		})
		return err
	})
}
