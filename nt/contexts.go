package nt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/symres/symres/memsource"
)

// contextual is an address space that knows of the others: what it does not
// map and another process does is reported as such.
type contextual struct {
	own  memsource.Source
	root uint64
	k    *Kernel
	view *View // nil for the context the target was stopped in
}

// ReadMemory implements [memsource.Source].
func (c *contextual) ReadMemory(buf []byte, addr uint64) (int, error) {
	return c.ReadMemoryContext(context.Background(), buf, addr)
}

// ReadMemoryContext implements [memsource.ContextSource].
func (c *contextual) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (int, error) {
	n, err := memsource.Bind(ctx, c.own).ReadMemory(buf, addr)
	if err == nil {
		return n, nil
	}
	return n, c.explain(err)
}

// explain makes a WrongContext fault of a hole that another process does not have.
func (c *contextual) explain(err error) error {
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok || f.Reason != memsource.ReasonNotMapped || c.described(f.Addr) {
		return err
	}
	other := c.k.contexts.find(c.k, f.Addr, c.root)
	if other == nil {
		return err
	}
	w := *f
	w.Len = min(w.Len, c.k.page()-w.Addr%c.k.page()) // the next page may be another's, or nobody's
	w.Reason, w.Status = memsource.ReasonWrongContext, memsource.ReasonWrongContext.Status()
	w.Err = &ContextError{Process: other.process}
	return &w
}

// described reports whether the process has the address, though its tables do
// not: then it is no other's.
func (c *contextual) described(addr uint64) bool {
	if c.view == nil {
		return false
	}
	list, _ := c.view.vads()
	_, ok := find(list, addr, c.k.page())
	return ok
}

// ContextError is wrapped by a WrongContext fault. It names a process with page
// tables that map the address.
type ContextError struct{ Process Process }

// Error names the process and its session.
func (e *ContextError) Error() string {
	if e.Process.HasSession {
		return fmt.Sprintf("it is mapped in %s of session %d", e.Process.label(), e.Process.Session)
	}
	return "it is mapped in " + e.Process.label()
}

// contexts are the other address spaces of a target, found when first needed.
type contexts struct {
	once  sync.Once
	list  []space
	first int // so many of the list, of each session, come first

	mu   sync.Mutex
	memo map[uint64]*space // by page, of addresses that were looked for
}

// space is the bare address space of a process.
type space struct {
	process Process
	memory  memsource.Source
}

// Limits of the search: how many answers are kept, and how many address spaces
// are asked about an address.
const (
	maxMemo   = 1 << 14
	maxSpaces = 1 << 10
)

// find returns a space other than that of root which maps addr.
func (c *contexts) find(k *Kernel, addr, root uint64) *space {
	c.once.Do(func() { c.list, c.first = k.spaces() })
	key := addr/pageSize<<1 | addr>>63
	c.mu.Lock()
	s, ok := c.memo[key]
	c.mu.Unlock()
	if ok && (s == nil || s.process.Root != root) {
		return s
	}
	s = c.search(addr, root, k.kernelHalf(addr))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.memo == nil || len(c.memo) >= maxMemo {
		c.memo = map[uint64]*space{}
	}
	c.memo[key] = s
	return s
}

// kernelHalf reports whether addr is outside the memory of processes: on IA-64
// outside region 0.
func (k *Kernel) kernelHalf(addr uint64) bool {
	if k.header.Machine == machineIA64 {
		return addr>>61 != 0
	}
	return addr>>(k.header.Bits-1)&1 == 1
}

// search asks the address spaces one by one. What lies in the kernel's half
// is shared within a session, so a few of each are enough for it.
func (c *contexts) search(addr, root uint64, kernelHalf bool) *space {
	for i := range c.list {
		other := &c.list[i]
		if kernelHalf && i >= c.first && other.process.HasSession || other.process.Root == root {
			continue
		}
		if other.maps(addr) {
			return other
		}
	}
	return nil
}

// maps reports whether the page tables of the process say something of addr.
func (s *space) maps(addr uint64) bool {
	_, err := s.memory.ReadMemory(make([]byte, 1), addr)
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		return err == nil
	}
	switch f.Reason {
	case memsource.ReasonNotMapped, memsource.ReasonTableNotInDump, memsource.ReasonNonCanonical, memsource.ReasonCanceled, memsource.ReasonIO, memsource.ReasonUnknown:
		return false
	}
	return true
}

// spaces lists the address spaces of all processes: some of each session come
// first, as processes of one session share what belongs to the session. Several
// of them, because that of a process that has ended may lead nowhere.
func (k *Kernel) spaces() (list []space, first int) {
	const ofSession = 3
	var rest []space
	sessions, roots := map[uint32]int{}, map[uint64]bool{}
	for p, err := range k.Processes() {
		if err != nil || roots[p.Root] {
			continue
		}
		memory, err := k.space(p, nil)
		if err != nil {
			continue
		}
		roots[p.Root] = true
		if sessions[p.Session]++; p.HasSession && sessions[p.Session] <= ofSession {
			list = append(list, space{p, memory})
		} else {
			rest = append(rest, space{p, memory})
		}
		if len(roots) == maxSpaces {
			break
		}
	}
	return append(list, rest...), len(list)
}

// Context returns the view of a process whose page tables map addr, which the
// kernel's own do not: of images and data of a session, and of processes. ok is
// false if no process maps it. Only page tables are consulted.
func (k *Kernel) Context(addr uint64) (*View, bool) {
	s := k.contexts.find(k, addr, k.own.Root)
	if s == nil {
		return nil, false
	}
	v, err := k.View(s.process)
	return v, err == nil
}

// Elsewhere finds a process that maps the address of a fault, and returns its
// memory and a text that names it. It does so only for the kernel's half of the
// address space: a driver is the same in every session that maps it, while user
// addresses hold different images in each process. ok is false if no process
// maps the address. Safe for concurrent use.
func (k *Kernel) Elsewhere(fault *memsource.Fault) (memory memsource.Source, whose string, ok bool) {
	if !k.kernelHalf(fault.Addr) {
		return nil, "", false
	}
	v, ok := k.Context(fault.Addr)
	if !ok {
		return nil, "", false
	}
	return v.Memory(), (&ContextError{Process: v.Process()}).Error(), true
}
