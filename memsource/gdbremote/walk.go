package gdbremote

import (
	"cmp"
	"errors"
	"math"
	"strings"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// errZeros is behind the fault of a page whose frame has nothing but zeros:
// physical memory that does not exist reads the same through a stub.
var errZeros = errors.New("the frame reads as zeros, as memory does that is not there")

// virtual reads at a virtual address, through the processor where it lets us
// and else through its page tables. A refusal that nothing can be told about is
// an error of type [refusal].
func (l *link) virtual(buf []byte, addr uint64, build uint32) (int, error) {
	if err := l.enter(false); err != nil {
		return 0, err
	}
	n, err := l.memory(buf, addr)
	no, ok := errors.AsType[refusal](err)
	if !ok {
		return n, err
	}
	space, err := l.space(build)
	if err != nil {
		return 0, err
	}
	if space == nil {
		return 0, no
	}
	n, err = l.walk(space, buf, addr)
	if back := l.enter(false); back != nil {
		return 0, back
	}
	return n, err
}

// walk reads through the page tables what the processor refuses to.
func (l *link) walk(space *paging.Space, buf []byte, addr uint64) (int, error) {
	var page [pageSize]byte
	off := int(addr % pageSize)
	n, err := space.ReadMemory(page[:], addr-uint64(off))
	f, failed := errors.AsType[*memsource.Fault](err)
	switch {
	case failed && f.Reason == memsource.ReasonIO && f.Err != nil:
		return 0, f.Err // of the connection, not of the memory
	case failed && n <= off:
		return 0, f.At(addr)
	case !failed && page == [pageSize]byte{}:
		f := memsource.NewFault(memsource.ReasonNotInDump, addr, uint64(pageSize-off))
		f.Err = errZeros
		return 0, f
	}
	k := copy(buf, page[off:n])
	if k == len(buf) {
		err = nil
	}
	return k, err
}

// space returns the address space of the current processor, nil where the stub
// does not let us walk its tables.
func (l *link) space(build uint32) (*paging.Space, error) {
	if !l.physical {
		return nil, nil
	}
	mode, root, err := l.tables()
	if mode == 0 || err != nil {
		return nil, err
	}
	return paging.New(physical{l}, paging.Config{
		Mode: mode, Root: root, Layout: paging.LayoutFor(mode, cmp.Or(build, math.MaxUint32)),
	})
}

// Bits of control registers (Intel SDM volume 3, 2.5 and 2.2.1).
const (
	cr0PG   = 1 << 31
	cr4PAE  = 1 << 5
	cr4LA57 = 1 << 12
	eferLMA = 1 << 10
)

// tables returns the page-table format in force and its root, mode 0 when
// there is none: no x86, registers that are not described, or paging is off.
func (l *link) tables() (paging.Mode, uint64, error) {
	var values [4]uint64
	for i, name := range []string{"cr0", "cr3", "cr4", "efer"} {
		if _, ok := l.regs[name]; !ok {
			return 0, 0, nil
		}
		v, err := l.register(name)
		if errors.Is(err, ErrProtocol) { // described and yet not to be had
			return 0, 0, nil
		}
		if err != nil {
			return 0, 0, err
		}
		values[i] = v
	}
	cr0, cr3, cr4, efer := values[0], values[1], values[2], values[3]
	switch {
	case cr0&cr0PG == 0:
		return 0, 0, nil
	case efer&eferLMA != 0 && cr4&cr4LA57 != 0:
		return paging.ModeLA57, cr3, nil
	case efer&eferLMA != 0:
		return paging.ModeX64, cr3, nil
	case cr4&cr4PAE != 0:
		return paging.ModePAE, cr3, nil
	}
	return paging.ModeX86, cr3, nil
}

// detect returns the IMAGE_FILE_MACHINE_* of the target (winnt.h). QEMU does not
// name the architecture of a PC: its registers tell.
func (l *link) detect() uint16 {
	_, rip := l.regs["rip"]
	_, eip := l.regs["eip"]
	switch {
	case strings.HasPrefix(l.arch, "i386"), rip, eip:
		mode, _, err := l.tables()
		narrow := mode == paging.ModeX86 || mode == paging.ModePAE
		if err == nil && narrow || !rip && !strings.Contains(l.arch, "64") {
			return 0x14c
		}
		return 0x8664
	case strings.HasPrefix(l.arch, "aarch64"):
		return 0xaa64
	case strings.HasPrefix(l.arch, "arm"):
		return 0x1c4
	}
	return 0
}

// physical is the physical memory behind a link, for as long as its exchange.
type physical struct{ *link }

// ReadMemory implements [memsource.Source]. Refusals are faults of reason
// NotInDump, whose pages are 4 KB.
func (p physical) ReadMemory(buf []byte, addr uint64) (n int, err error) {
	head, over := memsource.Clip(buf, addr)
	if err := p.enter(true); err != nil {
		return 0, broken(err, addr)
	}
	for n < len(head) {
		at := addr + uint64(n)
		k, err := p.memory(head[n:min(len(head), n+pageSize-int(at%pageSize))], at)
		n += k
		if _, ok := errors.AsType[refusal](err); ok {
			return n, memsource.NewFault(memsource.ReasonNotInDump, at, pageSize-at%pageSize)
		}
		if err != nil {
			return n, broken(err, at)
		}
	}
	return n, over
}

// broken is the fault of a connection that failed during a walk.
func broken(err error, addr uint64) *memsource.Fault {
	f := memsource.NewFault(memsource.ReasonIO, addr, 0)
	f.Err = err
	return f
}
