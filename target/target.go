package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/gdbremote"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/memsource/process"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/vadmath"
)

// Kind is what a target was opened from.
type Kind uint8

// The kinds of targets. The zero value is none of them.
const (
	KindUnknown   Kind = iota
	KindMemory         // memory of the caller's, for [New]
	KindCrashDump      // a kernel crash dump with pages of physical memory
	KindTriage         // a small kernel dump, which has a list of drivers and hardly any memory
	KindMinidump       // a user minidump
	KindPhysical       // an image of physical memory
	KindStub           // what is behind a GDB stub
	KindProcess        // a process of this machine
	KindFiles          // an image or a PDB on disk
)

// String returns the kind in words.
func (k Kind) String() string {
	words := []string{"unknown", "memory", "kernel crash dump", "triage dump", "minidump", "memory image", "GDB stub", "process", "files"}
	if int(k) < len(words) {
		return words[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText is String; it never fails.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Target is an open target with a session for its symbols. It is safe for
// concurrent use; after Close its memory and its lists fail.
type Target struct {
	kind     Kind
	config   symres.Config // what the session was made with
	session  *symres.Session
	machine  uint16
	bits     int
	modules  []symres.Module
	unloaded iter.Seq2[symres.Module, error]
	view     *nt.View
	dump     *crashdump.File // nil unless it is one
	mini     *minidump.File  // as is this
	stub     *gdbremote.Client
	live     *process.Process
	stacks   *stack.Stacks

	closing sync.Once
	closers []io.Closer

	loading  chan struct{} // holds one token: who has it loads the kernel's types
	mu       sync.Mutex    // guards the fields below
	kernel   *nt.Kernel
	typed    bool
	typesErr error
}

// Kind returns what the target was opened from.
func (t *Target) Kind() Kind { return t.kind }

// Session returns the session that knows the modules of the target. Their
// symbols are loaded when they are asked for. It ends with the target.
func (t *Target) Session() *symres.Session { return t.session }

// Modules returns the modules as the target, or its user, named them, in that
// order; those that the session refused too. [symres.Session.Modules] has what
// became of them.
func (t *Target) Modules() []symres.Module { return slices.Clone(t.modules) }

// Unloaded yields the modules the target remembers to have unloaded. The error
// wraps [ErrNoRecord] where it keeps no such list.
func (t *Target) Unloaded() iter.Seq2[symres.Module, error] {
	if t.unloaded != nil {
		return t.unloaded
	}
	return failing[symres.Module](fmt.Errorf("unloaded modules: %w", ErrNoRecord))
}

// failing yields an error and no more.
func failing[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}

// Memory returns the virtual memory: that of the process where one was asked
// for. It is nil for a target of files.
func (t *Target) Memory() memsource.Source { return t.config.Memory }

// Machine returns the IMAGE_FILE_MACHINE_* of the target, 0 where it is not known.
func (t *Target) Machine() uint16 { return t.machine }

// Bits returns the width of its addresses, 32 or 64.
func (t *Target) Bits() int { return t.bits }

// Kernel returns the Windows kernel of the target, or nil: by the types of its
// own PDB once they were loaded, else by what is embedded for its build.
func (t *Target) Kernel() *nt.Kernel {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kernel
}

// View returns the target as the process of Options.Process sees it, nil where
// none was asked for.
func (t *Target) View() *nt.View { return t.view }

// Close ends the session and closes what was opened. A second Close does
// nothing and returns nil.
func (t *Target) Close() (err error) {
	t.closing.Do(func() {
		for _, c := range slices.Backward(t.closers) {
			err = errors.Join(err, c.Close())
		}
	})
	return err
}

// LoadTypes has the kernel's structures read by the types of its own PDB, which
// is found along the symbol path, as [KernelTypes] does; once for a target,
// whatever comes of it. Its error says why they are read by what is embedded for
// the build instead, and wraps [nt.ErrNoKernel] for a target without a kernel.
func (t *Target) LoadTypes(ctx context.Context) error {
	select {
	case t.loading <- struct{}{}:
		defer func() { <-t.loading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	t.mu.Lock()
	k, typed, err := t.kernel, t.typed, t.typesErr
	t.mu.Unlock()
	if k == nil {
		return fmt.Errorf("a %v: %w", t.kind, nt.ErrNoKernel)
	}
	if typed {
		return err
	}
	k, err = KernelTypes(ctx, k, t.config)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kernel, t.typed, t.typesErr = k, true, err
	return err
}

// Explain adds to an error that wraps [nt.ErrNoLayout] why the kernel's PDB,
// which would tell the layout, was not used. Other errors it returns as they are.
func (t *Target) Explain(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !errors.Is(err, nt.ErrNoLayout) || t.typesErr == nil || errors.Is(err, t.typesErr) {
		return err
	}
	return fmt.Errorf("%w; the kernel's PDB would tell it, and: %w", err, t.typesErr)
}

// Processes yields the processes of a kernel target, after [Target.LoadTypes].
// An error stands for what cannot be read of the list; it wraps
// [nt.ErrNoKernel] for another target.
func (t *Target) Processes(ctx context.Context) iter.Seq2[nt.Process, error] {
	return func(yield func(nt.Process, error) bool) {
		err := t.LoadTypes(ctx)
		k := t.Kernel()
		if ctx.Err() != nil || k == nil {
			yield(nt.Process{}, err)
			return
		}
		for p, err := range k.Processes() {
			if ctx.Err() != nil {
				yield(nt.Process{}, ctx.Err())
				return
			}
			if !yield(p, t.Explain(err)) {
				return
			}
		}
	}
}

// VADs yields what is mapped in the process of Options.Process. The error wraps
// [ErrNoProcess] where none was asked for.
func (t *Target) VADs() iter.Seq2[vadmath.Entry, error] {
	if t.view == nil {
		return failing[vadmath.Entry](fmt.Errorf("VADs: %w", ErrNoProcess))
	}
	return func(yield func(vadmath.Entry, error) bool) {
		for e, err := range t.view.VADs() {
			if !yield(e, t.Explain(err)) {
				return
			}
		}
	}
}
