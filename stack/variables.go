package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// Variable is a parameter or a local variable in a frame. It owns its memory and
// may be kept.
type Variable struct {
	Name, Type string // untrusted
	Param      bool
	// Function is the function that was inlined into that of the frame, if the
	// variable is one of such a function; Depth counts the functions inlined
	// around it.
	Function string
	Depth    int
	// Place says where it is: "@rcx", "@rsp+0x40"; several for a value in parts.
	Place string
	// Address is where in memory it is, if InMemory is set.
	Address  uint64
	InMemory bool
	// Known says that all of the value was read: Value, as far as it is a number,
	// pointer or the like. Text shows it by its type as kd does, and what is known
	// of one in parts.
	Known bool
	Value uint64
	Text  string
	// Proof says how well the value is proven: as well as the symbols, and as all
	// frames up to this one.
	Proof symres.Proof
	// Err says why there is no value. It wraps [symbols.ErrOptimizedOut] and the
	// like, or a [*memsource.Fault]. A structure that is somewhere has none.
	Err error
}

// maxVariables bounds the variables of a frame.
const maxVariables = 1 << 10

var errManyVariables = fmt.Errorf("more than %d variables", maxVariables)

// Variables sets the parameters and local variables of frames of one walk, from
// its first frame on. The memory is what the thread sees; next is the frame behind
// the last one, nil where there is none. A frame whose symbols cannot be read says
// so in VariablesErr; those of a module without variables are empty.
func (s *Stacks) Variables(ctx context.Context, memory memsource.Source, frames []Frame, next *unwind.Frame) {
	proof := symres.ProofExact
	for i := range frames {
		caller := next
		if i+1 < len(frames) {
			caller = &frames[i+1].Frame
		}
		f := &frames[i]
		proof = min(proof, proofFrom(f.Origin.Proof))
		f.VariablesErr = s.variables(ctx, memory, f, caller, proof)
	}
}

// variables sets the variables of a frame, whose registers are proven as said.
func (s *Stacks) variables(ctx context.Context, memory memsource.Source, f *Frame, caller *unwind.Frame, proof symres.Proof) error {
	if f.Module == nil {
		return nil
	}
	locals, known, err := s.session.Locals(ctx, f.Module.Name)
	switch {
	case err != nil && f.Err != nil: // which says it already
		return nil
	case err != nil:
		return err
	}
	r := &reader{stacks: s, ctx: ctx, memory: memory, modules: s.modules(), machine: f.Machine, proof: min(proof, known)}
	for v, err := range locals.Variables(atCall(f, caller, r)) {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case len(f.Variables) >= maxVariables:
			return errManyVariables
		}
		f.Variables = append(f.Variables, r.variable(&v, f))
	}
	return nil
}

// atCall is a frame with what its caller's tells of it. What no more than a frame
// pointer tells makes the values of the reader weak.
func atCall(f *Frame, caller *unwind.Frame, r *reader) *symbols.StackFrame {
	at := &symbols.StackFrame{Frame: f.Frame, Memory: r}
	switch {
	case caller != nil && caller.Rule.Guess(): // so is where the return address was found
		at.Virtual, at.ReturnAt = 0, 0
	case f.ReturnAt != 0:
		at.CFA = f.ReturnAt + 4
	}
	if caller != nil && !caller.Rule.Guess() && caller.Rule != unwind.RuleContext {
		at.Leaving = caller.Rule == unwind.RuleEpilogue && !onFramePointer(f, at.CFA)
		if f.Machine != unwind.X86 {
			at.CFA = caller.SP()
		}
	}
	if at.CFA == 0 && r.framed(f) {
		at.CFA, r.proof = f.Int[unwind.RegEBP]+8, min(r.proof, symres.ProofWeak)
	}
	return at
}

// onFramePointer reports whether EBP is still what the function made of it: the place
// of its caller's, right in front of the return address.
func onFramePointer(f *Frame, cfa uint64) bool {
	return f.Machine == unwind.X86 && f.KnownInt>>unwind.RegEBP&1 != 0 && cfa != 0 && f.Int[unwind.RegEBP]+8 == cfa
}

// framed reports whether a function of x86 began by making a frame pointer, which it
// then has until it returns: push ebp; mov ebp,esp.
func (r *reader) framed(f *Frame) bool {
	const length = 3
	if f.Machine != unwind.X86 || f.KnownInt>>unwind.RegEBP&1 == 0 || !f.Named() || f.Displacement() < length {
		return false
	}
	code := make([]byte, length)
	err := memsource.ReadFull(r, code, f.PC-uint64(f.Displacement()))
	return err == nil && (string(code) == "\x55\x89\xe5" || string(code) == "\x55\x8b\xec")
}

// reader reads values. It belongs to the variables of one frame, and is the memory
// the thread sees with the pages of images that are out.
type reader struct {
	stacks  *Stacks
	ctx     context.Context
	memory  memsource.Source
	modules modules
	machine unwind.Machine
	proof   symres.Proof
	weakest symres.Proof // of what the current value was read from
}

// ReadMemory implements [memsource.Source].
func (r *reader) ReadMemory(buf []byte, addr uint64) (n int, err error) {
	err = memsource.NewFault(memsource.ReasonNotMapped, addr, uint64(len(buf)))
	if r.memory != nil {
		n, err = memsource.Bind(r.ctx, r.memory).ReadMemory(buf, addr)
	}
	for err != nil && r.ctx.Err() == nil {
		m, at := r.modules.Module(addr+uint64(n)), addr+uint64(n)
		if m == nil {
			break
		}
		k := min(len(buf)-n, int(pageSize-at%pageSize), int(m.Base+uint64(m.Size)-at))
		from, copied := m.Image.ReadImage(r.ctx, buf[n:n+k], uint32(at-m.Base))
		if copied != nil {
			break
		}
		r.weakest = min(r.weakest, proofFrom(from.Proof))
		if n += k; n == len(buf) {
			return n, nil
		}
	}
	return n, err
}

// variable reads the value of a variable.
func (r *reader) variable(v *symbols.Variable, f *Frame) Variable {
	out := Variable{Name: v.Name, Type: v.Type.Name, Param: v.Param, Depth: v.Depth, Err: v.Err}
	if n := len(f.Location.Frames); v.Depth > 0 && v.Depth < n {
		out.Function = f.Location.Frames[n-1-v.Depth].Function
	}
	r.weakest = r.proof
	switch {
	case len(v.Pieces) == 1 && v.Pieces[0].At == 0 && (v.Pieces[0].Size == 0 || uint64(v.Pieces[0].Size) >= v.Type.Size):
		r.whole(&out, &v.Type, &v.Pieces[0])
	case len(v.Pieces) > 0:
		r.parts(&out, &v.Type, v.Pieces)
	}
	out.Proof = r.weakest
	return out
}

// whole reads a variable that is in one place.
func (r *reader) whole(out *Variable, t *symbols.ValueType, p *symbols.Piece) {
	out.Place, out.Address, out.InMemory, out.Err = p.Place, p.Address, p.InMemory, p.Err
	size := int(min(t.Size, 8))
	switch {
	case p.Err != nil:
	case p.InMemory && !scalar(t):
		out.Text = r.aggregate(t, p.Address)
	case p.InMemory:
		b := make([]byte, size)
		if out.Err = memsource.ReadFull(r, b, p.Address); out.Err == nil {
			r.show(out, t, b)
		}
	case len(p.Value) < size || t.Size > 8 || size == 0:
		out.Text = fmt.Sprintf("{+0x0: %s}", bytesText(p.Value))
	default:
		r.show(out, t, p.Value[:size])
	}
}

// scalar reports whether values of a type are numbers or the like.
func scalar(t *symbols.ValueType) bool {
	return t.Form != symbols.FormOther && t.Form != symbols.FormArray && t.Size > 0 && t.Size <= 8
}

const (
	maxParts   = 32 // pieces of a variable that are shown
	maxPart    = 16 // bytes of one
	maxInParts = 64 // bytes of a variable that is put together
)

// parts reads a variable that was taken apart: as one, if all of it is known.
func (r *reader) parts(out *Variable, t *symbols.ValueType, pieces []symbols.Piece) {
	var places, texts []string
	whole, known := make([]byte, min(t.Size, maxInParts)), 0
	for i := range pieces {
		p := &pieces[i]
		places = append(places, p.Place)
		b, err := r.part(p, t)
		if err != nil {
			texts = append(texts, fmt.Sprintf("+%#x: <%s>", p.At, reason(err)))
			continue
		}
		texts = append(texts, fmt.Sprintf("+%#x: %s", p.At, bytesText(b)))
		if int(p.At) < len(whole) {
			known += copy(whole[p.At:], b)
		}
		if i+1 == maxParts && i+1 < len(pieces) {
			texts = append(texts, fmt.Sprintf("%d more", len(pieces)-maxParts))
			break
		}
	}
	out.Place = strings.Join(places, ", ")
	if scalar(t) && known == len(whole) {
		r.show(out, t, whole)
		return
	}
	out.Text = "{" + strings.Join(texts, ", ") + "}"
}

// part reads one piece.
func (r *reader) part(p *symbols.Piece, t *symbols.ValueType) ([]byte, error) {
	size := uint64(p.Size)
	if rest := t.Size - min(t.Size, uint64(p.At)); size == 0 || size > rest {
		size = rest
	}
	b := make([]byte, min(size, maxPart))
	switch {
	case p.Err != nil:
		return nil, p.Err
	case p.InMemory && p.Size == 0: // a part whose type nobody tells
		b = b[:min(len(b), 4)]
		return b, memsource.ReadFull(r, b, p.Address)
	case p.InMemory:
		return b, memsource.ReadFull(r, b, p.Address)
	}
	return b[:copy(b, p.Value)], nil
}

// Kind returns "parameter" or "local".
func (v *Variable) Kind() string {
	if v.Param {
		return "parameter"
	}
	return "local"
}

// status is why there is no value, in the words of JSON; "" where there is one.
func (v *Variable) status() string {
	switch {
	case v.Err == nil:
		return ""
	case errors.Is(v.Err, symbols.ErrOptimizedOut):
		return "optimised out"
	case errors.Is(v.Err, symbols.ErrNotSaved):
		return "not saved"
	case errors.Is(v.Err, symbols.ErrNoFrame), errors.Is(v.Err, symbols.ErrNoBase):
		return "no frame"
	case errors.Is(v.Err, symbols.ErrPlace):
		return "unknown place"
	}
	return "unreadable"
}

// String returns the variable with its value as kd's dv shows it: "int a = 0n28",
// "const char* s = 0x00403000 \"file\"", "int y = <optimised out>". What is in it is
// the target's text.
func (v *Variable) String() string {
	value := v.Text
	switch {
	case v.Err != nil:
		value = "<" + reason(v.Err) + ">"
	case v.InMemory && !v.Known && value == "":
		value = "at " + hexaddr.Addr(v.Address)
	case v.InMemory && !v.Known:
		value = "at " + hexaddr.Addr(v.Address) + " " + value
	}
	return strings.TrimSpace(v.Type+" "+v.Name) + " = " + value
}

// reason is in a few words why a value is not known.
func reason(err error) string {
	if errors.Is(err, symbols.ErrOptimizedOut) {
		return symbols.ErrOptimizedOut.Error()
	}
	return "not known: " + strings.TrimSuffix(firstLine(err), ".")
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
