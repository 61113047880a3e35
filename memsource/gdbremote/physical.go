package gdbremote

import (
	"context"
	"errors"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// Processor is what the registers of the stub's current processor say of where
// the target's system keeps itself.
type Processor struct {
	Mode paging.Mode // format of the page tables; 0 where paging is off or not x86
	Root uint64      // CR3
	// Bases are where FS and GS begin, and GS in the kernel while user code
	// runs: on Windows one of them is the processor's control region.
	Bases []uint64
}

// Processor reads the registers of the current processor. Those the stub does
// not describe are left out. A PC of QEMU that runs 16- or 32-bit code gives the
// lower 32 bits of each.
//
// Errors are those of the connection, or wrap [ErrProtocol].
func (c *Client) Processor(ctx context.Context) (Processor, error) {
	var p Processor
	err := c.do(ctx, func(l *link) (err error) {
		p = Processor{}
		if p.Mode, p.Root, err = l.tables(); err != nil {
			return err
		}
		for _, name := range []string{"gs_base", "k_gs_base", "fs_base"} {
			if _, ok := l.regs[name]; !ok {
				continue
			}
			v, err := l.register(name)
			switch {
			case errors.Is(err, ErrProtocol): // described and yet not to be had
			case err != nil:
				return err
			case v != 0:
				p.Bases = append(p.Bases, v)
			}
		}
		return nil
	})
	return p, err
}

// Physical returns the target's physical memory, and false where the stub
// cannot read it: QEMU's can. It is a [memsource.ContextSource] that is safe for
// concurrent use, taking turns with reads of the client, and good until the
// client is closed. What the stub refuses faults as NotInDump; QEMU refuses
// nothing, and gives zeros for memory that does not exist.
//
// Reading where a device is mapped is the device's business: keep to RAM.
func (c *Client) Physical() (memsource.Source, bool) {
	return physicalMemory{c}, c.physical
}

// physicalMemory is the physical memory behind a client.
type physicalMemory struct{ c *Client }

// maxExchange is how much is read in one turn, within one time limit.
const maxExchange = 64 << 10

// ReadMemory implements [memsource.Source].
func (m physicalMemory) ReadMemory(buf []byte, addr uint64) (int, error) {
	return m.ReadMemoryContext(context.Background(), buf, addr)
}

// ReadMemoryContext implements [memsource.ContextSource].
func (m physicalMemory) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (n int, err error) {
	for n < len(buf) {
		k, at := 0, addr+uint64(n)
		part := buf[n:min(len(buf), n+maxExchange)]
		err := m.c.do(ctx, func(l *link) (err error) {
			k, err = physical{l}.ReadMemory(part, at)
			return err
		})
		f, refused := errors.AsType[*memsource.Fault](err)
		switch {
		case err == nil:
			n += k
			continue
		case refused && f.Reason != memsource.ReasonIO:
			return n + k, err
		case refused && f.Err != nil:
			err = f.Err // of the connection
		}
		return n, fault(ctx, err, at)
	}
	return n, nil
}
