package nt

import (
	"fmt"

	"github.com/symres/symres/memsource"
)

// CurrentProcess returns the process of the thread that ran on the processor that
// stopped the system: of a triage dump its own copy of the EPROCESS, whose address
// is not known, else the process whose page tables the header of a dump names, or
// that of the first processor that can be read. Errors wrap [ErrNoLayout],
// [ErrMalformed] or a [*memsource.Fault], or are those of the file.
func (k *Kernel) CurrentProcess() (Process, error) {
	if !k.layouts.Process.known() {
		return Process{}, fmt.Errorf("process: %w", ErrNoLayout)
	}
	if k.file != nil {
		b, err := k.file.Process()
		if b != nil || err != nil {
			return k.copied(b, err)
		}
	}
	if root := k.header.DirectoryTableBase; root != 0 && k.header.Machine != machineIA64 { // there it is the kernel's
		for p, err := range k.Processes() {
			if err == nil && p.Root == root {
				return p, nil
			}
		}
	}
	failed := fmt.Errorf("process: %w", ErrNoLayout)
	for p, err := range k.Processors() {
		if err == nil {
			var th Thread
			if th, err = k.ThreadAt(p.Thread); err == nil {
				return k.ProcessAt(th.Process)
			}
		}
		failed = err
	}
	return Process{}, failed
}

// copied reads a copy of an EPROCESS that lies apart.
func (k *Kernel) copied(b []byte, err error) (Process, error) {
	if err != nil {
		return Process{}, err
	}
	src := &memsource.Sparse{Missing: memsource.ReasonNotInDump}
	if err := src.Add(0, b); err != nil {
		return Process{}, err
	}
	return readProcess(src, &k.layouts.Process, 0)
}
