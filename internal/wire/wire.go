// Package wire reads little-endian records out of byte slices.
//
// It holds the two habits every parser of symres follows. Off the hot path a
// [Cursor] walks a slice and remembers the first failure with its position, so
// a parser reads straight down and asks for the error once. On the hot path a
// parser checks a length once and then uses fixed offsets; [In] is that check,
// written so that no sum can wrap.
package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Error says where a record ran out of bytes or broke a rule of its format.
// It unwraps to Err, which is [io.ErrUnexpectedEOF] for a short record.
type Error struct {
	Section string // what was being read, such as "debug directory"
	Offset  int64  // byte offset inside the section
	Err     error
}

// Error implements the error interface.
func (e *Error) Error() string {
	return fmt.Sprintf("%s+%#x: %v", e.Section, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// In reports whether the n bytes at off lie inside size bytes. It never wraps.
func In(off, n, size uint64) bool { return off <= size && n <= size-off }

// Cursor reads a byte slice front to back. The first failure sticks: later
// reads return zero values and [Cursor.Err] keeps the position of the first.
// The zero Cursor is an empty one. A Cursor is not safe for concurrent use.
type Cursor struct {
	section string
	base    int64
	b       []byte
	off     int
	err     error
}

// New returns a cursor over b; section names b in errors.
func New(section string, b []byte) *Cursor { return &Cursor{section: section, b: b} }

// At is like [New] for a slice that begins at offset base of its section.
func At(section string, base int64, b []byte) *Cursor {
	return &Cursor{section: section, base: base, b: b}
}

// Err returns the first failure, or nil.
func (c *Cursor) Err() error { return c.err }

// Offset returns the position in the section of the next byte.
func (c *Cursor) Offset() int64 { return c.base + int64(c.off) }

// Len returns how many bytes are left, 0 after a failure.
func (c *Cursor) Len() int {
	if c.err != nil {
		return 0
	}
	return len(c.b) - c.off
}

// Fail records err at the current position unless a failure came before.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = &Error{Section: c.section, Offset: c.Offset(), Err: err}
	}
}

// Bytes returns the next n bytes as a view of the slice, nil after a failure.
func (c *Cursor) Bytes(n int) []byte {
	if n < 0 || n > len(c.b)-c.off {
		c.Fail(fmt.Errorf("need %d bytes, have %d: %w", n, len(c.b)-c.off, io.ErrUnexpectedEOF))
	}
	if c.err != nil {
		return nil
	}
	p := c.b[c.off : c.off+n : c.off+n]
	c.off += n
	return p
}

// Skip passes over n bytes.
func (c *Cursor) Skip(n int) { c.Bytes(n) }

// U8 reads one byte.
func (c *Cursor) U8() uint8 {
	if p := c.Bytes(1); p != nil {
		return p[0]
	}
	return 0
}

// U16 reads a little-endian 16-bit value.
func (c *Cursor) U16() uint16 {
	if p := c.Bytes(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

// U32 reads a little-endian 32-bit value.
func (c *Cursor) U32() uint32 {
	if p := c.Bytes(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

// U64 reads a little-endian 64-bit value.
func (c *Cursor) U64() uint64 {
	if p := c.Bytes(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// CStr reads up to and including the next NUL and returns a view without it.
// A string without NUL is a failure.
func (c *Cursor) CStr() []byte {
	if c.err != nil {
		return nil
	}
	n := bytes.IndexByte(c.b[c.off:], 0)
	if n < 0 {
		c.Fail(fmt.Errorf("string without NUL: %w", io.ErrUnexpectedEOF))
		return nil
	}
	s := c.Bytes(n)
	c.off++
	return s
}
