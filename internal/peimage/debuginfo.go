package peimage

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/symres/symres/internal/hexaddr"
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

// ReadDebugInfo reads the NON_PAGED_DEBUG_INFO at addr and checks that it is
// that of the image at base. Errors wrap a [*memsource.Fault] or [ErrFormat].
func ReadDebugInfo(src memsource.Source, addr, base uint64) (DebugInfo, error) {
	if addr > math.MaxUint64-debugInfoSize {
		return DebugInfo{}, debugInfoError(addr, "beyond the top of memory")
	}
	b := make([]byte, debugInfoSize)
	if err := memsource.ReadFull(src, b, addr); err != nil {
		return DebugInfo{}, fmt.Errorf("nonpaged debug info: %w", err)
	}
	le := binary.LittleEndian
	d := DebugInfo{
		Size: le.Uint32(b[0x04:]), Machine: le.Uint16(b[0x08:]), Characteristics: le.Uint16(b[0x0a:]),
		TimeDateStamp: le.Uint32(b[0x0c:]), CheckSum: le.Uint32(b[0x10:]),
		SizeOfImage: le.Uint32(b[0x14:]), ImageBase: le.Uint64(b[0x18:]),
	}
	if sig := le.Uint16(b); sig != debugInfoSignature {
		return DebugInfo{}, debugInfoError(addr, fmt.Sprintf("signature %#x", sig))
	}
	if !sameAddress(d.ImageBase, base) {
		return DebugInfo{}, debugInfoError(addr, fmt.Sprintf("of an image at %#x", d.ImageBase))
	}
	return d, nil
}

func debugInfoError(addr uint64, what string) error {
	return fmt.Errorf("nonpaged debug info at %s: %w: %s", hexaddr.Addr(addr), ErrFormat, what)
}

// sameAddress compares a stored address with one of the target, whose upper
// half a 32-bit system may have filled with copies of the sign.
func sameAddress(stored, a uint64) bool {
	return stored == a || a>>32 == 0 && uint32(stored) == uint32(a) && uint64(int64(int32(stored))) == stored
}
