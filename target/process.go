package target

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

// openProcess makes the target that of one process: its memory, and its
// modules besides the kernel's.
func (o *opener) openProcess(ctx context.Context) error {
	t := o.target
	if t.kernel == nil {
		return &OptionError{"Process", fmt.Errorf("a %v: %w", t.kind, nt.ErrNoKernel)}
	}
	p, err := t.process(ctx, o.opts.Process)
	if err != nil {
		return err
	}
	v, err := t.kernel.View(p)
	if err != nil {
		return err
	}
	t.view = v
	o.config.Memory, o.config.Contexts = v.Memory(), t.kernel
	if o.opts.NoModules {
		return nil
	}
	u := v.Modules()
	for _, problem := range u.Problems {
		o.opts.warn(problem)
	}
	if u.PEB != nil || u.Road&nt.RoadVAD != 0 {
		o.opts.warn(&RoadWarning{p, u})
	}
	for _, m := range u.Modules {
		t.modules = append(t.modules, FromLoader(m))
	}
	return nil
}

// process finds a process by its address, its PID in hex (or 0n decimal), or
// its name with or without extension.
func (t *Target) process(ctx context.Context, name string) (nt.Process, error) {
	var all []nt.Process
	var problems []error
	for p, err := range t.Processes(ctx) {
		switch {
		case ctx.Err() != nil:
			return nt.Process{}, ctx.Err()
		case err != nil:
			problems = append(problems, err)
		default:
			all = append(all, p)
		}
	}
	found := pick(all, name)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(all) > 0:
		return nt.Process{}, &ProcessError{Name: name, Found: found, Among: len(all), Problems: problems}
	case len(problems) > 0:
		return nt.Process{}, errors.Join(problems...)
	}
	return nt.Process{}, errNoProcesses
}

var errNoProcesses = errors.New("the process list is empty")

// pick returns the processes of that name, or else number.
func pick(all []nt.Process, name string) (found []nt.Process) {
	for _, match := range []func(nt.Process) bool{named(name), numbered(name, vadmath.ParseAddr), numbered(name, decimal)} {
		for _, p := range all {
			if match(p) {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
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
