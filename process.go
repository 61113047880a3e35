package symres

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
)

// KernelTypes returns k as the type records of its own PDB show it: where the
// structures of processes have what. The PDB is found along the symbol path of
// cfg, by what identifies the kernel in memory; Memory and Machine of cfg are
// taken from k.
//
// The Kernel is good with an error too: it reads by what is embedded for its
// build then, where something is. The error wraps [ErrNoSymbols] when the PDB
// was not found, or says which types it lacks.
func KernelTypes(ctx context.Context, k *nt.Kernel, cfg Config) (*nt.Kernel, error) {
	cfg.Memory, cfg.Machine, cfg.Kernel = k.Memory(), k.Machine(), k
	s, err := NewSession(cfg)
	if err != nil {
		return k, err
	}
	defer s.Close()
	m, err := s.addKernel(k)
	if err != nil {
		return k, err
	}
	syms, err := s.symbols(ctx, m, keepFailed)
	if err != nil {
		return k, err
	}
	typed, err := k.WithTypes(syms.pdb)
	if err != nil {
		err = fmt.Errorf("types of %s: %w", m.Name, err)
	}
	if typed == nil {
		typed = k
	}
	return typed, err
}

// addKernel adds the module of the kernel itself, which is the first of the
// list.
func (s *Session) addKernel(k *nt.Kernel) (*module, error) {
	var failed error
	for m, err := range k.Modules() {
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		added := FromLoader(m)
		added.Name = "nt"
		if err := s.Add(added); err != nil {
			return nil, err
		}
		return s.find("nt")
	}
	return nil, errors.Join(fmt.Errorf("the kernel: %w", ErrNoModule), failed)
}

// AddProcess makes the modules of a process known: those of its loader's
// lists or, when they cannot be read, the images its VADs describe; both where
// a list is cut. It returns all of them and how they became known. The error
// joins those of modules that could not be added, which wraps [ErrModuleExists]
// for those that are there already. Config.Memory should be the memory of the
// process, [nt.View.Memory]. Safe for concurrent use.
func (s *Session) AddProcess(v *nt.View) (nt.UserModules, error) {
	u := v.Modules()
	var errs []error
	for _, m := range u.Modules {
		if err := s.Add(FromLoader(m)); err != nil {
			errs = append(errs, err)
		}
	}
	return u, errors.Join(errs...)
}

// elsewhere finds the memory of a process that has what the current one has
// not, and says whose it is. It does so for the kernel's half of the address
// space alone: a driver is the same in every session it is mapped in, while
// each process has images of its own at the addresses of the others.
func (s *Session) elsewhere(err error) (MemorySource, string) {
	fault, ok := errors.AsType[*memsource.Fault](err)
	if !ok || s.cfg.Kernel == nil || !errors.Is(err, memsource.ErrWrongContext) {
		return nil, ""
	}
	if kernelHalf := fault.Addr>>(s.cfg.Kernel.Bits()-1)&1 == 1; !kernelHalf {
		return nil, ""
	}
	v, ok := s.cfg.Kernel.Context(fault.Addr)
	if !ok {
		return nil, ""
	}
	context := &nt.ContextError{Process: v.Process()}
	return v.Memory(), fmt.Sprintf("the image is not mapped in the current context and was read in another: %v", context)
}
