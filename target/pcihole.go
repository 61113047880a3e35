package target

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/nt"
)

// The memory of a PC ends below 4 GB where its devices begin, and goes on at 4 GB.
// A raw image that has one right behind the other (.vmem) does not say where: at
// 3 GB with VMware and most others.
const gigabyte = 1 << 30

// lowEnds are where the lower memory may end, the usual place first.
func lowEnds() []uint64 { return []uint64{3 * gigabyte, 0xe0000000, 2 * gigabyte} }

// searchRaw looks for the kernel in a raw image: as it stands, and, when there is
// none or its modules are not where it says, with the memory behind a hole. It
// returns the image as it is taken.
func (o *opener) searchRaw(ctx context.Context, f *physmem.File, r io.ReaderAt, size int64) (*physmem.File, *nt.Kernel, error) {
	kernel, err := findKernel(o.during(ctx, f), f)
	if !inOnePiece(f, size) || uint64(size) <= lowEnds()[0] || err != nil && !errors.Is(err, nt.ErrNoKernel) {
		return f, kernel, err
	}
	if none, ok := errors.AsType[*nt.NoKernelError](err); ok && none.Marks == 0 {
		return f, nil, err // nor is there one in any other order
	}
	best := fit{}
	if err == nil {
		if best = fitOf(kernel); best.wrong == 0 {
			return f, kernel, nil
		}
	}
	for _, low := range lowEnds() {
		holed, k, holedErr := o.searchHoled(ctx, r, size, low)
		if holedErr != nil {
			continue
		}
		if by := fitOf(k); by.right > best.right && (err != nil || by.wrong < best.wrong) {
			o.opts.warn(fmt.Errorf("nothing says how this memory image is laid out: assuming that what lies behind %#x of the file is the memory from 4 GB on; "+
				"%d modules of the kernel are there then", low, by.right))
			return holed, k, nil
		}
	}
	if err != nil {
		err = fmt.Errorf("%w; nor is there one if the memory behind 3 GB goes on at 4 GB", err)
	}
	return f, kernel, err
}

// inOnePiece reports whether an image says nothing of how its memory is laid out:
// a raw one, or that of a saved state without regions.
func inOnePiece(f *physmem.File, size int64) bool {
	ranges := f.Ranges()
	return (f.Format() == physmem.FormatRaw || f.Format() == physmem.FormatVMware) && len(ranges) == 1 && ranges[0] == physmem.Range{Size: uint64(size)}
}

// searchHoled is the image with the memory behind low moved to 4 GB, and the
// kernel in it.
func (o *opener) searchHoled(ctx context.Context, r io.ReaderAt, size int64, low uint64) (*physmem.File, *nt.Kernel, error) {
	f, err := physmem.NewRanges(r, size, physmem.Range{Size: low}, physmem.Range{Address: 4 * gigabyte, Size: uint64(size) - low, Offset: int64(low)})
	if err != nil {
		return nil, nil, err
	}
	k, err := findKernel(o.during(ctx, f), f)
	return f, k, err
}

// fit says at how many modules of a kernel there is an image, and at how many
// something else, or memory that the image has not.
type fit struct{ right, wrong int }

func fitOf(k *nt.Kernel) (f fit) {
	for m, err := range k.Modules() {
		if err != nil {
			f.wrong++
			continue
		}
		switch mz, err := memsource.U16(k.Memory(), m.Base); {
		case err == nil && mz == 'M'|'Z'<<8:
			f.right++
		case err == nil, errors.Is(err, memsource.ErrNotInDump):
			f.wrong++
		}
	}
	return f
}
