// Package memsource reads the memory of a target when only some of its pages
// are present, and says why a byte could not be read.
//
// The core is one method, [Source.ReadMemory], with a strict contract: an
// incomplete read always returns a *[Fault] with the exact address and the
// reason. "Paged out" is a result that the caller can handle:
//
//	switch err := memsource.ReadFull(src, header, base); {
//	case errors.Is(err, memsource.ErrNotPresent):
//		// fall back to a copy on disk
//	case err != nil:
//		return err
//	}
//
// [Strict] gives a foreign reader this contract. [Sparse] holds byte ranges,
// [Overlay] stacks sources, [Cache] keeps pages, [ReaderAt] lets file parsers
// work on a memory range, and [ReadExtents] walks a range with holes. Package
// memtest holds the conformance suite every implementation should pass.
//
// # Security
//
// Everything here is meant for hostile input: no address or size makes a
// function of this package panic, wrap around or allocate more than the memory
// really read.
package memsource

import (
	"context"
	"encoding/binary"
	"math"
)

// Source reads a target's memory. The address space is all of uint64; each
// source defines which addresses are valid.
//
// n == len(buf) if and only if err == nil. Otherwise err wraps a [*Fault] whose
// Addr is addr+n, the first byte that could not be read; buf[:n] is valid and
// buf[n:] is unspecified. Reading no bytes succeeds at every address. A read
// beyond the top of the address space returns the bytes below the top and a
// Fault with ReasonNonCanonical at address 0, which is addr+n.
//
// Implementations must be safe for concurrent use. The method set equals that
// of delve's proc.MemoryReader; the contract is stronger, see [Strict].
type Source interface {
	ReadMemory(buf []byte, addr uint64) (n int, err error)
}

// ContextSource is implemented by sources that can cancel a read, such as
// remote ones, and by the wrappers in this package. A canceled read fails with
// a Fault with reason ReasonCanceled, which unwraps to the error of the
// context. Callers use [Bind] instead of asserting this type.
type ContextSource interface {
	Source
	ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (n int, err error)
}

// Bind returns s limited to the life of ctx: once ctx is done, reads fail with
// a Fault that matches [ErrCanceled] and the context's own error. Call it once
// in each function that takes a context; the callees use a plain Source. The
// result is as safe for concurrent use as s is.
func Bind(ctx context.Context, s Source) Source {
	if ctx.Done() == nil {
		return s
	}
	return bound{ctx, s}
}

// bound keeps a context in a struct because it lives only as long as the call
// that made it; the alternative is a context parameter on every Source.
type bound struct {
	ctx context.Context
	src Source
}

func (b bound) ReadMemory(buf []byte, addr uint64) (int, error) {
	return readContext(b.ctx, b.src, buf, addr)
}

// readContext is the one place where a source is asked whether it knows
// contexts.
func readContext(ctx context.Context, s Source, buf []byte, addr uint64) (int, error) {
	if ctx.Done() == nil || len(buf) == 0 {
		return s.ReadMemory(buf, addr)
	}
	if err := ctx.Err(); err != nil {
		f := NewFault(ReasonCanceled, addr, 0)
		f.Err = err
		return 0, f
	}
	if cs, ok := s.(ContextSource); ok {
		return cs.ReadMemoryContext(ctx, buf, addr)
	}
	return s.ReadMemory(buf, addr)
}

// Clip is for implementers. It limits a read to the top of the address space.
// It returns the part of buf below the top and, if the read would go further,
// the ReasonNonCanonical Fault to return after that part was read completely.
func Clip(buf []byte, addr uint64) ([]byte, error) {
	if len(buf) == 0 || uint64(len(buf)-1) <= math.MaxUint64-addr {
		return buf, nil
	}
	return buf[:-addr], NewFault(ReasonNonCanonical, 0, 0)
}

// ReadFull reads exactly len(buf) bytes at addr. A failure wraps a *[Fault],
// even if s violates the contract and returns fewer bytes without an error.
func ReadFull(s Source, buf []byte, addr uint64) error {
	_, err := readChecked(s, buf, addr)
	return err
}

// U8 reads one byte at addr. A failure wraps a [*Fault].
func U8(s Source, addr uint64) (uint8, error) {
	var b [1]byte
	err := ReadFull(s, b[:], addr)
	return b[0], err
}

// U16 reads a little-endian 16-bit value at addr. A failure wraps a [*Fault]
// and gives 0.
func U16(s Source, addr uint64) (uint16, error) {
	var b [2]byte
	if err := ReadFull(s, b[:], addr); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint16(b[:]), nil
}

// U32 reads a little-endian 32-bit value at addr. A failure wraps a [*Fault]
// and gives 0.
func U32(s Source, addr uint64) (uint32, error) {
	var b [4]byte
	if err := ReadFull(s, b[:], addr); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b[:]), nil
}

// U64 reads a little-endian 64-bit value at addr. A failure wraps a [*Fault]
// and gives 0.
func U64(s Source, addr uint64) (uint64, error) {
	var b [8]byte
	if err := ReadFull(s, b[:], addr); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
