package symbols

import (
	"cmp"
	"iter"
	"slices"
)

// Function is the bounds of code, in RVAs.
type Function struct {
	Start, End uint32
	Parent     uint32 // where the function this code belongs to begins
}

// Bounds knows where functions begin and end.
type Bounds interface {
	Table
	// Below returns the function that begins at or below rva, which may end
	// before it; false where there is none.
	Below(rva uint32) (Function, bool, error)
}

// Set answers from several tables as from one. Its fields are set before it is
// used; then it is safe for concurrent use.
type Set struct {
	Image  *Image
	Tables []Table // the best first, without the bounds
	Bounds Bounds  // nil where nobody knows any
}

// Nearest returns the symbols that name an address: those of the best table
// whose function holds it, or else those nearest below it in its section, the
// best first. None lies in front of the beginning of the function that
// holds the address; where no table has a name for that, it is called after its
// RVA. Sizes that the tables do not know are those of the bounds. A symbol
// behind the address is the function it belongs to, which has parts.
//
// The error is that of a table that could not be asked; the others answered.
func (s *Set) Nearest(rva uint32) (near []Symbol, failed error) {
	f, inside, failed := s.function(rva)
	for _, t := range s.Tables {
		list, err := t.Nearest(rva)
		failed = cmp.Or(failed, err)
		if len(list) == 0 || inside && list[0].RVA < f.Start || !s.together(list[0].RVA, rva) {
			continue
		}
		if near = better(near, list); list[0].holds(rva) {
			break
		}
	}
	if len(near) == 0 && inside {
		near, failed = s.parent(f, failed)
	}
	for i := range near {
		s.measure(&near[i])
	}
	return near, failed
}

// holds reports whether an address is known to lie in the symbol.
func (s *Symbol) holds(rva uint32) bool { return s.Size != 0 && rva-s.RVA < s.Size }

// better joins the symbols of two tables, of which the first is the better one.
func better(near, list []Symbol) []Symbol {
	switch {
	case len(near) == 0 || near[0].RVA < list[0].RVA:
		return list
	case near[0].RVA > list[0].RVA:
		return near
	}
	return append(near[:len(near):len(near)], list...)
}

// function is the function that holds rva, as far as that is known.
func (s *Set) function(rva uint32) (Function, bool, error) {
	if s.Bounds == nil {
		return Function{}, false, nil
	}
	f, ok, err := s.Bounds.Below(rva)
	return f, ok && rva < f.End, err
}

// together reports whether two addresses lie in one section.
func (s *Set) together(a, b uint32) bool { return s.Image.SectionOf(a) == s.Image.SectionOf(b) }

// parent is the names of the function that code belongs to.
func (s *Set) parent(f Function, failed error) ([]Symbol, error) {
	if f.Parent != f.Start {
		for _, t := range s.Tables {
			list, err := t.Nearest(f.Parent)
			failed = cmp.Or(failed, err)
			if len(list) > 0 && list[0].RVA == f.Parent {
				return list, failed
			}
		}
	}
	list, err := s.Bounds.Nearest(f.Start)
	return list, cmp.Or(failed, err)
}

// measure tells the size of a function where its table does not.
func (s *Set) measure(sym *Symbol) {
	if sym.Size != 0 || !sym.Code {
		return
	}
	if f, ok, _ := s.function(sym.RVA); ok {
		sym.Size = f.End - sym.RVA
	}
}

// All yields the symbols of all tables, the best table first. What two tables
// call the same at one address is yielded once. Functions without a name are not
// among them. An error that wraps [ErrLimit] ends more symbols than an image can have.
func (s *Set) All() iter.Seq2[Symbol, error] {
	type key struct {
		rva  uint32
		name string
	}
	return func(yield func(Symbol, error) bool) {
		seen, left := map[key]bool{}, s.Image.most()
		for i, t := range s.Tables {
			for sym, err := range t.All() {
				if err == nil && len(s.Tables) > 1 && sym.Forwarder == "" {
					k := key{sym.RVA, sym.Display()}
					if seen[k] {
						continue
					}
					if i < len(s.Tables)-1 {
						seen[k] = true
					}
				}
				if err == nil {
					s.measure(&sym)
				}
				if left--; left < 0 {
					yield(Symbol{}, errCut())
					return
				}
				if !yield(sym, err) {
					return
				}
			}
		}
	}
}

// Named returns the symbols of that raw name, those of the best table that has it.
func (s *Set) Named(raw string) (found []Symbol, failed error) {
	for _, t := range s.Tables {
		list, err := t.Named(raw)
		if len(list) > 0 {
			for i := range list {
				s.measure(&list[i])
			}
			return list, nil
		}
		failed = cmp.Or(failed, err)
	}
	return nil, failed
}

// HasLines reports whether a table knows source lines.
func (s *Set) HasLines() bool {
	return slices.ContainsFunc(s.Tables, func(t Table) bool {
		_, ok := t.(Lines)
		return ok
	})
}

// Frames returns the functions and lines of an address, from the best table that
// knows them.
func (s *Set) Frames(rva uint32) (frames []Frame, failed error) {
	for _, t := range s.Tables {
		if l, ok := t.(Lines); ok {
			list, err := l.Frames(rva)
			if len(list) > 0 {
				return list, err
			}
			failed = cmp.Or(failed, err)
		}
	}
	return nil, failed
}

// LineAddresses returns the code of a line, from the best table that has some.
func (s *Set) LineAddresses(file string, line uint32) (found []Line, failed error) {
	for _, t := range s.Tables {
		if l, ok := t.(Lines); ok {
			list, err := l.LineAddresses(file, line)
			if len(list) > 0 {
				return list, err
			}
			failed = cmp.Or(failed, err)
		}
	}
	return nil, failed
}

// Variables implements [Locals], by the best table that knows any.
func (s *Set) Variables(f *StackFrame) iter.Seq2[Variable, error] {
	return func(yield func(Variable, error) bool) {
		for _, t := range s.Tables {
			l, ok := t.(Locals)
			if !ok {
				continue
			}
			known := false
			for v, err := range l.Variables(f) {
				if known = true; !yield(v, err) {
					return
				}
			}
			if known {
				return
			}
		}
	}
}
