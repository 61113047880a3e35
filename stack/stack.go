package stack

import (
	"errors"
	"slices"
	"sync"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// Stacks gives walks what a session knows of its modules. It is safe for
// concurrent use, and suits a target that does not change while it is read.
type Stacks struct {
	session  *symres.Session
	cfg      symres.Config
	cache    unwind.Cache
	unloaded func() []unwind.Unloaded // reads the list once

	mu    sync.Mutex // guards the fields below
	known map[key]*module
}

// key tells modules apart: one that was removed may leave its range to another.
type key struct {
	name       string
	base, size uint64
}

// module is a module with what was opened for it.
type module struct {
	unwind.Module
	image *image
}

// New returns the stacks of the target of s. Nothing is read before a walk
// needs it. Close it before the session.
func New(s *symres.Session) *Stacks {
	cfg := s.Config()
	return &Stacks{
		session: s, cfg: cfg, known: map[key]*module{},
		unloaded: sync.OnceValue(func() []unwind.Unloaded { return unloadedOf(identify.ReadUnloaded(cfg.Unloaded)) }),
	}
}

// unloadedOf has the unloaded modules in the form of package unwind.
func unloadedOf(modules []symres.Module) (list []unwind.Unloaded) {
	for _, m := range modules {
		list = append(list, unwind.Unloaded{Name: m.Image, Base: m.Base, Size: uint32(min(m.Size, 1<<32-1))})
	}
	return list
}

// Config returns what a walk needs: the memory and the modules of the session
// as they are now, and what it remembers to have unloaded. The caller may
// change the other fields.
func (s *Stacks) Config() unwind.Config { return s.In(s.cfg.Memory) }

// In is Config for a walk in other memory of the same target, such as that of
// the process a thread belongs to.
func (s *Stacks) In(memory memsource.Source) unwind.Config {
	return unwind.Config{Memory: memory, Modules: s.modules(), Unloaded: s.unloaded(), Cache: &s.cache}
}

// modules returns the modules the session has, by address.
func (s *Stacks) modules() modules {
	reports := s.session.Modules()
	list := make(modules, 0, len(reports))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range reports {
		list = append(list, s.module(r.Module))
	}
	return list
}

// module returns what stands for m in walks, the same each time.
func (s *Stacks) module(m symres.Module) *unwind.Module {
	k := key{m.Name, m.Base, m.Size}
	if s.known[k] == nil {
		im := newImage(s.session, s.cfg, m)
		s.known[k] = &module{image: im, Module: unwind.Module{
			Name: m.Name, Base: m.Base, Size: uint32(min(m.Size, 1<<32-1)), Image: im, Symbols: &moduleSymbols{session: s.session, name: m.Name},
		}}
	}
	return &s.known[k].Module
}

// Close closes the copies of images that were opened. Walks after it have none.
func (s *Stacks) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, m := range s.known {
		errs = append(errs, m.image.close())
	}
	return errors.Join(errs...)
}

// modules are modules by address. They implement [unwind.Modules].
type modules []*unwind.Module

// Module implements [unwind.Modules].
func (list modules) Module(addr uint64) *unwind.Module {
	i, ok := slices.BinarySearchFunc(list, addr, func(m *unwind.Module, addr uint64) int {
		switch {
		case m.Base < addr:
			return -1
		case m.Base > addr:
			return 1
		}
		return 0
	})
	if !ok {
		i--
	}
	if i < 0 || addr-list[i].Base >= uint64(list[i].Size) {
		return nil
	}
	return list[i]
}
