package analyze

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// PlaceKind is what is at an address.
type PlaceKind uint8

// The kinds.
const (
	PlaceUnknown  PlaceKind = iota // the target does not tell
	PlaceModule                    // a module
	PlaceUnloaded                  // where a module was that was unloaded
	PlaceNull                      // the first 64 KB: a null pointer, and an offset from it
	PlaceStack                     // the stack of a thread
	PlaceGuard                     // the guard page of a stack, or the part below it
	PlaceRegion                    // memory that the target tells of, see Region
	PlaceNothing                   // no memory is there
	PlaceInvalid                   // no address at all
)

// String returns the word of the JSON contract.
func (k PlaceKind) String() string {
	words := []string{"unknown", "module", "unloaded", "null", "stack", "guard", "region", "nothing", "invalid"}
	if int(k) < len(words) {
		return words[k]
	}
	return fmt.Sprintf("PlaceKind(%d)", uint8(k))
}

// Place is what is at an address.
type Place struct {
	Kind         PlaceKind
	Module       string // of a module, loaded or unloaded
	Symbol       string // of a module whose symbols are loaded
	Displacement int64  // from the symbol, or the base of the module
	Proof        symres.Proof
	Line         symres.Frame  // the source line, where it is known
	Thread       uint32        // whose stack it is
	Region       target.Region // zero where the target tells of none
	// Lacks says why the memory cannot be read; nil if it can. It wraps a
	// [*memsource.Fault].
	Lacks error
	// Note is what the address itself tells, such as that it is a pattern of freed
	// memory.
	Note string

	base   uint64        // of the module
	stamp  uint32        // its time stamp
	source symres.Source // of the symbol
}

// String says in words what is there, "" for a place that is unknown. Names in it
// are the target's.
func (p Place) String() string {
	switch p.Kind {
	case PlaceModule:
		return p.name()
	case PlaceUnloaded:
		return fmt.Sprintf("%s: where %s was, which is unloaded", p.name(), p.Module)
	case PlaceNull:
		if p.Displacement == 0 {
			return "a null pointer"
		}
		return fmt.Sprintf("the null page, %#x bytes from a null pointer", p.Displacement)
	case PlaceStack:
		return fmt.Sprintf("the stack of thread %x", p.Thread)
	case PlaceGuard:
		return fmt.Sprintf("below the stack of thread %x, where its guard page is", p.Thread)
	case PlaceRegion:
		return region(&p.Region)
	case PlaceNothing:
		return "no memory is there"
	case PlaceInvalid:
		return "not an address of this machine"
	}
	return ""
}

// Name is the module or symbol, as debuggers name places; "" for other places.
func (p Place) Name() string {
	if p.Module == "" {
		return ""
	}
	return p.name()
}

func (p Place) name() string {
	name, d, sign := p.Module, p.Displacement, "+"
	if p.Kind == PlaceUnloaded {
		name = "<Unloaded_" + name + ">"
	}
	if p.Symbol != "" {
		name += "!" + p.Symbol
	}
	if d < 0 {
		d, sign = -d, "-"
	}
	if d == 0 && p.Symbol != "" {
		return name
	}
	return fmt.Sprintf("%s%s%#x", name, sign, uint64(d))
}

// region describes memory.
func region(r *target.Region) string {
	text := "memory"
	for _, word := range []string{r.Type, r.State} {
		if word != "" && word != "committed" {
			text = word + " " + text
		}
	}
	if r.Guard {
		text = "a guard page of " + text
	}
	if r.Protection != "" {
		text += ", " + r.Protection
	}
	if about := r.File + r.Note; about != "" {
		text += ", " + about
	}
	return text + " (" + r.From + ")"
}

// places finds out where the instruction is and what is at the address accessed.
func (a *analysis) places(ctx context.Context) {
	if a.Fault.Address != 0 {
		a.Place = a.at(ctx, a.Fault.Address, true)
	}
	if a.Fault.Access != "" {
		a.Accessed = a.at(ctx, a.Fault.Target, false)
	}
}

// nullPages is how much from address 0 on Windows gives to nobody.
const nullPages = 0x10000

// at says what is at an address. The symbols of a module are loaded for the place
// of an instruction; for other addresses those that are there are used.
func (a *analysis) at(ctx context.Context, addr uint64, code bool) Place {
	p := Place{Note: pattern(addr, a.Bits)}
	if m := a.target.Memory(); m != nil {
		_, p.Lacks = memsource.U8(memsource.Bind(ctx, m), addr)
	}
	if a.inModule(ctx, &p, addr, code) {
		return p
	}
	if addr < nullPages {
		p.Kind, p.Displacement = PlaceNull, int64(addr)
		return p
	}
	if a.inUnloaded(&p, addr) || a.inStack(&p, addr) {
		return p
	}
	r, err := a.target.Region(a.Thread, addr)
	switch {
	case err == nil:
		p.Kind, p.Region = PlaceRegion, r
	case errors.Is(p.Lacks, memsource.ErrNonCanonical) || a.Bits == 64 && !canonical(addr) && a.Machine == unwind.X64:
		p.Kind = PlaceInvalid
	case errors.Is(err, memsource.ErrNotMapped) || errors.Is(p.Lacks, memsource.ErrNotMapped):
		p.Kind = PlaceNothing
	}
	return p
}

// canonical reports whether an x64 processor takes the address: the highest 8 bits
// are equal, with page tables of 5 levels as without.
func canonical(addr uint64) bool { return int64(addr)<<7>>7 == int64(addr) }

// inModule looks among the modules.
func (a *analysis) inModule(ctx context.Context, p *Place, addr uint64, code bool) bool {
	for _, r := range a.target.Session().Modules() {
		if !r.Module.Contains(addr) {
			continue
		}
		p.Kind, p.Module, p.Displacement, p.base = PlaceModule, r.Module.Name, int64(addr-r.Module.Base), r.Module.Base
		p.stamp = r.TimeDateStamp()
		if !code && r.Status == symres.StatusDeferred {
			return true
		}
		l, err := a.target.Session().Resolve(ctx, addr)
		if err != nil || l.Name == "" {
			return true
		}
		p.Symbol, p.Displacement, p.Proof, p.source = l.Name, int64(l.Displacement), l.Proof, l.Source
		if n := len(l.Frames); n > 0 {
			p.Line = l.Frames[n-1]
		}
		return true
	}
	return false
}

// inUnloaded looks among the modules that were unloaded.
func (a *analysis) inUnloaded(p *Place, addr uint64) bool {
	for m, err := range a.target.Unloaded() {
		if err == nil && m.Contains(addr) {
			p.Kind, p.Module, p.Displacement, p.base = PlaceUnloaded, m.Image, int64(addr-m.Base), m.Base
			p.stamp = m.TimeDateStamp
			return true
		}
	}
	return false
}

// pattern says what an address that is a pattern of a debugging allocator stands
// for: what Microsoft documents of its C runtime and heap, and measurements show.
func pattern(addr uint64, bits int) string {
	if bits == 64 && addr == 1<<64-1 {
		return "what x64 reports for an address that is not canonical: the address itself is not known"
	}
	for _, known := range []struct {
		value uint32
		means string
	}{
		{0xcdcdcdcd, "new memory of the debug heap"}, {0xdddddddd, "freed memory of the debug heap"},
		{0xfeeefeee, "freed memory of the heap"}, {0xbaadf00d, "new memory of the heap"},
		{0xcccccccc, "a local variable that was not set"}, {0xfdfdfdfd, "the bytes around memory of the debug heap"},
		{0xabababab, "the bytes behind memory of the heap"},
	} {
		const offset = 0xfff // of a field
		whole := bits == 32 || uint32(addr>>32) == known.value
		if whole && uint32(addr)&^offset == known.value&^offset {
			return fmt.Sprintf("%08x fills %s", known.value, known.means)
		}
	}
	return ""
}
