package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/symres/symres/internal/cli/frames"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/stack"
	targets "github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
	"github.com/symres/symres/vadmath"
)

// stackOptions are the flags of stack.
type stackOptions struct {
	*targetOptions
	thread  string
	context string
	depth   int
	args    bool
}

func (a *app) stackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stack",
		Aliases: []string{"k"},
		Short:   "print the stack of a thread, as k does",
		Long: "stack walks the stack of the thread that crashed, or of the first: its frames with the function, the\n" +
			"source line and what was inlined there. What the walk needs of an image is read from memory and, where\n" +
			"a page is out, from a copy along the paths that was held against the target. -v tells of each frame by\n" +
			"which rule it was found, whose bytes decided it and how well it is proven.\n\n" +
			"Threads are named by their ID, or the address of their ETHREAD: in hex, as ~ prints it, or in decimal.",
		Example: "  symres stack --dump crash.dmp\n  symres stack --dump MEMORY.DMP --sympath 'srv*DIR' --thread all",
		Args:    cobra.NoArgs,
	}
	o := &stackOptions{targetOptions: addTargetFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&o.thread, "thread", "", "the thread `ID|all` (default the one that crashed)")
	flags.StringVar(&o.context, "context", "", "the registers of the CONTEXT structure at `ADDR`, as .cxr does")
	flags.BoolVar(&o.args, "args", false, "parameters and local variables with their values, as dv does")
	flags.IntVar(&o.depth, "depth", 0, "print at most `N` frames of a stack")
	cmd.MarkFlagsMutuallyExclusive("thread", "context")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.stack(cmd, o) }
	return cmd
}

func (a *app) stack(cmd *cobra.Command, o *stackOptions) error {
	if o.depth < 0 {
		return usage(fmt.Errorf("--depth %d: want the number of frames", o.depth))
	}
	t, err := a.openTarget(cmd.Context(), cmd, o.targetOptions)
	if err != nil {
		return err
	}
	defer t.close()
	w := &stacks{teller: a.newTeller(t), opts: o}
	if o.context != "" {
		err = w.at(cmd.Context())
	} else {
		err = w.threads(cmd.Context())
	}
	if ctxErr := cmd.Context().Err(); ctxErr != nil {
		return ctxErr
	}
	w.end()
	if err == nil && w.frames == 0 {
		err = reported(exitUnusable)
	}
	return err
}

// stacks is one run of the subcommand.
type stacks struct {
	*teller
	opts   *stackOptions
	frames int // printed
	shown  int // stacks
}

// at prints the stack of the registers that stand in memory.
func (w *stacks) at(ctx context.Context) error {
	addr, err := vadmath.ParseAddr(w.opts.context)
	if err != nil {
		return usage(fmt.Errorf("--context: %w", err))
	}
	if w.target.memory == nil {
		return usage(errors.New("--context: the target has no memory"))
	}
	c, err := w.registers(ctx, addr)
	if err != nil {
		return unusable(fmt.Errorf("CONTEXT at %s: %w", vadmath.FormatAddr(addr, w.target.bits), err))
	}
	return w.show(ctx, targets.Thread{Context: c, Origin: "memory"})
}

// maxContext is the size in bytes of the largest CONTEXT, that of x64 (winnt.h).
const maxContext = 0x4d0

// registers reads a CONTEXT. What lies behind it may be out.
func (w *stacks) registers(ctx context.Context, addr uint64) (unwind.Context, error) {
	b := make([]byte, maxContext)
	n, err := memsource.Bind(ctx, w.target.memory).ReadMemory(b, addr)
	c, bad := unwind.ParseContext(unwind.Machine(w.target.Machine()), b[:n])
	if bad != nil && err != nil {
		return c, fmt.Errorf("%w; %w", bad, err)
	}
	return c, bad
}

// threads prints the stacks of the threads that were asked for.
func (w *stacks) threads(ctx context.Context) error {
	var list []targets.Thread
	var none error // why no threads are listed
	for th, err := range w.target.Threads(ctx) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, targets.ErrNoRecord) {
			none = fmt.Errorf("%w: %s", err, noThreads(w.opts.targetOptions))
			continue
		}
		if err != nil {
			w.app.report(err)
			continue
		}
		if list = append(list, th); w.opts.thread == "" {
			break
		}
	}
	if len(list) == 0 && none != nil {
		return notFound(none)
	}
	if w.opts.thread != "" && w.opts.thread != "all" {
		list = threadsNamed(list, w.opts.thread)
	}
	if len(list) == 0 {
		return notFound(errors.New(cmp.Or(missingThread(w.opts.thread), "no threads")))
	}
	for i := range list {
		if err := w.show(ctx, list[i]); err != nil {
			return err
		}
	}
	return nil
}

// noThreads says what to do about a target without threads.
func noThreads(o *targetOptions) string {
	if o.image != "" || o.pdb != "" {
		return "a file is not running; name a dump (--dump), a GDB stub (--gdb) or a process (--pid). " +
			"Try next: symres nearest ADDR, which names an address of the file"
	}
	return "nobody lists them. Try next: --context ADDR, if a CONTEXT structure is in memory, or symres nearest ADDR for one address"
}

func missingThread(name string) string {
	if name == "" || name == "all" {
		return ""
	}
	return "no thread " + name
}

// threadsNamed returns the threads of that ID or address, read as hex if there is
// such a one and else as decimal.
func threadsNamed(list []targets.Thread, name string) []targets.Thread {
	decimal := func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 32) }
	for _, parse := range []func(string) (uint64, error){vadmath.ParseAddr, decimal} {
		n, err := parse(name)
		named := func(th targets.Thread) bool {
			return th.Address == n && n != 0 || n <= math.MaxUint32 && th.ID == uint32(n)
		}
		if err != nil {
			continue
		}
		if found := slices.DeleteFunc(slices.Clone(list), func(th targets.Thread) bool { return !named(th) }); len(found) > 0 {
			return found
		}
	}
	return nil
}

// endObject is the last line of a stack whose walk ended early.
type endObject struct {
	Thread uint32 `json:"thread"`
	End    string `json:"end"`
}

// show prints the stack of a thread.
func (w *stacks) show(ctx context.Context, th targets.Thread) error {
	list, end := w.target.Frames(ctx, th, targets.FrameOptions{Depth: w.opts.depth, Args: w.opts.args})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.frames += len(list)
	w.tell(list)
	if w.console.json {
		for i := range list {
			w.console.object(list[i])
		}
		if end != nil {
			w.console.object(endObject{th.ID, end.Error()})
		}
		return w.console.failed
	}
	if w.shown++; w.opts.thread == "all" {
		w.head(&th)
	}
	text := frames.Append(nil, list, frames.Options{Proof: w.noisy, Args: w.opts.args})
	if end != nil {
		text = frames.AppendEnd(text, len(list), end)
	}
	w.console.write(text)
	return w.console.failed
}

// tell tells of the modules on a stack.
func (w *stacks) tell(list []stack.Frame) {
	for i := range list {
		f := &list[i]
		switch {
		case f.Module == nil:
		case f.Err != nil && !f.Named():
			w.failure(f.Err)
		default:
			w.module(f.Module.Name)
		}
	}
}

// head is the line before the stack of one of several threads, as ~*k and
// !process have it.
func (w *stacks) head(th *targets.Thread) {
	if w.shown > 1 {
		w.console.line("")
	}
	bits := w.target.bits
	line := fmt.Sprintf("Id: %x", th.ID)
	if th.Address != 0 {
		line = fmt.Sprintf("THREAD %s  Cid %04x", vadmath.FormatAddr(th.Address, bits), th.ID)
	}
	if th.TEB != 0 {
		line += "  Teb: " + vadmath.FormatAddr(th.TEB, bits)
	}
	if th.Running {
		line += "  RUNNING"
	}
	if th.Origin != "" {
		line += "  (" + th.Origin + ")"
	}
	w.console.line("%s", line)
}
