package stack

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/symres/symres"
	"github.com/symres/symres/unwind"
)

// Frame is a frame with its name. It owns its memory and may be kept.
type Frame struct {
	unwind.Frame
	// Thread is the number of the thread, 0 where it is not known.
	Thread uint32
	// Location is what the session says of LookupPC: symbol, source line and the
	// functions that were inlined there. Its Name is empty where there is none,
	// and Err says why.
	Location symres.Location
	Err      error
	// Variables are the parameters and local variables, those of functions inlined
	// there among them, after [Stacks.Variables]; VariablesErr says why there are
	// none, or not all.
	Variables    []Variable
	VariablesErr error
}

// errNoModule is why a frame without a module has no name.
var errNoModule = errors.New("the address is in no module")

// Name names frames. The symbols of the modules they are in are loaded first,
// those of several modules at the same time, and no others. What failed is in
// the frames.
func (s *Stacks) Name(ctx context.Context, thread uint32, walked []unwind.Frame) []Frame {
	s.load(ctx, walked)
	named := make([]Frame, len(walked))
	for i := range walked {
		named[i] = s.name(ctx, thread, walked[i])
	}
	return named
}

// maxLoads is how many modules are loaded at a time.
const maxLoads = 8

// load loads the modules of frames.
func (s *Stacks) load(ctx context.Context, walked []unwind.Frame) {
	var group sync.WaitGroup
	slots := make(chan struct{}, maxLoads)
	seen := map[*unwind.Module]bool{}
	for i := range walked {
		m := walked[i].Module
		if m == nil || seen[m] {
			continue
		}
		seen[m] = true
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, _ = s.session.PDB(ctx, m.Name) // who wants a name is told the error
		})
	}
	group.Wait()
}

// name names a frame.
func (s *Stacks) name(ctx context.Context, thread uint32, walked unwind.Frame) Frame {
	f := Frame{Frame: walked, Thread: thread}
	if f.Module == nil {
		f.Err = errNoModule
		return f
	}
	f.Location, f.Err = s.session.Resolve(ctx, f.LookupPC())
	return f
}

// Named reports whether the frame has a symbol.
func (f *Frame) Named() bool { return f.Location.Name != "" }

// Displacement returns how many bytes PC is behind the symbol, or else behind
// the base of its module, loaded or unloaded; it is PC where there is none. In a
// part of a function that lies in front of it, it is negative.
func (f *Frame) Displacement() int64 {
	switch {
	case f.Named():
		return int64(f.Location.Displacement + f.PC - f.LookupPC())
	case f.Module != nil:
		return int64(f.PC - f.Module.Base)
	case f.Unloaded != nil:
		return int64(f.PC - f.Unloaded.Base)
	}
	return int64(f.PC)
}

// ModuleName returns the name of the frame's module, of that which was unloaded
// where there is none, and "" where there was none.
func (f *Frame) ModuleName() string {
	switch {
	case f.Module != nil:
		return f.Module.Name
	case f.Unloaded != nil:
		return f.Unloaded.Name
	}
	return ""
}

// Proof returns how well the frame is proven: as well as the bytes it rests on
// and, where it has a name, as the symbols that give it. Of a PC in no module
// nobody knows what is there: that is not more than weak.
func (f *Frame) Proof() symres.Proof {
	proof := proofFrom(f.Origin.Proof)
	switch {
	case f.Named():
		proof = min(proof, f.Location.Proof)
	case f.Module == nil:
		proof = min(proof, symres.ProofWeak)
	}
	return proof
}

// proofFrom is a label of package unwind in the words of the session.
func proofFrom(p unwind.Proof) symres.Proof {
	proofs := [...]symres.Proof{unwind.ProofNameOnly: symres.ProofNameOnly, unwind.ProofWeak: symres.ProofWeak,
		unwind.ProofImage: symres.ProofImage, unwind.ProofExact: symres.ProofExact}
	if int(p) < len(proofs) {
		return proofs[p]
	}
	return symres.ProofNameOnly
}

// String returns the frame as debuggers name it, such as "crash!leaf+0x16". What
// is in it is the target's text.
func (f *Frame) String() string {
	d, sign := f.Displacement(), "+"
	if d < 0 {
		d, sign = -d, "-"
	}
	switch {
	case f.Named() && d == 0:
		return f.Location.Module + "!" + f.Location.Name
	case f.Named():
		return fmt.Sprintf("%s!%s%s%#x", f.Location.Module, f.Location.Name, sign, d)
	case f.Module != nil:
		return fmt.Sprintf("%s+%#x", f.Module.Name, d)
	case f.Unloaded != nil:
		return fmt.Sprintf("<Unloaded_%s>+%#x", f.Unloaded.Name, d)
	}
	return fmt.Sprintf("%#x", f.PC)
}
