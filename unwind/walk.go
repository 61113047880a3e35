package unwind

import (
	"context"
	"errors"
	"iter"

	"github.com/symres/symres/memsource"
)

// Walk walks the stack that begins with the registers of c: it yields the frame
// of c itself first, then its caller's, and so on. If the walk cannot continue,
// the last pair has an *[Error] and no frame; every other pair has a frame and
// no error. When ctx ends, the walk ends with an error that wraps the context's
// error.
//
// A frame is found, and memory and modules are read, when the frame before it
// is yielded. Walks are independent and may run concurrently.
func Walk(ctx context.Context, cfg Config, c Context) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		w := newWalker(ctx, cfg)
		w.begin(c)
		w.run(yield)
	}
}

// step is what a stepper found out about a caller.
type step struct {
	rule     Rule
	function uint64 // address where the unwound function begins, 0: not known
	exact    bool   // the caller's PC is not a return address
	switched bool   // the caller's stack may be another one
	flat     bool   // the caller's stack pointer may be the same
	slot     uint64 // address of the return address, 0: it is on no stack
	virtual  uint64 // x86: $T0 of the frame's program, 0: it has none
}

// stepper unwinds frames of one machine. One belongs to one walk and may keep
// what it needs of the frame before.
type stepper interface {
	// step takes next, which is a copy of w.frame.Context, to the caller's
	// registers. It reads through w, whose readers also keep count of whose
	// bytes were used, calls w.assume where the result rests on a guess, and
	// sets PC and SP of next always. A PC of 0 is the end of the stack. What it
	// returns as an error is wrapped by w.fail.
	step(w *walker, next *Context) (step, error)
}

// newStepper returns the stepper of m, or nil.
func newStepper(m Machine) stepper {
	switch m {
	case X64:
		return &x64{}
	case ARM64:
		return &arm64{}
	case ARM:
		return &arm{}
	case X86:
		return &x86{}
	}
	return nil
}

// walker is the state of one walk.
type walker struct {
	ctx     context.Context
	cfg     Config
	memory  memsource.Source
	cache   *Cache
	stepper stepper

	frame   Frame   // the frame whose caller is wanted
	next    Context // the caller's registers
	origin  Origin  // of what the step rests on
	begins  uint64  // where the function of the frame before begins
	repeats int     // frames of one function in a row
	work    int     // that may still be done
	lacks   error   // what the step could not read and did without

	image *image // where the last address was found
	stack window

	// What was read last and lies in no page that is kept.
	memoryBuf, imageBuf [maxRead]byte
}

func newWalker(ctx context.Context, cfg Config) *walker {
	if cfg.MaxFrames <= 0 {
		cfg.MaxFrames = DefaultMaxFrames
	}
	if cfg.MaxRepeats == 0 {
		cfg.MaxRepeats = DefaultMaxRepeats
	}
	w := &walker{ctx: ctx, cfg: cfg, cache: cfg.Cache, work: maxWork}
	if w.cache == nil {
		w.cache = &Cache{}
	}
	if cfg.Memory == nil {
		cfg.Memory = &memsource.Sparse{}
	}
	w.memory = memsource.Bind(ctx, cfg.Memory)
	return w
}

// begin makes c the frame whose caller is wanted.
func (w *walker) begin(c Context) {
	if w.stepper == nil || w.frame.Machine != c.Machine {
		w.stepper = newStepper(c.Machine)
	}
	if c.Machine == ARM {
		c.PC &^= 1 // says Thumb
	}
	w.frame.Context = c
	w.place(RuleContext, Origin{BytesTarget, ProofExact})
}

// place says where the frame is and how it was found.
func (w *walker) place(r Rule, o Origin) {
	f := &w.frame
	f.Return, f.ReturnAt, f.Virtual, f.Function, f.Module, f.Unloaded = 0, 0, 0, 0, nil, nil
	f.Rule, f.Origin, f.Lacks = r, o, nil
	if im := w.find(f.LookupPC()); im != nil {
		f.Module = im.module
		return
	}
	f.Unloaded = w.unloaded(f.LookupPC())
}

// run yields frames until the walk ends.
func (w *walker) run(yield func(Frame, error) bool) {
	for {
		s, err := w.unwind()
		w.frame.Function = s.function
		if err == nil {
			w.frame.Return, w.frame.Virtual = w.next.PC, s.virtual
		}
		if err == nil && (w.next.PC != 0 || !s.rule.Guess()) {
			w.frame.ReturnAt = s.slot
		}
		if !yield(w.frame, nil) {
			return
		}
		if err == nil && w.next.PC != 0 {
			w.advance(s)
			continue
		}
		if w.ctx.Err() == nil && w.resume(err) {
			continue
		}
		if err != nil {
			yield(Frame{}, err)
		}
		return
	}
}

// resume asks whether another stack follows.
func (w *walker) resume(reason error) bool {
	if w.cfg.Continue == nil || w.frame.Index+1 >= w.cfg.MaxFrames {
		return false
	}
	c, ok := w.cfg.Continue(&w.frame, reason)
	if !ok {
		return false
	}
	w.frame.Index++
	w.begins, w.repeats = 0, 0
	w.begin(c)
	w.frame.Lacks = reason
	return true
}

// advance makes the caller the frame.
func (w *walker) advance(s step) {
	f := &w.frame
	f.Index++
	f.Context = w.next
	f.UnwoundToCall = !s.exact
	if s.rule.Guess() {
		w.assume()
	}
	w.place(s.rule, w.origin)
	f.Lacks = w.lacks
}

// unwind finds the caller of the frame.
func (w *walker) unwind() (step, error) {
	if err := w.ctx.Err(); err != nil {
		return step{}, w.fail("stack", err)
	}
	if w.stepper == nil {
		return step{}, w.fail("registers", ErrMachine)
	}
	w.next, w.origin, w.lacks = w.frame.Context, Origin{BytesTarget, ProofExact}, nil
	s, err := w.stepper.step(w, &w.next)
	if err != nil {
		return s, w.fail("caller", err)
	}
	return s, w.check(s)
}

// check holds the caller against the bounds of a walk.
func (w *walker) check(s step) error {
	if s.function == 0 || s.function != w.begins {
		w.repeats = 0
	}
	w.begins = s.function
	w.repeats++
	switch {
	case w.next.PC == 0:
		return nil
	case !s.switched && !w.rises(s.flat):
		return w.fail("caller", ErrNoProgress)
	case w.frame.Index+1 >= w.cfg.MaxFrames:
		return w.fail("caller", ErrTooManyFrames)
	case w.cfg.MaxRepeats > 0 && w.repeats >= w.cfg.MaxRepeats:
		return w.fail("caller", ErrRecursion)
	}
	return nil
}

// rises reports whether the caller's frame is above this one. ARM leaf
// functions do not move the stack pointer. An interrupt may have come in on a
// stack of its own, and return to the thread's.
func (w *walker) rises(flat bool) bool {
	was, is := w.frame.SP(), w.next.SP()
	if is > was {
		return true
	}
	flat = flat || w.next.Machine == ARM64 || w.next.Machine == ARM
	if is == was && flat && w.next.PC != w.frame.PC {
		return true
	}
	return !w.onStack(was) && w.onStack(is)
}

// onStack reports whether addr is known to be on the thread's own stack.
func (w *walker) onStack(addr uint64) bool {
	return w.cfg.StackLow <= addr && addr < w.cfg.StackHigh
}

// unloaded returns the unloaded module that held addr, the one unloaded last.
func (w *walker) unloaded(addr uint64) *Unloaded {
	for i := range w.cfg.Unloaded {
		if u := &w.cfg.Unloaded[i]; addr-u.Base < uint64(u.Size) {
			return u
		}
	}
	return nil
}

// maxWork bounds what a walk does, in unwind codes or the like: a thousand
// honest frames take a hundredth of it.
const maxWork = 1 << 23

// slowRead is the work of a read that goes past the caches.
const slowRead = 64

// pageRead is the work of reading a page of an image.
const pageRead = 512

// spend takes n from the work that may still be done, and fails with
// ErrTooMuchWork where none is left.
func (w *walker) spend(n int) error {
	if w.work -= n; w.work < 0 {
		return ErrTooMuchWork
	}
	return nil
}

// without notes what a step has to do without.
func (w *walker) without(err error) {
	w.assume()
	w.lacks = err
}

// assume notes that the caller rests on more than bytes that were read.
func (w *walker) assume() { w.origin = w.origin.with(Origin{BytesTarget, ProofWeak}) }

// fail returns the error that ends the walk at this frame.
func (w *walker) fail(what string, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	e := &Error{PC: w.frame.PC, SP: w.frame.SP(), What: what, Err: err}
	if w.frame.Module != nil {
		e.Module = w.frame.Module.Name
	}
	return e
}
