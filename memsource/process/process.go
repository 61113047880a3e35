// Package process reads the memory of a live process on this machine: through
// /proc/PID/mem and /proc/PID/maps on Linux, where the process may be one of
// Wine, and through ReadProcessMemory and VirtualQueryEx on Windows. On other
// systems [Open] fails with an error that wraps [errors.ErrUnsupported].
//
// A [Process] is a [memsource.Source]: what is not mapped faults as NotMapped,
// what the process itself may not read, such as memory it only reserved, as
// NoAccess. Processes are not stopped to be read; what is read may change
// meanwhile. [Process.Threads] stops threads for a moment.
//
// Reading the memory of a process takes the right to trace it: that of the same
// user and, on many Linux systems, of an ancestor or of root.
package process

import (
	"context"
	"fmt"
	"iter"
	"math"
	"os"
	"sync"

	"github.com/symres/symres/memsource"
)

// Region is a part of an address space with the same properties.
type Region struct {
	Addr, Size        uint64
	Read, Write, Exec bool
	Path              string // file it is mapped from, "" if none; untrusted where a process can choose it
	Offset            uint64 // of Addr in that file; always 0 on Windows
}

// last is the last address of a region, which is never empty.
func (r Region) last() uint64 { return r.Addr + (r.Size - 1) }

// Process is an open process. It is safe for concurrent use, Close excepted:
// reads after Close fail.
type Process struct {
	pid  int
	sys  system
	once sync.Once // closes sys
}

// system is what an operating system offers.
type system interface {
	// read copies the beginning of what is asked for. The count is exact; err
	// says why it is not everything, if that is known.
	read(buf []byte, addr uint64) (n int, err error)
	// regions yields the regions that end behind addr, in ascending order.
	regions(addr uint64) iter.Seq2[Region, error]
	// threads returns the numbers of the threads.
	threads() ([]int, error)
	// stopped gives a thread its registers; the error is for its Err.
	stopped(ctx context.Context, t *Thread) error
	close() error
}

// Open opens the process with that number. Errors are those of the system:
// [os.ErrNotExist] or [os.ErrProcessDone] when there is none, [os.ErrPermission]
// without the right to read it.
func Open(pid int) (*Process, error) {
	sys, err := open(pid)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return &Process{pid: pid, sys: sys}, nil
}

// Close lets go of the process. A second Close does nothing and returns nil.
func (p *Process) Close() (err error) {
	p.once.Do(func() { err = p.sys.close() })
	return err
}

// Regions yields the mapped regions of the process in ascending order, as they
// are now. An error ends the sequence.
func (p *Process) Regions() iter.Seq2[Region, error] {
	return func(yield func(Region, error) bool) {
		for r, err := range p.sys.regions(0) {
			if err != nil {
				yield(Region{}, fmt.Errorf("process %d: %w", p.pid, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// ReadMemory implements [memsource.Source]. A process that has ended gives
// faults of reason IO that wrap [os.ErrProcessDone].
func (p *Process) ReadMemory(buf []byte, addr uint64) (n int, err error) {
	head, over := memsource.Clip(buf, addr)
	for n < len(head) {
		k, err := p.sys.read(head[n:], addr+uint64(n))
		n += k
		if k == 0 {
			return n, p.fault(addr+uint64(n), err)
		}
	}
	return n, over
}

// fault says why the byte at addr cannot be read.
func (p *Process) fault(addr uint64, cause error) *memsource.Fault {
	for r, err := range p.sys.regions(addr) {
		switch {
		case err != nil:
			return failed(addr, err)
		case addr < r.Addr:
			return memsource.NewFault(memsource.ReasonNotMapped, addr, r.Addr-addr)
		case !r.Read:
			return memsource.NewFault(memsource.ReasonNoAccess, addr, r.last()-addr+1)
		}
		return failed(addr, cause)
	}
	if p.ended() {
		return failed(addr, os.ErrProcessDone)
	}
	last := uint64(math.MaxUint64)
	return memsource.NewFault(memsource.ReasonNotMapped, addr, max(last-addr, 1)) // the last byte shares the fate
}

// ended reports whether the process has no memory any more.
func (p *Process) ended() bool {
	for _, err := range p.sys.regions(0) {
		return err != nil
	}
	return true
}

// failed is the fault of memory that should be readable.
func failed(addr uint64, cause error) *memsource.Fault {
	f := memsource.NewFault(memsource.ReasonIO, addr, 0)
	f.Err = cause
	return f
}
