// Package pdblocals finds the parameters and local variables of functions by the
// private symbols of a PDB: which of them can be named at an address, in which
// registers or at which addresses they are there, and of what type they are.
package pdblocals

import (
	"fmt"
	"iter"
	"slices"

	"github.com/symres/symres/internal/register"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// Locals are the variables of the functions of one PDB. It implements
// [symbols.Locals], and is of use until the PDB is closed.
type Locals struct{ file *pdb.File }

// New returns the variables that a PDB knows of.
func New(f *pdb.File) Locals { return Locals{f} }

var _ symbols.Locals = Locals{}

// Variables implements [symbols.Locals]. Errors are those of [pdb.File.Locals].
//
// Of optimised code Microsoft's compilers write older records too, which claim one
// place for the whole function: where newer records know the variable, they count.
func (l Locals) Variables(f *symbols.StackFrame) iter.Seq2[symbols.Variable, error] {
	return func(yield func(symbols.Variable, error) bool) {
		if f.Module == nil {
			return
		}
		q := query{file: l.file, frame: f, rva: f.RVA()}
		list, failed := q.inScope()
		left := q.parameters(list)
		for i := range list {
			v := &list[i]
			if v.Fixed && known(list, v) {
				continue
			}
			found := q.variable(v)
			if v.Fixed && v.Depth == 0 && !v.Block && left > 0 { // parameters come first
				found.Param, left = true, left-1
			}
			if !yield(found, nil) {
				return
			}
		}
		if failed != nil {
			yield(symbols.Variable{}, failed)
		}
	}
}

// maxVariables bounds the variables at one address.
const maxVariables = 1 << 12

// inScope returns the variables that can be named.
func (q *query) inScope() (list []pdb.Variable, err error) {
	if q.proc, q.hasProc, err = q.file.FrameRecords().FrameProcAt(q.rva); err != nil {
		return nil, err
	}
	for v, failed := range q.file.Locals(q.rva) {
		switch {
		case failed != nil:
			err = failed
		case len(list) == maxVariables:
			return list, fmt.Errorf("more than %d variables: %w", maxVariables, symbols.ErrLimit)
		case v.InScope(q.rva):
			list = append(list, v)
		}
	}
	return list, err
}

// known reports whether a newer record knows a variable.
func known(list []pdb.Variable, old *pdb.Variable) bool {
	return slices.ContainsFunc(list, func(v pdb.Variable) bool {
		return !v.Fixed && v.Name == old.Name && v.Type == old.Type && v.Depth == old.Depth
	})
}

// parameters returns how many parameters the function has, of which older records
// do not say that they are some.
func (q *query) parameters(list []pdb.Variable) (n int) {
	t, err := q.file.Type(q.proc.Type)
	if err != nil || !q.hasProc {
		return 0
	}
	for p, err := range t.Params() {
		if err != nil || n == maxVariables {
			return 0
		}
		if p.Basic() != pdb.BasicNone { // "..."
			n++
		}
	}
	if t.Kind() == pdb.TypeMethod && slices.ContainsFunc(list, func(v pdb.Variable) bool { return v.Name == "this" && v.Depth == 0 }) {
		n++
	}
	return n
}

// query asks for the variables of one frame.
type query struct {
	file    *pdb.File
	frame   *symbols.StackFrame
	rva     uint32
	proc    pdb.FrameProc
	hasProc bool
}

// variable finds where a variable is.
func (q *query) variable(v *pdb.Variable) symbols.Variable {
	word := uint64(8)
	if !register.Wide(q.frame.Machine) {
		word = 4
	}
	found := symbols.Variable{Name: v.Name, Param: v.Flags&pdb.VariableParameter != 0, Depth: v.Depth, Type: valueType(q.file, v.Type, word)}
	for l := range v.At(q.rva) {
		if p := q.piece(&l, found.Param); !has(found.Pieces, &p) {
			found.Pieces = append(found.Pieces, p)
		}
	}
	if len(found.Pieces) == 0 {
		found.Err = symbols.ErrOptimizedOut
	}
	return found
}

// has reports whether there is a piece of those bytes already, which is known if
// p is. Compilers write several records for one place.
func has(list []symbols.Piece, p *symbols.Piece) bool {
	for i := range list {
		if old := &list[i]; old.At == p.At && old.Size == p.Size {
			if old.Err != nil && p.Err == nil {
				*old = *p
			}
			return true
		}
	}
	return false
}

// piece finds what a location says.
func (q *query) piece(l *pdb.Location, param bool) symbols.Piece {
	p := symbols.Piece{At: l.PartAt}
	r, err := place{}, error(symbols.ErrPlace)
	switch l.Place {
	case pdb.PlaceRegister:
		if r, err = registerOf(q.frame.Machine, l.Register); err == nil {
			q.inRegister(&p, r, l.Part)
			return p
		}
	case pdb.PlaceRegisterPlus:
		r, err = registerOf(q.frame.Machine, l.Register)
		if l.Whole && q.frame.Machine == unwind.X86 && r.Index == unwind.RegESP {
			// For the whole function it means esp as it was at the beginning.
			r, err = registerOf(unwind.X86, cvVFrame)
		}
	case pdb.PlaceFrame:
		r, err = q.base(param)
	}
	if err != nil {
		p.Err = err
		return p
	}
	q.inMemory(&p, r, l)
	return p
}

// inRegister is what a register has of a variable: of a part of one as much as
// the register has room for.
func (q *query) inRegister(p *symbols.Piece, r place, part bool) {
	p.Place = "@" + r.Name
	if part {
		p.Size = uint32(r.Size)
	}
	if p.Value = r.bytes(&q.frame.Context); p.Value == nil {
		p.Err = fmt.Errorf("%s: %w", r.Name, symbols.ErrNotSaved)
	}
}

// inMemory is where in memory a variable is. That it is there all the time holds
// for the body of the function.
func (q *query) inMemory(p *symbols.Piece, r place, l *pdb.Location) {
	p.Place = fmt.Sprintf("@%s%+#x", r.Name, l.Offset)
	if r.special == plain && (l.Whole && !q.inBody() || q.left(r)) {
		p.Err = symbols.ErrNoFrame
		return
	}
	base, ok := r.address(q.frame)
	switch {
	case !ok && r.special != plain:
		p.Err = symbols.ErrNoBase
		return
	case !ok:
		p.Err = fmt.Errorf("%s: %w", r.Name, symbols.ErrNotSaved)
		return
	}
	p.InMemory, p.Address = true, base+uint64(int64(l.Offset))
	if !register.Wide(q.frame.Machine) {
		p.Address &= 1<<32 - 1
	}
}

// inBody reports whether the function has its frame: where it has called another
// one, and between prologue and epilogue.
func (q *query) inBody() bool {
	at := q.rva - q.proc.RVA
	return !q.hasProc || q.frame.UnwoundToCall || at >= q.proc.BodyStart && (q.proc.BodyEnd == 0 || at <= q.proc.BodyEnd)
}

// left reports whether the function may have taken down what is counted from the
// register: it is about to return, and the frame does not have its size any more.
func (q *query) left(r place) bool {
	f := q.frame
	size := uint64(q.proc.Frame) + uint64(q.proc.SavedRegs)
	switch {
	case !f.Leaving:
		return false
	case f.Machine == unwind.X86:
		return r.Index != unwind.RegEBP || f.ReturnAt == 0 || f.Int[unwind.RegEBP] != f.ReturnAt-4
	case f.Machine == unwind.X64:
		size += 8 // the return address
	}
	return !q.hasProc || f.CFA == 0 || f.SP()+size != f.CFA
}

// base returns the register that the function counts its variables from.
func (q *query) base(param bool) (place, error) {
	base := pdb.FrameBaseNone
	if q.hasProc {
		base = q.proc.Base(param)
	}
	switch m := q.frame.Machine; {
	case m == unwind.X86 && base == pdb.FrameBaseNone: // ebp, or what it would be
		return named("ebp", virtualEBP), nil
	case m == unwind.X86:
		return registerOf(m, [...]uint16{pdb.FrameBaseStack: cvVFrame, pdb.FrameBasePointer: 22, pdb.FrameBaseOther: 20}[base])
	case m == unwind.X64 && base != pdb.FrameBaseNone:
		return registerOf(m, [...]uint16{pdb.FrameBaseStack: 335, pdb.FrameBasePointer: 334, pdb.FrameBaseOther: 341}[base])
	case m == unwind.ARM64 && (base == pdb.FrameBaseStack || base == pdb.FrameBasePointer):
		return registerOf(m, [...]uint16{pdb.FrameBaseStack: 81, pdb.FrameBasePointer: 79}[base])
	}
	return place{}, symbols.ErrPlace
}
