package cli

import (
	"context"
	"errors"
	"path"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
	"github.com/symres/symres/memsource/process"
)

// openGDB takes the memory behind a GDB stub. What is loaded there is for the
// user to say.
func (o *opener) openGDB(ctx context.Context) error {
	if !o.named {
		return usage(errors.New("--gdb gives memory, and no list of modules: add --module NAME=BASE,SIZE"))
	}
	c, err := gdbremote.Dial(ctx, o.opts.gdb, gdbremote.Config{})
	if err != nil {
		return unusable(err)
	}
	o.target.closers = append(o.target.closers, c)
	// The target stands still while somebody is connected.
	o.config.Memory, o.config.Machine = memsource.Cache(c, memsource.CacheOptions{}), c.Machine()
	return nil
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
