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

// The kinds of targets. The zero value is invalid.
const (
	KindUnknown   Kind = iota
	KindMemory         // memory that the caller supplies, for [New]
	KindCrashDump      // a kernel crash dump with pages of physical memory
	KindTriage         // a small kernel dump, which has a list of drivers and hardly any memory
	KindMinidump       // a user minidump, or a full user dump of the format before
	KindPhysical       // an image of physical memory
	KindStub           // a machine behind a GDB stub
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
// concurrent use. After Close, reads of its memory and lists fail.
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
	pid      uint32 // of live
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

// Session returns the session with the target's modules. Their symbols are
// loaded when they are needed. The session is closed with the target.
func (t *Target) Session() *symres.Session { return t.session }

// Modules returns the modules in the order in which the target or the caller
// listed them, including those that the session refused.
// [symres.Session.Modules] returns the modules of the session.
func (t *Target) Modules() []symres.Module { return slices.Clone(t.modules) }

// Unloaded yields the modules in the target's list of unloaded modules. The
// error wraps [ErrNoRecord] if it has no such list.
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

// Memory returns the target's virtual memory, or that of the process in
// Options.Process. It is nil for a target made from files.
func (t *Target) Memory() memsource.Source { return t.config.Memory }

// Machine returns the IMAGE_FILE_MACHINE_* value of the target, 0 if it is
// unknown.
func (t *Target) Machine() uint16 { return t.machine }

// Bits returns the width of the target's addresses, 32 or 64.
func (t *Target) Bits() int { return t.bits }

// Kernel returns the Windows kernel of the target, or nil. Its structures are
// read by the types in the kernel's PDB if they were loaded, otherwise by the
// embedded layouts for its build.
func (t *Target) Kernel() *nt.Kernel {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kernel
}

// View returns the target as the process in Options.Process sees it, or nil if
// the option is not set.
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

// LoadTypes loads the kernel's PDB along the symbol path, as [KernelTypes]
// does, and reads the kernel's structures by its types from then on. It does so
// once per target, even after a failure. If it fails, the embedded layouts are
// used and the error says why; it wraps [nt.ErrNoKernel] for a target without a
// kernel.
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

// Explain adds to an error that wraps [nt.ErrNoLayout] the reason why the
// kernel's PDB, which describes the layout, was not used. Other errors are
// returned unchanged.
func (t *Target) Explain(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !errors.Is(err, nt.ErrNoLayout) || t.typesErr == nil || errors.Is(err, t.typesErr) {
		return err
	}
	return fmt.Errorf("%w; the kernel's PDB would tell it, and: %w", err, t.typesErr)
}

// Processes yields the processes of a kernel target, after [Target.LoadTypes].
// An error stands for a part of the list that cannot be read. It wraps
// [nt.ErrNoKernel] if the target has no kernel.
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

// VADs yields the VADs of the process in Options.Process. The error wraps
// [ErrNoProcess] if the option is not set.
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
