package pdb

import (
	"iter"

	"github.com/symres/symres/internal/codeview"
)

// Range is a piece of code.
type Range struct {
	RVA  uint32
	Size uint32 // bytes
}

// Contains reports whether an RVA lies in the range.
func (r Range) Contains(rva uint32) bool { return rva >= r.RVA && rva-r.RVA < r.Size }

// Place says how the place of a variable is given.
type Place uint8

// Places of variables.
const (
	PlaceUnknown      Place = iota // by a program only, which is not run
	PlaceRegister                  // in Register
	PlaceFrame                     // Offset bytes from what FrameProc.Base names
	PlaceRegisterPlus              // Offset bytes from the value of Register
)

// Location is where a variable is, or a part of it, while the code of some
// ranges runs.
type Location struct {
	Place    Place
	Register uint16 // number of CodeView for the machine of the image (cvconst.h)
	Offset   int32
	Part     bool   // a part of the variable only
	PartAt   uint32 // where in the variable the part begins, in bytes
	Whole    bool   // Ranges are those of the scope, prologue and epilogue among them
	Ranges   []Range
}

// Flags of a [Variable] (cvinfo.h, CV_LVARFLAGS).
const (
	VariableParameter    = 1
	VariableOptimizedOut = 0x100
)

// Variable is a parameter or a local variable of a function, or of one that
// was inlined into it. It does not depend on the File.
type Variable struct {
	Name      string
	Type      uint32 // type index
	Flags     uint16 // VariableParameter and so on; 0 in the forms that say nothing
	Depth     int    // functions that were inlined around it: 0 of the function itself
	Block     bool   // of a block in its function
	Fixed     bool   // of an older record (S_REGREL32 and so on), which has one place for the whole scope
	Scope     []Range
	Locations []Location // none: it is nowhere, or nobody knows where
}

// At returns where the variable is while the code at an RVA runs, a location
// for each part of it, none where it is nowhere.
func (v Variable) At(rva uint32) iter.Seq[Location] {
	return func(yield func(Location) bool) {
		for _, l := range v.Locations {
			if contains(l.Ranges, rva) && !yield(l) {
				return
			}
		}
	}
}

// InScope reports whether the variable can be named in the code at an RVA.
func (v Variable) InScope(rva uint32) bool { return contains(v.Scope, rva) }

func contains(list []Range, rva uint32) bool {
	for _, r := range list {
		if r.Contains(rva) {
			return true
		}
	}
	return false
}

// Locals enumerates the parameters and local variables of the function at an
// RVA and of the functions inlined into it, in the order of their records.
// InScope is set for those that are in scope at the RVA. Static variables are
// not included, because they have an address.
//
// A damaged record gives an error, satisfying errors.Is(err, [ErrFormat]), in
// the end; an error of reading ends the sequence.
func (f *File) Locals(rva uint32) iter.Seq2[Variable, error] {
	return granted(f, f.msf.Work.Point(), func(yield func(Variable, error) bool) error {
		sec, err := f.layout()
		if err != nil {
			return err
		}
		fn, ok, err := f.functionAt(rva)
		if err != nil || !ok {
			return err
		}
		r, err := fn.ms.body(fn.function)
		if err != nil {
			return err
		}
		w := localWalk{recordWalk: r, sec: sec, fn: fn.at}
		for w.next() {
			if !yield(w.v, nil) {
				return nil
			}
		}
		return w.Err
	})
}

// localWalk walks the variables of a function. It belongs to one goroutine.
type localWalk struct {
	recordWalk
	sec    *sections
	fn     codeRange
	scopes []codeScope
	v      Variable // the current one
	has    bool     // v was begun
	ahead  bool     // the current record is still to be taken
	over   bool     // the function has ended
}

// codeScope is a function, block or inline site that is open.
type codeScope struct {
	ranges []Range
	depth  int // of inlined functions
	block  bool
}

// next moves to the next variable: a record that begins one, and those behind
// it that say where it is.
func (w *localWalk) next() bool {
	w.v, w.has = Variable{}, false
	for !w.over && (w.ahead || w.Step()) {
		w.ahead = false
		kind := w.kind()
		if l, ok := parseLocation(w.Rec, w); ok {
			if w.has {
				w.v.Locations = append(w.v.Locations, l)
			}
			continue
		}
		if w.has {
			w.ahead = true
			return true
		}
		switch {
		case kind.closes():
			if len(w.scopes) > 0 {
				w.scopes = w.scopes[:len(w.scopes)-1]
			}
			w.over = len(w.scopes) == 0
		case kind.opens():
			w.scopes = append(w.scopes, w.scopeOf(kind))
		default:
			w.v, w.has = w.variable()
		}
	}
	return w.has
}

// scopeOf returns the code of the scope the current record opens.
func (w *localWalk) scopeOf(kind Kind) codeScope {
	s := codeScope{depth: w.scope().depth, block: len(w.scopes) > 0}
	if kind != kindInlineSite && kind != kindInlineSite2 {
		if at, ok := codeOf(w.Rec); ok {
			s.ranges = w.ranges(nil, at)
		}
		return s
	}
	s.depth, s.block = s.depth+1, false
	if head := siteHead(w.Rec); len(w.Rec) >= head {
		for a := codeview.RunAnnotations(w.Rec[head:]); a.Step(); {
			if a.Out.Chunk == 0 {
				s.ranges = w.ranges(s.ranges, makeRange(w.fn.seg, w.fn.off+a.Out.Start, a.Out.End-a.Out.Start))
			}
		}
	}
	return s
}

// ranges appends a piece of code, if it is in the image.
func (w *localWalk) ranges(list []Range, at codeRange) []Range {
	if rva, ok := w.sec.rva(at.seg, at.off); ok {
		list = append(list, Range{RVA: rva, Size: at.size})
	}
	return list
}

// scope returns the innermost open scope.
func (w *localWalk) scope() codeScope {
	if len(w.scopes) == 0 {
		return codeScope{}
	}
	return w.scopes[len(w.scopes)-1]
}

// variable reads a record that begins a variable.
func (w *localWalk) variable() (v Variable, ok bool) {
	f, ok := localForm(w.kind())
	if !ok || len(w.Rec) < f.name {
		return Variable{}, false
	}
	name, ok := localName(w.Rec, f)
	s := w.scope()
	v = Variable{Name: string(name), Type: u32(w.Rec, f.typ), Scope: s.ranges, Depth: s.depth, Block: s.block, Fixed: f.place != PlaceUnknown}
	if f.flags != 0 {
		v.Flags = u16(w.Rec, f.flags)
	}
	if f.place != PlaceUnknown {
		l := Location{Place: f.place, Whole: true, Ranges: s.ranges}
		if f.reg != 0 {
			l.Register = u16(w.Rec, f.reg)
		}
		if f.off != 0 {
			l.Offset = int32(u32(w.Rec, f.off))
		}
		v.Locations = []Location{l}
	}
	return v, ok
}

// localRecord says where the fields of a record that begins a variable lie; 0
// is a field it does not have (cvinfo.h).
type localRecord struct {
	typ, flags, reg, off, name int
	place                      Place // PlaceUnknown: records behind it tell
	old                        bool  // its name has a length byte
}

// Kinds of records that begin a variable.
const (
	kindLocal      Kind = 0x113E
	kindFileStatic Kind = 0x1153
	kindRegRel32   Kind = 0x1111
	kindBPRel32    Kind = 0x110B
	kindRegister   Kind = 0x1106
	kindRegRel32ST Kind = 0x100D
	kindBPRel32ST  Kind = 0x1006
	kindRegisterST Kind = 0x1001
)

func localForm(k Kind) (f localRecord, ok bool) {
	switch k {
	case kindLocal:
		return localRecord{typ: 4, flags: 8, name: 10}, true
	case kindFileStatic:
		return localRecord{typ: 4, flags: 12, name: 14}, true
	case kindRegRel32, kindRegRel32ST:
		return localRecord{off: 4, typ: 8, reg: 12, name: 14, place: PlaceRegisterPlus, old: k == kindRegRel32ST}, true
	case kindBPRel32, kindBPRel32ST:
		return localRecord{off: 4, typ: 8, name: 12, place: PlaceFrame, old: k == kindBPRel32ST}, true
	case kindRegister, kindRegisterST:
		return localRecord{typ: 4, reg: 8, name: 10, place: PlaceRegister, old: k == kindRegisterST}, true
	}
	return localRecord{}, false
}

func localName(rec []byte, f localRecord) ([]byte, bool) {
	if !f.old {
		return codeview.UntilNUL(rec[f.name:]), true
	}
	if len(rec) == f.name || int(rec[f.name]) >= len(rec)-f.name {
		return nil, false
	}
	return rec[f.name+1:][:rec[f.name]], true
}

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
		l.Whole, l.Ranges = true, w.scope().ranges
		return l, true
	}
	code := makeRange(u16(rec, at+4), u32(rec, at), uint32(u16(rec, at+6)))
	l.Ranges = w.withoutGaps(code, rec[at+rangeSize:])
	return l, true
}

// withoutGaps returns the pieces of a range between its gaps, which count from
// its start.
func (w *localWalk) withoutGaps(code codeRange, gaps []byte) (list []Range) {
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

func (w *localWalk) piece(list []Range, code codeRange, from, to uint32) []Range {
	if from >= to {
		return list
	}
	return w.ranges(list, codeRange{off: code.off + from, size: to - from, seg: code.seg})
}
