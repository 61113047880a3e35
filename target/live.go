package target

import (
	"context"
	"path"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/process"
)

// Live opens a running process on this machine by its ID: on Windows, or under
// Wine on Linux. The process keeps running; only [Target.Threads] stops it for
// a moment. Errors are returned as by [process.Open].
func Live(ctx context.Context, pid int, opts Options) (*Target, error) {
	return open(ctx, opts, func(o *opener) error {
		o.target.kind = KindProcess
		p, err := process.Open(pid)
		if err != nil {
			return err
		}
		o.closes(p)
		o.target.live, o.target.pid, o.config.Memory = p, uint32(pid), p
		if opts.NoModules {
			return nil
		}
		return o.findImages(ctx, p)
	})
}

// findImages takes the images whose headers are in the memory of the process.
func (o *opener) findImages(ctx context.Context, p *process.Process) error {
	var all []process.Region
	for r, err := range p.Regions() {
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	for i, r := range all {
		if m, ok := processModule(ctx, p, r, all[i:]); ok {
			o.target.modules = append(o.target.modules, m)
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
		Image: fileName(r.Path), Path: r.Path, Base: r.Addr, Size: roundUp(uint64(image.SizeOfImage)), SizeOfImage: image.SizeOfImage,
		TimeDateStamp: image.TimeDateStamp, CheckSum: image.CheckSum, Origin: "memory of the process",
	}
	if cv := image.CodeView; m.Image == "" && cv != nil {
		name := fileName(cv.Path)
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
