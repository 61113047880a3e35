package target

import (
	"errors"
	"fmt"
	"iter"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/memsource/process"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

// Region is what a target says of the memory around an address. Zero fields are
// unknown. Its strings may be the target's: escape them before you show them.
type Region struct {
	Base, Size uint64
	State      string // committed, reserved or free
	Type       string // image, mapped or private
	Protection string // such as READWRITE, EXECUTE_WRITECOPY
	Guard      bool   // it is a guard page
	File       string // what is mapped there, as the target names it
	Note       string // what stands in place of a file
	From       string // where that was read, such as "VAD of notepad.exe"
}

// Region returns what the target says of the memory at an address, as a thread
// saw it: the list of regions of a minidump, the VADs of the thread's process, the
// map of a live process. The error wraps [ErrNoRecord] if the target keeps no such
// list, [memsource.ErrNotMapped] where it says that nothing is there, or is that
// of the list.
func (t *Target) Region(th Thread, addr uint64) (Region, error) {
	switch {
	case t.mini != nil:
		return t.miniRegion(addr)
	case t.live != nil:
		return liveRegion(t.live, addr)
	case t.Kernel() != nil:
		return t.kernelRegion(th, addr)
	}
	return Region{}, fmt.Errorf("regions of memory: %w", ErrNoRecord)
}

// find returns the element of a list that has the address.
func find[T any](list iter.Seq2[T, error], has func(T) bool) (found T, err error) {
	var failed error
	for r, err := range list {
		if err != nil {
			failed = errors.Join(failed, err)
		} else if has(r) {
			return r, nil
		}
	}
	if failed == nil {
		failed = memsource.ErrNotMapped
	}
	return found, failed
}

func (t *Target) miniRegion(addr uint64) (Region, error) {
	r, err := find(t.mini.Regions(), func(r minidump.Region) bool { return addr-r.Addr < r.Size })
	if err != nil {
		return Region{}, noRecord("regions of memory", err)
	}
	return Region{
		Base: r.Addr, Size: r.Size, State: r.State.String(), Type: r.Type.String(), Protection: r.Protection.String(),
		Guard: r.Protection.Guard(), From: "list of regions in the dump",
	}, nil
}

func liveRegion(p *process.Process, addr uint64) (Region, error) {
	r, err := find(p.Regions(), func(r process.Region) bool { return addr-r.Addr < r.Size })
	if err != nil {
		return Region{}, err
	}
	out := Region{Base: r.Addr, Size: r.Size, State: "committed", File: r.Path, From: "map of the process"}
	switch {
	case r.Exec && r.Write:
		out.Protection = "EXECUTE_READWRITE"
	case r.Exec:
		out.Protection = "EXECUTE_READ"
	case r.Write:
		out.Protection = "READWRITE"
	case r.Read:
		out.Protection = "READONLY"
	default:
		out.Protection = "NOACCESS"
	}
	return out, nil
}

// kernelRegion looks in the VADs of the process whose memory the thread saw. The
// kernel's half has none.
func (t *Target) kernelRegion(th Thread, addr uint64) (Region, error) {
	k := t.Kernel()
	if addr>>(k.Bits()-1) == 1 {
		return Region{}, fmt.Errorf("VADs of the kernel: %w", ErrNoRecord)
	}
	v, err := t.viewOf(k, th)
	if err != nil {
		return Region{}, t.Explain(err)
	}
	e, err := v.VADAt(addr)
	if err != nil {
		return Region{}, t.Explain(err)
	}
	out := Region{Type: e.Type.String(), Protection: e.Protection, File: e.File, Note: e.Note, From: "VAD of " + v.Process().Name}
	out.Base, out.Size, err = e.Pages.Bytes(vadmath.Page4K)
	return out, err
}

// viewOf is the target as the process of a thread sees it, or the one that was
// running where the thread's is not known.
func (t *Target) viewOf(k *nt.Kernel, th Thread) (*nt.View, error) {
	if t.view != nil && (th.Attached == 0 || th.Attached == t.view.Process().Address) {
		return t.view, nil
	}
	p, err := k.CurrentProcess()
	if th.Attached != 0 {
		p, err = k.ProcessAt(th.Attached)
	}
	if err != nil {
		return nil, err
	}
	return k.View(p)
}
