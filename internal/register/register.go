// Package register names the registers of a machine and takes their values out of
// a context.
package register

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/symres/symres/unwind"
)

// Register is a register of a machine, or a part of one.
type Register struct {
	Name   string
	Index  int // in Context.Int, or of Context.Vec
	Vector bool
	Shift  int // bits, of the part
	Size   int // bytes
}

// Intel is an integer register of x86 or x64 by its number in instructions: the
// part of so many bytes, 1, 2, 4 or 8.
func Intel(index, size int) Register {
	r := Register{Index: index, Size: size}
	if index >= 8 {
		r.Name = fmt.Sprintf("r%d%s", index, map[int]string{1: "b", 2: "w", 4: "d"}[size])
		return r
	}
	r.Name = strings.Fields("ax cx dx bx sp bp si di")[index]
	switch {
	case size == 1 && index < 4:
		r.Name = r.Name[:1] + "l"
	case size == 1:
		r.Name += "l"
	case size >= 4:
		r.Name = map[int]string{4: "e", 8: "r"}[size] + r.Name
	}
	return r
}

// ARM64 is an integer register of ARM64, 31 being the stack pointer: the whole, or
// its low 4 bytes.
func ARM64(index, size int) Register {
	r := Register{Index: index, Size: size}
	switch {
	case size == 4 && index < unwind.RegARM64SP:
		r.Name = fmt.Sprintf("w%d", index)
	case index >= unwind.RegARM64FP:
		r.Name = []string{"fp", "lr", "sp"}[index-unwind.RegARM64FP]
	default:
		r.Name = fmt.Sprintf("x%d", index)
	}
	return r
}

// Vector is a vector register, of which the low bytes are meant; names begin with
// the letters for them.
func Vector(letters string, index, size int) Register {
	return Register{Name: fmt.Sprintf("%s%d", letters, index), Vector: true, Index: index, Size: size}
}

// Bytes returns what the register holds, nil if that is not known.
func (r Register) Bytes(c *unwind.Context) []byte {
	b := make([]byte, 16)
	le := binary.LittleEndian
	switch {
	case r.Vector:
		if r.Index >= len(c.Vec) || c.KnownVec>>r.Index&1 == 0 {
			return nil
		}
		le.PutUint64(b, c.Vec[r.Index][0])
		le.PutUint64(b[8:], c.Vec[r.Index][1])
	case r.Index == StackPointer(c.Machine):
		le.PutUint64(b, c.SP())
	case c.KnownInt>>r.Index&1 == 0:
		return nil
	default:
		le.PutUint64(b, c.Int[r.Index]>>r.Shift)
	}
	return b[:r.Size]
}

// StackPointer is the number of the stack pointer, whose value is always known.
func StackPointer(m unwind.Machine) int {
	switch m {
	case unwind.ARM64:
		return unwind.RegARM64SP
	case unwind.ARM:
		return unwind.RegARMSP
	}
	return unwind.RegRSP
}

// Wide reports whether addresses have 8 bytes.
func Wide(m unwind.Machine) bool { return m == unwind.X64 || m == unwind.ARM64 }
