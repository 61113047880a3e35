package cli

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
	"github.com/symres/symres/memsource/process"
	"github.com/symres/symres/nt"
)

// openGDB takes the memory behind a GDB stub: the Windows kernel in it and what
// that says is loaded, or, where there is none, what the user says.
func (o *opener) openGDB(ctx context.Context) error {
	c, err := gdbremote.Dial(ctx, o.opts.gdb, gdbremote.Config{})
	if err != nil {
		return unusable(err)
	}
	o.target.closers = append(o.target.closers, c)
	kernel, err := o.behindStub(ctx, c)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		err = o.useKernel(ctx, kernel, nil)
	case o.named:
		// The target stands still while somebody is connected.
		o.config.Memory, o.config.Machine = memsource.Cache(c, memsource.CacheOptions{}), c.Machine()
		return nil
	}
	if err != nil {
		err = unusable(fmt.Errorf("GDB stub at %s: %w", o.opts.gdb, err))
	}
	return err
}

// stubScan is how much memory behind a stub is read through for the kernel:
// where systems load theirs, and well below the devices of a PC.
const stubScan = 512 << 20

// behindStub finds the kernel of the target, by reading through much memory
// only where nothing else tells what is loaded.
func (o *opener) behindStub(ctx context.Context, c *gdbremote.Client) (*nt.Kernel, error) {
	memory, ok := c.Physical()
	if !ok {
		return nil, errors.New("it reads no physical memory, so that a kernel cannot be looked for: " +
			"say what is loaded with --module NAME=BASE,SIZE, or let QEMU's own stub (-gdb) serve the guest")
	}
	p, err := c.Processor(ctx)
	if err != nil {
		return nil, err
	}
	find := nt.Physical{Memory: memsource.Bind(ctx, memory), Mode: p.Mode, Root: p.Root, PCRs: p.Bases}
	if p.Mode == 0 {
		find.Mode = modeOf(c.Machine())
	}
	kernel, err := nt.FromPhysical(find)
	if err != nil && !o.named && ctx.Err() == nil {
		o.console.warn("neither registers nor low memory lead to a kernel: reading through %d MB of memory", stubScan>>20)
		find.Scan = stubScan
		kernel, err = nt.FromPhysical(find)
	}
	if err != nil {
		err = fmt.Errorf("%w; stop the guest while it runs in the kernel, say what is loaded with --module NAME=BASE,SIZE, "+
			"or write its memory to a file (dump-guest-memory) and give --dump FILE", err)
	}
	return kernel, err
}

// openLive takes a process of this machine.
func (o *opener) openLive(ctx context.Context) error {
	p, err := process.Open(o.opts.pid)
	if err != nil {
		return unusable(err)
	}
	o.target.closers = append(o.target.closers, p)
	o.config.Memory = p
	var all []process.Region
	for r, err := range p.Regions() {
		if err != nil {
			return unusable(err)
		}
		all = append(all, r)
	}
	for i, r := range all {
		if m, ok := processModule(ctx, p, r, all[i:]); ok {
			o.modules = append(o.modules, m)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// allocation is the grain of Windows address spaces, and Wine's: an image
// begins at a multiple of it.
const allocation = 0x10000

// processModule returns the image whose header is at the beginning of a region;
// rest are the regions from there on. A file that was mapped to be looked at
// has a header too, but no code. Images that Wine had to lay out itself are in
// no file, as far as the system knows: their PDB names them.
func processModule(ctx context.Context, p *process.Process, r process.Region, rest []process.Region) (symres.Module, bool) {
	if !r.Read || r.Addr%allocation != 0 || r.Offset != 0 {
		return symres.Module{}, false
	}
	if mz, err := memsource.U16(p, r.Addr); err != nil || mz != 'M'|'Z'<<8 {
		return symres.Module{}, false
	}
	image, err := symres.ReadImage(ctx, p, r.Addr)
	if err != nil || !executes(rest, r.Addr, uint64(image.SizeOfImage)) {
		return symres.Module{}, false
	}
	m := symres.Module{
		Image: lastPart(r.Path), Path: r.Path, Base: r.Addr, Size: roundUp(uint64(image.SizeOfImage)), SizeOfImage: image.SizeOfImage,
		TimeDateStamp: image.TimeDateStamp, CheckSum: image.CheckSum, Origin: "memory of the process",
	}
	if cv := image.CodeView; m.Image == "" && cv != nil {
		name := lastPart(cv.Path)
		m.Name = symres.ModuleName(name[:len(name)-len(path.Ext(name))])
	}
	return m, true
}

// executes reports whether there is code in the size bytes at base.
func executes(regions []process.Region, base, size uint64) bool {
	for _, r := range regions {
		if r.Addr-base >= size {
			return false
		}
		if r.Exec {
			return true
		}
	}
	return false
}
