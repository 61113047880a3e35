package target

import (
	"context"
	"iter"
	"slices"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/unwind"
)

// Stacks is for callers that have their own registers, or that allow a walk to
// guess. It is closed with the target.
func (t *Target) Stacks() *stack.Stacks { return t.stacks }

// Stack walks the stack of a thread: what package unwind yields, with the
// modules of the session, whose images are read from the target or, where a
// page is out, from the copies identification takes. If the walk of a kernel
// stack ends before user mode, it continues with the registers that the thread
// entered the kernel with, in the memory of its process. After the 64-bit stack
// of a 32-bit thread comes its 32-bit stack. The user modules of a kernel
// target are those of Options.Process.
//
// A thread without registers has no frames; the error is its Err. A thread that
// the caller makes needs only a Context, see [unwind.ParseContext].
func (t *Target) Stack(ctx context.Context, th Thread) iter.Seq2[unwind.Frame, error] {
	if th.Err != nil {
		return failing[unwind.Frame](th.Err)
	}
	cfg := t.stacks.In(t.memoryOf(ctx, th))
	r := &rest{target: t, thread: th, memory: cfg.Memory}
	cfg.Continue = r.next
	return unwind.Walk(ctx, cfg, th.Context)
}

// memoryOf is the memory the thread saw.
func (t *Target) memoryOf(ctx context.Context, th Thread) memsource.Source {
	k := t.Kernel()
	at := th.Attached
	if k == nil || at == 0 || t.view != nil && t.view.Process().Address == at {
		return t.Memory()
	}
	if p, err := k.ProcessAt(at); err == nil {
		if v, err := k.View(p); err == nil {
			return memsource.Bind(ctx, v.Memory())
		}
	}
	return t.Memory() // the kernel's part of it is the same
}

// rest is what a walk goes on with when it comes to an end: the user stack
// behind the kernel's, then the 32-bit one behind that.
type rest struct {
	target *Target
	thread Thread
	memory memsource.Source
	user   bool // the user stack was begun here
	wow    bool // as was the 32-bit one
}

// next is for Config.Continue.
func (r *rest) next(last *unwind.Frame, reason error) (unwind.Context, bool) {
	if k := r.target.Kernel(); k != nil && !r.user && last.PC>>(k.Bits()-1) == 1 {
		r.user = true
		if u, err := k.UserRegisters(r.thread.Address); err == nil {
			c := unwind.Context{Machine: unwind.Machine(k.Machine()), PC: u.IP}
			c.SetSP(u.SP)
			fp := map[unwind.Machine]int{unwind.X64: unwind.RegRBP, unwind.X86: unwind.RegEBP}[c.Machine]
			c.Int[fp], c.KnownInt = u.FP, c.KnownInt|1<<fp
			return c, true
		}
	}
	if r.wow || r.thread.TEB == 0 || last.Machine != unwind.X64 || !r.target.hasWOW64() {
		return unwind.Context{}, false
	}
	r.wow = true
	c, err := unwind.WOW64Context(r.memory, r.thread.TEB)
	return c, err == nil
}

// hasWOW64 reports whether the modules are those of a 32-bit process of a 64-bit
// system. In others the place of the 32-bit registers is the program's own.
func (t *Target) hasWOW64() bool {
	return slices.ContainsFunc(t.session.Modules(), func(r *symres.Report) bool { return r.Module.Called("wow64cpu") })
}
