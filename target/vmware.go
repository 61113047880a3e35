package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/memsource/physmem"
)

// readState takes a saved state of VMware (.vmss, .vmsn): its memory is in it, or
// in the .vmem file of the same name.
func (o *opener) readState(ctx context.Context, r io.ReaderAt, size int64) error {
	f, err := physmem.New(r, size)
	if err == nil {
		return o.usePhysical(ctx, f, r, size)
	}
	if !errors.Is(err, physmem.ErrApart) {
		return err
	}
	memory, found := o.sibling(".vmem")
	if found != nil {
		return fmt.Errorf("%w, which cannot be opened: %w", err, found)
	}
	if f, err = physmem.NewVMware(memory, memory.Size(), r, size); err != nil {
		return err
	}
	return o.usePhysical(ctx, f, memory, memory.Size())
}

// stateOf is the saved state beside a .vmem file, nil where there is none that fits.
func (o *opener) stateOf(r io.ReaderAt, size int64) *physmem.File {
	if !strings.EqualFold(filepath.Ext(o.path), ".vmem") || o.expanded {
		return nil
	}
	for _, ext := range []string{".vmss", ".vmsn"} {
		state, err := o.sibling(ext)
		if err != nil {
			continue
		}
		f, err := physmem.NewVMware(r, size, state, state.Size())
		if err == nil && len(f.Problems()) == 0 {
			return f
		}
		o.opts.warn(fmt.Errorf("%s: not used: %w", state.Name(), errors.Join(append(problemsOf(f), err)...)))
	}
	return nil
}

func problemsOf(f *physmem.File) []error {
	if f == nil {
		return nil
	}
	return f.Problems()
}

var errNoPath = errors.New("the target was not opened by its path")

// sibling opens the file of the same name with another extension, in the letter
// case of the one that was named. It is closed with the target.
func (o *opener) sibling(ext string) (*fsx.File, error) {
	own := filepath.Ext(o.path)
	if o.path == "" || own == "" || o.expanded {
		return nil, errNoPath
	}
	if own == strings.ToUpper(own) {
		ext = strings.ToUpper(ext)
	}
	f, err := fsx.Open(strings.TrimSuffix(o.path, own) + ext)
	if err == nil {
		o.closes(f)
	}
	return f, err
}
