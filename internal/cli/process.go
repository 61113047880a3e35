package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/symres/symres/nt"
	targets "github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

// errNoKernel is what commands about processes say of a target without any.
var errNoKernel = errors.New("processes are read from a kernel target: give --dump FILE or --gdb HOST:PORT")

// useTypes reads the kernel by the types of its own PDB, where the symbol path
// has it. What is embedded does for the builds it knows.
func (o *opener) useTypes(ctx context.Context) error {
	k, err := targets.KernelTypes(ctx, o.target.kernel, o.config)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o.target.kernel, o.config.Contexts = k, k
	o.target.typesErr = err
	return nil
}

// openProcess makes the target that of one process: its memory, and its
// modules besides the kernel's.
func (o *opener) openProcess(ctx context.Context, name string) error {
	if o.target.kernel == nil {
		return usage(fmt.Errorf("--process: %w", errNoKernel))
	}
	if err := o.useTypes(ctx); err != nil {
		return err
	}
	p, err := o.target.process(ctx, name)
	if err != nil {
		return err
	}
	v, err := o.target.kernel.View(p)
	if err != nil {
		return unusable(err)
	}
	o.target.view, o.config.Memory = v, v.Memory()
	if o.opts.bare {
		return nil
	}
	u := v.Modules()
	o.tellRoad(p, u)
	for _, m := range u.Modules {
		o.modules = append(o.modules, targets.FromLoader(m))
	}
	return nil
}

// tellRoad says how the modules of a process became known, unless it is the
// usual way: kd's words when the PEB is out, and what stood in for it.
func (o *opener) tellRoad(p nt.Process, u nt.UserModules) {
	for _, problem := range u.Problems {
		o.console.warn("%v", problem)
	}
	if u.PEB == nil && u.Road&nt.RoadVAD == 0 {
		return
	}
	tell := o.console.note
	if o.console.json {
		tell = o.console.warn
	}
	if u.PEB != nil {
		tell("%v", u.PEB)
	}
	tell("%d modules of %s taken from %v", len(u.Modules), p.Name, u.Road)
}

// contextHint says of an address without a module which process has it.
func (t *target) contextHint(addr uint64) string {
	if t.kernel == nil || t.view != nil {
		return ""
	}
	v, ok := t.kernel.Context(addr)
	if !ok {
		return ""
	}
	p := v.Process()
	return fmt.Sprintf("%s: %v; try --process %x", vadmath.FormatAddr(addr, t.bits), &nt.ContextError{Process: p}, p.PID)
}

// process finds a process by its address, its PID in hex (or 0n decimal), or
// its name with or without extension.
func (t *target) process(ctx context.Context, name string) (nt.Process, error) {
	var all, found []nt.Process
	var problems []error
	for p, err := range t.kernel.Processes() {
		switch {
		case ctx.Err() != nil:
			return nt.Process{}, ctx.Err()
		case err != nil:
			problems = append(problems, err)
		default:
			all = append(all, p)
		}
	}
	for _, match := range []func(nt.Process) bool{named(name), numbered(name, vadmath.ParseAddr), numbered(name, decimal)} {
		for _, p := range all {
			if match(p) {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nt.Process{}, usage(fmt.Errorf("--process %s is one of %s: give its PID or address", name, listPIDs(found)))
	case len(all) == 0:
		return nt.Process{}, unusable(t.noProcesses(problems))
	}
	return nt.Process{}, notFound(errors.Join(append([]error{fmt.Errorf("no process %s among %d", name, len(all))}, problems...)...))
}

// noProcesses is why not one process is known.
func (t *target) noProcesses(problems []error) error {
	err := errors.Join(problems...)
	switch {
	case err == nil:
		return errors.New("the process list is empty")
	case errors.Is(err, nt.ErrNoLayout) && t.typesErr != nil:
		return fmt.Errorf("%w; the kernel's PDB would tell it, and: %w", err, t.typesErr)
	}
	return err
}

// named matches the image name, whole or without its extension, in any case.
func named(name string) func(nt.Process) bool {
	return func(p nt.Process) bool {
		stem, _, _ := strings.Cut(p.Name, ".")
		return p.Name != "" && (strings.EqualFold(p.Name, name) || strings.EqualFold(stem, name) ||
			len(p.Name) >= maxImageName-1 && strings.HasPrefix(strings.ToLower(name), strings.ToLower(p.Name)))
	}
}

// maxImageName is where the kernel cuts the names of processes; some keep one less.
const maxImageName = 15

// numbered matches the PID or the address.
func numbered(text string, parse func(string) (uint64, error)) func(nt.Process) bool {
	n, err := parse(text)
	return func(p nt.Process) bool { return err == nil && (p.PID == n || p.Address == n) }
}

func decimal(s string) (uint64, error) { return strconv.ParseUint(s, 10, 32) }

func listPIDs(list []nt.Process) string {
	var words []string
	for _, p := range list {
		words = append(words, fmt.Sprintf("%s (pid %x)", p.Name, p.PID))
	}
	return strings.Join(words, ", ")
}
