package target

import (
	"context"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
	"github.com/symres/symres/nt"
)

// GDB opens the machine behind the GDB stub at addr, HOST:PORT: its Windows
// kernel with the modules it lists or, if no kernel is found, Options.Modules.
// The machine is stopped, and stays stopped after Close. ctx is used for
// opening only.
//
// Errors wrap [ErrNoPhysical] if the stub cannot read physical memory, and
// [nt.ErrNoKernel] if no kernel was found. Other errors come from [Open] and
// from the connection.
func GDB(ctx context.Context, addr string, opts Options) (*Target, error) {
	return open(ctx, opts, func(o *opener) error { return o.openGDB(ctx, addr) })
}

func (o *opener) openGDB(ctx context.Context, addr string) error {
	c, err := gdbremote.Dial(ctx, addr, gdbremote.Config{})
	if err != nil {
		return err
	}
	o.closes(c)
	o.target.kind, o.target.stub = KindStub, c
	err = o.behindStub(ctx, c)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("GDB stub at %s: %w", addr, err)
	}
	return nil
}

// behindStub takes the kernel, or the memory for modules that were named.
func (o *opener) behindStub(ctx context.Context, c *gdbremote.Client) error {
	physical, ok := c.Physical()
	err := ErrNoPhysical
	if ok {
		var kernel *nt.Kernel
		if kernel, err = o.stubKernel(ctx, c, o.during(ctx, physical)); err == nil {
			return o.useKernel(ctx, kernel, nil)
		}
	}
	if len(o.opts.Modules) == 0 {
		return err
	}
	// The target stands still while somebody is connected.
	o.config.Memory, o.config.Machine = memsource.Cache(c, memsource.CacheOptions{}), c.Machine()
	return nil
}

// stubScan is how much memory behind a stub is read through for the kernel:
// where systems load theirs, and well below the devices of a PC.
const stubScan = 512 << 20

// stubKernel finds the kernel of the target, by reading through much memory
// only where nothing else tells what is loaded.
func (o *opener) stubKernel(ctx context.Context, c *gdbremote.Client, memory memsource.Source) (*nt.Kernel, error) {
	p, err := c.Processor(ctx)
	if err != nil {
		return nil, err
	}
	find := nt.Physical{Memory: memory, Mode: p.Mode, Root: p.Root, PCRs: p.Bases}
	if p.Mode == 0 {
		find.Mode = modeOf(c.Machine())
	}
	kernel, err := nt.FromPhysical(find)
	if err != nil && len(o.opts.Modules) == 0 && ctx.Err() == nil {
		o.opts.warn(fmt.Errorf("neither registers nor low memory lead to a kernel: reading through %d MB of memory", stubScan>>20))
		find.Scan = stubScan
		kernel, err = nt.FromPhysical(find)
	}
	return kernel, err
}
