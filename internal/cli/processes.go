package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

func (a *app) processesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "processes [PATTERN...]",
		Short: "list the processes of a kernel target, as !process 0 0 does",
		Long: "processes lists the processes, all or those whose image name or address matches a pattern. Where their\n" +
			"structures have what is read from the types of the kernel's own PDB, found along the symbol path;\n" +
			"for a few builds it is known without.",
		Example: "  symres processes --dump MEMORY.DMP --sympath 'srv*DIR'\n  symres processes --demo",
	}
	o := addTargetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.processes(cmd, o, args) }
	return cmd
}

func (a *app) processes(cmd *cobra.Command, o *targetOptions, args []string) error {
	patterns, err := parsePatterns(args)
	if err != nil {
		return err
	}
	t, err := a.openKernel(cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	return a.listProcesses(cmd.Context(), t, patterns)
}

// openKernel opens a target for its kernel and nothing else.
func (a *app) openKernel(cmd *cobra.Command, o *targetOptions) (*target, error) {
	o.bare = true
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return nil, err
	}
	if t.Kernel() == nil {
		t.close()
		return nil, usage(errNoKernel)
	}
	err = t.LoadTypes(cmd.Context())
	if ctxErr := cmd.Context().Err(); ctxErr != nil {
		t.close()
		return nil, ctxErr
	}
	if err != nil && a.noisy {
		a.console.warn("types of the kernel: %v", err)
	}
	return t, nil
}

func (a *app) listProcesses(ctx context.Context, t *target, patterns []*symres.Pattern) error {
	var problems []error
	all, shown := 0, 0
	for p, err := range t.Processes(ctx) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			problems = append(problems, err)
			continue
		}
		if all++; matches(patterns, p.Name) || matches(patterns, strconv.FormatUint(p.Address, 16)) {
			shown++
			a.printProcess(p, t.bits)
		}
		if a.console.failed != nil {
			return a.console.failed
		}
	}
	if all == 0 {
		return unusable(t.noProcesses(problems))
	}
	for _, err := range problems {
		a.console.warn("%v", err)
	}
	if shown == 0 {
		return notFound(errors.New("no processes"))
	}
	return nil
}

// processObject is a line of processes.
type processObject struct {
	Address string  `json:"address"`
	PID     uint64  `json:"pid"`
	Parent  uint64  `json:"parent,omitempty"`
	Name    string  `json:"name"`
	PEB     string  `json:"peb,omitempty"`
	DirBase string  `json:"dirbase"`
	VADRoot string  `json:"vadroot,omitempty"`
	Session *uint32 `json:"session,omitempty"`
	Origin  string  `json:"origin,omitempty"`
}

// printProcess prints the object, or the block of !process.
func (a *app) printProcess(p nt.Process, bits int) {
	if a.console.json {
		o := processObject{Address: hexString(p.Address), PID: p.PID, Parent: p.Parent, Name: p.Name, PEB: hexKnown(p.PEB),
			DirBase: hexString(p.Root), VADRoot: hexKnown(p.VADRoot), Origin: p.Origin}
		if p.HasSession {
			o.Session = &p.Session
		}
		a.console.object(o)
		return
	}
	a.console.line("PROCESS %s", vadmath.FormatAddr(p.Address, bits))
	session := "none"
	if p.HasSession {
		session = fmt.Sprint(p.Session)
	}
	a.console.line("    SessionId: %s  Cid: %04x    Peb: %08x  ParentCid: %04x", session, p.PID, p.PEB, p.Parent)
	a.console.line("    DirBase: %08x", p.Root)
	a.console.line("    Image: %s", p.Name)
	if p.VADRoot != 0 {
		a.console.line("    VadRoot %s", vadmath.FormatAddr(p.VADRoot, bits))
	}
	if p.Err != nil {
		a.console.warn("%s: %v", p.Name, p.Err)
	}
}

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
