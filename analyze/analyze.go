package analyze

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// Options say how much is done. The zero value does everything.
type Options struct {
	// Depth is how many frames are found at most; 0: all.
	Depth int
	// Symbols and Images are where copies are looked for to compare code in memory
	// with. If both are nil it is along the paths of the session, which fetches
	// images from servers that the stack does not need.
	Symbols, Images sympath.Store
	// NoCompare compares no code.
	NoCompare bool
	// Path is the step to suggest for the symbol path, see [identify.PathStep].
	// Zero: none is suggested.
	Path identify.Step
}

// Kind is what made a target stop.
type Kind uint8

// The kinds.
const (
	KindNone      Kind = iota // nothing that the target tells of
	KindBugCheck              // a bug check of the kernel
	KindException             // an exception of a process
)

// String returns the word of the JSON contract.
func (k Kind) String() string {
	switch k {
	case KindBugCheck:
		return "bugcheck"
	case KindException:
		return "exception"
	}
	return "none"
}

// Parameter is a parameter of a bug check or exception.
type Parameter struct {
	Value   uint64
	Meaning string // in words; "" where it is not known
}

// Result is what happened in a target. It may be kept when the target is closed. Zero
// fields are unknown.
type Result struct {
	Kind       Kind
	Code       uint32
	Name       string // DRIVER_IRQL_NOT_LESS_OR_EQUAL, STATUS_ACCESS_VIOLATION
	Title      string // in words, "access violation"; "" where the name says all that is known
	Parameters []Parameter

	// Fault is the instruction that failed and what it did, with what the exception
	// record in memory adds.
	Fault target.Fault
	// Place is where that instruction is, and Accessed what is at Fault.Target.
	// Zero where no address is told.
	Place, Accessed Place

	Info    target.Info
	Machine unwind.Machine
	Bits    int // width of addresses

	Thread    target.Thread // whose stack it is; what its registers are from is in Origin
	Processor int           // that ran the thread, -1 where it is not known

	Frames []stack.Frame
	End    error // why the walk did not come to the end of the stack

	Culprit *Culprit // nil if there is no frame but of the system's own code
	Modules []Module // those on the stack, by blame
	Bucket  Bucket

	Missing  []Missing // what would say more, and where to get it
	Warnings []Warning // what may make the answer wrong
}

// Where is the place of the fault: that of the instruction where an address is told,
// else that of the first frame. It is the zero Place where there is neither.
func (r *Result) Where() Place {
	if r.Fault.Address != 0 || len(r.Frames) == 0 {
		return r.Place
	}
	f := &r.Frames[0]
	p := Place{Kind: PlaceUnknown, Module: f.ModuleName(), Symbol: f.Location.Name, Displacement: f.Displacement(), Proof: f.Proof()}
	switch {
	case f.Module != nil:
		p.Kind = PlaceModule
	case f.Unloaded != nil:
		p.Kind = PlaceUnloaded
	}
	if n := len(f.Location.Frames); n > 0 {
		p.Line = f.Location.Frames[n-1]
	}
	return p
}

// ia64 is Itanium, whose stacks are not walked.
const ia64 unwind.Machine = 0x200

// MachineName names the machine, such as "x64", by its number where its stacks cannot
// be walked. It is "" where the machine is not known.
func (r *Result) MachineName() string {
	switch r.Machine {
	case unwind.X86, unwind.X64, unwind.ARM, unwind.ARM64:
		return r.Machine.String()
	case ia64:
		return "ia64"
	case 0:
		return ""
	}
	return fmt.Sprintf("machine 0x%04x", uint16(r.Machine))
}

// Version is the version of the system, such as "10.0.19045 Service Pack 1"; "" where
// it is not known. It is the target's text.
func (r *Result) Version() string {
	i, text := &r.Info, ""
	switch {
	case i.Major != 0 || i.Minor != 0:
		text = fmt.Sprintf("%d.%d.%d", i.Major, i.Minor, i.Build)
	case i.Build != 0:
		text = fmt.Sprintf("build %d", i.Build)
	}
	if text != "" && i.ServicePack != "" {
		text += " "
	}
	return text + i.ServicePack
}

// analysis is one run.
type analysis struct {
	*Result
	target  *target.Target
	opts    Options
	threads []target.Thread // of a minidump
}

// Run analyzes a target. The result is there whenever the error is nil, whatever
// could not be read; the error is that of the context. It is safe for concurrent use
// with other uses of the target.
func Run(ctx context.Context, t *target.Target, o Options) (*Result, error) {
	a := &analysis{Result: &Result{Machine: unwind.Machine(t.Machine()), Bits: t.Bits(), Processor: -1}, target: t, opts: o}
	a.findThread(ctx)
	if a.Machine == 0 {
		a.Machine = a.Thread.Context.Machine
	}
	a.whatHappened()
	a.walk(ctx)
	a.Info = t.Info()
	a.places(ctx)
	a.Culprit = a.culprit()
	a.Modules = a.blame()
	a.compare(ctx)
	a.Bucket = bucketOf(a.Result)
	a.missing(ctx)
	a.warn()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return a.Result, nil
}

// maxThreads is how many threads of a minidump are looked at for stacks that an
// address may be in.
const maxThreads = 1 << 12

// findThread finds the thread that the target lists first: it crashed, or ran.
func (a *analysis) findThread(ctx context.Context) {
	found := false
	for th, err := range a.target.Threads(ctx) {
		if err != nil {
			if !found {
				a.Thread.Err = errors.Join(a.Thread.Err, err)
			}
			continue
		}
		if !found {
			found, a.Thread = true, th
		}
		if a.threads = append(a.threads, th); a.target.Kind() != target.KindMinidump || len(a.threads) == maxThreads {
			break
		}
	}
	a.Processor = a.processor()
}

// processor is the number of the one that ran the thread.
func (a *analysis) processor() int {
	k := a.target.Kernel()
	if k == nil || !a.Thread.Running || a.Thread.Address == 0 {
		return -1
	}
	for p, err := range k.Processors() {
		if err == nil && p.Thread == a.Thread.Address {
			return p.Number
		}
	}
	return -1
}

// walk finds the frames.
func (a *analysis) walk(ctx context.Context) {
	a.Frames, a.End = a.target.Frames(ctx, a.Thread, target.FrameOptions{Depth: a.opts.Depth})
}
