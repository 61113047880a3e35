package process

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// ErrNotStopped is wrapped by the error of a thread that does not stop within a
// second: one that waits in the kernel for a device.
var ErrNotStopped = errors.New("the thread does not stop")

// Thread is a thread as it was a moment ago. It is plain data.
type Thread struct {
	ID   int    // of the system; Wine gives its threads numbers of its own
	Name string // "" where it has none; untrusted

	// Registers is a CONTEXT of x64 (winnt.h), in 32-bit code as well: then SegCs
	// is 0x23 and the lower halves are the registers of x86. Those of vectors and
	// of the FPU are not in it. Nil where Err says why there are none.
	Registers []byte
	// FSBase and GSBase are where these segments begin: under Wine GS begins at the TEB of 64-bit code. Both are 0 in 32-bit code.
	FSBase, GSBase uint64
	// Err says why there are no registers. It wraps [os.ErrPermission],
	// [os.ErrProcessDone] when the thread ended, [ErrNotStopped], or
	// [errors.ErrUnsupported].
	Err error
}

// Threads yields the threads of the process with their registers. Each is
// stopped for that, one after the other and for about a millisecond, and goes on:
// its stack may change while it is read, unless the thread waits.
//
// It takes Linux on x64, the right to trace the process, and that nobody else
// traces it: a process cannot stop its own threads. Nor may this program wait for
// the process at that time, as [os/exec.Cmd.Wait] does: Linux would tell the one
// that waits of the stop, and the thread would have [ErrNotStopped]. An error for
// the list as a whole ends the sequence: ctx's own, [os.ErrProcessDone], or one
// that wraps [errors.ErrUnsupported] on other systems.
func (p *Process) Threads(ctx context.Context) iter.Seq2[Thread, error] {
	return func(yield func(Thread, error) bool) {
		ids, err := p.sys.threads()
		if err != nil {
			yield(Thread{}, fmt.Errorf("threads of process %d: %w", p.pid, err))
			return
		}
		for _, id := range ids {
			if ctx.Err() != nil {
				yield(Thread{}, ctx.Err())
				return
			}
			t := Thread{ID: id}
			if t.Err = p.sys.stopped(ctx, &t); t.Err != nil {
				t.Err = fmt.Errorf("thread %d: %w", id, t.Err)
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}
