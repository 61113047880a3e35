package unwind

import (
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/memsource"
)

const (
	pageSize    = 4096
	windowPages = 8
	maxRead     = 2048 // bytes that are wanted in one piece, at most
)

// window keeps the pages of the stack that were read last.
type window struct {
	tags  [windowPages]uint64 // address of the page + 1, 0: none
	torn  [windowPages]bool   // the page cannot be read as a whole
	pages [windowPages][pageSize]byte
}

// read returns the n bytes of memory at addr, n at most maxRead. They are good
// until the next read of memory. An error matches ErrUnreadable and wraps a
// *memsource.Fault.
func (w *walker) read(addr, n uint64) ([]byte, error) {
	page, off := addr&^(pageSize-1), addr%pageSize
	if off+n > pageSize {
		return w.readExact(addr, n)
	}
	i := page / pageSize % windowPages
	if w.stack.tags[i] != page+1 {
		if err := w.spend(slowRead); err != nil {
			return nil, err
		}
		err := memsource.ReadFull(w.memory, w.stack.pages[i][:], page)
		w.stack.tags[i], w.stack.torn[i] = page+1, err != nil
	}
	if w.stack.torn[i] {
		return w.readExact(addr, n)
	}
	return w.stack.pages[i][off : off+n], nil
}

// readExact reads no more than what is wanted.
func (w *walker) readExact(addr, n uint64) ([]byte, error) {
	buf := w.memoryBuf[:n]
	if err := w.spend(slowRead); err != nil {
		return nil, err
	}
	if err := memsource.ReadFull(w.memory, buf, addr); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return buf, nil
}

// u64 reads 8 bytes at addr.
func (w *walker) u64(addr uint64) (uint64, error) {
	b, err := w.read(addr, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// u32 reads 4 bytes at addr.
func (w *walker) u32(addr uint64) (uint32, error) {
	b, err := w.read(addr, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// restore gives integer register i of c the 8 bytes at addr. The register is
// unknown where they cannot be read: the walk may not need it.
func (w *walker) restore(c *Context, i int, addr uint64) {
	v, err := w.u64(addr)
	if err != nil {
		c.forget(i)
		return
	}
	c.set(i, v)
}

// restore32 is restore for 4 bytes.
func (w *walker) restore32(c *Context, i int, addr uint64) {
	v, err := w.u32(addr)
	if err != nil {
		c.forget(i)
		return
	}
	c.set(i, uint64(v))
}

// pointer reads an address of m at addr.
func (w *walker) pointer(m Machine, addr uint64) (uint64, error) {
	if m.is32() {
		v, err := w.u32(addr)
		return uint64(v), err
	}
	return w.u64(addr)
}
