package cli

import (
	"errors"
	"fmt"

	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

// errNoKernel is what commands about processes say of a target without any.
var errNoKernel = errors.New("processes are read from a kernel target: give --dump FILE or --gdb HOST:PORT")

// contextHint says of an address without a module which process has it.
func (t *target) contextHint(addr uint64) string {
	k := t.Kernel()
	if k == nil || t.View() != nil {
		return ""
	}
	v, ok := k.Context(addr)
	if !ok {
		return ""
	}
	p := v.Process()
	return fmt.Sprintf("%s: %v; try --process %x", vadmath.FormatAddr(addr, t.bits), &nt.ContextError{Process: p}, p.PID)
}

// noProcesses is why not one process is known.
func (t *target) noProcesses(problems []error) error {
	if len(problems) == 0 {
		return errors.New("the process list is empty")
	}
	return t.Explain(errors.Join(problems...))
}
