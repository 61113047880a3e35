package analyze

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/ntstatus"
	"github.com/symres/symres/stack"
)

// Bucket groups dumps of one fault.
type Bucket struct {
	// Hash has 16 hex digits. It is equal for dumps of one fault in one build of the
	// code, wherever that was loaded.
	Hash string
	// Signature is what was hashed: the code and the kind of access, the place of the
	// fault, and the functions on the way to it that are of neither the system nor a
	// runtime. Names in it are the target's.
	Signature string
}

// bucketFrames is how many callers count: the walks of two dumps of one fault need
// not come equally far.
const bucketFrames = 4

const stackOverflow = 0xc00000fd

// bucketOf takes what is proven. Of the place of the fault the offset counts, so that
// two faults of one function differ; of its callers the functions. The system's own
// code differs between machines: where it failed on behalf of others no more than its
// function or module counts.
func bucketOf(r *Result) Bucket {
	parts := []string{what(r)}
	list := callers(r)
	place, own := faultPlace(r)
	switch {
	case place.name == "" || r.Code == stackOverflow && len(list) > 0:
	case own || len(list) == 0:
		parts = append(parts, place.String())
	default:
		parts = append(parts, place.name)
	}
	text := strings.Join(append(parts, list...), " < ")
	sum := sha256.Sum256([]byte(text))
	return Bucket{hex.EncodeToString(sum[:8]), text}
}

// what is the kind of the fault: codes, and what was done to memory.
func what(r *Result) string {
	text, code := r.Kind.String(), r.Code
	if r.Kind == KindBugCheck {
		code = ntstatus.Masked(code)
	}
	if r.Kind != KindNone {
		text += fmt.Sprintf(" %x", code)
	}
	if len(r.Parameters) > 0 && subcode(r) {
		text += fmt.Sprintf(".%x", r.Parameters[0].Value)
	}
	if r.Fault.Status != 0 {
		text += fmt.Sprintf(" %08x", r.Fault.Status)
	}
	if r.Fault.Access != "" {
		text += " " + string(r.Fault.Access)
	}
	return text
}

// subcode reports whether the first parameter says which fault of several it is: a
// number and no address, as its meaning tells.
func subcode(r *Result) bool {
	p := r.Parameters[0]
	return p.Value < nullPages && (strings.HasPrefix(p.Meaning, "kind of ") || strings.HasPrefix(p.Meaning, "trap: ") ||
		r.Kind == KindBugCheck && ntstatus.Distinguishes(r.Code, p.Value))
}

// faultPlace is where the fault is, and whether that is of neither the system nor a
// runtime. Its name is "" where no address is told, and for one that is in nothing.
func faultPlace(r *Result) (place site, own bool) {
	for i := range r.Frames {
		if f := &r.Frames[i]; f.PC == r.Fault.Address || r.Fault.Address == 0 && i == 0 {
			return siteOf(r, f, true), !nobodys(f)
		}
	}
	p := &r.Place
	if p.Kind != PlaceModule && p.Kind != PlaceUnloaded {
		return site{}, false
	}
	own = !systemModule(p.Module) && !runtimeFunction(p.Symbol)
	place = site{name: strings.ToLower(p.Module), stamp: p.stamp, offset: r.Fault.Address - p.base, exactly: true}
	if p.Symbol != "" && names(p.source, p.Proof) {
		place.name, place.stamp, place.offset = place.name+"!"+p.Symbol, 0, uint64(p.Displacement)
	}
	return place, own
}

// callers are the functions of the proven frames behind the fault. A function that
// is there twice counts once: how deep a recursion went is chance. So is in a stack
// overflow which of the functions that call each other was the last: those that are
// there twice count, by name.
func callers(r *Result) (list []string) {
	times := map[string]int{}
	for i := range r.Frames {
		f := &r.Frames[i]
		if f.Rule.Guess() {
			break
		}
		overflow := r.Code == stackOverflow
		if nobodys(f) || !overflow && (f.PC == r.Fault.Address || i == 0 && r.Fault.Address == 0) {
			continue
		}
		place := siteOf(r, f, false).String()
		if times[place]++; times[place] == 1 && !overflow || times[place] == 2 && overflow {
			list = append(list, place)
		}
		if len(list) == bucketFrames {
			break
		}
	}
	if r.Code == stackOverflow {
		slices.Sort(list)
	}
	return list
}

// site is a place in code: by the name of its function, or by the offset in one build
// of its module.
type site struct {
	name    string // module, or module!function
	stamp   uint32 // the time stamp of the module, where there is no function; 0: not known
	offset  uint64 // in the function or, without one, the module
	exactly bool   // the offset counts
}

// String is what counts of it, without load addresses.
func (s site) String() string {
	text := s.name
	if s.stamp != 0 {
		text += fmt.Sprintf("@%08x", s.stamp)
	}
	if s.exactly {
		text += fmt.Sprintf("+%x", s.offset)
	}
	return text
}

// siteOf is where a frame is: in its function by name where that is proven, else at an
// offset in the module, exactly or that of the function.
func siteOf(r *Result, f *stack.Frame, exactly bool) site {
	name := strings.ToLower(f.ModuleName())
	if f.Named() && names(f.Location.Source, f.Location.Proof) {
		return site{name: name + "!" + f.Location.Name, offset: uint64(f.Displacement()), exactly: exactly}
	}
	out := site{name: name, stamp: r.stampOf(f), exactly: true}
	switch {
	case f.Module != nil && !exactly && f.Function != 0:
		out.offset = f.Function - f.Module.Base
	case f.Module != nil:
		out.offset = f.PC - f.Module.Base
	case f.Unloaded != nil:
		out.offset = f.PC - f.Unloaded.Base
	}
	return out
}

// names reports whether a symbol is a proven name. What is called after its offset
// has none.
func names(from symres.Source, proof symres.Proof) bool {
	return from != symres.SourceBounds && proof >= symres.ProofImage
}

// stampOf is the time stamp of the module of a frame, 0 where it is not known.
func (r *Result) stampOf(f *stack.Frame) uint32 {
	for i := range r.Modules {
		if m := &r.Modules[i]; m.report != nil && f.Module != nil && m.base == f.Module.Base {
			return m.report.TimeDateStamp()
		}
	}
	return 0
}
