package unwind

import (
	"fmt"

	"github.com/symres/symres/memsource"
)

const (
	tebTLSSlots = 0x1480 // TlsSlots in a 64-bit TEB (winternl.h)
	wowSlot     = 1      // WOW64_TLS_CPURESERVED
	wowContext  = 4      // of the CONTEXT behind the slot: flags and machine come first
)

// WOW64Context returns the x86 registers with which a 32-bit thread of a 64-bit
// system left its own code, as a Continue function of [Config] needs them to
// join its stack to the 64-bit one. The address is that of the thread's 64-bit
// TEB. An error wraps a *[memsource.Fault] if memory is out, or [ErrContext] if
// there are no x86 registers.
//
// Source: winternl.h (TEB.TlsSlots), and Microsoft's documentation of
// WOW64_CONTEXT.
func WOW64Context(memory memsource.Source, teb uint64) (Context, error) {
	at, err := memsource.U64(memory, teb+tebTLSSlots+8*wowSlot)
	if err != nil {
		return Context{}, fmt.Errorf("TEB of a WOW64 thread: %w", err)
	}
	if at == 0 {
		return Context{}, fmt.Errorf("%w: the thread is not in 32-bit code", ErrContext)
	}
	b := make([]byte, contextSize(X86))
	if err := memsource.ReadFull(memory, b, at+wowContext); err != nil {
		return Context{}, fmt.Errorf("registers of a WOW64 thread: %w", err)
	}
	return ParseContext(X86, b)
}
