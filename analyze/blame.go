package analyze

import (
	"cmp"
	"slices"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
)

// Culprit is the first code on the way from the fault to its callers that is of
// neither the system nor a runtime: where to look first, and no more than that.
type Culprit struct {
	Frame        int // in Result.Frames; -1: it is at Result.Fault.Address, which is in no frame
	Module       string
	Unloaded     bool   // the module was unloaded
	Symbol       string // "" where it has none
	Displacement int64  // from the symbol, or the base of the module
	Line         symres.Frame
	Proof        symres.Proof // of the frame and its name
	Guess        bool         // the frame was found by guessing
}

// String names it as debuggers name places: crash!leaf+0x16. Names are the target's.
func (c *Culprit) String() string {
	p := Place{Kind: PlaceModule, Module: c.Module, Symbol: c.Symbol, Displacement: c.Displacement}
	if c.Unloaded {
		p.Kind = PlaceUnloaded
	}
	return p.name()
}

// culprit finds it. The instruction itself counts before the stack where that does
// not have it, as when a walk ended on the way through the kernel.
func (a *analysis) culprit() *Culprit {
	for i := range a.Frames {
		f := &a.Frames[i]
		if nobodys(f) {
			continue
		}
		c := &Culprit{
			Frame: i, Module: f.ModuleName(), Unloaded: f.Unloaded != nil, Symbol: f.Location.Name, Displacement: f.Displacement(),
			Proof: f.Proof(), Guess: f.Rule.Guess(),
		}
		if n := len(f.Location.Frames); n > 0 {
			c.Line = f.Location.Frames[n-1]
		}
		if c.Guess && a.blamesPlace() {
			break // the instruction is no guess
		}
		return c
	}
	if !a.blamesPlace() {
		return nil
	}
	p := &a.Place
	return &Culprit{
		Frame: -1, Module: p.Module, Unloaded: p.Kind == PlaceUnloaded, Symbol: p.Symbol, Displacement: p.Displacement, Line: p.Line,
		Proof: cmp.Or(p.Proof, symres.ProofExact),
	}
}

// blamesPlace reports whether the instruction that failed is in no frame, and of
// neither the system nor a runtime.
func (a *analysis) blamesPlace() bool {
	p := &a.Place
	if p.Kind != PlaceModule && p.Kind != PlaceUnloaded || systemModule(p.Module) || p.Symbol != "" && runtimeFunction(p.Symbol) {
		return false
	}
	for i := range a.Frames {
		if a.Frames[i].PC == a.Fault.Address {
			return false
		}
	}
	return true
}

// Module is a module on the stack.
type Module struct {
	Name     string
	Image    string // file name
	Unloaded bool
	System   bool // of the system or a runtime
	First    int  // index of its first frame
	Frames   int  // how many it has
	Status   identify.Status
	Identity symres.Identity
	Proof    symres.Proof // of its symbols
	Symbols  string       // where they are from: the location of the PDB or image
	// Verdict is what comparing its code in memory with a copy gave, and Copy the
	// location of that; "" where none was compared.
	Verdict identify.Verdict
	Copy    string

	report *symres.Report
	pages  *identify.Pages
	base   uint64
}

// blame lists the modules on the stack: that of the culprit, then those of neither
// the system nor a runtime, then the others, each by its first frame.
func (a *analysis) blame() []Module {
	byBase := map[uint64]*symres.Report{}
	for _, r := range a.target.Session().Modules() {
		byBase[r.Module.Base] = r
	}
	var list []Module
	for i := range a.Frames {
		f := &a.Frames[i]
		name := f.ModuleName()
		at := slices.IndexFunc(list, func(m Module) bool { return m.Name == name && m.Unloaded == (f.Unloaded != nil) })
		if name == "" || at >= 0 {
			if at >= 0 {
				list[at].Frames++
			}
			continue
		}
		m := Module{Name: name, Image: name, Unloaded: f.Unloaded != nil, System: systemModule(name), First: i, Frames: 1}
		if f.Module != nil {
			m.base = f.Module.Base
			m.loaded(byBase[m.base])
		}
		list = append(list, m)
	}
	slices.SortStableFunc(list, func(x, y Module) int { return cmp.Compare(a.rank(&x), a.rank(&y)) })
	return list
}

// loaded takes what a load gave.
func (m *Module) loaded(r *symres.Report) {
	if r == nil {
		return
	}
	m.report, m.Image = r, cmp.Or(r.Module.Image, m.Name)
	m.Status, m.Identity, m.Proof = r.Status, r.Identity, r.Proof
	if m.Symbols = r.PDB; r.Carried() {
		m.Symbols = r.Image
	}
}

func (a *analysis) rank(m *Module) int {
	switch {
	case a.Culprit != nil && m.Name == a.Culprit.Module && m.Unloaded == a.Culprit.Unloaded:
		return 0
	case !m.System:
		return 1
	}
	return 2
}
