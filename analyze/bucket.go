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
// code differs between machines and counts only where there is no other.
func bucketOf(r *Result) Bucket {
	parts := []string{what(r)}
	list := callers(r)
	if r.Code == stackOverflow && len(list) > 0 {
		parts = append(parts, list...)
	} else {
		place, offset, own := faultPlace(r)
		if own || len(list) == 0 {
			place += offset
		}
		if place != "" {
			parts = append(parts, place)
		}
		parts = append(parts, list...)
	}
	text := strings.Join(parts, " < ")
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

// faultPlace is where the fault is: the function and the offset in it, and whether
// that is of neither the system nor a runtime. It is "" where no address is told.
func faultPlace(r *Result) (place, offset string, own bool) {
	for i := range r.Frames {
		if f := &r.Frames[i]; f.PC == r.Fault.Address || r.Fault.Address == 0 && i == 0 {
			place, offset = site(r, f, true)
			return place, offset, !nobodys(f)
		}
	}
	p := &r.Place
	own = !systemModule(p.Module) && !runtimeFunction(p.Symbol)
	switch {
	case p.Kind != PlaceModule && p.Kind != PlaceUnloaded:
		return "", "", false
	case p.Symbol != "" && p.Proof >= symres.ProofImage:
		return strings.ToLower(p.Module) + "!" + p.Symbol, plus(uint64(p.Displacement)), own
	}
	return build(p.Module, p.stamp), plus(r.Fault.Address - p.base), own
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
		place, offset := site(r, f, false)
		if times[place+offset]++; times[place+offset] == 1 && !overflow || times[place+offset] == 2 && overflow {
			list = append(list, place+offset)
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

// site is the function of a frame and the offset in it: by its name where that is
// proven, else by offsets in this build of the module, where exactly or only the
// function counts.
func site(r *Result, f *stack.Frame, exactly bool) (place, offset string) {
	if f.Named() && f.Location.Proof >= symres.ProofImage {
		if exactly {
			offset = plus(uint64(f.Displacement()))
		}
		return strings.ToLower(f.ModuleName()) + "!" + f.Location.Name, offset
	}
	place = build(f.ModuleName(), r.stampOf(f))
	switch {
	case f.Module != nil && !exactly && f.Function != 0:
		return place, plus(f.Function - f.Module.Base)
	case f.Module != nil:
		return place, plus(f.PC - f.Module.Base)
	case f.Unloaded != nil:
		return place, plus(f.PC - f.Unloaded.Base)
	}
	return "", "" // an address that is in nothing says nothing
}

// build names a build of a module by its time stamp: offsets are those of one build.
func build(module string, stamp uint32) string {
	if stamp == 0 {
		return strings.ToLower(module)
	}
	return fmt.Sprintf("%s@%08x", strings.ToLower(module), stamp)
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

func plus(d uint64) string { return fmt.Sprintf("+%x", d) }
