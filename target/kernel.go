package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres"
	"github.com/symres/symres/nt"
)

// KernelTypes returns k as the type records of its own PDB show it: where the
// structures of processes have what. The PDB is found along the symbol path of
// cfg, by what identifies the kernel in memory; Memory and Machine of cfg are
// taken from k.
//
// The Kernel is good with an error too: it reads by what is embedded for its
// build then, where something is. The error wraps [symres.ErrNoSymbols] when the PDB
// was not found, or says which types it lacks.
func KernelTypes(ctx context.Context, k *nt.Kernel, cfg symres.Config) (*nt.Kernel, error) {
	cfg.Memory, cfg.Machine, cfg.Contexts = k.Memory(), k.Machine(), k
	s, err := symres.NewSession(cfg)
	if err != nil {
		return k, err
	}
	defer s.Close()
	if err := addKernel(s, k); err != nil {
		return k, err
	}
	types, err := s.PDB(ctx, "nt")
	if err != nil {
		return k, err
	}
	typed, err := k.WithTypes(types)
	if err != nil {
		err = fmt.Errorf("types of nt: %w", err)
	}
	if typed == nil {
		typed = k
	}
	return typed, err
}

// addKernel adds the module of the kernel itself, which is the first of the
// list.
func addKernel(s *symres.Session, k *nt.Kernel) error {
	var failed error
	for m, err := range k.Modules() {
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		added := FromLoader(m)
		added.Name = "nt"
		return s.Add(added)
	}
	return errors.Join(fmt.Errorf("the kernel: %w", symres.ErrNoModule), failed)
}

// AddProcess adds the modules of a process to a session: those of its loader's
// lists or, when they cannot be read, the images its VADs describe; both where
// a list is cut. It returns all of them and how they became known. The error
// joins those of modules that could not be added, which wraps
// [symres.ErrModuleExists] for those that are there already. The memory of the
// session should be the memory of the process, [nt.View.Memory]. Safe for
// concurrent use.
func AddProcess(s *symres.Session, v *nt.View) (nt.UserModules, error) {
	u := v.Modules()
	var errs []error
	for _, m := range u.Modules {
		if err := s.Add(FromLoader(m)); err != nil {
			errs = append(errs, err)
		}
	}
	return u, errors.Join(errs...)
}
