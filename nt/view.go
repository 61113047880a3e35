package nt

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/vadmath"
)

// View is the target as one process sees it: the kernel's memory and its own.
// It is safe for concurrent use.
type View struct {
	// immutable
	k       *Kernel
	process Process
	memory  memsource.Source

	vads func() ([]vad, []error) // reads the tree once
}

// View returns the target as p sees it. The error wraps
// crashdump.ErrUnsupported for a target without page tables.
func (k *Kernel) View(p Process) (*View, error) {
	v := &View{k: k, process: p}
	v.vads = sync.OnceValues(v.readVADs)
	space, err := k.space(p, v.prototypeOf)
	if err != nil {
		return nil, fmt.Errorf("process %s: %w", p.label(), err)
	}
	v.memory = &contextual{own: space, root: p.Root, k: k, view: v}
	return v, nil
}

// label is how texts name a process.
func (p Process) label() string { return fmt.Sprintf("%s (pid %x)", p.Name, p.PID) }

// Process returns the process.
func (v *View) Process() Process { return v.process }

// Memory returns the virtual memory of the process. What its page tables leave
// open is looked up in its VADs: a page of a mapped file it never touched is
// read where another process, or the cache, has it in memory. An address it
// does not have and another process does faults as WrongContext.
func (v *View) Memory() memsource.Source { return v.memory }

// VADs lists the virtual address descriptors of the process by address, see
// [VADs]. The tree is read once.
func (v *View) VADs() iter.Seq2[vadmath.Entry, error] {
	return func(yield func(vadmath.Entry, error) bool) {
		list, errs := v.vads()
		for _, d := range list {
			if !yield(d.Entry, nil) {
				return
			}
		}
		for _, err := range errs {
			if !yield(vadmath.Entry{}, err) {
				return
			}
		}
	}
}

// VADAt returns the descriptor of an address, or the descriptor that is at the
// address, as !vad takes either. The error wraps
// [memsource.ErrNotMapped] when there is none, and joins what is wrong with the
// tree, in which it may have been.
func (v *View) VADAt(addr uint64) (vadmath.Entry, error) {
	list, errs := v.vads()
	if d, ok := find(list, addr, v.k.page()); ok {
		return d.Entry, nil
	}
	if i := slices.IndexFunc(list, func(d vad) bool { return d.Address == addr }); i >= 0 {
		return list[i].Entry, nil
	}
	fault := memsource.NewFault(memsource.ReasonNotMapped, addr, 0)
	return vadmath.Entry{}, errors.Join(append([]error{fmt.Errorf("no VAD of %s: %w", v.process.label(), fault)}, errs...)...)
}

// readVADs reads the tree: in the kernel's memory alone, so that reading it
// never asks for it.
func (v *View) readVADs() (list []vad, errs []error) {
	l := v.k.layouts
	for d, err := range vads(v.k.plain, l.VAD, l.Section, v.process.VADRoot) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b vad) int { // a forged tree is in any order
		switch {
		case a.Pages.Start < b.Pages.Start:
			return -1
		case a.Pages.Start > b.Pages.Start:
			return 1
		}
		return 0
	})
	return list, errs
}

// find returns the descriptor of addr in a sorted list, in pages of a size.
func find(list []vad, addr, pageBytes uint64) (vad, bool) {
	page := vadmath.VPN(addr / pageBytes)
	i, _ := slices.BinarySearchFunc(list, page, func(d vad, page vadmath.VPN) int {
		if d.Pages.End < page {
			return -1
		}
		return 1
	})
	if i < len(list) && list[i].Pages.Start <= page {
		return list[i], true
	}
	return vad{}, false
}

// prototypeOf returns the address of the prototype PTE of a page that only the
// VADs know of.
func (v *View) prototypeOf(addr uint64) (uint64, bool) {
	list, _ := v.vads()
	d, ok := find(list, addr, v.k.page())
	if !ok || d.prototypes == 0 {
		return 0, false
	}
	return d.prototypes + (addr/v.k.page()-uint64(d.Pages.Start))*v.k.layouts.Section.PTE, true
}

// Road says how the modules of a process were found.
type Road uint8

// The roads. They are bits.
const (
	RoadLoader Road = 1 << iota // the lists of its loader
	RoadVAD                     // its virtual address descriptors
)

// String names the roads taken.
func (r Road) String() string {
	return [...]string{"nothing", "the loader lists", "the VADs", "the loader lists and the VADs"}[r&3]
}

// UserModules are the modules of a process, and how they were found.
type UserModules struct {
	Modules []Module // by road, in load order and by address; Module.Origin says which
	Road    Road
	// PEB is the [*PEBError] that says why the loader lists could not be
	// reached. It is nil if they could, and for a process without a PEB.
	PEB error
	// Problems lists the gaps in the loader lists, which are then filled from
	// the VADs, and in the VAD tree.
	Problems []error
}

// Modules lists the modules of the process: those in its loader's lists or,
// when the PEB is out or the lists are empty, the images among its VADs. When a list is broken both
// are merged. A name that is out in one is taken from the other; an image
// without any is still a module. A 32-bit process on a 64-bit system has the
// lists of both its loaders.
func (v *View) Modules() UserModules {
	var u UserModules
	p := v.process
	if p.PEB != 0 {
		v.loaded(&u, v.k.layouts.Loader, p.PEB)
	}
	if p.WoW64 != 0 && v.k.layouts.Loader.Entry.Bits == 64 {
		v.loaded(&u, loaderLayoutFor(32), p.WoW64)
	}
	nameless := slices.ContainsFunc(u.Modules, func(m Module) bool { return m.Name == "" })
	if p.VADRoot != 0 && (len(u.Modules) == 0 || u.PEB != nil || len(u.Problems) > 0 || nameless) {
		v.mapped(&u)
	}
	return u
}

// loaded adds what the lists of one loader have.
func (v *View) loaded(u *UserModules, l loaderLayout, peb uint64) {
	list, problems, err := loaderModules(v.memory, l, peb)
	switch {
	case err == nil:
	case u.PEB == nil:
		u.PEB = err
		return
	default:
		problems = append(problems, err)
	}
	u.Problems = append(u.Problems, problems...)
	u.Road |= RoadLoader
	for _, m := range list {
		if !slices.ContainsFunc(u.Modules, func(have Module) bool { return have.Base == m.Base }) {
			u.Modules = append(u.Modules, m)
		}
	}
}

// mapped adds the images among the VADs that the lists do not have, and their
// names to those that lost theirs.
func (v *View) mapped(u *UserModules) {
	list, errs := v.vads()
	u.Problems = append(u.Problems, errs...)
	for _, d := range list {
		base, size, err := d.Pages.Bytes(vadmath.PageSize(v.k.page()))
		if d.Type != vadmath.TypeImage || err != nil {
			continue
		}
		u.Road |= RoadVAD
		i := slices.IndexFunc(u.Modules, func(m Module) bool { return m.Base == base })
		if i < 0 {
			u.Modules = append(u.Modules, Module{Base: base, Size: size, Entry: d.Address, Origin: "VAD (" + v.k.layouts.VAD.Origin + ")", Road: RoadVAD})
			i = len(u.Modules) - 1
		}
		nameFrom(&u.Modules[i], d)
	}
}

// nameFrom gives a module without a name that of the file its VAD maps.
func nameFrom(m *Module, d vad) {
	if m.Name != "" {
		return
	}
	if d.File == "" {
		if m.NameErr == nil {
			m.NameErr = errors.New(d.Note)
		}
		return
	}
	m.Name, m.Path, m.NameErr, m.PathErr = d.Image(), d.File, nil, nil
	if !strings.HasPrefix(m.Origin, "VAD") {
		m.Origin += ", its name from the VAD"
	}
}
