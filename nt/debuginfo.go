package nt

import (
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/memsource"
)

const (
	debugInfoSize      = 0x20
	debugInfoSignature = 0x494e // IMAGE_NON_PAGED_DEBUG_SIGNATURE, winnt.h
)

// DebugInfo is the fixed part of NON_PAGED_DEBUG_INFO (winnt.h): a copy of
// header fields that stays in memory when the header is paged out. It is plain
// data.
type DebugInfo struct {
	Machine         uint16
	Characteristics uint16
	TimeDateStamp   uint32
	CheckSum        uint32
	SizeOfImage     uint32 // as the linker wrote it
	ImageBase       uint64
	Size            uint32 // bytes of the structure, the debug directory behind it included
}

// ReadDebugInfo reads the structure Module.DebugInfo points to and checks that
// it is that of m. Most modules have none: the pointer is 0, which is an error
// too. Errors wrap a [*memsource.Fault] or [ErrMalformed].
func ReadDebugInfo(src memsource.Source, m Module) (DebugInfo, error) {
	if m.DebugInfo == 0 {
		return DebugInfo{}, fmt.Errorf("nonpaged debug info: the module has none: %w", ErrMalformed)
	}
	b, err := structure(src, "nonpaged debug info", m.DebugInfo, debugInfoSize)
	if err != nil {
		return DebugInfo{}, err
	}
	le := binary.LittleEndian
	d := DebugInfo{
		Size: le.Uint32(b[0x04:]), Machine: le.Uint16(b[0x08:]), Characteristics: le.Uint16(b[0x0a:]),
		TimeDateStamp: le.Uint32(b[0x0c:]), CheckSum: le.Uint32(b[0x10:]),
		SizeOfImage: le.Uint32(b[0x14:]), ImageBase: le.Uint64(b[0x18:]),
	}
	if sig := le.Uint16(b); sig != debugInfoSignature {
		return DebugInfo{}, malformed(m.DebugInfo, "nonpaged debug info with signature %#x", sig)
	}
	if !sameAddress(d.ImageBase, m.Base) {
		return DebugInfo{}, malformed(m.DebugInfo, "nonpaged debug info of an image at %#x", d.ImageBase)
	}
	return d, nil
}

// sameAddress compares a stored address with one of the target, whose upper
// half a 32-bit system may have filled with copies of the sign.
func sameAddress(stored, a uint64) bool {
	return stored == a || a>>32 == 0 && uint32(stored) == uint32(a) && uint64(int64(int32(stored))) == stored
}
