package target

import (
	"context"

	"github.com/symres/symres/stack"
	"github.com/symres/symres/unwind"
)

// FrameOptions say what [Target.Frames] is to find. The zero value is all
// frames, with their names.
type FrameOptions struct {
	Depth int  // frames at most; 0: all
	Args  bool // parameters and local variables too
}

// Frames walks the stack of a thread as [Target.Stack] does and names what it
// finds. The symbols of the modules on the stack are loaded, several at the same
// time, and those of no others, but where a walk itself needs them (x86).
//
// The frames that were found are there whatever the error is, which says why the
// walk did not come to the end of the stack: those of Stack. A walk that was cut
// at Depth has none.
func (t *Target) Frames(ctx context.Context, th Thread, o FrameOptions) ([]stack.Frame, error) {
	if !o.Args {
		walked, end := t.walk(ctx, th, o.Depth)
		return t.stacks.Name(ctx, th.ID, walked), end
	}
	most := o.Depth
	if most > 0 {
		most++ // the caller of the last one says something about it
	}
	walked, end := t.walk(ctx, th, most)
	var next *unwind.Frame
	if o.Depth > 0 && len(walked) > o.Depth {
		next, walked, end = &walked[o.Depth], walked[:o.Depth], nil
	}
	named := t.stacks.Name(ctx, th.ID, walked)
	t.stacks.Variables(ctx, t.memoryOf(ctx, th), named, next)
	return named, end
}

// walk walks the stack of a thread.
func (t *Target) walk(ctx context.Context, th Thread, depth int) (walked []unwind.Frame, end error) {
	for f, err := range t.Stack(ctx, th) {
		if err != nil {
			return walked, err
		}
		if walked = append(walked, f); len(walked) == depth {
			break
		}
	}
	return walked, nil
}
