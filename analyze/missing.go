package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/unwind"
)

// MissingKind is what is missing.
type MissingKind uint8

// The kinds.
const (
	MissingSymbols   MissingKind = iota // the symbols of a module, mostly its PDB
	MissingImage                        // the image of a module, which a walk needs
	MissingMemory                       // memory that was not saved or is paged out
	MissingRegisters                    // registers of the thread
	MissingRecord                       // what the target does not tell at all
)

// String returns the kind in a word.
func (k MissingKind) String() string {
	words := []string{"symbols", "image", "memory", "registers", "record"}
	if int(k) < len(words) {
		return words[k]
	}
	return fmt.Sprintf("MissingKind(%d)", uint8(k))
}

// Missing is what would say more.
type Missing struct {
	Kind   MissingKind
	Module string // whose it is, "" of memory and registers
	File   string // name of the file wanted, where that is known
	Key    string // and its key in symbol stores
	Why    string // what cannot be said without it
	// Next is what to do, and How where to; zero where nothing is known.
	Next, How identify.Step
	Err       error // why it is missing; nil where that is all
}

// String says what is missing, what for and where to get it.
func (m Missing) String() string {
	text := m.what()
	if m.Why != "" {
		text += ": " + m.Why
	}
	if m.Err != nil {
		text += ": " + firstLine(m.Err)
	}
	if next := m.Next.String(); next != "" {
		text += "; " + next
	}
	if how := m.How.String(); how != "" {
		text += " (" + how + ")"
	}
	return text
}

func (m Missing) what() string {
	file := m.File
	if m.Key != "" {
		file += " " + m.Key
	}
	switch m.Kind {
	case MissingSymbols:
		if file == "" {
			return "the symbols of " + m.Module
		}
		return file + ", the symbols of " + m.Module
	case MissingImage:
		if file == "" {
			return "the image of " + m.Module
		}
		return file + ", the image of " + m.Module
	}
	return m.Kind.String()
}

// missing lists what would say more, the first modules by blame first.
func (a *analysis) missing(ctx context.Context) {
	if a.Kind == KindNone {
		a.lack(Missing{Kind: MissingRecord, Why: "the target tells of no bug check and no exception: the thread is the one it lists first"})
	}
	if a.Thread.Err != nil {
		a.lack(Missing{Kind: MissingRegisters, Why: "without them there is no stack", Err: a.Thread.Err})
	}
	if k := a.target.Kernel(); k != nil && a.Info.Process == "" {
		_, err := k.CurrentProcess()
		a.lack(Missing{Kind: MissingRecord, Why: "the process is not known", Err: a.target.Explain(err)})
	}
	if i := a.userFrame(); i >= 0 {
		a.lack(Missing{Kind: MissingRecord, Why: fmt.Sprintf("from frame %d on the stack is that of a process, whose modules are known with --process %x", i, a.Info.PID)})
	}
	for i := range a.Modules {
		if m := &a.Modules[i]; m.report != nil && !m.report.Loaded() {
			a.symbols(ctx, m)
		}
	}
	for i := range a.Frames {
		a.needed(ctx, a.Frames[i].Lacks, "its unwind data would prove frames")
	}
	if a.Thread.Err == nil {
		a.needed(ctx, a.End, "its unwind data lead on to the callers")
	}
}

// userFrame returns the first frame of the user stack of a kernel target whose user
// modules were not asked for, or -1.
func (a *analysis) userFrame() int {
	if a.target.Kernel() == nil || a.target.View() != nil || a.Info.PID == 0 {
		return -1
	}
	return slices.IndexFunc(a.Frames, func(f stack.Frame) bool { return f.Module == nil && f.PC>>(a.Bits-1) == 0 })
}

// lack adds what is missing, or another reason to what was known to be.
func (a *analysis) lack(m Missing) {
	for i := range a.Missing {
		known := &a.Missing[i]
		if m.Kind == MissingRecord || known.Kind != m.Kind || known.Module != m.Module {
			continue
		}
		if !strings.Contains(known.Why, m.Why) {
			known.Why += ", " + m.Why
		}
		return
	}
	a.Missing = append(a.Missing, m)
}

// symbols says which file has the symbols of a module, or leads to them.
func (a *analysis) symbols(ctx context.Context, m *Module) {
	r := m.report
	why := plural(m.Frames, "frame") + " without its name"
	if m.Frames > 1 {
		why = plural(m.Frames, "frame") + " without names"
	}
	if r.Carried() {
		why = plural(m.Frames, "frame") + " named by the symbols of the image alone"
	}
	next, how := identify.NextAfter(r, a.opts.Path)
	switch r.Next.Kind {
	case identify.StepAppendImage:
		a.image(ctx, m.Name, why+": it names the PDB")
	case identify.StepAppendPDB:
		a.lack(Missing{Kind: MissingSymbols, Module: m.Name, File: r.Next.File, Key: r.Next.PDB.Key(), Why: why, Next: differs(next, r.Next), How: how})
	default:
		a.lack(Missing{Kind: MissingSymbols, Module: m.Name, Why: why, Next: next, How: how, Err: r.NoPDB})
	}
}

// differs returns the step unless it says no more than which file is missing.
func differs(next, said identify.Step) identify.Step {
	if next == said {
		return identify.Step{}
	}
	return next
}

// image says which image is missing.
func (a *analysis) image(ctx context.Context, module, why string) {
	out := Missing{Kind: MissingImage, Module: module, Why: why}
	facts, err := a.target.Session().Identify(ctx, module)
	if err != nil {
		out.Err = err
		a.lack(out)
		return
	}
	if q := facts.ImageQueries(); len(q) > 0 {
		out.File, out.Key = q[0].File, q[0].ID.Key()
	}
	step := identify.Step{Kind: identify.StepAppendImage, Image: out.File, Fields: facts.Fields}
	next, how := identify.NextAfter(&symres.Report{Module: facts.Module, Next: step}, a.opts.Path)
	out.Next, out.How = differs(next, step), how
	a.lack(out)
}

// needed takes what a walk could not read: a page of an image, for which a copy of the
// image does, or memory.
func (a *analysis) needed(ctx context.Context, err error, why string) {
	fault, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		return
	}
	m := a.moduleAt(fault.Addr)
	if m == nil {
		a.lack(Missing{Kind: MissingMemory, Why: "the stack goes on in it", Err: fault})
		return
	}
	for i := range a.Missing {
		if k := &a.Missing[i]; k.Kind == MissingImage && k.Module == m.Name {
			a.lack(Missing{Kind: MissingImage, Module: m.Name, Why: why})
			return
		}
	}
	a.image(ctx, m.Name, why)
}

// moduleAt is the module on the stack that has the address.
func (a *analysis) moduleAt(addr uint64) *unwind.Module {
	for i := range a.Frames {
		if m := a.Frames[i].Module; m != nil && addr-m.Base < uint64(m.Size) {
			return m
		}
	}
	return nil
}
